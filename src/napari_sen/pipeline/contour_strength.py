"""The contours of one slice of an image that is prepared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..core.contours import average_boundaries, share_of_cuts, suppress_non_maxima
from ..core.graph import region_graph
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.snic import snic
from ..params import ContourParams, HierarchyParams, SegmentParams
from ..progress import Progress
from .features import boundary_strength, slice_features
from .hierarchy import fine_count
from .parallel import in_threads
from .prepare import Prepared

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contour_sizes", "finished", "slice_contours", "tree_params", "weighed"]

# Gradient in CIELAB per px at which a border between halves that share nothing counts fully.
FULL = 10.0
SPREAD = 1.0  # px, sigma within which borders of different partitions support each other


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
        return snic(features, size, compactness=segmenting.compactness or 0.0, progress=poll)

    sizes = contour_sizes(params, features.shape[0] * features.shape[1])
    return average_boundaries(in_threads(cut, sizes, progress, "contours"))


def contour_sizes(params: ContourParams, pixels: int) -> list[int]:
    """Return the numbers of superpixels, in equal ratios, none above the number of pixels."""
    ideal = np.geomspace(params.smallest, params.largest, params.n_sizes)
    return [min(round(size), pixels) for size in ideal.tolist()]
