"""Flat superpixels: the seeds of an image, the growth of each tile, the seams between tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import Statistics, colour_features
from ..core.lattice import mean_diameter
from ..core.snic import snic
from ..core.strength import PERCENTILES
from ..disk import ATTRIBUTE
from ..errors import ImageError, ParameterError
from ..params import Kind, SegmentParams, SnicSettings
from ..progress import Progress
from ..tiles.geometry import TILE, Box, TileGrid, as_slices, grow, shift, tile_sides
from ..tiles.image import Image
from ..tiles.mask_seeds import MaskTiles, count_inside, stream_seeds
from ..tiles.percentiles import Digits, Percentiles, count_digits
from ..tiles.seams import Fragments, find_fragments, joined, merge_fragments
from ..tiles.seeds import Seeds, masked_seeds, seeds_name
from ..tiles.shelf import FolderShelf, Shelf
from ..tiles.target import Target
from .features import Scene, half_disc_box
from .model_choice import TravellingModel
from .work import Product, Step, Steps, Work, measure

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = [
    "HALO",
    "Common",
    "Growth",
    "Superpixels",
    "check_count",
    "count_of_image",
    "find_limits",
    "find_seeds",
    "grow_superpixels",
    "label_dtype",
    "mend",
    "plain_seeds",
    "planned_tiles",
    "segment_count",
    "settle_tiles",
    "superpixels_found",
]

# Seed spacings that a tile sees around its core, by number of spatial axes: with 6 (5 in 3-D) at
# least 99.9 % of the labels are those of the whole (decision 010).
HALO = {2: 6.0, 3: 5.0}
WHOLE_MASK = 1 << 25  # px of a slice whose mask is looked at in one piece: 32 MB
# Tiles of which the limits of histograms are taken: beyond, more change them by less than a bin.
_SAMPLED = 1024
_LARGEST = 1 << 25  # px of a tile with its halo that no one asked for by name

CountRule = Callable[[int], int]  # from a slice's pixels inside to how many superpixels it gets


@dataclass(frozen=True)
class Common:
    """What the tasks on the tiles of one image share; it travels to other machines.

    Attributes
    ----------
    image : Image
    stats : Statistics
        Of the whole image.
    model : TravellingModel or None
        For the embedding.
    device : str
        Where the network runs.
    threads : int
        How many threads one task may take.
    torch_threads : int or None
        Threads of torch in a worker of a cluster; None leaves them alone.
    grid : TileGrid
        Of one slice (or volume).
    shelf : Shelf
        Where tasks leave arrays.
    limits : (slices, 2, C) array or None
        Where histograms begin and end; None: each slice is one tile, and looked at.
    """

    image: Image
    stats: Statistics
    model: TravellingModel | None
    device: str
    threads: int
    torch_threads: int | None
    grid: TileGrid
    shelf: Shelf
    limits: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        work: Work,
        stats: Statistics,
        grid: TileGrid,
        limits: NDArray[np.float64] | None = None,
    ) -> Common:
        """Return what tasks share of the work on an image."""
        return cls(
            work.image, stats, work.model, work.device, work.threads, work.torch_threads, grid,
            work.shelf, limits,
        )  # fmt: skip

    @property
    def n_tiles(self) -> int:
        """Number of tiles of the whole image."""
        return len(self.grid) * self.image.n_slices

    def place(self, item: int) -> tuple[int, Box]:
        """Return slice number and core of a tile."""
        which, number = divmod(item, len(self.grid))
        return which, self.grid.box(number)

    def where(self, item: int) -> tuple[tuple[int, ...], Box]:
        """Return slice index and core of a tile."""
        which, core = self.place(item)
        return self.image.index(which), core

    def scene(self, which: int) -> Scene:
        """Return a slice, ready to be looked at."""
        limits = None if self.limits is None else self.limits[which]
        return Scene(
            self.image, which, self.stats, self.loaded(), device=self.device,
            threads=self.threads, limits=limits,
        )  # fmt: skip

    def loaded(self) -> Model | None:
        """Return the model, loaded."""
        return None if self.model is None else self.model.load(self.torch_threads)


@dataclass(frozen=True)
class Growth:
    """One label map that grows on the tiles of an image.

    Attributes
    ----------
    settings : SnicSettings
    seeds : Seeds
    halo : tuple of int
        How far, in pixels, a tile's superpixels start around its core.
    target : Target
    """

    settings: SnicSettings
    seeds: Seeds
    halo: tuple[int, ...]
    target: Target


@dataclass(frozen=True)
class Superpixels(Product):
    """The product of :func:`napari_sen.segment` with ``method="snic"``.

    Attributes
    ----------
    params : SegmentParams
    kind : {"natural", "microscopy"}
        What the parameters that are not chosen are to suit.
    """

    params: SegmentParams
    kind: Kind

    name = "superpixels"

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on beside image and model."""
        mine = {"parameters": self.params.to_dict(), "kind": self.kind}
        return super().identity() | mine

    def rule(self, image: Image) -> CountRule:
        """Return how many superpixels a slice gets, by its number of pixels inside."""
        return segment_count(self.params, image)

    def stages(self, work: Work) -> Steps:
        """Measure, find seeds, grow, mend the seams."""
        image, rule = work.image, self.rule(work.image)
        stats = yield from measure(work)
        seeds = yield from find_seeds(work, rule, self.params.connectivity)
        count = sum(map(rule, seeds.pixels))
        diameter = mean_diameter(sum(seeds.pixels), count, image.spacing)
        settings = self.params.growth(self.kind, diameter)
        sides, halo = settle_tiles(seeds, self.tile, self.halo)
        grid = work.grid(sides)
        limits = None
        if settings.boundary_weight and not work.is_whole:
            limits = yield from find_limits(work, stats)
        common = Common.of(work, stats, grid, limits)
        target = work.target(None, label_dtype(seeds.total), grid, n_labels=seeds.total)
        growth = Growth(settings, seeds, halo, target)
        yield from work.pieces(
            "superpixels", partial(_grow_tile, common, growth), common.n_tiles, where=common.where
        )
        yield from mend(work, common, growth, [*work.done("superpixels").values()])
        yield from work.finish(target)
        return target

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of superpixels made."""
        return superpixels_found(result)


def superpixels_found(result: Any) -> dict[str, Any]:
    """Return the number of labels of a label map, or of the open store that holds it."""
    if isinstance(result, np.ndarray):
        return {"superpixels": int(np.count_nonzero(np.bincount(result.ravel())[1:]))}
    return {"superpixels": int(result.attrs[ATTRIBUTE]["labels"])}


def label_dtype(total: int) -> np.dtype[Any]:
    """Return int32 where so many labels fit, else int64."""
    return np.dtype(np.int32 if total <= np.iinfo(np.int32).max else np.int64)


def segment_count(params: SegmentParams, image: Image) -> CountRule:
    """Return how many superpixels a slice gets, by its number of pixels inside."""
    return partial(wanted_count, params, image.spacing)


def check_count(params: SegmentParams, image: Image) -> None:
    """Raise ImageError if more superpixels are asked for than any slice has pixels inside."""
    if params.size is not None or params.level is not None:
        return
    most = image.slice_pixels
    if image.mask is not None and isinstance(image.mask.array, np.ndarray):
        axes = tuple(range(len(image.leading), image.mask.array.ndim))
        most = int(np.count_nonzero(image.mask.array, axis=axes).max())
    if params.n_segments > most:
        raise ImageError(
            f"n_segments is {params.n_segments}, but a slice has only {most} pixels: ask for "
            "fewer superpixels"
        )


def wanted_count(params: SegmentParams, spacing: Sequence[float], pixels: int) -> int:
    """Return how many superpixels so many pixels are to be cut into: never more than pixels.

    So a slice with few pixels inside does not stop a stack; see :func:`check_count`.
    """
    if pixels == 0:
        return 0
    if params.size is None:
        return min(params.n_segments, pixels)
    # A superpixel has at least one pixel, however small the size.
    cell = max(params.size ** len(spacing) / math.prod(spacing), 1.0)
    return min(max(int(np.rint(pixels / cell)), 1), pixels)


def count_of_image(params: SegmentParams, image: Image) -> int:
    """Return how many superpixels an image in memory is to get; parts of a mask may need more."""
    rule = segment_count(params, image)
    if image.mask is None:
        return rule(image.slice_pixels) * image.n_slices
    slices = (image.inside(image.index(which), image.whole) for which in range(image.n_slices))
    return sum(rule(int(inside.sum())) for inside in slices if inside is not None)


def plain_seeds(image: Image, rule: CountRule) -> Seeds:
    """Return the seeds of an image without a mask."""
    pixels, n = image.slice_pixels, image.n_slices
    return Seeds(image.spatial, image.spacing, (rule(pixels),) * n, (pixels,) * n)


def settle_tiles(
    seeds: Seeds, tile: int | Sequence[int] | None, halo: float | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the sides of tiles and their halo in px, or raise where they are too large."""
    spatial = seeds.shape
    reach = seeds.reach(halo or HALO[len(spatial)])
    sides = tile_sides(tile, spatial, n_spatial=len(spatial))
    if tile is None:
        # A tile should not be small beside its halo.
        sides = tuple(
            max(side, -(-2 * far // side) * side) if axis >= len(sides) - 2 else side
            for axis, (side, far) in enumerate(zip(sides, reach, strict=True))
        )
    return sides, reach


def check_tiles(seeds: Seeds, tile: int | Sequence[int] | None, halo: float | None = None) -> None:
    """Raise ParameterError where tiles that no one asked for would be too large for the memory."""
    sides, reach = settle_tiles(seeds, tile, halo)
    zipped = zip(seeds.shape, sides, reach, strict=True)
    seen = math.prod(min(n, side + 2 * far) for n, side, far in zipped)
    if tile is None and seen > _LARGEST:
        raise ParameterError(
            f"tiles with a halo of {max(reach)} px would have {seen / 1e6:.0f} million pixels: "
            "ask for smaller ones (size=20, or a larger n_segments), or set "
            "tile= if the memory is there"
        )


def planned_tiles(
    params: SegmentParams,
    shape: Sequence[int],
    spacing: Sequence[float],
    tile: int | Sequence[int] | None = None,
) -> TileGrid:
    """Return the tiles of a slice (or volume) of this shape, as a run without a mask cuts it.

    Raises
    ------
    SenError
        If there can be no such run.
    """
    size, pixels = tuple(spacing), math.prod(shape)
    seeds = Seeds(tuple(shape), size, (wanted_count(params, size, pixels),), (pixels,))
    check_tiles(seeds, tile)
    return TileGrid(tuple(shape), settle_tiles(seeds, tile)[0])


def find_seeds(
    work: Work,
    rule: CountRule,
    connectivity: int,
    *,
    largest: int = WHOLE_MASK,
    sides: Sequence[int] | None = None,
) -> Steps:
    """Find the seeds of every slice; of a masked one above ``largest`` px tile by tile.

    ``sides`` are those of these tiles, by default those of all others that no one asks for.
    """
    image, mask = work.image, work.image.mask
    if mask is None:
        yield from ()
        return plain_seeds(image, rule)
    if image.slice_pixels <= largest or not isinstance(work.shelf, FolderShelf):
        task = partial(_seed_slice, image, rule, connectivity, work.shelf)
        yield from work.pieces("mask", task, image.n_slices)
    else:
        yield from _stream_masked(work, rule, connectivity, work.shelf, sides)
    counted = work.done("mask")
    pixels, counts = zip(*(counted[k] for k in range(image.n_slices)), strict=True)
    if not any(pixels):
        raise ImageError("mask is empty: no pixel is inside")
    return Seeds(image.spatial, image.spacing, counts, pixels, work.shelf)


def _seed_slice(
    image: Image,
    rule: CountRule,
    connectivity: int,
    shelf: Shelf,
    which: int,
    poll: Progress | None,
) -> tuple[int, int]:
    """Find the seeds of one masked slice; return its pixels inside, and its seeds.

    The whole slice's mask is in memory meanwhile: a seed for each of its parts needs all of it.
    """
    inside = image.inside(image.index(which), image.whole)
    assert inside is not None
    pixels = int(inside.sum())
    wanted = rule(pixels)
    points = np.empty((0, image.n_spatial), np.int64)
    if wanted:
        points = masked_seeds(inside, wanted, image.spacing, connectivity)
    shelf.keep_array(seeds_name(which), points)
    return pixels, len(points)


def _stream_masked(
    work: Work,
    rule: CountRule,
    connectivity: int,
    shelf: FolderShelf,
    sides: Sequence[int] | None,
) -> Steps:
    """Find the seeds of masked slices that are never in memory as a whole."""
    image, mask = work.image, work.image.mask
    assert mask is not None
    grid = TileGrid(image.spatial, tuple(sides or TILE[image.n_spatial]))
    total = image.n_slices
    for which in range(total):
        if which in work.done("mask"):
            continue
        tiles = MaskTiles(mask, image.index(which), grid, image.spacing, connectivity, shelf.folder)
        counted: list[Any] = [None] * len(grid)
        for number, found in work.run(partial(count_inside, tiles), range(len(grid))):
            counted[number] = found
            yield Step(which, total, "mask")
        pixels = sum(count for count, _ in counted)
        points = np.empty((0, image.n_spatial), np.int64)
        if pixels:
            steps = stream_seeds(tiles, rule(pixels), counted, work.run)
            points = yield from _each_as(steps, Step(which, total, "mask"))
        shelf.keep_array(seeds_name(which), points)
        work.note("mask", which, [pixels, len(points)])
    yield Step(total, total, "mask")


def _each_as(
    steps: Generator[None, None, NDArray[np.int64]], step: Step
) -> Generator[Step, None, NDArray[np.int64]]:
    """Yield the same step for each of a generator's, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: NDArray[np.int64] = end.value
            return found
        yield step


def find_limits(work: Work, stats: Statistics) -> Steps:
    """Find where the histograms of each slice's boundary strength begin and end.

    They are those of the whole slice up to a thousand tiles (600 million pixels); beyond, of a
    thousand tiles spread evenly over it.
    """
    image = work.image
    grid = TileGrid(image.spatial, TILE[image.n_spatial])
    chosen = sorted({k * len(grid) // _SAMPLED for k in range(_SAMPLED)})
    if len(grid) <= _SAMPLED:
        chosen = list(range(len(grid)))
    for which in range(image.n_slices):
        if which in work.done("histograms"):
            continue
        tiles = [(image.index(which), grid.box(k)) for k in chosen]
        found = Percentiles(image.raster.channels, np.dtype(np.float32), PERCENTILES)
        for level in range(found.passes):
            task = partial(_count_colour, image, stats, found.prefixes, level)
            for _, digits in work.run(task, tiles):
                found.add(digits)
                yield Step(which, image.n_slices, "histograms")
            found.end_pass()
        work.note("histograms", which, [side.tolist() for side in found.result()])
    yield Step(image.n_slices, image.n_slices, "histograms")
    done = work.done("histograms")
    return np.array([done[which] for which in range(image.n_slices)])


def _count_colour(
    image: Image,
    stats: Statistics,
    prefixes: Sequence[tuple[int, int]],
    level: int,
    tile: tuple[tuple[int, ...], Box],
    poll: Progress | None,
) -> Digits:
    """Count the colour features of one tile, towards the limits of their histograms."""
    index, box = tile
    colour = colour_features(image.raster.read(index, box), image.raster.rgb, stats)
    inside = image.inside(index, box)
    rows = colour.reshape(-1, colour.shape[-1]) if inside is None else colour[inside]
    return count_digits(rows, prefixes, level)


def _grow_tile(common: Common, growth: Growth, item: int, poll: Progress | None) -> list[int]:
    """Write the superpixels of one tile; return how far, per axis, they reach from their seeds."""
    which, _ = common.place(item)
    return grow_superpixels(common, growth, common.scene(which), item, poll)


def grow_superpixels(
    common: Common, growth: Growth, scene: Scene, item: int, poll: Progress | None
) -> list[int]:
    """Write the superpixels of one tile of a scene.

    Returns how far, per axis, they reach from their seeds.
    """
    image, settings = common.image, growth.settings
    which, core = common.place(item)
    region = grow(core, growth.halo, image.spatial)
    inside = scene.inside(region)
    points, numbers = growth.seeds.window(which, region)
    if len(points) == 0 or (inside is not None and not inside.any()):
        return [0] * len(core)
    boundary = None
    if settings.boundary_weight:
        scene.sharp(half_disc_box(region, image.whole), poll)  # all that is seen, converted once
    features = scene.features(region, settings.features, poll)
    if settings.boundary_weight:
        boundary = scene.half_discs(region, poll)
    points = points - np.array([start for start, _ in region])
    local = snic(
        features,
        seeds=points,
        compactness=settings.compactness,
        spacing=image.spacing,
        mask=inside,
        connectivity=settings.connectivity,
        boundary=boundary,
        boundary_weight=settings.boundary_weight,
        step=growth.seeds.step(which),
        progress=poll,
    )
    here = shift(core, region)
    kept = local[as_slices(here)]
    table = np.concatenate([[0], numbers]).astype(growth.target.dtype)
    growth.target.write(scene.index, core, table[kept])
    return [0] * len(core) if len(common.grid) == 1 else _reach(kept, points, here)


def _reach(labels: NDArray[np.int32], points: NDArray[np.int64], here: Box) -> list[int]:
    """Return the largest distance of a pixel from its seed along each axis."""
    result = []
    for axis, (start, stop) in enumerate(here):
        place = np.arange(start, stop).reshape([-1 if a == axis else 1 for a in range(len(here))])
        far = np.abs(np.append(points[:, axis], 0)[labels - 1] - place)
        result.append(int(np.where(labels > 0, far, 0).max(initial=0)))
    return result


def mend(
    work: Work,
    common: Common,
    growth: Growth,
    reach: Sequence[Sequence[int]],
    part: str = "",
) -> Iterator[Step]:
    """Find pieces without a way to their seed in all tiles, then join them to neighbours.

    ``reach`` is what the tasks of all tiles returned; ``part`` tells the stages of several label
    maps apart. A slice that is one tile has no seams.
    """
    if len(common.grid) == 1:
        return
    farthest = tuple(np.max(reach, axis=0).tolist())
    stage = f"seams{part}"
    yield from work.pieces(
        stage, partial(_seam_tile, common, growth, farthest, part), common.n_tiles
    )
    decided = work.shelf.kept(f"joined{part}")
    if decided is None:
        tiles = sorted(item for item, count in work.done(stage).items() if count)
        found = merge_fragments(
            [Fragments(**work.shelf.kept(f"loose{part}-{item}") or {}) for item in tiles]
        )
        decided = {"pixels": found.pixels, "labels": joined(found)}
        work.shelf.keep(f"joined{part}", **decided)
    mending = _by_tile(common, decided["pixels"], decided["labels"])
    yield from work.pieces(
        f"mending{part}",
        partial(_repair_tile, common, growth.target),
        len(mending),
        work=lambda i: mending[i],
        where=lambda i: common.where(mending[i][0]),
    )


def _seam_tile(
    common: Common,
    growth: Growth,
    reach: tuple[int, ...],
    part: str,
    item: int,
    poll: Progress | None,
) -> int:
    """Keep the pieces of one tile's labels that are cut off from their seed; return how many."""
    image = common.image
    which, core = common.place(item)
    window = grow(core, [far + 1 for far in reach], image.spatial)
    points, numbers = growth.seeds.window(which, core)
    found = find_fragments(
        growth.target.read(image.index(which), window),
        window,
        core,
        points,
        numbers,
        shape=image.spatial,
        origin=which * image.slice_pixels,
        inside=image.inside(image.index(which), window),
        connectivity=growth.settings.connectivity,
    )
    if len(found):
        common.shelf.keep(f"loose{part}-{item}", **found.arrays())
    return len(found)


def _repair_tile(
    common: Common,
    target: Target,
    work: tuple[int, NDArray[np.int64], NDArray[np.int64]],
    poll: Progress | None,
) -> None:
    """Give pixels of one tile, named by their flat places, other labels."""
    item, places, labels = work
    which, core = common.place(item)
    index = common.image.index(which)
    block = target.read(index, core)
    at = np.unravel_index(places - which * common.image.slice_pixels, common.image.spatial)
    block[tuple(a - start for a, (start, _) in zip(at, core, strict=True))] = labels
    target.write(index, core, block, again=True)


def _by_tile(
    common: Common, pixels: NDArray[np.int64], labels: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Sort pixels, named by their flat places, into the tiles that own them."""
    if not len(pixels):
        return []
    of_slice = common.image.slice_pixels
    at = np.unravel_index(pixels % of_slice, common.image.spatial)
    tile = np.ravel_multi_index(
        tuple(a // side for a, side in zip(at, common.grid.tile, strict=True)), common.grid.counts
    )
    item = pixels // of_slice * len(common.grid) + tile
    order = np.argsort(item, kind="stable")
    items, first = np.unique(item[order], return_index=True)
    pieces = np.split(order, first[1:])
    return [(int(i), pixels[p], labels[p]) for i, p in zip(items, pieces, strict=True)]
