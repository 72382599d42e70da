"""Superpixels that are a cut of the merge tree, of images of any size.

A slice of up to a million leaves is merged as a whole and cut at exactly the number wanted. Of a
larger one no tree is ever made: whether two leaves are one superpixel at a level depends on what
lies near (the cheapest pairs merge first, and a pair costs what it costs whatever happens far
away). So every tile merges the leaves around it, and learns at which level each of its leaves
ceases to be the smallest of its superpixel; of all these levels one leaves as many superpixels as
wanted, and every tile cuts there. Borders between two tiles' leaves are gone where both say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..core.graph import Regions
from ..core.hierarchy import Hierarchy as MergeTree
from ..core.hierarchy import merge_regions
from ..core.lattice import mean_diameter
from ..core.walk import WalkScale, edge_costs, median_difference, walk_gain, walk_sums
from ..errors import ParameterError
from ..params import SegmentParams, TreeSettings
from ..progress import Progress
from ..tiles.geometry import TileGrid, grow
from ..tiles.image import Image
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .leaves import LEAF_HALO, Leaves, check_tree_memory, fine_count, grow_leaves, region_graph_of
from .superpixels import (
    Common,
    CountRule,
    find_seeds,
    label_dtype,
    segment_count,
    settle_tiles,
    superpixels_found,
)
from .trees import abstract_tree, merged_tree
from .work import Product, Step, Steps, Work, measure

__all__ = ["TreeSuperpixels"]

FINE_PER_SEGMENT = 5  # leaves for each superpixel wanted, where that is the larger number
# How far around a tile leaves are merged: diameters of a superpixel, and leaves that the walk sees
# beside (docs/explanation/decisions/045).
DIAMETERS = 6.0
LEAVES = 13.0
WHOLE = 1_000_000  # leaves of a slice that are merged as a whole: half a gigabyte
MOST = 2 * WHOLE  # leaves around a tile
_PER_LEAF = 32  # bytes of every leaf of a slice, where tiles are merged
_SAMPLED = 256  # tiles of which the walk's constants are taken: beyond, evenly spread ones
_FULL = np.finfo(np.float64).max  # all merges of what touches


@dataclass(frozen=True)
class TreeSuperpixels(Product):
    """The product of :func:`napari_sen.segment` with ``method="tree"``.

    Attributes
    ----------
    wanted : SegmentParams
        How many superpixels there are to be, or the level of the cut.
    tree : TreeSettings
        How the leaves are made and merged.
    reach : float or None
        Pixels around a tile in which leaves are merged with its own; None: enough, and slices of
        up to a million leaves are merged as a whole.
    """

    wanted: SegmentParams
    tree: TreeSettings
    reach: float | None = None

    name = "superpixels of the tree"
    remedy = "use method='snic', or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on beside image and model."""
        mine = {"wanted": self.wanted.to_dict(), "tree": asdict(self.tree), "reach": self.reach}
        return super().identity() | mine

    def rule(self, image: Image) -> CountRule:
        """Return how many leaves a slice gets, by its number of pixels inside."""
        cut = None if self.wanted.level is not None else segment_count(self.wanted, image)
        return partial(_leaves_for_cut, self.tree.fine_size, image.spacing, cut)

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graph, the cut."""
        image = work.image
        leaves = yield from self.grown(work, "fine")
        common, seeds = leaves.common, leaves.growths[0].seeds
        cut = self._cut_tiles if self._is_in_parts(seeds, len(common.grid)) else self._cut_whole
        yield from cut(work, leaves)
        counts = [work.done("cut")[which] for which in range(image.n_slices)]
        firsts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        target = work.target(None, label_dtype(firsts[-1]), common.grid, n_labels=firsts[-1])
        task = partial(_relabel_tile, leaves, target, firsts)
        yield from work.pieces("labels", task, common.n_tiles, where=common.where)
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
                tile=self.tile, halo=self.halo,
            )
        )  # fmt: skip

    def check_memory(
        self, image: Image, seeds: Seeds, channels: int, *, is_whole: bool = False
    ) -> None:
        """Raise ParameterError if the trees do not fit in the free memory."""
        sides, _ = settle_tiles(seeds, self.tile, self.halo or LEAF_HALO[len(seeds.shape)])
        tiles = 1 if is_whole else len(TileGrid(seeds.shape, sides))
        for count in set(seeds.counts):
            merged = count
            if self._is_in_parts(seeds, tiles):
                reach = self._reach(image, seeds)
                zipped = zip(seeds.shape, sides, reach, strict=True)
                seen = math.prod(min(n, side + 2 * far) for n, side, far in zipped)
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
            if which not in work.done("cut"):
                yield Step(which, n_slices, "merging")
                groups = np.empty(0, np.int64)
                if seeds.counts[which]:
                    tree = abstract_tree(merged_tree(leaves, which, poll=work.progress)[1])
                    groups = self._groups(tree, work.image, seeds.pixels[which])
                _keep_cut(work, which, groups)
        yield Step(n_slices, n_slices, "merging")

    def _groups(self, tree: MergeTree, image: Image, pixels: int) -> NDArray[np.int64]:
        """Return the superpixel of every leaf of a slice."""
        if self.wanted.level is not None:
            return tree.groups(level=self.wanted.level)
        # Parts of a mask that do not touch cannot be merged, so there are at least so many.
        count = max(segment_count(self.wanted, image)(pixels), tree.n_parts)
        return tree.groups(min(count, tree.n_leaves))

    def _cut_tiles(self, work: Work, leaves: Leaves) -> Steps:
        """Merge around every tile, find the level, cut there; keep the superpixel of each leaf."""
        common, seeds = leaves.common, leaves.growths[0].seeds
        n_slices, merging = work.image.n_slices, self.tree.merging
        reach = self._reach(work.image, seeds)
        scales: list[WalkScale | None] = [None] * n_slices
        if merging.walk_weight:
            scales = yield from _find_scales(work, leaves, reach)
        task = partial(_merge_tile, leaves, reach, scales)
        yield from work.pieces("merging", task, common.n_tiles)
        levels = [self._level(common, seeds, which) for which in range(n_slices)]
        yield from work.pieces("joining", partial(_cut_tile, leaves, levels), common.n_tiles)
        for which in range(n_slices):
            if which not in work.done("cut"):
                _keep_cut(work, which, _joined(leaves, which))
                yield Step(which + 1, n_slices, "cut")

    def _reach(self, image: Image, seeds: Seeds) -> tuple[int, ...]:
        """Return how far around a tile leaves are merged, in px along each axis."""
        spacing, reach = seeds.spacing, self.reach
        if reach is None:
            pixels = sum(seeds.pixels)
            leaf = mean_diameter(pixels, seeds.total, spacing)
            cut = leaf * FINE_PER_SEGMENT
            if self.wanted.level is None:
                count = sum(map(segment_count(self.wanted, image), seeds.pixels))
                cut = mean_diameter(pixels, count, spacing)
            reach = DIAMETERS * cut + (LEAVES * leaf if self.tree.merging.walk_weight else 0)
        return tuple(math.ceil(reach * min(spacing) / size) for size in spacing)

    def _level(self, common: Common, seeds: Seeds, which: int) -> float | None:
        """Return the level at which a slice has as many superpixels as wanted; None: no merge."""
        if self.wanted.level is not None:
            return self.wanted.level
        count = segment_count(self.wanted, common.image)(seeds.pixels[which])
        if count >= seeds.counts[which]:
            return None
        items = range(which * len(common.grid), (which + 1) * len(common.grid))
        ends = np.concatenate([common.shelf.kept_array(_name("ends", item)) for item in items])
        # As many leaves as wanted outlive this level.
        level = float(np.partition(ends, len(ends) - 1 - count)[len(ends) - 1 - count])
        return min(level, float(_FULL))

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of superpixels made."""
        return superpixels_found(result)


