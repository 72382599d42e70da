"""Contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.contours import average_boundaries, share_of_cuts, suppress_non_maxima
from ..core.gaussian import gaussian
from ..core.graph import border_keys, border_values
from ..core.snic import snic
from ..errors import ParameterError
from ..params import ContourParams, HierarchyParams, MergeSettings, SnicSettings
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift, with_next
from ..tiles.image import Image
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .features import Scene
from .leaves import Leaves, grow_leaves, leaf_count
from .parallel import in_threads
from .seeding import plain_seeds
from .tasks import Common
from .tiling import LEAF_HALO
from .trees import abstract_tree, check_leaves, merged_tree
from .work import Product, Step, Steps, Work, measure

__all__ = ["ContourMap", "contour_sizes", "fine_seeds", "tree_params"]

# Gradient in CIELAB per px at which a border between halves that share nothing counts fully.
FULL = 10.0
# Of the trees, chosen on validation images (docs/explanation/trials.md).
WALK, BORDER = 0.5, 0.25
SPREAD = 1.0  # px, sigma within which borders of different partitions support each other
# How far around a pixel its contour depends on shares and strengths, in px: 4 for the Gaussian, 8
# for the normals and what lies beside; lines to be thinned are a few px wide.
REACH = 32


def tree_params(params: ContourParams) -> HierarchyParams:
    """Return how the trees of method "trees" merge; what suits the image is still open."""
    return HierarchyParams.given(
        evenness=params.evenness, texture=params.texture, walk_weight=WALK, border_exponent=BORDER
    )


@dataclass(frozen=True)
class ContourMap(Product):
    """The product of :func:`napari_sen.contours`.

    Method "trees": leaves of every fine size grow tile by tile; their graphs are merged, each as a
    whole; what is kept of a tree is the share of its cuts that have the border of two neighbours,
    and with these every tile is drawn. Method "sizes" needs each slice as one piece.

    Attributes
    ----------
    params : ContourParams
        Settled.
    merging : MergeSettings
        How the trees merge.
    growth : SnicSettings
        How the superpixels of the method grow.
    """

    params: ContourParams
    merging: MergeSettings
    growth: SnicSettings

    name = "contours"
    usual_halo = LEAF_HALO
    remedy = "ask for larger fine_sizes, or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the contours depend on beside image and model."""
        mine = {"contours": self.params.to_dict(), "tree": asdict(self.merging)}
        return super().identity() | mine

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graphs, the trees; draw."""
        if self.params.method == "sizes":
            return (yield from self._of_sizes(work))
        params, merging = self.params, self.merging
        stats = yield from measure(work)
        seeds = [fine_seeds(work.image, size) for size in params.fine_sizes]
        names = [f"fine-{part}" for part in range(len(seeds))]
        leaves = yield from grow_leaves(
            work, stats, seeds, names, self.growth, merging, tile=self.tile,
            halo=self.halo_of(2), keep_strength=True,
        )  # fmt: skip
        yield from self._merge(work, leaves)
        common = leaves.common
        target = work.target(None, np.float32, common.grid, labels=False)
        task = partial(_draw_tile, leaves, params, target)
        yield from work.pieces("contours", task, common.n_tiles, where=common.where)
        yield from work.finish(target)
        return target

    def _merge(self, work: Work, leaves: Leaves) -> Any:
        """Merge the leaves of every size and slice; keep which share of the cuts a border has."""
        n_slices = work.image.n_slices
        count = len(leaves.growths) * n_slices
        left = [piece for piece in range(count) if piece not in work.done("merging")]
        for piece in left:
            part, which = divmod(piece, n_slices)
            seeds = leaves.growths[part].seeds
            check_leaves(work.image, leaves.common.loaded(), seeds.counts[which], self.remedy)
        yield Step(count - len(left), count, "merging")
        task = partial(_merge_piece, leaves, n_slices)
        for piece in in_threads(task, left, work.progress, "merging", work.threads):
            work.note("merging", piece)
        yield Step(count, count, "merging")

    def _of_sizes(self, work: Work) -> Steps:
        """Draw the contours of every slice from flat superpixels of several sizes (Fig. 11)."""
        if not work.is_whole:
            raise ParameterError(SIZES_IN_TILES)
        stats = yield from measure(work)
        common = Common.of(work, stats, work.grid(()))
        target = work.target(None, np.float32, common.grid, labels=False)
        task = partial(_draw_sizes, common, self.params, self.growth, target)
        yield from work.pieces("contours", task, common.n_tiles)
        return target

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of pixels that a contour goes through, of an array."""
        if isinstance(result, np.ndarray):
            return {"contour_pixels": int(np.count_nonzero(result))}
        return {}


