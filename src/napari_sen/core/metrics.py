r"""How good superpixels are against human annotations.

The number of superpixels in every table is the one really made (:func:`count_components`).
:math:`S_i` are superpixels, :math:`G_k` the regions of one annotator, N the number of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as label_components

from ..errors import DataError, ImageError, ParameterError
from ..params import shown
from .boundaries import find_boundaries

__all__ = [
    "BoundaryScores",
    "ImageScores",
    "Interval",
    "achievable_accuracy",
    "bootstrap_interval",
    "boundary_scores",
    "count_components",
    "interpolate_at",
    "score",
    "size_variation",
    "undersegmentation_error",
]

# Asking for sizes is only approximate; curves this near to a wanted K count as being there.
K_TOLERANCE = 0.03


@dataclass(frozen=True)
class BoundaryScores:
    """Boundary agreement of one label map with all annotators; all values in [0, 1].

    ``recall``, ``precision`` and ``f1`` are the headline figures (recall pooled over the
    annotators, precision against their union), ``*_mean`` are means over the single annotators,
    and ``f1_best`` is that of the annotator who agrees best.
    """

    recall: float
    precision: float
    f1: float
    recall_mean: float
    precision_mean: float
    f1_mean: float
    f1_best: float


@dataclass(frozen=True)
class ImageScores(BoundaryScores):
    """All figures of one label map: the boundary scores and the overlap measures.

    ``asa`` and ``undersegmentation`` are means over the annotators, ``asa_best`` is the best one.
    The corrected under-segmentation error as printed in the paper (eq. 11) is exactly
    ``1 - asa``, so it has no field of its own.
    """

    n_segments: int
    asa: float
    asa_best: float
    undersegmentation: float
    size_variation: float


class Interval(NamedTuple):
    """A mean with its bootstrap interval: ``mean``, ``low``, ``high``."""

    mean: float
    low: float
    high: float


def count_components(labels: Any, connectivity: int = 1) -> int:
    """Return the number of superpixels really made: connected pieces of equal label.

    Parameters
    ----------
    labels : (H, W) or (Z, H, W) array of int
        0 is outside every superpixel and not counted.
    connectivity : int
        1: pixels touch by their faces (4 or 6 neighbours); at most the number of dimensions.
    """
    labels = _checked(labels)
    if labels.ndim not in (2, 3):
        raise ImageError(f"labels must have 2 or 3 dimensions to be counted, got {labels.shape}")
    if not 1 <= connectivity <= labels.ndim:
        raise ParameterError(
            f"connectivity must be in 1...{labels.ndim}, got {shown(connectivity)}"
        )
    return int(
        label_components(labels, background=0, connectivity=connectivity, return_num=True)[1]
    )


def boundary_scores(
    labels: Any,
    ground_truths: Sequence[Any],
    *,
    mode: str = "thick",
    tolerance: int = 2,
    slicewise: bool = False,
) -> BoundaryScores:
    r"""Return boundary recall, precision and F1 (eq. 8 to 10).

    With boundary pixels :math:`B_S`, those of annotator a :math:`B_a`, and :math:`D(.)` the
    dilation by a square window of ``2 tolerance + 1`` pixels,

    .. math::

        BR = \frac{\sum_a |B_a \cap D(B_S)|}{\sum_a |B_a|},\quad
        BP = \frac{|B_S \cap D(\bigcup_a B_a)|}{|B_S|},\quad
        F_1 = \frac{2\,BP\,BR}{BP + BR}.

    If there is no boundary pixel to count, the share is 1: nothing was missed, nothing was false.

    Parameters
    ----------
    labels : (*spatial) array of int
        Superpixels.
    ground_truths : sequence of (*spatial) arrays of int
        One map for each annotator, at least one.
    mode : {"thick", "thin"}
        See :func:`~napari_sen.core.boundaries.find_boundaries`.
    tolerance : int
        Distance in pixels (largest over the axes) within which boundaries match.
    slicewise : bool
        Take boundaries and windows within the last two axes only, and pool the counts over the
        stack: for anisotropic stacks.

    Raises
    ------
    ImageError
        If a map is not a label map.
    DataError
        If the shapes differ, or there is no ground truth.
    """
    labels, truths = _checked_pair(labels, ground_truths)
    if not isinstance(tolerance, int | np.integer) or tolerance < 0:
        raise ParameterError(
            f"tolerance must be a whole number of at least 0, got {shown(tolerance)}"
        )
    axes = tuple(range(labels.ndim))[-2:] if slicewise else tuple(range(labels.ndim))
    ours = find_boundaries(labels, mode, axes=axes)
    near_ours = _dilate(ours, tolerance, axes)
    union = np.zeros(labels.shape, bool)
    found, lengths, singles = 0, 0, []
    for truth in truths:
        theirs = find_boundaries(truth, mode, axes=axes)
        union |= theirs
        hit, length = _count(theirs & near_ours), _count(theirs)
        found, lengths = found + hit, lengths + length
        recall = _share(hit, length)
        precision = _covered(ours, _dilate(theirs, tolerance, axes))
        singles.append((recall, precision, _harmonic(recall, precision)))
    recall, precision = _share(found, lengths), _covered(ours, _dilate(union, tolerance, axes))
    means = np.mean(singles, axis=0)
    return BoundaryScores(
        recall=recall,
        precision=precision,
        f1=_harmonic(recall, precision),
        recall_mean=float(means[0]),
        precision_mean=float(means[1]),
        f1_mean=float(means[2]),
        f1_best=max(f1 for _, _, f1 in singles),
    )


def achievable_accuracy(labels: Any, truth: Any) -> float:
    r"""Return the achievable segmentation accuracy of superpixels for one annotator (eq. 12).

    .. math:: ASA = \frac{1}{N} \sum_i \max_k |S_i \cap G_k|

    The corrected under-segmentation error (eq. 11, without absolute bars) is 1 - ASA.
    """
    labels, (truth,) = _checked_pair(labels, [truth])
    segment, shared = _overlaps(labels, truth)
    return _asa(segment, shared)


def undersegmentation_error(labels: Any, truth: Any) -> float:
    r"""Return the under-segmentation error of Neubert and Protzel (2012) for one annotator.

    .. math:: UE = \frac{1}{N} \sum_k \sum_{S_i \cap G_k \ne \emptyset}
              \min(|S_i \cap G_k|, |S_i \setminus G_k|)
    """
    labels, (truth,) = _checked_pair(labels, [truth])
    segment, shared = _overlaps(labels, truth)
    return _leak(segment, shared)


def size_variation(labels: Any) -> float:
    """Return the coefficient of variation of the superpixels' sizes (label 0 left out)."""
    labels = _checked(labels)
    sizes = np.bincount(_compact(labels[labels != 0]))
    sizes = sizes[sizes > 0]
    return float(sizes.std() / sizes.mean()) if sizes.size else 0.0


