"""Contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..core.contours import average_boundaries, share_of_cuts, suppress_non_maxima
from ..core.snic import snic
from ..errors import ParameterError
from ..params import ContourParams, HierarchyParams, SnicSettings
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift
from ..tiles.image import Image
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .features import Scene
from .parallel import in_threads
from .superpixels import (
    Common,
    Growth,
    find_limits,
    grow_superpixels,
    label_dtype,
    mend,
    plain_seeds,
    settle_tiles,
)
from .trees import (
    abstract_tree,
    check_leaves,
    fine_count,
    keep_graph,
    merged_tree,
    needs_limits,
)
from .work import Product, Step, Steps, Work, measure

__all__ = ["ContourMap", "contour_sizes", "tree_params"]

# Gradient in CIELAB per px at which a border between halves that share nothing counts fully.
FULL = 10.0
SPREAD = 1.0  # px, sigma within which borders of different partitions support each other
# How far around a pixel its contour depends on shares and strengths, in px: 4 for the Gaussian, 8
# for the normals and what lies beside; lines to be thinned are a few px wide.
REACH = 32


def tree_params(params: ContourParams) -> HierarchyParams:
    """Return how the trees of method "trees" merge; what suits the image is still open."""
    return HierarchyParams(size_exponent=params.size_exponent, texture=params.texture)


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
    merging : HierarchyParams
        How the trees merge, settled.
    growth : SnicSettings
        How the superpixels of the method grow.
    """

    params: ContourParams
    merging: HierarchyParams
    growth: SnicSettings

    name = "contours"
    remedy = "ask for larger fine_sizes, or cut out a part of the image"

    def identity(self) -> dict[str, Any]:
        """Return all that the contours depend on beside image and model."""
        mine = {"contours": self.params.to_dict(), "tree": self.merging.to_dict()}
        return super().identity() | mine

    def stages(self, work: Work) -> Steps:
        """Make the leaves, their graphs, the trees; draw."""
        if self.params.method == "sizes":
            return (yield from self._of_sizes(work))
        image, merging = work.image, self.merging
        stats = yield from measure(work)
        largest = fine_seeds(image, max(self.params.fine_sizes))
        grid = work.grid(settle_tiles(largest, self.tile, self.halo)[0])
        limits = None
        if needs_limits(merging) and not work.is_whole:
            limits = yield from find_limits(work, stats)
        common = Common.of(work, stats, grid, limits)
        growths = [self._fine_growth(work, common, part) for part in range(self.n_parts)]
        yield from work.pieces(
            "superpixels", partial(_grow_tile, common, growths, merging), common.n_tiles
        )
        reach = work.done("superpixels").values()
        for part, growth in enumerate(growths):
            yield from mend(work, common, growth, [tile[part] for tile in reach], f"-{part + 1}")
        if len(grid) > 1:
            task = partial(_graph_tile, common, growths, merging)
            yield from work.pieces("graph", task, common.n_tiles)
        yield from self._merge(work, common, growths)
        target = work.target(None, np.float32, grid, labels=False)
        how = _Drawing(common, tuple(growths), self.params, merging, target)
        yield from work.pieces(
            "contours", partial(_draw_tile, how), common.n_tiles, where=common.where
        )
        yield from work.finish(target)
        return target

    @property
    def n_parts(self) -> int:
        """Number of trees."""
        return len(self.params.fine_sizes)

    def _fine_growth(self, work: Work, common: Common, part: int) -> Growth:
        """Return the label map of one fine size, on the same tiles."""
        seeds = fine_seeds(work.image, self.params.fine_sizes[part])
        dtype = label_dtype(seeds.total)
        target = work.target(f"fine-{part + 1}", dtype, common.grid, n_labels=seeds.total)
        return Growth(self.growth, seeds, settle_tiles(seeds, self.tile, self.halo)[1], target)

    def _merge(self, work: Work, common: Common, growths: Sequence[Growth]) -> Any:
        """Merge the leaves of every size and slice; keep which share of the cuts a border has."""
        n_slices = work.image.n_slices
        count = len(growths) * n_slices
        left = [piece for piece in range(count) if piece not in work.done("merging")]
        for piece in left:
            part, which = divmod(piece, n_slices)
            check_leaves(
                work.image, common.loaded(), growths[part].seeds.counts[which], self.remedy
            )
        yield Step(count - len(left), count, "merging")
        done = in_threads(
            partial(self._merge_piece, common, growths, n_slices), left, work.progress, "merging",
            work.threads,
        )  # fmt: skip
        for piece in done:
            work.note("merging", piece)
        yield Step(count, count, "merging")

    def _merge_piece(
        self,
        common: Common,
        growths: Sequence[Growth],
        n_slices: int,
        piece: int,
        poll: Progress | None,
    ) -> int:
        part, which = divmod(piece, n_slices)
        regions, linkage = merged_tree(common, growths[part].seeds, self.merging, which, part, poll)
        tree = abstract_tree(linkage)
        share = share_of_cuts(tree, tree.heights_between(regions.edges + 1))
        keys = regions.edges[:, 0].astype(np.int64) << 32 | regions.edges[:, 1]
        names = _share_names(part, which)
        for name, values in zip(names, (keys, share), strict=True):
            common.shelf.keep_array(name, values)
        return piece

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
    return plain_seeds(image, partial(fine_count, size, image.spacing))


