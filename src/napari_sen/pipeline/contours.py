"""Image to contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..core.contours import average_boundaries, share_of_cuts, suppress_non_maxima
from ..core.graph import region_graph
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.snic import snic
from ..errors import ParameterError
from ..large.store import resolve
from ..params import ContourParams, HierarchyParams, SegmentParams
from ..progress import Progress, part
from .choose import choose_model, suit
from .features import boundary_strength, slice_features
from .hierarchy import fine_count
from .parallel import in_threads
from .prepare import Prepared, image_kind, prepare
from .route import is_tiled

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contour_sizes", "contours", "finished", "slice_contours", "tree_params", "weighed"]

# Gradient in CIELAB per px at which a border between halves that share nothing counts fully.
FULL = 10.0
SPREAD = 1.0  # px, sigma within which borders of different partitions support each other


def contours(
    image: Any,
    *,
    method: str | None = None,
    n_sizes: int | None = None,
    smallest: int | None = None,
    largest: int | None = None,
    threshold: float | None = None,
    thin: bool | None = None,
    fine_sizes: Sequence[float] | None = None,
    size_exponent: float | None = None,
    texture: float | None = None,
    compactness: float | None = None,
    model: Model | str | PathLike[str] | None = "auto",
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    r"""Return contour strength: how many sizes of superpixels have a boundary at a pixel.

    Method "trees" averages over all cuts of merge trees, K in equal ratios, on several finest
    partitions of the image, and weighs the mean by the root of the boundary strength (gradient
    and half-disc difference). Method "sizes" is the paper's (Fig. 11): flat
    superpixels of ``n_sizes`` sizes, from ``smallest`` to ``largest`` many in equal ratios.
    Weak strengths are dropped, and the rest is thinned by oriented non-maximum suppression.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; stacks slice by slice.
    method, n_sizes, smallest, largest, threshold, thin, compactness
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    fine_sizes, size_exponent, texture
        Likewise; method "trees" only.
    model, spacing, channel_axis, rgb, slices, device, progress
        As for :func:`napari_sen.segment`.
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`: images that do not fit in memory go in tiles (method
        "trees" only; its trees are merged in memory, half a kilobyte a superpixel).

    Returns
    -------
    float32 array
        The image's shape without its channels; 0...1. A NumPy array; in tiles a dask array over
        an OME-Zarr store.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.
    """
    params = ContourParams.given(
        method=method,
        n_sizes=n_sizes,
        smallest=smallest,
        largest=largest,
        threshold=threshold,
        thin=thin,
        fine_sizes=fine_sizes,
        size_exponent=size_exponent,
        texture=texture,
        compactness=compactness,
    )
    if (resume or overwrite) and out is None:
        raise ParameterError("resume and overwrite speak of an output: give out= as well")
    each = slices or "each"
    options = {"out": out, "tile": tile, "scheduler": scheduler}
    if is_tiled(image, **options, with_model=model is not None):
        from .lazy import contour_run, open_result  # zarr takes a moment to import

        run = contour_run(
            image,
            params,
            model=model,
            spacing=spacing,
            channel_axis=channel_axis,
            rgb=rgb,
            slices=each,
            device=device,
            resume=resume,
            overwrite=overwrite,
            **options,
        )
        run.run(progress)
        return open_result(run.path)[0]
    file = resolve(image)
    kind = image_kind(file, rgb=rgb, channel_axis=channel_axis, slices=each, spacing=spacing)
    chosen = choose_model(model, device, kind=kind)
    params = suit(params, chosen, kind)
    merging = suit(tree_params(params), chosen, kind)
    segmenting = suit(SegmentParams(compactness=params.compactness), chosen, kind)
    prepared = prepare(
        file, rgb=rgb, channel_axis=channel_axis, slices=each, spacing=spacing, model=chosen
    )
    canvas = prepared.canvas
    result = np.zeros(canvas.shape, np.float32)
    for done, index in enumerate(canvas.slices()):
        inner = part(progress, done, len(canvas))
        settings = merging if params.method == "trees" else segmenting
        result[index] = slice_contours(prepared, index, params, settings, chosen, device, inner)
    return result


def tree_params(params: ContourParams) -> HierarchyParams:
    """Return how the trees of method "trees" merge; what suits the image is still open."""
    return HierarchyParams(size_exponent=params.size_exponent, texture=params.texture)


def slice_contours(
    prepared: Prepared,
    index: tuple[int, ...],
    params: ContourParams,
    settings: HierarchyParams | SegmentParams,
    model: Model | None,
    device: str,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the contours of one slice; ``settings`` are those of the method's superpixels."""
    features = slice_features(prepared, index, settings, model, device, progress)
    if isinstance(settings, HierarchyParams):
        boundary = boundary_strength(prepared, index, settings, progress)
        spacing = prepared.spacing
        strength = _of_trees(features, boundary, params, settings, spacing, progress)
    else:
        strength = _of_sizes(features, params, settings, progress)
    return finished(strength, params)


def finished(strength: NDArray[np.float32], params: ContourParams) -> NDArray[np.float32]:
    """Return strengths thinned, or without the weak ones, as asked."""
    if params.thin:
        return suppress_non_maxima(strength, threshold=params.threshold)
    return np.where(strength < params.threshold, np.float32(0), strength)


def _of_trees(
    features: NDArray[np.float32],
    boundary: NDArray[np.float32],
    params: ContourParams,
    merging: HierarchyParams,
    spacing: Sequence[float],
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Return the share of the cuts of a tree on each partition, weighed by boundary strength."""
    pixels = features.shape[0] * features.shape[1]

    def share(size: float, poll: Progress) -> NDArray[np.float32]:
        fine = snic(
            features,
            fine_count(size, spacing, pixels),
            compactness=merging.fine_compactness,
            spacing=spacing,
            progress=poll,
        )
        regions = region_graph(fine, features, boundary, spacing=spacing)
        return share_of_cuts(Hierarchy(fine, merge_regions(regions, merging, poll)))

    return weighed(in_threads(share, params.fine_sizes, progress, "contours"), boundary, merging)


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


def _of_sizes(
    features: NDArray[np.float32],
    params: ContourParams,
    segmenting: SegmentParams,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Return the share of flat superpixels of several sizes that have a boundary (Fig. 11)."""

    def cut(size: int, poll: Progress) -> NDArray[np.int32]:
        return snic(features, size, compactness=segmenting.compactness, progress=poll)

    sizes = contour_sizes(params, features.shape[0] * features.shape[1])
    return average_boundaries(in_threads(cut, sizes, progress, "contours"))


def contour_sizes(params: ContourParams, pixels: int) -> list[int]:
    """Return the numbers of superpixels, in equal ratios, none above the number of pixels."""
    ideal = np.geomspace(params.smallest, params.largest, params.n_sizes)
    return [min(round(size), pixels) for size in ideal.tolist()]