def score(
    labels: Any,
    ground_truths: Sequence[Any],
    *,
    mode: str = "thick",
    tolerance: int = 2,
    slicewise: bool = False,
) -> ImageScores:
    """Return every figure of one label map; parameters as for :func:`boundary_scores`."""
    labels, truths = _checked_pair(labels, ground_truths)
    edges = boundary_scores(labels, truths, mode=mode, tolerance=tolerance, slicewise=slicewise)
    overlaps = [_overlaps(labels, truth) for truth in truths]
    accuracies = [_asa(*overlap) for overlap in overlaps]
    return ImageScores(
        **vars(edges),
        n_segments=count_components(labels),
        asa=float(np.mean(accuracies)),
        asa_best=max(accuracies),
        undersegmentation=float(np.mean([_leak(*overlap) for overlap in overlaps])),
        size_variation=size_variation(labels),
    )


def interpolate_at(k_real: Any, values: Any, k: float) -> Any:
    """Read a method's curve at ``k`` superpixels, linearly over the logarithm of their number.

    Parameters
    ----------
    k_real : (n,) array
        Superpixels really made at each point of the curve; all different, in any order.
    values : (n, ...) array
        The curve, or many at once (one column for each image).
    k : float
        Number of superpixels wanted. It must lie on the curve; up to 3 % beyond its ends, the
        value at the end is taken, since nothing is extrapolated.

    Returns
    -------
    float or (...) array
        The values at ``k``.

    Raises
    ------
    ParameterError
        If ``k`` lies off the curve, or the points do not make one.
    """
    points, curve = np.asarray(k_real, float), np.asarray(values, float)
    if points.ndim != 1 or points.size == 0 or curve.shape[:1] != points.shape:
        raise ParameterError(
            f"k_real and values must agree in length, got {points.shape} and {curve.shape}"
        )
    if not (points > 0).all() or np.unique(points).size < points.size:
        raise ParameterError(f"k_real must be positive and all different, got {points.tolist()}")
    low, high = points.min(), points.max()
    if not low / (1 + K_TOLERANCE) <= k <= high * (1 + K_TOLERANCE):
        raise ParameterError(
            f"K = {k:g} lies off a curve measured from {low:g} to {high:g}; measure nearer sizes"
        )
    order = np.argsort(points)
    logs, curve, at = np.log(points[order]), curve[order], np.log(np.clip(k, low, high))
    if points.size == 1:
        return curve[0]
    right = int(np.clip(np.searchsorted(logs, at), 1, points.size - 1))
    part = (at - logs[right - 1]) / (logs[right] - logs[right - 1])
    return (1 - part) * curve[right - 1] + part * curve[right]


