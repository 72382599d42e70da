"""Merge trees that stay at hand: another number, or another evenness, runs no network again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.walk import walked_strength
from ..disk import ATTRIBUTE
from ..io.memory import require_memory
from ..options import Execution, Reading
from ..params import MergeSettings, SegmentParams
from ..progress import Progress
from ..tiles.seeds import Seeds
from ..tiles.target import ArrayTarget
from .counts import segment_count
from .cuts import TreeSuperpixels
from .leaves import Leaves, region_graph_of
from .plan import superpixel_run
from .run import Run
from .stored import LINKAGE
from .trees import abstract_tree
from .work import Step, Steps, Work

if TYPE_CHECKING:
    from os import PathLike

    from ..learn.model import Model

__all__ = ["Forest", "forest", "forest_run", "most_leaves", "open_forest"]


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
    """Superpixels of the tree, before they are cut: the leaves, with graphs and trees beside."""

    name = "merge trees"

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graphs, the trees."""
        image, n = work.image, work.image.n_slices
        leaves = yield from self.grown(work, None)
        seeds, target = leaves.growths[0].seeds, leaves.growths[0].target
        for which in range(n):
            yield Step(which, n, "merging")
            if which not in work.done("trees"):
                if seeds.counts[which]:
                    self._keep_tree(work, leaves, which)
                work.note("trees", which)
        if n not in work.done("trees"):
            count = segment_count(self.cuts[0], image)
            wanted = [count(pixels) if pixels else 0 for pixels in seeds.pixels]
            firsts = np.concatenate([[0], np.cumsum(seeds.counts)])
            work.keep_beside(target, "wanted", np.array(wanted, np.int64))
            work.keep_beside(target, "firsts", firsts.astype(np.int64))
            work.note("trees", n)
        yield Step(n, n, "merging")
        yield from work.finish(target)
        if isinstance(target, ArrayTarget):
            return _gathered(target.array, work.shelf.kept_array, _walked(self.tree.merging))
        return target

    def _keep_tree(self, work: Work, leaves: Leaves, which: int) -> None:
        """Keep the graph of one slice, and how it merges."""
        graph, _ = region_graph_of(leaves, which, drop=True)
        graph = _weighed(graph, self.tree.merging, work.progress)
        linkage = merge_regions(graph, _walked(self.tree.merging), work.progress)
        for name, values in {**vars(graph), LINKAGE: linkage}.items():
            if values.size:  # of a single leaf there is no edge, and no merge
                kept = _beside(name, which, work.image.n_slices)
                work.keep_beside(leaves.growths[0].target, kept, values)

    def _is_in_parts(self, seeds: Seeds, tiles: int) -> bool:
        """Return that the leaves of a slice are merged as a whole."""
        return False

    def found(self, result: Any) -> dict[str, Any]:
        """Return how many slices there are."""
        firsts = result.firsts if isinstance(result, Forest) else result["firsts"][...]
        return {"slices": len(firsts) - 1}

    def opened(self, path: str) -> Forest:
        """Return the forest of a store."""
        return open_forest(path)


def _beside(name: str, which: int, n_slices: int) -> str:
    """Return what an array of a slice is called; that of one image is read as a hierarchy, too."""
    return f"{name}-{which}" if n_slices > 1 else name


_NONE = {"sums": (0, 0), "edges": (0, 2), "length": (0,), "strength": (0,), LINKAGE: (0, 4)}


def _gathered(leaves: Any, read: Callable[[str], Any], merging: MergeSettings) -> Forest:
    """Return a forest of leaves and of what was kept beside them, which is read by name."""
    firsts = np.asarray(read("firsts"))

    def there(name: str, which: int) -> NDArray[Any]:
        try:
            return np.asarray(read(_beside(name, which, len(firsts) - 1)))
        except KeyError:
            return np.empty(_NONE[name], np.int32 if name == "edges" else np.float64)

    regions: list[Regions | None] = []
    linkages = []
    for which, count in enumerate(np.diff(firsts)):
        graph = None
        if count:
            graph = Regions(**{each.name: there(each.name, which) for each in fields(Regions)})
        regions.append(graph)
        linkages.append(there(LINKAGE, which) if count else np.empty(_NONE[LINKAGE]))
    wanted = tuple(np.asarray(read("wanted")).tolist())
    return Forest(leaves, tuple(firsts.tolist()), tuple(regions), tuple(linkages), merging, wanted)


def open_forest(path: str | PathLike[str]) -> Forest:
    """Return the forest that a run has written into a store; its leaves are read into memory.

    Raises
    ------
    KeyError
        If the store holds no forest.
    """
    import zarr

    group: Any = zarr.open_group(str(path), mode="r")
    settings = group.attrs[ATTRIBUTE]["run"]["tree"]["merging"]

    def read(name: str) -> NDArray[Any]:
        found: NDArray[Any] = group[name][...]
        return found

    read("firsts")  # before all pixels are read
    require_memory(group["0"].shape, group["0"].dtype, str(path))
    return _gathered(read("0"), read, _walked(MergeSettings(**settings)))


def _walked(merging: MergeSettings) -> MergeSettings:
    """Return how graphs merge whose strength holds what a walk finds (:func:`_weighed`)."""
    return replace(merging, walk_weight=0.0, boundary_weight=1.0)


def _weighed(regions: Regions, merging: MergeSettings, progress: Progress | None) -> Regions:
    """Return a graph whose strength is all that its borders cost, the walk's part as well."""
    if merging.walk_weight:
        return replace(regions, strength=walked_strength(regions, merging, progress=progress))
    return replace(regions, strength=float(merging.boundary_weight) * regions.strength)


def forest_run(
    image: Any,
    params: SegmentParams,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    reading: Reading = Reading(),  # noqa: B008  (frozen)
    execution: Execution = Execution(),  # noqa: B008
) -> Run:
    """Return a run of :func:`forest`; see :func:`~napari_sen.pipeline.plan.superpixel_run`.

    Into a store it writes the leaves, with their graphs and trees beside them, as
    :func:`napari_sen.hierarchy` does.
    """
    run = superpixel_run(image, params, model=model, reading=reading, execution=execution)
    asked = run.product
    assert isinstance(asked, TreeSuperpixels)
    run.product = _Forests(cuts=asked.cuts, tree=asked.tree, tile=asked.tile, halo=asked.halo)
    return run


def most_leaves(run: Run) -> int:
    """Return how many leaves a slice of the run's image gets, at most: as if all were inside."""
    asked = run.product
    assert isinstance(asked, TreeSuperpixels)
    return asked.rule(run.image)(run.image.slice_pixels)


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
    run = forest_run(image, params, model=model, reading=reading, execution=Execution(device))
    run.run(progress)
    found: Forest = run.result()
    return found
