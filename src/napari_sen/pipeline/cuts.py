"""Superpixels that are a cut of the merge tree, of images of any size.

A slice of up to a million leaves is merged as a whole and cut at exactly the number wanted. Of a
larger one no tree is ever made (:mod:`.around_tiles`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.hierarchy import Hierarchy as MergeTree
from ..core.lattice import mean_diameter
from ..errors import ParameterError
from ..params import SegmentParams, TreeSettings
from ..progress import Progress
from ..tiles.geometry import TileGrid, largest_window
from ..tiles.image import Image
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .around_tiles import Goal, cut_around_tiles, cut_name, is_cut, keep_cut
from .counts import CountRule, segment_count
from .leaves import Leaves, check_tree_memory, fine_count, grow_leaves
from .seeding import find_seeds
from .superpixels import superpixels_found
from .tasks import label_dtype
from .tiling import LEAF_HALO, settle_tiles
from .trees import abstract_tree, merged_tree
from .work import Product, Step, Steps, Work, measure

__all__ = ["TreeSuperpixels"]

FINE_PER_SEGMENT = 5  # leaves for each superpixel wanted, where that is the larger number
# How far around a tile leaves are merged: diameters of a superpixel, and leaves that the walk sees
# beside (docs/explanation/decisions/045).
DIAMETERS = 6.0
LEAVES = {2: 40.0, 3: 20.0}  # by number of spatial axes
WHOLE = 1_000_000  # leaves of a slice that are merged as a whole: half a gigabyte
MOST = 2 * WHOLE  # leaves around a tile
_PER_LEAF = 32  # bytes of every leaf of a slice, where tiles are merged


@dataclass(frozen=True)
class TreeSuperpixels(Product):
    """The product of :func:`napari_sen.segment` with ``method="tree"``.

    Attributes
    ----------
    cuts : tuple of SegmentParams
        How many superpixels each cut of the tree is to have, or its level.
    tree : TreeSettings
        How the leaves are made and merged.
    reach : float or None
        Pixels around a tile in which leaves are merged with its own; None: enough, and slices of
        up to a million leaves are merged as a whole.
    is_stack : bool
        Whether the cuts lie along a first axis of the result; else there is one.
    """

    cuts: tuple[SegmentParams, ...]
    tree: TreeSettings
    reach: float | None = None
    is_stack: bool = False

    name = "superpixels of the tree"
    usual_halo = LEAF_HALO
    remedy = "use method='snic', or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on beside image and model."""
        cuts = [each.to_dict() for each in self.cuts]
        mine = {"wanted": cuts[0], "tree": asdict(self.tree), "reach": self.reach}
        more = {"stack": cuts} if self.is_stack else {}
        return super().identity() | mine | more

    def rule(self, image: Image) -> CountRule:
        """Return how many leaves a slice gets, by its number of pixels inside."""
        cuts = [segment_count(each, image) for each in self.cuts if each.level is None]
        return partial(_leaves_for_cuts, self.tree.fine_size, image.spacing, tuple(cuts))

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graph, the cut."""
        image = work.image
        leaves = yield from self.grown(work, "fine")
        common, seeds = leaves.common, leaves.growths[0].seeds
        cut = self._cut_tiles if self._is_in_parts(seeds, len(common.grid)) else self._cut_whole
        yield from cut(work, leaves)
        done, n = work.done("cut"), image.n_slices
        counts = [[done[cut * n + k] for k in range(n)] for cut in range(len(self.cuts))]
        firsts = [np.concatenate([[0], np.cumsum(each)]).tolist() for each in counts]
        totals = [each[-1] for each in firsts]
        target = work.target(
            None, label_dtype(max(totals)), common.grid,
            n_labels=totals if self.is_stack else totals[0],
            stack=len(self.cuts) if self.is_stack else 0,
        )  # fmt: skip
        task = partial(_relabel_tile, leaves, target, firsts, self.is_stack)
        where = None if self.is_stack else common.where
        yield from work.pieces("labels", task, common.n_tiles, where=where)
        yield from work.finish(target)
        return target

    def grown(self, work: Work, name: str | None) -> Steps:
        """Grow the leaves into a target, once their trees are known to fit in the memory."""
        image, settings = work.image, self.tree.leaves
        stats = yield from measure(work)
        seeds = yield from find_seeds(work, self.rule(image), settings.connectivity)
        model = None if work.model is None else work.model.load(work.torch_threads)
        channels = image.raster.channels + (0 if model is None else model.dim)
        self.check_memory(image, seeds, channels, is_whole=work.is_whole)
        return (
            yield from grow_leaves(
                work, stats, [seeds], [name], settings, self.tree.merging,
                tile=self.tile, halo=self.halo_of(work.image.n_spatial),
            )
        )  # fmt: skip

    def check_memory(
        self, image: Image, seeds: Seeds, channels: int, *, is_whole: bool = False
    ) -> None:
        """Raise ParameterError if the trees do not fit in the free memory."""
        sides, _ = settle_tiles(seeds, self.tile, self.halo_of(image.n_spatial))
        tiles = 1 if is_whole else len(TileGrid(seeds.shape, sides))
        for count in set(seeds.counts):
            merged = count
            if self._is_in_parts(seeds, tiles):
                reach = self._reach(image, seeds)
                seen = largest_window(seeds.shape, sides, reach)
                merged = round(count * seen / math.prod(seeds.shape))
                if merged > MOST:
                    raise ParameterError(
                        f"around each tile {merged / 1e6:.0f} million leaves would have to be "
                        "merged: ask for smaller ones (size=20, or a larger n_segments)"
                    )
            check_tree_memory(merged, channels, self.remedy, others=count * _PER_LEAF)

    def _is_in_parts(self, seeds: Seeds, tiles: int) -> bool:
        """Return whether leaves are merged around each tile, not as a whole."""
        return tiles > 1 and (self.reach is not None or max(seeds.counts) > WHOLE)

    def _cut_whole(self, work: Work, leaves: Leaves) -> Steps:
        """Cut the tree of every slice; keep which superpixel each leaf belongs to."""
        n_slices, seeds = work.image.n_slices, leaves.growths[0].seeds
        for which in range(n_slices):
            if not is_cut(work, which, len(self.cuts)):
                yield Step(which, n_slices, "merging")
                groups = [np.empty(0, np.int64)] * len(self.cuts)
                if seeds.counts[which]:
                    tree = abstract_tree(merged_tree(leaves, which, poll=work.progress)[1])
                    pixels = seeds.pixels[which]
                    groups = [_groups(each, tree, work.image, pixels) for each in self.cuts]
                for cut, each in enumerate(groups):
                    keep_cut(work, which, cut, each)
        yield Step(n_slices, n_slices, "merging")

    def _cut_tiles(self, work: Work, leaves: Leaves) -> Steps:
        """Cut around every tile; keep the superpixel of each leaf."""
        seeds = leaves.growths[0].seeds
        goals = [
            Goal(each.level, tuple(map(segment_count(each, work.image), seeds.pixels)))
            for each in self.cuts
        ]
        yield from cut_around_tiles(work, leaves, self._reach(work.image, seeds), goals)

    def _reach(self, image: Image, seeds: Seeds) -> tuple[int, ...]:
        """Return how far around a tile leaves are merged, in px along each axis."""
        spacing, reach = seeds.spacing, self.reach
        if reach is None:
            pixels = sum(seeds.pixels)
            leaf = mean_diameter(pixels, seeds.total, spacing)
            numbers = [
                sum(map(segment_count(each, image), seeds.pixels))
                for each in self.cuts
                if each.level is None
            ]
            diameters = [mean_diameter(pixels, number, spacing) for number in numbers]
            largest = max(diameters, default=leaf * FINE_PER_SEGMENT)
            reach = DIAMETERS * largest
            if self.tree.merging.walk_weight:
                reach += LEAVES[image.n_spatial] * leaf
        return tuple(math.ceil(reach * min(spacing) / size) for size in spacing)

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of superpixels made, of each granularity."""
        if self.is_stack and isinstance(result, np.ndarray):
            return {"superpixels": [superpixels_found(each)["superpixels"] for each in result]}
        return superpixels_found(result)


