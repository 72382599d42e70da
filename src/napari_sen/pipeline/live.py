"""Merge trees that stay at hand: another number, or another evenness, runs no network again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.walk import walked_strength
from ..options import Execution, Reading
from ..params import MergeSettings, SegmentParams
from ..progress import Progress
from .counts import segment_count
from .cuts import TreeSuperpixels
from .leaves import region_graph_of
from .plan import superpixel_run
from .trees import abstract_tree
from .work import Step, Steps, Work

if TYPE_CHECKING:
    from os import PathLike

    from ..learn.model import Model

__all__ = ["Forest", "forest"]


@dataclass(frozen=True, eq=False)
class Forest:
    """The leaves of an image and how they merge: one tree a slice (or volume).

    Attributes
    ----------
    leaves : int32 array
        The finest superpixels, numbered through over all slices; 0 outside.
    firsts : tuple of int
        Leaves before each slice, and at the end all of them.
    regions : tuple of Regions or None
        The region graph of each slice, with all that borders cost as their strength; None where
        it has no pixel.
    linkages : tuple of array
        The tree of each slice, as :class:`~napari_sen.core.hierarchy.Hierarchy` has it.
    merging : MergeSettings
        How it was merged: without a walk, which the strength holds already.
    wanted : tuple of int
        The number of superpixels that was asked for, of each slice.
    """

    leaves: NDArray[np.int32]
    firsts: tuple[int, ...]
    regions: tuple[Regions | None, ...]
    linkages: tuple[NDArray[np.float64], ...]
    merging: MergeSettings
    wanted: tuple[int, ...]

    @cached_property
    def trees(self) -> tuple[Hierarchy | None, ...]:
        """The tree of each slice, over leaves that stand as one pixel each."""
        return tuple(
            None if regions is None else abstract_tree(linkage)
            for regions, linkage in zip(self.regions, self.linkages, strict=True)
        )

    @cached_property
    def hierarchy(self) -> Hierarchy | None:
        """The tree over its leaves, where there is one."""
        if len(self.regions) != 1 or self.regions[0] is None or self.leaves.ndim > 3:
            return None
        return Hierarchy(self.leaves, self.linkages[0])

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most superpixels that a slice can be asked for."""
        there = [tree for tree in self.trees if tree is not None]
        if not there:
            return 0, 0
        return min(tree.n_parts for tree in there), max(tree.n_leaves for tree in there)

    def groups(self, number: int) -> NDArray[np.int32]:
        """Return the superpixel of every leaf, 0 first, for a number of superpixels a slice.

        A slice that cannot be cut into so many has as many as is next to that.
        """
        table = np.zeros(self.firsts[-1] + 1, np.int32)
        last = 0
        for tree, first in zip(self.trees, self.firsts, strict=False):
            if tree is None:
                continue
            cut = tree.groups(min(max(number, tree.n_parts), tree.n_leaves)) + 1
            table[first + 1 : first + 1 + len(cut)] = cut + last
            last += int(cut.max())
        return table

    def merged(self, evenness: float, progress: Progress | None = None) -> Forest:
        """Return the forest that the same leaves merge into with another evenness, 0 to 1."""
        merging = replace(self.merging, evenness=evenness)
        linkages = tuple(
            linkage if regions is None else merge_regions(regions, merging, progress)
            for regions, linkage in zip(self.regions, self.linkages, strict=True)
        )
        return replace(self, linkages=linkages, merging=merging)

    @property
    def evenness(self) -> float:
        """How much the size of superpixels counts, from 0 (they follow objects) to 1 (even)."""
        return self.merging.evenness


@dataclass(frozen=True, kw_only=True)
class _Forests(TreeSuperpixels):
    """Superpixels of the tree, before they are cut."""

    name = "merge trees"

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graphs, the trees."""
        image, merging = work.image, self.tree.merging
        leaves = yield from self.grown(work, None)
        seeds = leaves.growths[0].seeds
        kept = replace(merging, walk_weight=0.0, boundary_weight=1.0)
        regions: list[Regions | None] = []
        linkages = []
        for which in range(image.n_slices):
            yield Step(which, image.n_slices, "merging")
            if seeds.counts[which] == 0:
                regions.append(None)
                linkages.append(np.empty((0, 4)))
                continue
            graph, _ = region_graph_of(leaves, which, drop=True)
            graph = _weighed(graph, merging, work.progress)
            regions.append(graph)
            linkages.append(merge_regions(graph, kept, work.progress))
        yield Step(image.n_slices, image.n_slices, "merging")
        count = segment_count(self.cuts[0], image)
        return Forest(
            np.asarray(leaves.growths[0].target.array),  # type: ignore[attr-defined]
            tuple(np.concatenate([[0], np.cumsum(seeds.counts)]).tolist()),
            tuple(regions),
            tuple(linkages),
            kept,
            tuple(count(pixels) if pixels else 0 for pixels in seeds.pixels),
        )

    def found(self, result: Any) -> dict[str, Any]:
        """Return how many slices there are."""
        return {"slices": len(result.regions)}


def _weighed(regions: Regions, merging: MergeSettings, progress: Progress | None) -> Regions:
    """Return a graph whose strength is all that its borders cost, the walk's part as well."""
    if merging.walk_weight:
        return replace(regions, strength=walked_strength(regions, merging, progress=progress))
    return replace(regions, strength=float(merging.boundary_weight) * regions.strength)


def forest(
    image: Any,
    params: SegmentParams,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    reading: Reading = Reading(),  # noqa: B008  (frozen)
    device: str = "auto",
    progress: Progress | None = None,
) -> Forest:
    """Return the merge trees that :func:`napari_sen.segment` cuts superpixels from.

    Parameters
    ----------
    image : array, path or list
        In memory, or a path.
    params : SegmentParams
        Of the method that cuts a tree; the number counts for how fine the leaves are.
    model : Model, name, path or None
    reading : Reading
    device : str
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled.

    Returns
    -------
    Forest
        ``groups(n)[leaves]`` are the superpixels of :func:`napari_sen.segment` for the number n
        that was asked for.

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
    """
    run = superpixel_run(image, params, model=model, reading=reading, execution=Execution(device))
    asked = run.product
    assert isinstance(asked, TreeSuperpixels)
    run.product = _Forests(cuts=asked.cuts, tree=asked.tree)
    run.run(progress)
    found: Forest = run.result()
    return found
