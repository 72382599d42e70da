"""The superpixel hierarchy: one merge tree over fine superpixels, cut at any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ParameterError
from ..params import MergeSettings, require
from ..progress import Progress, report
from . import _kernel
from .graph import Regions, as_volume, checked_labels, region_graph
from .walk import WalkScale, walked_strength

__all__ = ["Hierarchy", "build", "merge_regions"]


@dataclass(frozen=True, eq=False, repr=False)
class Hierarchy:
    """A merge tree over the superpixels of a label image.

    Of n leaves, leaf r is label r + 1, and merge k makes node n + k (the layout of
    :func:`scipy.cluster.hierarchy.linkage`).

    Attributes
    ----------
    labels : (Y, X) or (Z, Y, X) int32 array
        The finest superpixels, 1...n; 0 outside. Read-only.
    linkage : (n - 1, 4) float64 array
        One row per merge: its two nodes (the smaller first), its height, and its number of leaves.
        Heights never fall: each is the largest cost so far. Parts of a mask that do not touch
        are joined last, in the order of their nodes' numbers, at height inf. Read-only.
    """

    labels: NDArray[np.int32]
    linkage: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that labels and linkage are a hierarchy."""
        labels, n = checked_labels(self.labels)
        linkage = np.ascontiguousarray(self.linkage, dtype=np.float64)
        _check_linkage(linkage, n)
        for name, array in (("labels", labels), ("linkage", linkage)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __repr__(self) -> str:
        """Return what it is of, not all of its numbers."""
        size = " x ".join(map(str, self.labels.shape))
        return f"<Hierarchy of {size} pixels, {self.n_leaves} finest superpixels>"

    @property
    def n_leaves(self) -> int:
        """The number n of finest superpixels."""
        return len(self.linkage) + 1

    @cached_property
    def n_parts(self) -> int:
        """The number of parts that do not touch: no cut can have fewer superpixels."""
        return 1 + int(np.isinf(self.levels).sum())

    @property
    def levels(self) -> NDArray[np.float64]:
        """The heights of the n - 1 merges, which never fall."""
        return self.linkage[:, 2]

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """The parent of each of the 2n - 1 nodes; the root is its own parent."""
        n = self.n_leaves
        parents = np.empty(2 * n - 1, np.int64)
        parents[-1] = 2 * n - 2
        parents[self.linkage[:, :2].astype(np.int64)] = np.arange(n, 2 * n - 1)[:, None]
        parents.flags.writeable = False
        return parents

    def cut(
        self, n_segments: int | None = None, *, level: float | None = None
    ) -> NDArray[np.int32]:
        """Return the superpixels of one granularity.

        Parameters
        ----------
        n_segments : int, optional
            Number of superpixels, from ``n_parts`` to ``n_leaves``; you get exactly this many.
        level : float, optional
            Instead of a number: do all merges up to this height, at least 0. Parts that do not
            touch stay apart.

        Returns
        -------
        (Y, X) or (Z, Y, X) int32 array
            Labels 1, 2, ..., each one connected piece, in the order of the smallest leaf that each
            holds; 0 outside.

        Raises
        ------
        ParameterError
            If you give both or neither, or if the one that you give is out of range.
        """
        table = np.concatenate([[0], self.groups(n_segments, level=level) + 1])
        volume = as_volume(self.labels, self.labels.ndim)
        labels: NDArray[np.int32] = _kernel.relabel(volume, table.astype(np.int32))
        return labels.reshape(self.labels.shape)

    def ultrametric(self) -> NDArray[np.float32]:
        """Return the ultrametric boundary map: the height at which each border disappears.

        Returns
        -------
        (Y, X) or (Z, Y, X) float32 array
            For each pixel, the largest height at which it joins the next pixel along any axis, so
            borders are one pixel wide. It is 0 inside the finest superpixels and outside the mask.
        """
        if self.n_leaves == 1:
            return np.zeros(self.labels.shape, np.float32)
        heights: NDArray[np.float32] = _kernel.ultrametric(
            as_volume(self.labels, self.labels.ndim),
            np.ascontiguousarray(self.linkage[:, :2], dtype=np.int64),
            np.ascontiguousarray(self.levels),
        )
        return heights.reshape(self.labels.shape)

    def heights_between(self, pairs: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the heights at which borders between two of the finest superpixels disappear.

        Parameters
        ----------
        pairs : (E, 2) array of int
            Labels, two different ones in each pair.

        Returns
        -------
        (E,) float32 array
            The values that :meth:`ultrametric` has on these borders.
        """
        if not len(pairs):
            return np.zeros(0, np.float32)
        # Pairs stand side by side as pixels, with a row of outside between one and the next.
        rows = np.zeros((1, 2 * len(pairs), 2), np.int32)
        rows[0, ::2] = pairs
        heights: NDArray[np.float32] = _kernel.ultrametric(
            rows, np.ascontiguousarray(self.linkage[:, :2], dtype=np.int64),
            np.ascontiguousarray(self.levels),
        )  # fmt: skip
        return heights[0, ::2, 0]

    def _merges(self, n_segments: int | None, level: float | None) -> int:
        """Return how many merges a cut does."""
        if (n_segments is None) == (level is None):
            raise ParameterError("give either n_segments or level")
        if level is not None:
            require("level", level, float, {"low": 0})
            return int(np.searchsorted(self.levels, level, side="right"))
        assert n_segments is not None
        require("n_segments", n_segments, int, {})
        if not self.n_parts <= n_segments <= self.n_leaves:
            raise ParameterError(
                f"n_segments must lie in {self.n_parts}...{self.n_leaves} for this hierarchy, "
                f"got {n_segments}: the finest level has {self.n_leaves} superpixels"
                + (f", and {self.n_parts} parts do not touch" if self.n_parts > 1 else "")
            )
        return self.n_leaves - int(n_segments)

    def groups(
        self, n_segments: int | None = None, *, level: float | None = None
    ) -> NDArray[np.int64]:
        """Return the superpixel of a cut that each leaf belongs to.

        Parameters
        ----------
        n_segments, level
            As for :meth:`cut`.

        Returns
        -------
        (n,) int64 array
            Numbers 0, 1, ..., one less than the labels of the cut.
        """
        n = self.n_leaves
        nodes = n + self._merges(n_segments, level)
        # A node whose parent is not made yet is its own; then everyone asks its parent's parent
        # until nothing changes, which takes log2 of the depth.
        root = np.where(self.parents[:nodes] < nodes, self.parents[:nodes], np.arange(nodes))
        while True:
            further = root[root]
            if np.array_equal(further, root):
                break
            root = further
        leaves = root[:n]
        smallest = np.empty(nodes, np.int64)
        smallest[leaves[::-1]] = np.arange(n)[::-1]  # the last one written stays
        number = np.cumsum(smallest[leaves] == np.arange(n)) - 1
        result: NDArray[np.int64] = number[smallest[leaves]]
        return result


def build(
    labels: Any,
    features: Any,
    strength: Any = None,
    *,
    merging: MergeSettings,
    spacing: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Hierarchy:
    r"""Merge the superpixels of a label image, cheapest pair of neighbours first.

    .. math:: w_{ab} = (2 n_a n_b / (n_a + n_b))^p (|f_a - f_b| + w_b B_{ab} + x_{ab})
                       (\min(l_a, l_b) / l_{ab})^q

    with sizes n in pixels, mean features f, the length l_ab of the common border (in faces) and
    the mean boundary strength B along it, the length l_a of all borders of a region and, where
    the walk has a weight, its part x of the cost (:func:`~napari_sen.core.walk.walk_costs`),
    which regions inherit along their borders as they do B. Equal costs are decided by the smaller,
    then the larger node number, and all rounding is fixed, so the tree is the same on every
    machine.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) array of int
        Superpixels 1...n without gaps, each connected by faces; 0 is outside.
    features : (Y, X, C) or (Z, Y, X, C) array
        What is compared, already weighted: the distance of mean features is the first term.
    strength : (Y, X) or (Z, Y, X) array, optional
        Boundary strength, finite and at least 0; none by default.
    merging : MergeSettings
        ``evenness`` p and ``border_exponent`` q (both used in steps of 2^-16),
        ``boundary_weight`` w_b and those of the walk are used. For a kind of image:
        ``HierarchyParams().tree("natural").merging``.
    spacing : sequence of float, optional
        Pixel size along each axis, for the length of borders; all 1 by default.
    progress : callable, optional
        Called as ``progress(done, total, "merging")``; may raise Cancelled.

    Returns
    -------
    Hierarchy

    Raises
    ------
    ImageError, ParameterError
        If an array cannot be used; the message names the remedy.
    """
    regions = region_graph(labels, features, strength, spacing=spacing)
    return Hierarchy(labels, merge_regions(regions, merging, progress))


def merge_regions(
    regions: Regions,
    merging: MergeSettings,
    progress: Progress | None = None,
    *,
    scale: WalkScale | None = None,
) -> NDArray[np.float64]:
    """Return the linkage of a region graph; see :func:`build` and :class:`Hierarchy`.

    Parameters
    ----------
    regions : Regions
        Nodes and edges; several graphs may be put together, since all their sums add.
    merging : MergeSettings
        As for :func:`build`.
    progress : callable, optional
        Called as ``progress(done, total, "merging")``; may raise Cancelled.
    scale : WalkScale, optional
        Of the whole image, where ``regions`` are a part of it; measured here by default.

    Returns
    -------
    (n - 1, 4) float64 array
    """
    n = len(regions.sizes)
    strength, weight = regions.strength, float(merging.boundary_weight)
    if merging.walk_weight:
        strength, weight = walked_strength(regions, merging, scale, progress), 1.0
    report(progress, 0, n - 1, "merging")
    pairs, costs = _kernel.merge(
        regions.edges,
        regions.length,
        strength,
        regions.sizes,
        regions.sums,
        round(merging.evenness * 65536),
        weight,
        round(merging.border_exponent * 65536),
        poll=None if progress is None else lambda done: progress(done, n - 1, "merging"),
    )
    report(progress, n - 1, n - 1, "merging")
    pairs, costs = _join_parts(pairs, costs, n)
    linkage = np.empty((n - 1, 4))
    linkage[:, :2] = pairs
    linkage[:, 2] = np.maximum.accumulate(costs)
    linkage[:, 3] = _leaves(pairs, n)
    return linkage


def _join_parts(
    pairs: NDArray[np.int64], costs: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join what does not touch: the two smallest nodes, then that and the next, at height inf."""
    nodes = n + len(pairs)
    is_root = np.ones(nodes, bool)
    is_root[pairs] = False
    roots = np.flatnonzero(is_root)
    rest = np.empty((len(roots) - 1, 2), np.int64)
    rest[:, 0] = roots[1:]
    rest[:1, 1] = roots[0]
    rest[1:, 1] = nodes + np.arange(len(rest) - 1)
    rest.sort(axis=1)
    return np.concatenate([pairs, rest]), np.concatenate([costs, np.full(len(rest), np.inf)])


def _leaves(pairs: NDArray[np.int64], n: int) -> list[int]:
    """Return the number of leaves below each merge."""
    count = [1] * n
    # Two lists of numbers: a list of pairs would make Python's garbage collector stop the world.
    for a, b in zip(*pairs.T.tolist(), strict=True):
        count.append(count[a] + count[b])
    return count[n:]


def _check_linkage(linkage: NDArray[np.float64], n: int) -> None:
    """Raise ImageError unless this is a linkage of n leaves with heights that never fall."""
    if linkage.shape != (n - 1, 4):
        raise ImageError(
            f"the linkage of {n} superpixels needs the shape {(n - 1, 4)}, got {linkage.shape}"
        )
    children, heights, leaves = linkage[:, :2], linkage[:, 2], linkage[:, 3]
    nodes = np.arange(n, 2 * n - 1)
    is_tree = np.array_equal(np.sort(children, axis=None), np.arange(2 * n - 2)) and bool(
        (children < nodes[:, None]).all()
    )
    if not is_tree:
        raise ImageError(
            "the linkage is not a tree: each node but the root needs one parent, of higher number"
        )
    if np.isnan(heights).any() or (heights < 0).any() or (heights[1:] < heights[:-1]).any():
        raise ImageError("the heights of the linkage must be at least 0 and never fall")
    count = np.concatenate([np.ones(n), leaves])
    if (count[children.astype(np.int64)].sum(axis=1) != leaves).any():
        raise ImageError("the numbers of leaves in the linkage do not fit its tree")
