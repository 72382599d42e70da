"""The seeds of a mask that is never in memory as a whole: those of `core.snic`, tile by tile.

Parts of the mask are labelled in each tile together with one layer of the next tiles, so that
parts that touch across a border share a pixel of that layer; joining all such pairs gives the
parts of the whole, for faces and for corners.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.lattice import seed_window
from ..disk import open_inside, sync
from .geometry import Box, TileGrid, as_slices, shift, with_next
from .raster import Raster

__all__ = ["MaskTiles", "count_inside", "stream_seeds"]

_TRIES = 12  # as core.snic.seeds_in_mask


@dataclass(frozen=True)
class MaskTiles:
    """One masked slice (or volume), cut into tiles.

    Attributes
    ----------
    mask : Raster
    index : tuple of int
        The slice.
    grid : TileGrid
    spacing : tuple of float
        Pixel size.
    connectivity : {1, 2}
    folder : str
        Where tiles leave what they know of the mask's parts.
    """

    mask: Raster
    index: tuple[int, ...]
    grid: TileGrid
    spacing: tuple[float, ...]
    connectivity: int
    folder: str

    def read(self, box: Box) -> NDArray[np.bool_]:
        """Return a box of the mask."""
        found: NDArray[np.bool_] = self.mask.read(self.index, box)[..., 0] != 0
        return found

    def window(self, number: int) -> Box:
        """Return a tile with one layer beyond its end."""
        return with_next(self.grid.box(number), self.grid.shape)

    def joining(self, busy: Sequence[int]) -> list[int]:
        """Return the tiles in which parts are to be labelled: those with pixels inside, rising.

        Where parts hang together by corners, two tiles may touch only within the layer beyond a
        third one, which then is among them even if it is empty itself.
        """
        if self.connectivity == 1:
            return list(busy)
        filled = set(busy)
        return [
            number
            for number in range(len(self.grid))
            if number in filled
            or sum(each in filled for each in self.grid.touching(self.window(number))) > 1
        ]

    def parts(self, number: int) -> tuple[Box, NDArray[np.int32], int]:
        """Return a tile with one layer beyond its end, its parts, and their number."""
        window = self.window(number)
        rank = 1 if self.connectivity == 1 else len(window)
        structure = ndimage.generate_binary_structure(len(window), rank)
        labels, count = ndimage.label(self.read(window), structure)
        return window, labels, int(count)

    def flat(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the flat places, in the slice, of points (n, ndim)."""
        flat: NDArray[np.int64] = np.ravel_multi_index(tuple(points.T), self.grid.shape)
        return flat.astype(np.int64)

    def file(self, number: int) -> Path:
        """Return where a tile's parts are kept."""
        return Path(self.folder, f"parts-{number}.npz")


def count_inside(tiles: MaskTiles, number: int, poll: Any) -> tuple[int, list[list[int]]]:
    """Return the pixels inside a tile, and the box that holds them ([] for none)."""
    core = tiles.grid.box(number)
    inside = tiles.read(core)
    found = ndimage.find_objects(inside.astype(np.uint8))
    if not found:
        return 0, []
    box = [[part.start + c[0], part.stop + c[0]] for part, c in zip(found[0], core, strict=True)]
    return int(inside.sum()), box


