"""Merge trees: leaves grow tile by tile, their region graphs add up, and each slice is merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions
from ..core.hierarchy import Hierarchy as MergeTree
from ..core.hierarchy import build, merge_regions
from ..core.snic import snic
from ..core.walk import walk_costs
from ..errors import ParameterError
from ..io.memory import available_memory
from ..params import HierarchyParams, SegmentParams, SnicSettings
from ..progress import Progress
from ..tiles.geometry import Box
from ..tiles.image import Image
from ..tiles.region_graph import PartialGraph, add_up, tile_graph
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .features import Scene, half_disc_box
from .stored import LINKAGE, open_tree
from .superpixels import (
    Common,
    CountRule,
    Growth,
    find_limits,
    find_seeds,
    grow_superpixels,
    label_dtype,
    mend,
    segment_count,
    settle_tiles,
    superpixels_found,
)
from .work import Product, Step, Steps, Work, measure

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = [
    "AdaptiveSuperpixels",
    "Tree",
    "check_leaves",
    "check_tree_memory",
    "fine_count",
    "grow_leaves",
    "keep_graph",
    "merged_tree",
    "needs_limits",
    "scene_tree",
]

FINE_PER_SEGMENT = 5  # leaves for each superpixel wanted, where that is the larger number
_PER_LEAF = 400  # bytes, beside its features: measured by benchmarks/large.py --tree


def fine_count(size: float, spacing: Sequence[float], pixels: int) -> int:
    """Return how many superpixels of a diameter, in px of the finest axis, so many pixels hold."""
    cell = (size * min(spacing)) ** len(spacing)
    return min(max(round(pixels * float(np.prod(spacing)) / cell), 1), pixels)


def leaf_count(params: HierarchyParams, image: Image) -> CountRule:
    """Return how many leaves a slice gets, by its number of pixels inside."""
    return partial(fine_count_inside, params.fine_size, image.spacing)


def fine_count_inside(size: float, spacing: Sequence[float], pixels: int) -> int:
    """Return :func:`fine_count`, and no superpixel where there is no pixel."""
    return fine_count(size, spacing, pixels) if pixels else 0


def check_tree_memory(leaves: int, channels: int, remedy: str) -> None:
    """Raise ParameterError if a tree does not fit in the free memory."""
    needed, there = leaves * (_PER_LEAF + 24 * channels), available_memory()
    if (there is not None and needed > there) or leaves > np.iinfo(np.int32).max:
        raise ParameterError(
            f"the tree of {leaves / 1e6:.0f} million leaves takes {needed / 1e9:.1f} GB: {remedy}"
        )


def scene_tree(
    scene: Scene,
    params: HierarchyParams,
    leaves: SnicSettings,
    n_fine: int | None = None,
    progress: Progress | None = None,
) -> MergeTree:
    """Return the tree of one slice in memory; by default with leaves of diameter ``fine_size``."""
    image, inside = scene.image, scene.inside(scene.whole)
    if n_fine is None:
        pixels = image.slice_pixels if inside is None else int(inside.sum())
        n_fine = fine_count(params.fine_size, image.spacing, pixels)
    features = scene.features(scene.whole, leaves.features, progress)
    labels = snic(
        features, n_fine, compactness=leaves.compactness, spacing=image.spacing, mask=inside,
        progress=progress,
    )  # fmt: skip
    strength = scene.strength(scene.whole, params, progress) if params.boundary_weight else None
    return build(labels, features, strength, params, spacing=image.spacing, progress=progress)


def needs_limits(params: HierarchyParams) -> bool:
    """Return whether the boundary strength compares histograms."""
    return bool(params.boundary_weight and params.texture)


@dataclass(frozen=True)
class Leaves:
    """The leaves of an image, grown, with their graphs on the shelf."""

    common: Common
    growth: Growth
    params: HierarchyParams


def grow_leaves(
    work: Work,
    params: HierarchyParams,
    settings: SnicSettings,
    rule: CountRule,
    target_name: str | None,
    tile: Any = None,
    halo: float | None = None,
) -> Steps:
    """Do all stages up to the region graphs of the leaves."""
    stats = yield from measure(work)
    seeds = yield from find_seeds(work, rule, settings.connectivity)
    sides, reach = settle_tiles(seeds, tile, halo)
    grid = work.grid(sides)
    limits = None
    if needs_limits(params) and not work.is_whole:
        limits = yield from find_limits(work, stats)
    common = Common.of(work, stats, grid, limits)
    target = work.target(target_name, label_dtype(seeds.total), grid, n_labels=seeds.total)
    leaves = Leaves(common, Growth(settings, seeds, reach, target), params)
    where = common.where if target_name is None else None
    yield from work.pieces("superpixels", partial(_grow_tile, leaves), common.n_tiles, where=where)
    yield from mend(work, common, leaves.growth, [*work.done("superpixels").values()])
    if len(grid) > 1:
        yield from work.pieces("graph", partial(_graph_tile, leaves), common.n_tiles)
    return leaves


def _grow_tile(leaves: Leaves, item: int, poll: Progress | None) -> list[int]:
    """Write the leaves of one tile; of a slice that is one tile, keep their graph too."""
    common = leaves.common
    which, _ = common.place(item)
    scene = common.scene(which)
    if len(common.grid) == 1 and needs_limits(leaves.params):
        scene.sharp(common.image.whole, poll)
    reach = grow_superpixels(common, leaves.growth, scene, item, poll)
    if len(common.grid) == 1:
        keep_graph(common, [leaves.growth], leaves.params, scene, item, poll)
    return reach


def _graph_tile(leaves: Leaves, item: int, poll: Progress | None) -> None:
    which, _ = leaves.common.place(item)
    scene = leaves.common.scene(which)
    keep_graph(leaves.common, [leaves.growth], leaves.params, scene, item, poll)


def keep_graph(
    common: Common,
    growths: Sequence[Growth],
    params: HierarchyParams,
    scene: Scene,
    item: int,
    poll: Progress | None,
) -> NDArray[np.float32] | None:
    """Keep the region graphs of one tile, one for each label map of the same features.

    Returns the boundary strength of the tile and the next pixels; None without its weight.
    """
    _, core = common.place(item)
    window = _and_next(core, common.image.spatial)
    if needs_limits(params):
        scene.sharp(half_disc_box(window, common.image.whole), poll)
    strength = scene.strength(window, params, poll) if params.boundary_weight else None
    features = scene.features(core, growths[0].settings.features, poll)
    for part, growth in enumerate(growths):
        labels = growth.target.read(scene.index, window)
        found = tile_graph(labels, features, strength, window, core, common.image.spacing)
        common.shelf.keep(_graph_name(part, item), **found.__dict__)
    return strength


def _graph_name(part: int, item: int) -> str:
    return f"graph-{part}-{item}"


def _and_next(core: Box, shape: Sequence[int]) -> Box:
    """Return a box with the next pixel at the end of each axis, where there is image."""
    return tuple((start, min(stop + 1, n)) for (start, stop), n in zip(core, shape, strict=True))


def merged_tree(
    common: Common,
    seeds: Seeds,
    params: HierarchyParams,
    which: int,
    part: int = 0,
    poll: Progress | None = None,
) -> tuple[Regions, NDArray[np.float64]]:
    """Return the graph and the linkage of a slice with leaves."""
    names = [
        _graph_name(part, item)
        for item in range(which * len(common.grid), (which + 1) * len(common.grid))
    ]
    parts = (PartialGraph(**common.shelf.kept(name) or {}) for name in names)
    channels = (common.shelf.kept(names[0]) or {})["sums"].shape[1]
    regions = add_up(parts, seeds.first(which), seeds.counts[which], channels)
    for name in names:
        common.shelf.drop(name)
    walk = walk_costs(regions, params, progress=poll) if params.walk_weight else None
    return regions, merge_regions(regions, params, poll, walk=walk)


def abstract_tree(linkage: NDArray[np.float64]) -> MergeTree:
    """Return a tree whose leaves stand as one pixel each: it is not asked where they lie."""
    leaves = np.arange(1, len(linkage) + 2, dtype=np.int32)[None]
    return MergeTree(leaves, linkage)


@dataclass(frozen=True)
class AdaptiveSuperpixels(Product):
    """The product of :func:`napari_sen.segment` with ``mode="adaptive"``: a cut of the tree.

    Attributes
    ----------
    wanted : SegmentParams
        How many superpixels there are to be.
    tree : HierarchyParams
        How the leaves are made and merged, settled.
    leaves : SnicSettings
    """

    wanted: SegmentParams
    tree: HierarchyParams
    leaves: SnicSettings

    name = "adaptive superpixels"
    remedy = "use mode='flat', or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on beside image and model."""
        mine = {"wanted": self.wanted.to_dict(), "tree": self.tree.to_dict()}
        return super().identity() | mine

    def rule(self, image: Image) -> CountRule:
        """Return how many leaves a slice gets, by its number of pixels inside."""
        return partial(
            _leaves_for_cut, leaf_count(self.tree, image), segment_count(self.wanted, image)
        )

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graph, the tree, its cut."""
        image = work.image
        leaves = yield from grow_leaves(
            work, self.tree, self.leaves, self.rule(image), "fine", self.tile, self.halo
        )
        common, seeds = leaves.common, leaves.growth.seeds
        for which in range(image.n_slices):
            if which not in work.done("merging"):
                yield Step(which, image.n_slices, "merging")
                work.note("merging", which, self._merge(work, common, seeds, which))
        yield Step(image.n_slices, image.n_slices, "merging")
        counts = [work.done("merging")[which] for which in range(image.n_slices)]
        firsts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        target = work.target(None, label_dtype(firsts[-1]), common.grid, n_labels=firsts[-1])
        task = partial(_relabel_tile, common, leaves.growth, target, firsts)
        yield from work.pieces("cut", task, common.n_tiles, where=common.where)
        yield from work.finish(target)
        return target

    def _merge(self, work: Work, common: Common, seeds: Seeds, which: int) -> int:
        """Merge the leaves of a slice, keep which cut each belongs to; return how many are left."""
        check_leaves(work.image, common.loaded(), seeds.counts[which], self.remedy)
        if seeds.counts[which] == 0:
            work.shelf.keep_array(_cut_name(which), np.empty(0, np.int32))
            return 0
        _, linkage = merged_tree(common, seeds, self.tree, which, poll=work.progress)
        tree = abstract_tree(linkage)
        # Parts of a mask that do not touch cannot be merged, so there are at least so many.
        count = max(segment_count(self.wanted, work.image)(seeds.pixels[which]), tree.n_parts)
        cut = tree.cut(min(count, tree.n_leaves))[0]
        work.shelf.keep_array(_cut_name(which), cut)
        return int(cut.max())

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of superpixels made."""
        return superpixels_found(result)


