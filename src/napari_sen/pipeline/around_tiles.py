"""The cut of a tree that is never made: every block of tiles merges the leaves around it.

Whether two leaves are one superpixel at a level depends on what lies near (the cheapest pairs
merge first, and a pair costs what it costs whatever happens far away). So every block merges the
leaves around it, and learns at which level each of its leaves ceases to be the smallest of its
superpixel; of all these levels one leaves as many superpixels as wanted, and every block cuts
there. Borders between two blocks' leaves are gone where both say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..core.graph import Regions
from ..core.hierarchy import merge_regions
from ..core.walk import WalkScale, edge_costs, median_difference, walk_gain, walk_sums
from ..progress import Progress
from ..tiles.geometry import TileGrid, grow, largest_window
from .leaves import Leaves, region_graph_of
from .trees import abstract_tree
from .work import Step, Steps, Work

__all__ = ["Goal", "cut_around_tiles", "cut_name", "is_cut", "keep_cut"]

_SAMPLED = 256  # blocks of which the walk's constants are taken: beyond, evenly spread ones
_FULL = np.finfo(np.float64).max  # all merges of what touches
# Leaves in and around a block: the more, the fewer of them are merged by several blocks; so many
# take 100 MB.
IN_BLOCK = 1 << 18


@dataclass(frozen=True)
class Goal:
    """What one cut is to be.

    Attributes
    ----------
    level : float or None
        Of the cut, in all slices.
    counts : tuple of int
        How many superpixels each slice is to get, where no level is given.
    """

    level: float | None
    counts: tuple[int, ...]


def cut_around_tiles(
    work: Work, leaves: Leaves, reach: Sequence[int], goals: Sequence[Goal]
) -> Steps:
    """Merge around every block, find each slice's levels, cut there; keep each leaf's superpixels.

    Parameters
    ----------
    work : Work
    leaves : Leaves
    reach : sequence of int
        How far around a block leaves are merged, in px along each axis.
    goals : sequence of Goal
        Of each cut.
    """
    n_slices, blocks = work.image.n_slices, Blocks.of(leaves, reach)
    scales: list[WalkScale | None] = [None] * n_slices
    if leaves.merging.walk_weight:
        scales = yield from _find_scales(work, blocks)
    count = n_slices * len(blocks.grid)
    yield from work.pieces("merging", partial(_merge_block, blocks, scales), count)
    levels = [[_level(blocks, which, goal) for which in range(n_slices)] for goal in goals]
    yield from work.pieces("joining", partial(_cut_block, blocks, levels), count)
    for which in range(n_slices):
        if not is_cut(work, which, len(goals)):
            for cut in range(len(goals)):
                keep_cut(work, which, cut, _joined(blocks, which, cut))
            yield Step(which + 1, n_slices, "cut")


@dataclass(frozen=True)
class Blocks:
    """What leaves are merged around: one tile, or several where the leaves are large.

    Attributes
    ----------
    leaves : Leaves
    reach : tuple of int
        How far around a block leaves are merged, in px along each axis.
    grid : TileGrid
        Of one slice (or volume).
    """

    leaves: Leaves
    reach: tuple[int, ...]
    grid: TileGrid

    @classmethod
    def of(cls, leaves: Leaves, reach: Sequence[int]) -> Blocks:
        """Return blocks of as many tiles as hold, with what is around, 2^18 leaves at most."""
        tiles, seeds = leaves.common.grid, leaves.growths[0].seeds
        density = max(
            n / max(pixels, 1) for n, pixels in zip(seeds.counts, seeds.pixels, strict=True)
        )

        def sides(times: int) -> tuple[int, ...]:
            return tuple(times * side for side in tiles.tile)

        def leaves_around(times: int) -> float:
            return density * largest_window(tiles.shape, sides(times), reach)

        times = 1
        while times < max(tiles.counts) and leaves_around(times + 1) <= IN_BLOCK:
            times += 1
        return cls(leaves, tuple(reach), TileGrid(tiles.shape, sides(times)))

    def items(self, which: int) -> range:
        """Return the numbers of a slice's blocks."""
        return range(which * len(self.grid), (which + 1) * len(self.grid))


def _level(blocks: Blocks, which: int, goal: Goal) -> float | None:
    """Return the level at which a slice has as many superpixels as wanted; None: no merge."""
    if goal.level is not None:
        return goal.level
    shelf, count = blocks.leaves.common.shelf, goal.counts[which]
    if count >= blocks.leaves.growths[0].seeds.counts[which]:
        return None
    ends = np.concatenate([shelf.kept_array(_name("ends", item)) for item in blocks.items(which)])
    # As many leaves as wanted outlive this level.
    level = float(np.partition(ends, len(ends) - 1 - count)[len(ends) - 1 - count])
    return min(level, float(_FULL))


def is_cut(work: Work, which: int, cuts: int) -> bool:
    """Return whether all cuts of a slice are kept."""
    n = work.image.n_slices
    return all(cut * n + which in work.done("cut") for cut in range(cuts))


def keep_cut(work: Work, which: int, cut: int, groups: NDArray[np.int64]) -> None:
    """Keep the superpixel of each leaf of a slice, from 1, and note how many there are."""
    count = int(groups.max(initial=-1)) + 1
    work.shelf.keep_array(cut_name(which, cut), groups.astype(np.int32) + np.int32(1))
    work.note("cut", cut * work.image.n_slices + which, count)


def cut_name(which: int, cut: int) -> str:
    """Return the name under which the superpixel of each leaf of a slice is kept."""
    return f"cut-{which}-{cut}"