def stream_seeds(
    tiles: MaskTiles, n_segments: int, counted: Sequence[tuple[int, list[list[int]]]], run: Any
) -> Generator[None, None, NDArray[np.int64]]:
    """Return the seeds of a masked slice; yield now and then.

    Parameters
    ----------
    tiles : MaskTiles
    n_segments : int
        Number of seeds wanted, at most that of the pixels inside.
    counted : sequence
        What :func:`count_inside` found in each tile.
    run : callable
        ``run(task, items)`` yields (item, result) of ``task(item, poll)`` in any order.

    Returns
    -------
    (K, ndim) int64 array
        As :func:`napari_sen.tiles.seeds.masked_seeds` returns for the whole mask.
    """
    busy = [number for number, (count, _) in enumerate(counted) if count]
    inside = sum(count for count, _ in counted)
    boxes = np.array([counted[number][1] for number in busy])
    window = tuple(zip(boxes[..., 0].min(axis=0).tolist(), boxes[..., 1].max(axis=0).tolist(),
                       strict=True))  # fmt: skip
    size = int(np.prod([stop - start for start, stop in window], dtype=np.int64))
    best = None
    if n_segments < inside:
        asked = round(n_segments * size / inside)
        made = 0
        for _ in range(_TRIES):
            asked = min(max(asked, 1), size)
            count = 0
            for _, found in run(_Lattice(tiles, window, asked, count_only=True), busy):
                count += found
                yield
            if abs(count - n_segments) < abs(made - n_segments):
                best, made = asked, count
            if count == n_segments:
                break
            change = round((n_segments - count) * size / inside)
            asked += change or (1 if count < n_segments else -1)
    points = [np.empty((0, len(window)), np.int64)]
    if best is not None or n_segments == inside:
        for _, found in run(_Lattice(tiles, window, best, count_only=False), busy):
            points.append(found)
            yield
    seeds = np.concatenate(points)
    seeds = seeds[np.argsort(tiles.flat(seeds))]
    islands = yield from _islands(tiles, seeds, busy, run)
    return np.concatenate([seeds, islands])


@dataclass(frozen=True)
class _Lattice:
    """Task: the seeds of a lattice over a window that lie in the mask; all pixels for None."""

    tiles: MaskTiles
    window: Box
    asked: int | None
    count_only: bool

    def __call__(self, number: int, poll: Any) -> Any:
        core = self.tiles.grid.box(number)
        inside = self.tiles.read(core)
        corner = np.array([start for start, _ in core])
        if self.asked is None:
            return np.argwhere(inside) + corner
        shape = [stop - start for start, stop in self.window]
        inner = shift(core, self.window)
        points, _ = seed_window(shape, self.asked, self.tiles.spacing, inner)
        points = points + np.array([start for start, _ in self.window])
        points = points[inside[tuple((points - corner).T)]]
        return len(points) if self.count_only else points


@dataclass(frozen=True)
class _Label:
    """Task: keep the parts of one tile, and what is needed to join them to those of others."""

    tiles: MaskTiles
    seeds: str  # their file: there may be millions, too many to travel with every task

    def __call__(self, number: int, poll: Any) -> int:
        tiles, seeds = self.tiles, np.load(self.seeds, mmap_mode="r", allow_pickle=False)
        core = tiles.grid.box(number)
        window, labels, count = tiles.parts(number)
        corner = np.array([start for start, _ in window])
        here = as_slices(shift(core, window))
        own = labels[here]
        places = np.argwhere(own)
        part = own[tuple(places.T)] - 1
        pixels = np.bincount(part, minlength=count)
        sums = np.column_stack(
            [np.bincount(part, places[:, a], minlength=count) for a in range(len(core))]
        )
        least = np.full((count, len(core)), np.iinfo(np.int64).max)
        np.minimum.at(least, part, places + corner)
        first = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(first, part, tiles.flat(places + corner))
        near = np.ones(len(seeds), bool)
        for axis, (start, stop) in enumerate(core):
            near &= (seeds[:, axis] >= start) & (seeds[:, axis] < stop)
        seeded = np.zeros(count + 1, bool)
        seeded[own[tuple((seeds[near] - corner).T)]] = True
        low = np.zeros(own.shape, bool)
        beyond = np.ones(labels.shape, bool)
        beyond[here] = False
        for axis in range(len(core)):
            low[(slice(None),) * axis + (0,)] = True
        touching = {}
        for name, where in (("low", low & (own > 0)), ("beyond", beyond & (labels > 0))):
            at = np.argwhere(where)
            touching[name] = tiles.flat(at + corner)
            touching[f"{name}_part"] = labels[tuple(at.T)].astype(np.int64) - 1
        path = tiles.file(number)
        with open_inside(path, "wb") as file:
            np.savez(
                file, allow_pickle=False, pixels=pixels,
                sums=sums.astype(np.int64) + pixels[:, None] * corner, least=least, first=first,
                seeded=seeded[1:], **touching,
            )  # fmt: skip
        sync(path)
        return count