SIZES_IN_TILES = (
    "in tiles contours are made by method='trees': superpixels of 13 sizes, some as large "
    "as an eighth of the image, need the whole of it"
)


def fine_seeds(image: Image, size: float) -> Seeds:
    """Return the seeds of leaves of one diameter."""
    return plain_seeds(image, leaf_count(size, image))


def _merge_piece(leaves: Leaves, n_slices: int, piece: int, poll: Progress | None) -> int:
    part, which = divmod(piece, n_slices)
    regions, linkage = merged_tree(leaves, which, part, poll)
    tree = abstract_tree(linkage)
    share = share_of_cuts(tree, tree.heights_between(regions.edges + 1))
    keys_name, values_name = _share_names(part, which)
    leaves.common.shelf.keep_array(keys_name, border_keys(regions.edges))
    leaves.common.shelf.keep_array(values_name, share)
    return piece


def _share_names(part: int, which: int) -> tuple[str, str]:
    return f"borders-{part}-{which}", f"shares-{part}-{which}"


def _draw_tile(
    leaves: Leaves, params: ContourParams, target: Target, item: int, poll: Progress | None
) -> None:
    """Write the contours of one tile."""
    common, merging = leaves.common, leaves.merging
    which, core = common.place(item)
    index = common.image.index(which)
    seen = grow(core, (REACH,) * len(core), common.image.spatial)
    shares = in_threads(
        lambda part, inner: _shares(leaves, part, which, seen),
        range(len(leaves.growths)), poll, "contours", common.threads,
    )  # fmt: skip
    if leaves.strength is not None:
        boundary = leaves.strength.read(index, seen)
    else:
        boundary = common.scene(which).strength(seen, merging, poll)
    found = thinned(weighed(shares, boundary, merging), params)
    target.write(index, core, found[as_slices(shift(core, seen))])


def weighed(
    shares: Sequence[NDArray[np.float32]],
    boundary: NDArray[np.float32],
    merging: MergeSettings,
) -> NDArray[np.float32]:
    """Return the mean share of several trees, smoothed, times the root of boundary strength."""
    mean: NDArray[np.float32] = gaussian(np.mean(shares, axis=0), (SPREAD, SPREAD), reflect=True)
    weight = np.sqrt(np.minimum(boundary / np.float32(FULL + merging.texture), 1))
    strength: NDArray[np.float32] = np.clip(mean * weight, 0, 1).astype(np.float32)
    return strength


def thinned(strength: NDArray[np.float32], params: ContourParams) -> NDArray[np.float32]:
    """Return strengths thinned, or without the weak ones, as asked."""
    if params.thin:
        return suppress_non_maxima(strength, threshold=params.threshold)
    return np.where(strength < params.threshold, np.float32(0), strength)


def _shares(leaves: Leaves, part: int, which: int, box: Box) -> NDArray[np.float32]:
    """Return at every pixel of a box the largest share of its borders with the next ones."""
    image, shelf, growth = leaves.common.image, leaves.common.shelf, leaves.growths[part]
    wide = with_next(box, image.spatial)
    labels = growth.target.read(image.index(which), wide) - growth.seeds.first(which)
    keys, values = (np.asarray(shelf.kept_array(name)) for name in _share_names(part, which))
    result = border_values(labels.astype(np.int32, copy=False), keys, values)
    return result[as_slices(shift(box, wide))]


def _draw_sizes(
    common: Common,
    params: ContourParams,
    growth: SnicSettings,
    target: Target,
    item: int,
    poll: Progress | None,
) -> None:
    scene = common.scene(item)
    strength = share_of_sizes(scene, params, growth, poll, common.threads)
    target.write(scene.index, scene.whole, thinned(strength, params))


def share_of_sizes(
    scene: Scene,
    params: ContourParams,
    growth: SnicSettings,
    progress: Progress | None = None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Return the share of flat superpixels of several sizes that have a boundary (Fig. 11)."""
    features = scene.features(scene.whole, growth.features, progress)

    def cut(size: int, poll: Progress | None) -> NDArray[np.int32]:
        return snic(features, size, compactness=growth.compactness, progress=poll)

    sizes = contour_sizes(params, features.shape[0] * features.shape[1])
    return average_boundaries(in_threads(cut, sizes, progress, "contours", threads))


def contour_sizes(params: ContourParams, pixels: int) -> list[int]:
    """Return the numbers of superpixels, in equal ratios, none above the number of pixels."""
    ideal = np.geomspace(params.smallest, params.largest, params.n_sizes)
    return [min(round(size), pixels) for size in ideal.tolist()]