def check_leaves(image: Image, model: Model | None, leaves: int, remedy: str) -> None:
    """Raise ParameterError if the tree of so many leaves does not fit in the free memory."""
    channels = image.raster.channels + (0 if model is None else model.dim)
    check_tree_memory(leaves, channels, remedy)


def _leaves_for_cut(fine: CountRule, cut: CountRule, pixels: int) -> int:
    if pixels == 0:
        return 0
    return min(max(fine(pixels), cut(pixels) * FINE_PER_SEGMENT), pixels)


def _cut_name(which: int) -> str:
    return f"cut-{which}"


def _relabel_tile(
    common: Common,
    growth: Growth,
    target: Target,
    firsts: list[int],
    item: int,
    poll: Progress | None,
) -> None:
    """Write the cut's superpixels of one tile."""
    which, core = common.place(item)
    index = common.image.index(which)
    fine = growth.target.read(index, core)
    if not fine.any():
        return
    dtype = np.dtype(target.dtype)
    cut = common.shelf.kept_array(_cut_name(which)).astype(dtype) + dtype.type(firsts[which])
    # One entry more: label 0, outside, has no leaf and is looked up at the end.
    table = np.append(cut, dtype.type(0))
    place = np.where(fine > 0, fine - (growth.seeds.first(which) + 1), -1)
    target.write(index, core, table[place])