def _name(what: str, item: int) -> str:
    return f"{what}-{item}"


def _find_scales(work: Work, blocks: Blocks) -> Steps:
    """Find the walk's constants for every slice: of all blocks, beyond 256 of an even sample."""
    n_slices, shelf = work.image.n_slices, work.shelf
    count = len(blocks.grid)
    chosen = sorted({k * count // _SAMPLED for k in range(_SAMPLED)})
    scales = []
    for which in range(n_slices):
        kept = shelf.kept(_name("scale", which))
        if kept is None:
            items = [blocks.items(which)[number] for number in chosen]
            differences = []
            for _, found in work.run(partial(_differences, blocks), items):
                differences.append(found)
                yield Step(which, n_slices, "walk")
            median = median_difference(np.concatenate(differences))
            sums = []
            for _, found in work.run(partial(_walk_block, blocks, median), items):
                sums.append(found)
                yield Step(which, n_slices, "walk")
            kept = {"median": np.array(median), "gain": np.array(walk_gain(sums))}
            shelf.keep(_name("scale", which), **kept)
        scales.append(WalkScale(float(kept["median"]), float(kept["gain"])))
    yield Step(n_slices, n_slices, "walk")
    return scales


@dataclass(frozen=True)
class _Near:
    """The leaves around a block.

    Attributes
    ----------
    regions : Regions
    numbers : (n,) int64 array
        Their labels, rising.
    is_own : (n,) bool array
        Which of them have their seed in the block.
    """

    regions: Regions
    numbers: NDArray[np.int64]
    is_own: NDArray[np.bool_]

    @classmethod
    def of(cls, blocks: Blocks, item: int, reach: Sequence[int]) -> _Near:
        """Return the leaves whose seeds lie within some pixels of a block's core."""
        leaves = blocks.leaves
        which, core = blocks.grid.place(item)
        box = grow(core, reach, blocks.grid.shape)
        regions, numbers = region_graph_of(leaves, which, box=box)
        own = leaves.growths[0].seeds.window(which, core)[1]
        return cls(regions, np.asarray(numbers), np.isin(numbers, own, assume_unique=True))

    @property
    def own_edges(self) -> NDArray[np.bool_]:
        """Which edges are the block's: their first leaf is."""
        own: NDArray[np.bool_] = self.is_own[self.regions.edges[:, 0]]
        return own


def _differences(blocks: Blocks, item: int, poll: Progress | None) -> NDArray[np.float64]:
    """Return how much the leaves of one block differ from their neighbours."""
    near = _Near.of(blocks, item, blocks.leaves.growths[0].halo)
    return edge_costs(near.regions)[near.own_edges]


def _walk_block(
    blocks: Blocks, median: float, item: int, poll: Progress | None
) -> tuple[float, float]:
    near = _Near.of(blocks, item, blocks.reach)
    return walk_sums(near.regions, blocks.leaves.merging, median, near.own_edges, poll)


def _merge_block(
    blocks: Blocks, scales: Sequence[WalkScale | None], item: int, poll: Progress | None
) -> None:
    """Merge the leaves around one block; keep their tree, and where the block's own ones end."""
    shelf, which = blocks.leaves.common.shelf, blocks.grid.place(item)[0]
    near = _Near.of(blocks, item, blocks.reach)
    linkage, ends = np.empty((0, 4)), np.empty(0)
    if near.is_own.any():
        linkage = merge_regions(near.regions, blocks.leaves.merging, poll, scale=scales[which])
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


def _cut_block(
    blocks: Blocks, levels: Sequence[Sequence[float | None]], item: int, poll: Progress | None
) -> None:
    """Cut around one block; keep which of its own leaves are one, and the borders that are gone."""
    shelf, which = blocks.leaves.common.shelf, blocks.grid.place(item)[0]
    kept = shelf.kept(_name("tree", item)) or {}
    numbers, is_own, edges = kept["numbers"], kept["is_own"], kept["edges"]
    place = np.cumsum(is_own) - 1
    for cut, of_slices in enumerate(levels):
        groups, level = np.arange(len(numbers)), of_slices[which]
        if level is not None and is_own.any():
            groups = abstract_tree(kept["linkage"]).groups(level=level)
        gone = edges[groups[edges[:, 0]] == groups[edges[:, 1]]]
        within = is_own[gone].all(axis=1)
        parts = _components(place[gone[within]], int(is_own.sum()))
        across = numbers[gone[~within]]
        shelf.keep(_joined_name(item, cut), numbers=numbers[is_own], parts=parts, across=across)


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


def _joined_name(item: int, cut: int) -> str:
    return _name("joined", item) + f"-{cut}"


def _joined(blocks: Blocks, which: int, cut: int) -> NDArray[np.int64]:
    """Return the superpixel of every leaf of a slice, numbered by its smallest leaf.

    A border between leaves of two blocks is gone where both blocks say so: where they disagree,
    which is rare, superpixels are split rather than joined, and each stays one piece.
    """
    shelf, seeds = blocks.leaves.common.shelf, blocks.leaves.growths[0].seeds
    start = seeds.first(which) + 1
    part = np.empty(seeds.counts[which], np.int64)
    count, across = 0, [np.empty((0, 2), np.int64)]
    for item in blocks.items(which):
        kept = shelf.kept(_joined_name(item, cut)) or {}
        part[kept["numbers"] - start] = kept["parts"] + count
        count += int(kept["parts"].max(initial=-1)) + 1
        across.append(kept["across"])
    pairs, said = np.unique(np.concatenate(across), axis=0, return_counts=True)
    return _by_first(_components(part[pairs[said == 2] - start], count)[part])
