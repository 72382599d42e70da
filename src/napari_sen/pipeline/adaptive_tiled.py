"""Adaptive superpixels of an image that need not fit in memory: a cut of the merge tree of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..params import HierarchyParams, SegmentParams
from ..progress import Progress
from ..tiles.geometry import TileGrid
from ..tiles.pyramid import Pyramid
from .hierarchy import FINE_PER_SEGMENT, fine_count
from .run import Step
from .tiled import SegmentRun
from .tiles import Job, superpixel_count
from .tree_tiled import check_memory, keep_graphs, merged

__all__ = ["AdaptiveRun"]


class AdaptiveRun(SegmentRun):
    """Superpixels, large where the image is even: see :class:`~napari_sen.pipeline.run.Run`.

    Fine superpixels are made tile by tile, and their region graph, which adds up over tiles. It
    is merged as a whole, in this process: 0.5 kB a leaf. Then each tile is written anew. A model's
    network runs twice, once for the fine superpixels and once for their graph.

    Parameters
    ----------
    wanted : SegmentParams
        How many superpixels there are to be.
    tree : HierarchyParams
        How the leaves are made and merged.
    """

    name = "adaptive superpixels"

    def __init__(
        self, *given: Any, wanted: SegmentParams, tree: HierarchyParams, **options: Any
    ) -> None:
        self._wanted, self._tree = wanted, tree
        super().__init__(*given, **options)
        if self.mask is None:
            self._check_memory(self._plain_seeds().counts[0])

    def _check_memory(self, leaves: int) -> None:
        channels = self.source.channels + (0 if self._model is None else self._model.dim)
        check_memory(leaves, channels, "use mode='flat', or cut out a part of the image")

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on."""
        mine = {"wanted": self._wanted.to_dict(), "tree": self._tree.to_dict()}
        return super().identity() | mine

    @property
    def needs_limits(self) -> bool:
        """Whether histograms are compared."""
        return bool(self._tree.boundary_weight and self._tree.texture)

    def target(self, dtype: DTypeLike, tiles: TileGrid) -> Pyramid:
        """Return the fine label map, beside the journal."""
        path = self.place.work.resolve() / "fine.zarr"
        return Pyramid.plan(path, self.source.shape, dtype, self.grid.axes, tiles.tile, levels=1)

    def stages(self) -> Iterator[Step]:
        """Make the leaves, their graph, the tree, its cut; then the coarse levels."""
        job = yield from self.segmented()
        folder = str(self.place.journal.resolve())
        yield from self.pieces(
            "graph", partial(keep_graphs, (job,), self._tree, folder), job.n_tiles
        )
        for which in self._journal.left("merging", self._n_slices):
            yield Step(which, self._n_slices, "merging")
            self._journal.add("merging", which, self._merge(job, which, folder))
        yield Step(self._n_slices, self._n_slices, "merging")
        counts = [self._journal.done["merging"][which] for which in range(self._n_slices)]
        firsts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        dtype = np.int32 if firsts[-1] <= np.iinfo(np.int32).max else np.int64
        target = super().target(dtype, job.grid)
        self.create(target, self.grid, firsts[-1], which=1)
        task = partial(_relabel_tile, job, target, folder, firsts)
        yield from self.pieces("cut", task, job.n_tiles, where=lambda i: job.place(i)[1:])
        yield from self.later_levels(target)

    def _merge(self, job: Job, which: int, folder: str) -> int:
        """Merge the leaves of a slice, keep which cut each belongs to; return how many are left."""
        leaves = job.seeds.counts[which]
        self._check_memory(leaves)
        if leaves == 0:
            np.save(_cut_file(folder, which), np.empty(0, np.int32), allow_pickle=False)
            return 0
        _, tree = merged(job, 0, self._tree, folder, which)
        count = self._cut_rule()(job.seeds.pixels[which])
        cut = tree.cut(min(max(count, tree.n_parts), tree.n_leaves))[0]
        np.save(_cut_file(folder, which), cut, allow_pickle=False)
        return int(cut.max())

    def count_rule(self) -> Callable[[int], int]:
        """Return how many leaves a slice gets, by its number of pixels."""
        return partial(_leaf_count, self._tree, self._cut_rule(), self.spacing)

    def _cut_rule(self) -> Callable[[int], int]:
        return partial(superpixel_count, self._wanted, self.source.n_spatial, self.spacing)


def _leaf_count(
    tree: HierarchyParams,
    cut_count: Callable[[int], int],
    spacing: tuple[float, ...],
    pixels: int,
) -> int:
    if pixels == 0:
        return 0
    fine = fine_count(tree.fine_size, spacing, pixels)
    return min(max(fine, cut_count(pixels) * FINE_PER_SEGMENT), pixels)


def _cut_file(folder: str, which: int) -> Path:
    return Path(folder, f"cut-{which}.npy")


def _relabel_tile(
    job: Job, target: Pyramid, folder: str, firsts: list[int], item: int, poll: Progress | None
) -> None:
    """Write the cut's superpixels of one tile."""
    which, index, core = job.place(item)
    fine = job.target.read(index, core).astype(np.int64)
    if not fine.any():
        return
    cut = np.load(_cut_file(folder, which), mmap_mode="r", allow_pickle=False)
    found, local = np.unique(fine, return_inverse=True)
    labels = np.zeros(len(found), np.int64)
    real = found > 0
    labels[real] = cut[found[real] - job.seeds.first(which) - 1] + firsts[which]
    target.write(index, core, labels[local].reshape(fine.shape).astype(target.dtype))
