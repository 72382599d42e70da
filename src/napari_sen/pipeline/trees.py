"""The merge tree of an image: the leaves' graphs add up, and are merged as a whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions
from ..core.hierarchy import Hierarchy as MergeTree
from ..core.hierarchy import build, merge_regions
from ..core.snic import snic
from ..errors import ParameterError
from ..params import TreeSettings
from ..progress import Progress
from ..tiles.image import Image
from .counts import CountRule
from .features import Scene
from .leaves import Leaves, check_tree_memory, fine_count, grow_leaves, leaf_count, region_graph_of
from .seeding import find_seeds
from .stored import LINKAGE, open_tree
from .tiling import LEAF_HALO
from .work import Product, Step, Steps, Work, measure

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Tree", "abstract_tree", "check_leaves", "merged_tree", "scene_tree"]


def scene_tree(
    scene: Scene,
    tree: TreeSettings,
    n_fine: int | None = None,
    progress: Progress | None = None,
) -> MergeTree:
    """Return the tree of one slice in memory; by default with leaves of diameter ``fine_size``."""
    image, inside = scene.image, scene.inside(scene.whole)
    if n_fine is None:
        pixels = image.slice_pixels if inside is None else int(inside.sum())
        n_fine = fine_count(tree.fine_size, image.spacing, pixels)
    features = scene.features(scene.whole, tree.leaves.features, progress)
    labels = snic(
        features, n_fine, compactness=tree.leaves.compactness, spacing=image.spacing, mask=inside,
        progress=progress,
    )  # fmt: skip
    merging, strength = tree.merging, None
    if merging.boundary_weight:
        strength = scene.strength(scene.whole, merging, progress)
    return build(
        labels, features, strength, merging=merging, spacing=image.spacing, progress=progress
    )


def merged_tree(
    leaves: Leaves, which: int, part: int = 0, poll: Progress | None = None
) -> tuple[Regions, NDArray[np.float64]]:
    """Return the graph and the linkage of a slice with leaves."""
    regions, _ = region_graph_of(leaves, which, part, drop=True)
    return regions, merge_regions(regions, leaves.merging, poll)


def abstract_tree(linkage: NDArray[np.float64]) -> MergeTree:
    """Return a tree whose leaves stand as one pixel each: it is not asked where they lie."""
    leaves = np.arange(1, len(linkage) + 2, dtype=np.int32)[None]
    return MergeTree(leaves, linkage)


def check_leaves(image: Image, model: Model | None, leaves: int, remedy: str) -> None:
    """Raise ParameterError if the tree of so many leaves does not fit in the free memory."""
    channels = image.raster.channels + (0 if model is None else model.dim)
    check_tree_memory(leaves, channels, remedy)


@dataclass(frozen=True)
class Tree(Product):
    """The product of :func:`napari_sen.hierarchy`.

    Attributes
    ----------
    tree : TreeSettings
    n_fine : int or None
        Number of leaves; None: as many as ``fine_size`` says.
    """

    tree: TreeSettings
    n_fine: int | None = None

    name = "hierarchy"
    usual_halo = LEAF_HALO
    remedy = "ask for a larger fine_size, or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the tree depends on beside image and model."""
        return super().identity() | {"tree": asdict(self.tree), "n_fine": self.n_fine}

    def rule(self, image: Image) -> CountRule:
        """Return how many leaves the image gets."""
        if self.n_fine is None:
            return leaf_count(self.tree.fine_size, image)
        return partial(_exactly, self.n_fine)

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graph, the tree."""
        settings, merging = self.tree.leaves, self.tree.merging
        stats = yield from measure(work)
        seeds = yield from find_seeds(work, self.rule(work.image), settings.connectivity)
        leaves = yield from grow_leaves(
            work, stats, [seeds], [None], settings, merging, tile=self.tile,
            halo=self.halo_of(work.image.n_spatial),
        )  # fmt: skip
        target = leaves.growths[0].target
        if 0 not in work.done("merging"):
            yield Step(0, 1, "merging")
            check_leaves(work.image, leaves.common.loaded(), seeds.counts[0], self.remedy)
            _, linkage = merged_tree(leaves, 0, poll=work.progress)
            work.keep_beside(target, LINKAGE, linkage)
            work.note("merging", 0)
        yield Step(1, 1, "merging")
        yield from work.finish(target)
        return work.tree(target)

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