@dataclass(frozen=True)
class _Nearest:
    """Task: of each part without a seed, the pixel of one tile that is nearest its centroid."""

    tiles: MaskTiles

    def __call__(self, work: tuple[int, Any, Any, Any], poll: Any) -> list[tuple[float, int]]:
        number, parts, means, starts = work
        window, labels, _ = self.tiles.parts(number)
        core = self.tiles.grid.box(number)
        own = labels[as_slices(shift(core, window))]
        corner = np.array([start for start, _ in core])
        result = []
        for part, mean, start in zip(parts, means, starts, strict=True):
            pixels = np.argwhere(own == part + 1) + corner
            offset = (pixels - start - mean) * np.asarray(self.tiles.spacing)
            far = (offset**2).sum(axis=1)
            best = int(far.argmin())
            result.append((float(far[best]), int(self.tiles.flat(pixels[best : best + 1])[0])))
        return result


def _islands(
    tiles: MaskTiles, seeds: NDArray[np.int64], busy: list[int], run: Any
) -> Generator[None, None, NDArray[np.int64]]:
    """Return a seed for each part of the mask that holds none; see core.snic.island_seeds."""
    busy = tiles.joining(busy)
    counts = dict.fromkeys(busy, 0)
    path = Path(tiles.folder, "lattice.npy")
    np.save(path, seeds, allow_pickle=False)
    sync(path)
    for number, count in run(_Label(tiles, str(path)), busy):
        counts[number] = count
        yield
    offsets = dict(zip(busy, np.cumsum([0, *counts.values()]).tolist(), strict=False))
    total = sum(counts.values())
    known = {number: dict(np.load(tiles.file(number), allow_pickle=False)) for number in busy}
    whole = _joined(tiles, known, offsets, total)
    n = int(whole.max(initial=-1)) + 1

    def gathered(name: str) -> NDArray[Any]:
        return np.concatenate([known[number][name] for number in busy])

    pixels = np.zeros(n, np.int64)
    np.add.at(pixels, whole, gathered("pixels"))
    sums = np.zeros((n, len(tiles.grid.shape)), np.int64)
    np.add.at(sums, whole, gathered("sums"))
    least = np.full(sums.shape, np.iinfo(np.int64).max)
    np.minimum.at(least, whole, gathered("least"))
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, whole, gathered("first"))
    seeded = np.zeros(n, bool)
    seeded[whole[gathered("seeded")]] = True
    means = (sums - pixels[:, None] * least) / pixels[:, None]
    work = []
    for number in busy:
        mine = whole[offsets[number] : offsets[number] + counts[number]]
        parts = np.flatnonzero(~seeded[mine] & (known[number]["pixels"] > 0))
        if len(parts):
            work.append((number, parts, means[mine[parts]], least[mine[parts]]))
    best: dict[int, tuple[float, int]] = {}
    for (number, parts, *_), found in run(_Nearest(tiles), work):
        for part, candidate in zip(parts.tolist(), found, strict=True):
            at = int(whole[offsets[number] + part])
            best[at] = min(best.get(at, candidate), candidate)
        yield
    order = sorted(best, key=lambda part: int(first[part]))
    flat = np.array([best[part][1] for part in order], np.int64)
    return np.column_stack(np.unravel_index(flat, tiles.grid.shape)).astype(np.int64)


def _joined(
    tiles: MaskTiles, known: dict[int, dict[str, Any]], offsets: dict[int, int], total: int
) -> NDArray[np.int64]:
    """Return, for each tile's parts one after the other, the part of the whole they belong to."""
    a, b = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number, mine in known.items():
        at = np.unravel_index(mine["beyond"], tiles.grid.shape)
        owner = np.ravel_multi_index(
            tuple(k // side for k, side in zip(at, tiles.grid.tile, strict=True)), tiles.grid.counts
        )
        for other in np.unique(owner).tolist():
            shared = owner == other
            place = np.searchsorted(known[other]["low"], mine["beyond"][shared])
            a.append(offsets[number] + mine["beyond_part"][shared])
            b.append(offsets[other] + known[other]["low_part"][place])
    left, right = np.concatenate(a), np.concatenate(b)
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(total, total))
    _, whole = connected_components(links, directed=False)
    result: NDArray[np.int64] = whole.astype(np.int64)
    return result