@dataclass(frozen=True)
class Tree(Product):
    """The product of :func:`napari_sen.hierarchy`.

    Attributes
    ----------
    params : HierarchyParams
        Settled.
    leaves : SnicSettings
    n_fine : int or None
        Number of leaves; None: as many as ``fine_size`` says.
    """

    params: HierarchyParams
    leaves: SnicSettings
    n_fine: int | None = None

    name = "hierarchy"
    remedy = "ask for a larger fine_size, or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the tree depends on beside image and model."""
        return super().identity() | {"tree": self.params.to_dict(), "n_fine": self.n_fine}

    def rule(self, image: Image) -> CountRule:
        """Return how many leaves the image gets."""
        if self.n_fine is None:
            return leaf_count(self.params, image)
        return partial(_exactly, self.n_fine)

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graph, the tree."""
        leaves = yield from grow_leaves(
            work, self.params, self.leaves, self.rule(work.image), None, self.tile
        )
        common, growth = leaves.common, leaves.growth
        if 0 not in work.done("merging"):
            yield Step(0, 1, "merging")
            check_leaves(work.image, common.loaded(), growth.seeds.counts[0], self.remedy)
            _, linkage = merged_tree(common, growth.seeds, self.params, 0, poll=work.progress)
            work.keep_linkage(growth.target, linkage)
            work.note("merging", 0)
        yield Step(1, 1, "merging")
        yield from work.finish(growth.target)
        return work.tree(growth.target)

    def found(self, result: Any) -> dict[str, Any]:
        """Return how many superpixels the finest and the coarsest cut have."""
        is_stored = not isinstance(result, MergeTree)
        tree = abstract_tree(np.asarray(result[LINKAGE][...])) if is_stored else result
        return {"finest": tree.n_leaves, "coarsest": tree.n_parts}

    def opened(self, path: str) -> Any:
        """Return the tree over the store."""
        return open_tree(path)


def _exactly(count: int, pixels: int) -> int:
    if count > pixels:
        raise ParameterError(f"n_fine must be at most the number of pixels ({pixels})")
    return count
