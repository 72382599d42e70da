"""Superpixels of an image that need not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray

from ..core.features import check_planes
from ..core.lattice import check_spacing, mean_diameter
from ..core.snic import checked_mask
from ..core.strength import PERCENTILES
from ..disk import ATTRIBUTE
from ..errors import ImageError, ParameterError
from ..io.grid import Grid
from ..io.image_file import ImageFile
from ..params import SegmentParams
from ..tiles.geometry import TILE, TileGrid, tile_sides
from ..tiles.mask_seeds import MaskTiles, count_inside, stream_seeds
from ..tiles.output import Place
from ..tiles.percentiles import Percentiles
from ..tiles.pyramid import Pyramid
from ..tiles.seams import Fragments, joined, merge_fragments
from ..tiles.seeds import Seeds, keep_seeds
from ..tiles.source import Source
from .run import Run, Step
from .tiles import (
    Job,
    count_colour,
    repair_tile,
    seam_tile,
    seed_slice,
    segment_tile,
    superpixel_count,
)

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["SegmentRun", "planned_tiles"]

HALO = {2: 6, 3: 5}  # seed spacings by number of spatial axes: see decision 010
_WHOLE_MASK = 1 << 25  # px of a slice whose mask is looked at in one piece
_SAMPLED = 1024  # tiles that are enough for the limits of histograms
_LARGEST = 1 << 25  # px of a tile with its halo that no one asked for by name


class SegmentRun(Run):
    """Flat superpixels, tile by tile; see :class:`~napari_sen.pipeline.run.Run`.

    Parameters
    ----------
    file : ImageFile
        The image, lazy or not, and what its file says of it.
    source, mask : Source
        The image and the mask with their axes settled.
    params : SegmentParams
    kind : {"natural", "microscopy"}
        Of image: what is not chosen is taken as suits it.
    spacing : tuple of float or None
        Pixel size along the spatial axes; None: as the file says, else 1.
    tile : int or sequence of int, optional
        Sides of a tile; see :func:`napari_sen.tiles.geometry.tile_sides`.
    place : Place
    model : Model or None
    device : str
    scheduler
        See :func:`napari_sen.tiles.pool.open_pool`.
    """

    name = "superpixels"

    def __init__(
        self,
        file: ImageFile,
        source: Source,
        mask: Source | None,
        params: SegmentParams,
        place: Place,
        *,
        kind: str,
        model: Model | None = None,
        spacing: Sequence[float] | None = None,
        tile: int | Sequence[int] | None = None,
        device: str = "auto",
        scheduler: Any = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(source, mask, place, model, scheduler=scheduler, overwrite=overwrite)
        self.params, self._given, self._kind, self._device = params, params, kind, device
        self.spacing = settled_spacing(file.spacing if spacing is None else spacing, source)
        self.grid = label_grid(file, source, self.spacing)
        if model is not None:
            check_planes(source.channels, model.planes)
        if mask is not None and (mask.shape != source.shape or mask.dtype.kind not in "biu"):
            # Of one pixel's memory; raises with the words of the in-memory path.
            checked_mask(np.broadcast_to(np.ones((), mask.dtype), mask.shape), source.shape)
        self._tile = tile
        tile_sides(tile, source.spatial, n_spatial=source.n_spatial)
        if mask is None:
            self._settle_tiles(self._plain_seeds())

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on."""
        tile = None if self._tile is None else np.atleast_1d(self._tile).tolist()
        return super().identity() | {
            "parameters": self._given.to_dict(),
            "kind": self._kind,
            "spacing": list(self.spacing),
            "tile": tile,
            "halo": HALO[self.source.n_spatial],
        }

    @property
    def n_labels(self) -> int:
        """Number of superpixels, once the store is there."""
        about: Any = zarr.open_group(self.path, mode="r").attrs[ATTRIBUTE]
        return int(about["labels"])

    def stages(self) -> Iterator[Step]:
        """Measure, segment, mend the seams, make the coarse levels."""
        job = yield from self.segmented()
        yield from self.later_levels(job.target)

    def segmented(self) -> Generator[Step, None, Job]:
        """Do all but the coarse levels; return what the tasks shared."""
        yield from self.measure()
        if self.mask is None:
            seeds = self._plain_seeds()
        else:
            yield from self._find_masked_seeds(self.mask)
            seeds = self._masked_seeds()
        self.params = self._settled(seeds)
        if self.needs_limits:
            yield from self.find_limits()
        job = self._job(seeds)
        self.create(job.target, self.grid, seeds.total)
        yield from self.pieces(
            "superpixels", partial(segment_tile, job), job.n_tiles, where=lambda i: job.place(i)[1:]
        )
        reach = list(self._journal.done["superpixels"].values())
        yield from self.mend(job, reach)
        return job

    @property
    def needs_limits(self) -> bool:
        """Whether histograms are compared."""
        return bool(self.params.boundary_weight)

    def target(self, dtype: DTypeLike, tiles: TileGrid) -> Pyramid:
        """Return the label map that the tiles are written to."""
        return Pyramid.plan(
            self.place.store.resolve(),
            self.source.shape,
            dtype,
            self.grid.axes,
            tiles.tile,
            levels=self.place.levels,
        )

    def _find_masked_seeds(self, mask: Source) -> Iterator[Step]:
        """Find the seeds of every slice: of a small one in one piece, of a large one in tiles."""
        folder = self.place.journal.resolve()
        rest = (self.spacing, self.params.connectivity, str(folder))
        if math.prod(self.source.spatial) <= _WHOLE_MASK:
            task = partial(seed_slice, mask, self.count_rule(), *rest)
            yield from self.pieces("mask", task, self._n_slices)
            return
        grid = TileGrid(self.source.spatial, TILE[self.source.n_spatial])
        for which in self._journal.left("mask", self._n_slices):
            index = tuple(int(k) for k in np.unravel_index(which, self.source.leading or (1,)))
            tiles = MaskTiles(mask, index[: len(self.source.leading)], grid, *rest)
            counted: list[Any] = [None] * len(grid)
            with closing(self._pool.run(partial(count_inside, tiles), range(len(grid)))) as ended:
                for number, found in ended:
                    counted[number] = found
                    yield Step(which, self._n_slices, "mask")
            pixels = sum(count for count, _ in counted)
            points = np.empty((0, self.source.n_spatial), np.int64)
            if pixels:
                steps = stream_seeds(tiles, self.count_rule()(pixels), counted, self._pool.run)
                points = yield from _each_as(steps, Step(which, self._n_slices, "mask"))
            keep_seeds(folder, which, points)
            self._journal.add("mask", which, [pixels, len(points)])
        yield Step(self._n_slices, self._n_slices, "mask")

    def find_limits(self) -> Iterator[Step]:
        """Find where the histograms of each slice's boundary strength begin and end.

        They are those of the whole slice up to a thousand tiles (600 million pixels); beyond, of
        a thousand tiles spread evenly over it.
        """
        grid = TileGrid(self.source.spatial, TILE[self.source.n_spatial])
        chosen = sorted({k * len(grid) // _SAMPLED for k in range(_SAMPLED)})
        if len(grid) <= _SAMPLED:
            chosen = list(range(len(grid)))
        stats = self.statistics()
        for which in self._journal.left("histograms", self._n_slices):
            index = tuple(int(k) for k in np.unravel_index(which, self.source.leading or (1,)))
            tiles = [(index[: len(self.source.leading)], grid.box(k)) for k in chosen]
            found = Percentiles(self.source.channels, np.dtype(np.float32), PERCENTILES)
            for level in range(found.passes):
                task = partial(count_colour, self.source, self.mask, stats, found.prefixes, level)
                with closing(self._pool.run(task, tiles)) as ended:
                    for _, digits in ended:
                        found.add(digits)
                        yield Step(which, self._n_slices, "histograms")
                found.end_pass()
            self._journal.add("histograms", which, [side.tolist() for side in found.result()])
        yield Step(self._n_slices, self._n_slices, "histograms")

    def mend(self, job: Job, reach: Sequence[Sequence[int]], part: str = "") -> Iterator[Step]:
        """Find pieces without a way to their seed in all tiles, then join them to neighbours.

        ``reach`` is what the tasks of all tiles returned; ``part`` tells the stages of several
        label maps apart.
        """
        farthest = tuple(np.max(reach, axis=0).tolist())
        stage = f"seams{part}"
        yield from self.pieces(
            stage, partial(seam_tile, job, farthest), job.n_tiles, record=partial(self._kept, part)
        )
        decided = self._journal.load(f"joined{part}")
        if decided is None:
            tiles = [item for item, count in self._journal.done[stage].items() if count]
            names = [f"loose{part}-{item}" for item in sorted(tiles)]
            found = merge_fragments([Fragments(**self._journal.load(name) or {}) for name in names])
            decided = {"pixels": found.pixels, "labels": joined(found)}
            self._journal.save(f"joined{part}", **decided)
        mending = _by_tile(job, decided["pixels"], decided["labels"])
        yield from self.pieces(
            f"mending{part}",
            partial(repair_tile, job),
            len(mending),
            work=lambda i: mending[i],
            where=lambda i: job.place(mending[i][0])[1:],
        )

    def _kept(self, part: str, item: int, found: Fragments) -> int:
        """Keep the loose pieces of a tile beside the journal; return how many there are."""
        if len(found):
            self._journal.save(f"loose{part}-{item}", **found.arrays())
        return len(found)

    @property
    def _n_slices(self) -> int:
        return math.prod(self.source.leading)

    def _plain_seeds(self) -> Seeds:
        pixels = math.prod(self.source.spatial)
        count = self.count_rule()(pixels)
        n = self._n_slices
        return Seeds(self.source.spatial, self.spacing, (count,) * n, (pixels,) * n)

    def _masked_seeds(self) -> Seeds:
        counted = self._journal.done["mask"]
        pixels, counts = zip(*(counted[k] for k in range(self._n_slices)), strict=True)
        if not any(pixels):
            raise ImageError("mask is empty: no pixel is inside")
        folder = str(self.place.journal.resolve())
        return Seeds(self.source.spatial, self.spacing, counts, pixels, folder)

    def count_rule(self) -> Callable[[int], int]:
        """Return how many superpixels a slice gets, by its number of pixels."""
        return partial(superpixel_count, self.params, self.source.n_spatial, self.spacing)

    def _settled(self, seeds: Seeds) -> SegmentParams:
        """Return the parameters for superpixels of the size that the seeds will give."""
        count = sum(map(self.count_rule(), seeds.pixels))
        diameter = mean_diameter(sum(seeds.pixels), count, self.spacing)
        return self._given.settled(self._kind, diameter)

    def _settle_tiles(self, seeds: Seeds) -> tuple[TileGrid, tuple[int, ...]]:
        """Return the tiles and their halo, or raise where they would be too large."""
        return settle_tiles(seeds, self._tile)

    def _job(self, seeds: Seeds) -> Job:
        tiles, halo = self._settle_tiles(seeds)
        dtype = np.int32 if seeds.total <= np.iinfo(np.int32).max else np.int64
        return self.job(seeds, tiles, halo, self.target(dtype, tiles))

    def job(self, seeds: Seeds, tiles: TileGrid, halo: tuple[int, ...], target: Pyramid) -> Job:
        """Return what the tasks of one label map share."""
        return Job(
            source=self.source,
            mask=self.mask,
            stats=self.statistics(),
            model=self.model_file(),
            device=self._device,
            threads=None if self._pool.local else 1,
            grid=tiles,
            target=target,
            spacing=self.spacing,
            params=self.params,
            halo=halo,
            seeds=seeds,
            limits=self._kept_limits(),
        )

    def _kept_limits(self) -> NDArray[np.float64] | None:
        if not self.needs_limits:
            return None
        found = self._journal.done["histograms"]
        return np.array([found[which] for which in range(self._n_slices)])


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


def settle_tiles(
    seeds: Seeds, tile: int | Sequence[int] | None
) -> tuple[TileGrid, tuple[int, ...]]:
    """Return the tiles of a slice (or volume) and their halo, or raise where they are too large."""
    spatial = seeds.shape
    halo = seeds.reach(HALO[len(spatial)])
    sides = tile_sides(tile, spatial, n_spatial=len(spatial))
    if tile is None:
        # A tile should not be small beside its halo.
        sides = tuple(
            max(side, -(-2 * far // side) * side) if axis >= len(sides) - 2 else side
            for axis, (side, far) in enumerate(zip(sides, halo, strict=True))
        )
    seen = math.prod(
        min(n, side + 2 * far) for n, side, far in zip(spatial, sides, halo, strict=True)
    )
    if tile is None and seen > _LARGEST:
        raise ParameterError(
            f"tiles with a halo of {max(halo)} px would have {seen / 1e6:.0f} million pixels: "
            "ask for smaller ones (size=20, or a larger n_segments), or set "
            "tile= if the memory is there"
        )
    return TileGrid(spatial, sides), halo


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
    shape, size = tuple(shape), tuple(spacing)
    pixels = math.prod(shape)
    count = superpixel_count(params, len(shape), size, pixels)
    return settle_tiles(Seeds(shape, size, (count,), (pixels,)), tile)[0]


def settled_spacing(spacing: Sequence[float] | None, source: Source) -> tuple[float, ...]:
    """Return the pixel size along the spatial axes alone."""
    n = source.n_spatial
    if spacing is None:
        return (1.0,) * n
    size = tuple(np.atleast_1d(np.asarray(spacing)).tolist())
    if len(size) not in (n, len(source.leading) + n):
        raise ParameterError(f"spacing needs {n} numbers for this image, got {spacing!r}")
    return check_spacing(size[-n:], n)


def label_grid(file: ImageFile, source: Source, spacing: tuple[float, ...]) -> Grid:
    """Return where the pixels of a label map of this image lie."""
    axes = None if file.axes is None else "".join(a for a in file.axes if a not in "cs")
    known = spacing if any(size != 1 for size in spacing) else file.spacing
    return Grid.of(len(source.shape), axes=axes, spacing=known, units=file.units)


def _by_tile(
    job: Job, pixels: NDArray[np.int64], labels: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Sort pixels, named by their flat places, into the tiles that own them."""
    if not len(pixels):
        return []
    at = np.unravel_index(pixels % job.origin(1), job.source.spatial)
    tile = np.ravel_multi_index(
        tuple(a // side for a, side in zip(at, job.grid.tile, strict=True)), job.grid.counts
    )
    item = pixels // job.origin(1) * len(job.grid) + tile
    order = np.argsort(item, kind="stable")
    items, first = np.unique(item[order], return_index=True)
    pieces = np.split(order, first[1:])
    return [(int(i), pixels[p], labels[p]) for i, p in zip(items, pieces, strict=True)]