def _grow_tile(
    common: Common,
    growths: Sequence[Growth],
    merging: HierarchyParams,
    item: int,
    poll: Progress | None,
) -> list[list[int]]:
    """Write the superpixels of one tile, of every size; return how far each kind reaches.

    Of a slice that is one tile, keep the graphs and the boundary strength too.
    """
    which, core = common.place(item)
    scene, spatial = common.scene(which), common.image.spatial
    halo = [max(far) for far in zip(*(growth.halo for growth in growths), strict=True)]
    # Seen by all sizes: computed once, before the threads part.
    scene.features(grow(core, halo, spatial), growths[0].settings.features, poll)

    def grown(growth: Growth, inner: Progress | None) -> list[int]:
        return grow_superpixels(common, growth, scene, item, inner)

    reach = in_threads(grown, growths, poll, "superpixels", common.threads)
    if len(common.grid) == 1:
        strength = keep_graph(common, growths, merging, scene, item, poll)
        if strength is not None:
            common.shelf.keep_array(_strength_name(item), strength)
    return reach


def _graph_tile(
    common: Common,
    growths: Sequence[Growth],
    merging: HierarchyParams,
    item: int,
    poll: Progress | None,
) -> None:
    which, _ = common.place(item)
    keep_graph(common, growths, merging, common.scene(which), item, poll)


def _strength_name(item: int) -> str:
    return f"strength-{item}"


def _share_names(part: int, which: int) -> tuple[str, str]:
    return f"borders-{part}-{which}", f"shares-{part}-{which}"


@dataclass(frozen=True)
class _Drawing:
    """What the tasks of the last stage share."""

    common: Common
    growths: tuple[Growth, ...]
    params: ContourParams
    merging: HierarchyParams
    target: Target


def _draw_tile(how: _Drawing, item: int, poll: Progress | None) -> None:
    """Write the contours of one tile."""
    common = how.common
    which, core = common.place(item)
    seen = grow(core, (REACH,) * len(core), common.image.spatial)
    shares = in_threads(
        lambda part, inner: _shares(how, part, which, seen),
        range(len(how.growths)), poll, "contours", common.threads,
    )  # fmt: skip
    if len(common.grid) == 1 and how.merging.boundary_weight:
        boundary = common.shelf.kept_array(_strength_name(item))
        common.shelf.drop(_strength_name(item))
    else:
        boundary = common.scene(which).strength(seen, how.merging, poll)
    found = thinned(weighed(shares, boundary, how.merging), how.params)
    how.target.write(common.image.index(which), core, found[as_slices(shift(core, seen))])


def weighed(
    shares: Sequence[NDArray[np.float32]],
    boundary: NDArray[np.float32],
    merging: HierarchyParams,
) -> NDArray[np.float32]:
    """Return the mean share of several trees, smoothed, times the root of boundary strength."""
    mean: NDArray[np.float32] = gaussian_filter(np.mean(shares, axis=0), SPREAD)
    weight = np.sqrt(np.minimum(boundary / np.float32(FULL + (merging.texture or 0)), 1))
    strength: NDArray[np.float32] = np.clip(mean * weight, 0, 1).astype(np.float32)
    return strength


def thinned(strength: NDArray[np.float32], params: ContourParams) -> NDArray[np.float32]:
    """Return strengths thinned, or without the weak ones, as asked."""
    if params.thin:
        return suppress_non_maxima(strength, threshold=params.threshold)
    return np.where(strength < params.threshold, np.float32(0), strength)


def _shares(how: _Drawing, part: int, which: int, box: Box) -> NDArray[np.float32]:
    """Return at every pixel of a box the largest share of its borders with the next ones."""
    image, growth, shelf = how.common.image, how.growths[part], how.common.shelf
    wide = tuple(
        (start, min(stop + 1, n)) for (start, stop), n in zip(box, image.spatial, strict=True)
    )
    leaves = growth.target.read(image.index(which), wide).astype(np.int64)
    leaves -= growth.seeds.first(which) + 1
    keys, values = (shelf.kept_array(name) for name in _share_names(part, which))
    result = np.zeros(leaves.shape, np.float32)
    for axis in range(leaves.ndim):
        before, after = ([slice(None)] * leaves.ndim for _ in range(2))
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        a, b = leaves[tuple(before)], leaves[tuple(after)]
        border = a != b
        pairs = np.minimum(a, b)[border] << 32 | np.maximum(a, b)[border]
        share = np.asarray(values[np.searchsorted(keys, pairs)])
        view = result[tuple(before)]
        view[border] = np.maximum(view[border], share)
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
