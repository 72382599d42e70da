"""Contours of an image that need not fit in memory: cuts of merge trees of all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.contours import share_of_cuts
from ..disk import sync
from ..io.image_file import ImageFile
from ..params import ContourParams, HierarchyParams
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift
from ..tiles.output import Place
from ..tiles.pyramid import Pyramid
from ..tiles.seeds import Seeds
from ..tiles.source import Source
from .contour_strength import finished, weighed
from .hierarchy import fine_count
from .run import Step
from .tiled import SegmentRun
from .tiles import Job, box_features, write_superpixels
from .tree_tiled import box_strength, check_memory, fine_params, keep_graphs, merged

__all__ = ["ContourRun"]

# How far around a pixel its contour depends on shares and strengths, in px: 4 for the Gaussian, 8
# for the normals and what lies beside; lines to be thinned are a few px wide.
REACH = 32


class ContourRun(SegmentRun):
    """Contours by method "trees"; see :class:`~napari_sen.pipeline.run.Run`.

    Fine superpixels of every size are made tile by tile, and their region graphs, which add up
    over tiles. Each is merged as a whole, in this process. What is kept of a tree is the share of
    its cuts that have the border of two neighbours; with these every tile is drawn.

    Parameters
    ----------
    contours : ContourParams
    tree : HierarchyParams
        How the trees merge.
    """

    name = "contours"

    def __init__(
        self,
        file: ImageFile,
        source: Source,
        place: Place,
        *,
        contours: ContourParams,
        tree: HierarchyParams,
        **options: Any,
    ) -> None:
        self._contours, self._tree = contours, tree
        super().__init__(file, source, None, fine_params(tree, 1), place, **options)
        for size in contours.fine_sizes:
            self._check_memory(self._fine_seeds(size).counts[0])

    def _check_memory(self, leaves: int) -> None:
        channels = self.source.channels + (0 if self._model is None else self._model.dim)
        check_memory(leaves, channels, "ask for larger fine_sizes, or cut out a part of the image")

    def identity(self) -> dict[str, Any]:
        """Return all that the contours depend on."""
        mine = {"contours": self._contours.to_dict(), "tree": self._tree.to_dict()}
        return super().identity() | mine

    @property
    def needs_limits(self) -> bool:
        """Whether histograms are compared."""
        return bool(self._tree.boundary_weight and self._tree.texture)

    def count_rule(self) -> Callable[[int], int]:
        """Return how many superpixels of the largest fine size a slice has: tiles suit these."""
        return partial(fine_count, max(self._contours.fine_sizes), self.spacing)

    def _fine_seeds(self, size: float) -> Seeds:
        plain = self._plain_seeds()
        counts = tuple(fine_count(size, self.spacing, pixels) for pixels in plain.pixels)
        return Seeds(plain.shape, plain.spacing, counts, plain.pixels)

    def stages(self) -> Iterator[Step]:
        """Make the leaves, their graphs, the trees; draw; then the coarse levels."""
        yield from self.measure()
        if self.needs_limits:
            yield from self.find_limits()
        jobs = self._fine_jobs()
        for part, job in enumerate(jobs):
            self.create(job.target, self.grid, job.seeds.total, which=part)
        n_tiles, folder = jobs[0].n_tiles, str(self.place.journal.resolve())
        yield from self.pieces("superpixels", partial(_grow_tile, jobs), n_tiles)
        reach = self._journal.done["superpixels"].values()
        for part, job in enumerate(jobs):
            yield from self.mend(job, [tile[part] for tile in reach], f"-{part + 1}")
        yield from self.pieces("graph", partial(keep_graphs, jobs, self._tree, folder), n_tiles)
        yield from self._merge(jobs, folder)
        target = Pyramid.plan(
            self.place.store.resolve(),
            self.source.shape,
            np.float32,
            self.grid.axes,
            jobs[0].grid.tile,
            labels=False,
        )
        self.create(target, self.grid, which=len(jobs))
        how = _Drawing(jobs, self._contours, self._tree, folder, target)
        yield from self.pieces(
            "contours", partial(_draw_tile, how), n_tiles, where=lambda i: jobs[0].place(i)[1:]
        )
        yield from self.later_levels(target)

    def _fine_jobs(self) -> tuple[Job, ...]:
        """Return what the tasks of each fine size share: on the same tiles."""
        tiles, _ = self._settle_tiles(self._plain_seeds())
        jobs = []
        for part, size in enumerate(self._contours.fine_sizes):
            seeds = self._fine_seeds(size)
            dtype = np.int32 if seeds.total <= np.iinfo(np.int32).max else np.int64
            path = self.place.work.resolve() / f"fine-{part + 1}.zarr"
            axes, sides = self.grid.axes, tiles.tile
            target = Pyramid.plan(path, self.source.shape, dtype, axes, sides, levels=1)
            _, halo = self._settle_tiles(seeds)
            jobs.append(self.job(seeds, tiles, halo, target))
        return tuple(jobs)

    def _merge(self, jobs: Sequence[Job], folder: str) -> Iterator[Step]:
        """Merge the leaves of every size and slice; keep which share of the cuts a border has."""
        count = len(jobs) * self._n_slices
        for piece in self._journal.left("merging", count):
            yield Step(piece, count, "merging")
            part, which = divmod(piece, self._n_slices)
            job = jobs[part]
            self._check_memory(job.seeds.counts[which])
            regions, tree = merged(job, part, self._tree, folder, which)
            share = share_of_cuts(tree, tree.heights_between(regions.edges + 1))
            keys = regions.edges[:, 0].astype(np.int64) << 32 | regions.edges[:, 1]
            for path, values in zip(_share_files(folder, part, which), (keys, share), strict=True):
                np.save(path, values, allow_pickle=False)
                sync(path)
            self._journal.add("merging", piece)
        yield Step(count, count, "merging")


@dataclass(frozen=True)
class _Drawing:
    """What the tasks of the last stage share."""

    jobs: tuple[Job, ...]
    contours: ContourParams
    tree: HierarchyParams
    folder: str
    target: Pyramid


def _share_files(folder: str, part: int, which: int) -> tuple[Path, Path]:
    return Path(folder, f"borders-{part}-{which}.npy"), Path(folder, f"shares-{part}-{which}.npy")


def _grow_tile(jobs: Sequence[Job], item: int, poll: Progress | None) -> list[list[int]]:
    """Write the superpixels of one tile, of every size; return how far each kind reaches."""
    _, index, core = jobs[0].place(item)
    halo = [max(far) for far in zip(*(job.halo for job in jobs), strict=True)]
    spatial = jobs[0].source.spatial
    seen = grow(core, halo, spatial)
    features = box_features(jobs[0], index, seen, poll)
    return [
        write_superpixels(
            job, item, features[as_slices(shift(grow(core, job.halo, spatial), seen))],
            None, None, poll,
        )
        for job in jobs
    ]  # fmt: skip


def _draw_tile(how: _Drawing, item: int, poll: Progress | None) -> None:
    """Write the contours of one tile."""
    job = how.jobs[0]
    which, index, core = job.place(item)
    seen = grow(core, (REACH,) * len(core), job.source.spatial)
    shares = [_shares(how, part, which, index, seen) for part in range(len(how.jobs))]
    boundary = box_strength(job, how.tree, which, index, seen, poll)
    found = finished(weighed(shares, boundary, how.tree), how.contours)
    how.target.write(index, core, found[as_slices(shift(core, seen))])


def _shares(
    how: _Drawing, part: int, which: int, index: tuple[int, ...], box: Box
) -> NDArray[np.float32]:
    """Return at every pixel of a box the largest share of its borders with the next ones."""
    job = how.jobs[part]
    wide = tuple(
        (start, min(stop + 1, n)) for (start, stop), n in zip(box, job.source.spatial, strict=True)
    )
    leaves = job.target.read(index, wide).astype(np.int64) - (job.seeds.first(which) + 1)
    keys, values = (
        np.load(path, mmap_mode="r", allow_pickle=False)
        for path in _share_files(how.folder, part, which)
    )
    result = np.zeros(leaves.shape, np.float32)
    for axis in range(leaves.ndim):
        here, there = ([slice(None)] * leaves.ndim for _ in range(2))
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        a, b = leaves[tuple(here)], leaves[tuple(there)]
        border = a != b
        pairs = np.minimum(a, b)[border] << 32 | np.maximum(a, b)[border]
        known, local = np.unique(pairs, return_inverse=True)
        share = np.asarray(values[np.searchsorted(keys, known)])[local]
        view = result[tuple(here)]
        view[border] = np.maximum(view[border], share)
    return result[tuple(slice(stop - start) for start, stop in box)]