def _leaves_for_cuts(
    fine_size: float, spacing: Sequence[float], cuts: Sequence[CountRule], pixels: int
) -> int:
    if pixels == 0:
        return 0
    fine = fine_count(fine_size, spacing, pixels)
    most = max((cut(pixels) for cut in cuts), default=0)
    return min(max(fine, most * FINE_PER_SEGMENT), pixels)


def _groups(wanted: SegmentParams, tree: MergeTree, image: Image, pixels: int) -> NDArray[np.int64]:
    """Return the superpixel of every leaf of a slice."""
    if wanted.level is not None:
        return tree.groups(level=wanted.level)
    # Parts of a mask that do not touch cannot be merged, so there are at least so many.
    count = max(segment_count(wanted, image)(pixels), tree.n_parts)
    return tree.groups(min(count, tree.n_leaves))


def _relabel_tile(
    leaves: Leaves,
    target: Target,
    firsts: list[list[int]],
    is_stack: bool,
    item: int,
    poll: Progress | None,
) -> None:
    """Write the superpixels of one tile, of each cut."""
    common, growth = leaves.common, leaves.growths[0]
    which, core = common.place(item)
    index = common.image.index(which)
    fine = growth.target.read(index, core)
    if not fine.any():
        return
    dtype = np.dtype(target.dtype)
    place = np.where(fine > 0, fine - (growth.seeds.first(which) + 1), -1)
    for cut, first in enumerate(firsts):
        groups = common.shelf.kept_array(cut_name(which, cut)).astype(dtype)
        # One entry more: label 0, outside, has no leaf and is looked up at the end.
        table = np.append(groups + dtype.type(first[which]), dtype.type(0))
        target.write((cut, *index) if is_stack else index, core, table[place])