def _leaves_for_cut(
    fine_size: float, spacing: Sequence[float], cut: CountRule | None, pixels: int
) -> int:
    if pixels == 0:
        return 0
    fine = fine_count(fine_size, spacing, pixels)
    if cut is None:
        return fine
    return min(max(fine, cut(pixels) * FINE_PER_SEGMENT), pixels)


def _keep_cut(work: Work, which: int, groups: NDArray[np.int64]) -> None:
    """Keep the superpixel of each leaf of a slice, from 1, and note how many there are."""
    count = int(groups.max(initial=-1)) + 1
    work.shelf.keep_array(_name("cut", which), groups.astype(np.int32) + np.int32(1))
    work.note("cut", which, count)


def _name(what: str, item: int) -> str:
    return f"{what}-{item}"


def _find_scales(work: Work, leaves: Leaves, reach: Sequence[int]) -> Steps:
    """Find the walk's constants for every slice: of all tiles, beyond 256 of an even sample."""
    common, n_slices = leaves.common, work.image.n_slices
    tiles = len(common.grid)
    chosen = sorted({k * tiles // _SAMPLED for k in range(_SAMPLED)})
    scales = []
    for which in range(n_slices):
        kept = work.shelf.kept(_name("scale", which))
        if kept is None:
            items = [which * tiles + number for number in chosen]
            differences = []
            for _, found in work.run(partial(_differences, leaves), items):
                differences.append(found)
                yield Step(which, n_slices, "walk")
            median = median_difference(np.concatenate(differences))
            sums = []
            for _, found in work.run(partial(_walk_tile, leaves, reach, median), items):
                sums.append(found)
                yield Step(which, n_slices, "walk")
            kept = {"median": np.array(median), "gain": np.array(walk_gain(sums))}
            work.shelf.keep(_name("scale", which), **kept)
        scales.append(WalkScale(float(kept["median"]), float(kept["gain"])))
    yield Step(n_slices, n_slices, "walk")
    return scales


@dataclass(frozen=True)
class _Near:
    """The leaves around a tile.

    Attributes
    ----------
    regions : Regions
    numbers : (n,) int64 array
        Their labels, rising.
    is_own : (n,) bool array
        Which of them have their seed in the tile.
    """

    regions: Regions
    numbers: NDArray[np.int64]
    is_own: NDArray[np.bool_]

    @classmethod
    def of(cls, leaves: Leaves, item: int, reach: Sequence[int]) -> _Near:
        """Return the leaves whose seeds lie within some pixels of a tile's core."""
        common = leaves.common
        which, core = common.place(item)
        box = grow(core, reach, common.image.spatial)
        regions, numbers = region_graph_of(leaves, which, box=box)
        own = leaves.growths[0].seeds.window(which, core)[1]
        return cls(regions, np.asarray(numbers), np.isin(numbers, own, assume_unique=True))

    @property
    def own_edges(self) -> NDArray[np.bool_]:
        """Which edges are the tile's: their first leaf is."""
        own: NDArray[np.bool_] = self.is_own[self.regions.edges[:, 0]]
        return own


def _differences(leaves: Leaves, item: int, poll: Progress | None) -> NDArray[np.float64]:
    """Return how much the leaves of one tile differ from their neighbours."""
    near = _Near.of(leaves, item, leaves.growths[0].halo)
    return edge_costs(near.regions)[near.own_edges]


def _walk_tile(
    leaves: Leaves, reach: Sequence[int], median: float, item: int, poll: Progress | None
) -> tuple[float, float]:
    near = _Near.of(leaves, item, reach)
    return walk_sums(near.regions, leaves.merging, median, near.own_edges, poll)


def _merge_tile(
    leaves: Leaves,
    reach: Sequence[int],
    scales: Sequence[WalkScale | None],
    item: int,
    poll: Progress | None,
) -> None:
    """Merge the leaves around one tile; keep their tree, and where the tile's own ones end."""
    shelf, which = leaves.common.shelf, leaves.common.place(item)[0]
    near = _Near.of(leaves, item, reach)
    linkage, ends = np.empty((0, 4)), np.empty(0)
    if near.is_own.any():
        linkage = merge_regions(near.regions, leaves.merging, poll, scale=scales[which])
        ends = _ends(linkage)[near.is_own]
    shelf.keep_array(_name("ends", item), ends)
    edges = near.regions.edges
    own = near.is_own[edges].any(axis=1)
    shelf.keep(
        _name("tree", item), linkage=linkage, numbers=near.numbers, is_own=near.is_own,
        edges=edges[own],
    )  # fmt: skip


def _ends(linkage: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return up to which level each leaf is the smallest of its superpixel; inf for the first."""
    n = len(linkage) + 1
    ends, smallest = np.full(n, np.inf), list(range(n))
    pairs = linkage[:, :2].T.astype(np.int64).tolist()
    for a, b, height in zip(*pairs, linkage[:, 2].tolist(), strict=True):
        low, high = sorted((smallest[a], smallest[b]))
        ends[high] = height
        smallest.append(low)
    return ends


def _cut_tile(
    leaves: Leaves, levels: Sequence[float | None], item: int, poll: Progress | None
) -> None:
    """Cut around one tile; keep which of its own leaves are one, and the borders that are gone."""
    shelf, which = leaves.common.shelf, leaves.common.place(item)[0]
    kept = shelf.kept(_name("tree", item)) or {}
    numbers, is_own, edges = kept["numbers"], kept["is_own"], kept["edges"]
    groups, level = np.arange(len(numbers)), levels[which]
    if level is not None and is_own.any():
        groups = abstract_tree(kept["linkage"]).groups(level=level)
    gone = edges[groups[edges[:, 0]] == groups[edges[:, 1]]]
    within = is_own[gone].all(axis=1)
    place = np.cumsum(is_own) - 1
    parts = _components(place[gone[within]], int(is_own.sum()))
    shelf.keep(
        _name("joined", item), numbers=numbers[is_own], parts=parts, across=numbers[gone[~within]]
    )


def _components(links: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Return the component of each of n nodes, numbered by their first nodes."""
    a, b = links.T
    graph = coo_array((np.ones(len(links), bool), (a, b)), shape=(n, n))
    found = connected_components(graph, directed=False)[1] if n else np.empty(0, np.int64)
    return _by_first(found)


def _by_first(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return groups numbered 0, 1, ... in the order in which they first occur."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place]


def _joined(leaves: Leaves, which: int) -> NDArray[np.int64]:
    """Return the superpixel of every leaf of a slice, numbered by its smallest leaf.

    A border between leaves of two tiles is gone where both tiles say so: where they disagree,
    which is rare, superpixels are split rather than joined, and each stays one piece.
    """
    common, seeds = leaves.common, leaves.growths[0].seeds
    tiles, start = len(common.grid), seeds.first(which) + 1
    part = np.empty(seeds.counts[which], np.int64)
    count, across = 0, [np.empty((0, 2), np.int64)]
    for item in range(which * tiles, (which + 1) * tiles):
        kept = common.shelf.kept(_name("joined", item)) or {}
        part[kept["numbers"] - start] = kept["parts"] + count
        count += int(kept["parts"].max(initial=-1)) + 1
        across.append(kept["across"])
    pairs, said = np.unique(np.concatenate(across), axis=0, return_counts=True)
    return _by_first(_components(part[pairs[said == 2] - start], count)[part])


def _relabel_tile(
    leaves: Leaves, target: Target, firsts: list[int], item: int, poll: Progress | None
) -> None:
    """Write the cut's superpixels of one tile."""
    common, growth = leaves.common, leaves.growths[0]
    which, core = common.place(item)
    index = common.image.index(which)
    fine = growth.target.read(index, core)
    if not fine.any():
        return
    dtype = np.dtype(target.dtype)
    cut = common.shelf.kept_array(_name("cut", which)).astype(dtype) + dtype.type(firsts[which])
    # One entry more: label 0, outside, has no leaf and is looked up at the end.
    table = np.append(cut, dtype.type(0))
    place = np.where(fine > 0, fine - (growth.seeds.first(which) + 1), -1)
    target.write(index, core, table[place])
