"""The cut of a tree that is never made: every tile merges the leaves around it, and cuts there.

Whether two leaves are one superpixel at a level depends on what lies near (the cheapest pairs
merge first, and a pair costs what it costs whatever happens far away). So every tile merges the
leaves around it, and learns at which level each of its leaves ceases to be the smallest of its
superpixel; of all these levels one leaves as many superpixels as wanted, and every tile cuts
there. Borders between two tiles' leaves are gone where both say so.
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
from ..tiles.geometry import grow
from .leaves import Leaves, region_graph_of
from .trees import abstract_tree
from .work import Step, Steps, Work

__all__ = ["Goal", "cut_around_tiles", "cut_name", "is_cut", "keep_cut"]

_SAMPLED = 256  # tiles of which the walk's constants are taken: beyond, evenly spread ones
_FULL = np.finfo(np.float64).max  # all merges of what touches


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
    """Merge around every tile, find each slice's levels, cut there; keep each leaf's superpixels.

    Parameters
    ----------
    work : Work
    leaves : Leaves
    reach : sequence of int
        How far around a tile leaves are merged, in px along each axis.
    goals : sequence of Goal
        Of each cut.
    """
    common = leaves.common
    n_slices, merging = work.image.n_slices, leaves.merging
    scales: list[WalkScale | None] = [None] * n_slices
    if merging.walk_weight:
        scales = yield from _find_scales(work, leaves, reach)
    task = partial(_merge_tile, leaves, reach, scales)
    yield from work.pieces("merging", task, common.n_tiles)
    levels = [[_level(leaves, which, goal) for which in range(n_slices)] for goal in goals]
    yield from work.pieces("joining", partial(_cut_tile, leaves, levels), common.n_tiles)
    for which in range(n_slices):
        if not is_cut(work, which, len(goals)):
            for cut in range(len(goals)):
                keep_cut(work, which, cut, _joined(leaves, which, cut))
            yield Step(which + 1, n_slices, "cut")


def _level(leaves: Leaves, which: int, goal: Goal) -> float | None:
    """Return the level at which a slice has as many superpixels as wanted; None: no merge."""
    if goal.level is not None:
        return goal.level
    common, count = leaves.common, goal.counts[which]
    if count >= leaves.growths[0].seeds.counts[which]:
        return None
    items = range(which * len(common.grid), (which + 1) * len(common.grid))
    ends = np.concatenate([common.shelf.kept_array(_name("ends", item)) for item in items])
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
    leaves: Leaves, levels: Sequence[Sequence[float | None]], item: int, poll: Progress | None
) -> None:
    """Cut around one tile; keep which of its own leaves are one, and the borders that are gone."""
    shelf, which = leaves.common.shelf, leaves.common.place(item)[0]
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


def _joined(leaves: Leaves, which: int, cut: int) -> NDArray[np.int64]:
    """Return the superpixel of every leaf of a slice, numbered by its smallest leaf.

    A border between leaves of two tiles is gone where both tiles say so: where they disagree,
    which is rare, superpixels are split rather than joined, and each stays one piece.
    """
    common, seeds = leaves.common, leaves.growths[0].seeds
    tiles, start = len(common.grid), seeds.first(which) + 1
    part = np.empty(seeds.counts[which], np.int64)
    count, across = 0, [np.empty((0, 2), np.int64)]
    for item in range(which * tiles, (which + 1) * tiles):
        kept = common.shelf.kept(_joined_name(item, cut)) or {}
        part[kept["numbers"] - start] = kept["parts"] + count
        count += int(kept["parts"].max(initial=-1)) + 1
        across.append(kept["across"])
    pairs, said = np.unique(np.concatenate(across), axis=0, return_counts=True)
    return _by_first(_components(part[pairs[said == 2] - start], count)[part])