def bootstrap_interval(
    values: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Return the mean over images with its percentile bootstrap interval.

    For two methods on the same images, give their differences image by image (paired): if the
    interval does not contain 0, the difference does not depend on the choice of images.

    Parameters
    ----------
    values : (n,) array
        One value for each image.
    resamples : int
        Number of times that n images are drawn with replacement.
    level : float in (0, 1)
        Share of the resampled means within the interval.
    seed : int
        The same seed gives the same interval.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"values must be a list of finite numbers, got shape {values.shape}")
    if resamples < 1 or not 0 < level < 1:
        raise ParameterError(
            f"resamples must be at least 1 and level within (0, 1), got {resamples} and {level}"
        )
    draws = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def _checked(labels: Any) -> NDArray[Any]:
    """Return a label map as an array, or raise ImageError."""
    array: NDArray[Any] = np.asarray(labels)
    if array.dtype.kind not in "iub" or array.ndim == 0 or array.size == 0:
        raise ImageError(
            f"a label map must be a non-empty array of whole numbers, got {array.dtype} of "
            f"shape {array.shape}"
        )
    return array.view(np.uint8) if array.dtype == bool else array


def _checked_pair(
    labels: Any, ground_truths: Sequence[Any]
) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Return labels and ground truths as arrays of one shape, or raise."""
    labels, truths = _checked(labels), [_checked(truth) for truth in ground_truths]
    if not truths:
        raise DataError("no ground truth was given; give at least one map")
    for truth in truths:
        if truth.shape != labels.shape:
            raise DataError(
                f"labels of shape {labels.shape} do not match a ground truth of {truth.shape}"
            )
    return labels, truths


def _dilate(mask: NDArray[np.bool_], reach: int, axes: Sequence[int]) -> NDArray[np.bool_]:
    """Dilate by a square window, one axis after the other (shifts of bits: no filter is faster)."""
    for axis in axes:
        wide = mask.copy()
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(wide, axis, 0)
        for step in range(1, min(reach, len(source) - 1) + 1):
            target[step:] |= source[:-step]
            target[:-step] |= source[step:]
        mask = wide
    return mask


def _count(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _covered(edges: NDArray[np.bool_], window: NDArray[np.bool_]) -> float:
    return _share(_count(edges & window), _count(edges))


def _harmonic(recall: float, precision: float) -> float:
    total = recall + precision
    return 2 * recall * precision / total if total else 0.0


def _compact(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return label numbers fit for counting: flat, not negative, not far above the pixel count."""
    flat = labels.ravel()
    if flat.size and (flat.min() < 0 or flat.max() > 4 * flat.size):
        flat = np.unique(flat, return_inverse=True)[1].ravel()
    return flat.astype(np.int64)


def _overlaps(
    labels: NDArray[Any], truth: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the non-empty intersections: the superpixel of each (in order), and its pixels."""
    segments, regions = _compact(labels), _compact(truth)
    width = int(regions.max()) + 1
    codes = segments * width + regions
    cells = (int(segments.max()) + 1) * width
    if cells <= 8 * codes.size:
        counts = np.bincount(codes, minlength=cells)
        met = np.flatnonzero(counts)
        return met // width, counts[met]
    met, counts = np.unique(codes, return_counts=True)
    return met // width, counts


def _asa(segment: NDArray[np.int64], shared: NDArray[np.int64]) -> float:
    starts = np.flatnonzero(np.r_[True, segment[1:] != segment[:-1]])
    return float(np.maximum.reduceat(shared, starts).sum() / shared.sum())


def _leak(segment: NDArray[np.int64], shared: NDArray[np.int64]) -> float:
    sizes = np.bincount(segment, weights=shared)
    return float(np.minimum(shared, sizes[segment] - shared).sum() / shared.sum())
