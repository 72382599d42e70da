"""Boundary strength from many label maps, thinned to lines (Fig. 11 of the paper)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import ImageError, ParameterError
from ..params import shown
from .boundaries import find_boundaries
from .boundary_matching import thin

if TYPE_CHECKING:
    from .hierarchy import Hierarchy

__all__ = ["average_boundaries", "share_of_cuts", "suppress_non_maxima"]


def average_boundaries(maps: Iterable[Any]) -> NDArray[np.float32]:
    """Return the share of label maps that have a boundary at each pixel.

    This is the paper's contour strength before thinning (Fig. 11): a border that superpixels of
    many sizes share is strong, and one that a single size draws is weak.

    Parameters
    ----------
    maps : iterable of (*spatial) arrays of int
        Label maps of one image, at least one. They are used one at a time.

    Returns
    -------
    (*spatial) array of float32 in [0, 1]
        Mean of the thin boundary maps.

    Raises
    ------
    ImageError
        If there is no map, or if their shapes differ.
    """
    total: NDArray[np.int32] | None = None
    count = 0
    for labels in maps:
        found = find_boundaries(labels, "thin")
        if total is None:
            total = np.zeros(found.shape, np.int32)
        elif total.shape != found.shape:
            raise ImageError(f"label maps differ in shape: {total.shape} and {found.shape}")
        total += found
        count += 1
    if total is None:
        raise ImageError("no label map was given to average; give at least one")
    return (total / np.float32(count)).astype(np.float32)


def share_of_cuts(
    tree: Hierarchy, heights: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    r"""Return the share of a tree's cuts that have a boundary at each pixel, over log K.

    .. math:: 1 - \log K / \log n

    Here K is the number of superpixels of the coarsest cut that still has the boundary, and n that
    of the finest. This is the limit of :func:`average_boundaries` over cuts whose numbers of
    superpixels grow in equal ratios. It depends only on the order of the merges, so images of any
    contrast can be compared.

    Parameters
    ----------
    tree : Hierarchy
        The merge tree.
    heights : float32 array, optional
        Heights of borders; by default :meth:`Hierarchy.ultrametric` of the tree.

    Returns
    -------
    float32 array in [0, 1]
        In the shape of ``heights`` (by default, of the labels). Borders are one pixel wide; it is 0
        inside the finest superpixels and outside the mask.
    """
    if heights is None:
        heights = tree.ultrametric()
    if tree.n_leaves == 1:
        return np.zeros(heights.shape, np.float32)
    # A border of height h is in a cut as long as fewer merges are done than lie below h.
    below = np.searchsorted(tree.levels.astype(np.float32), heights, side="left")
    fewest = (tree.n_leaves - below).astype(np.float32)
    share = 1 - np.log(fewest) / np.float32(np.log(tree.n_leaves))
    return np.where(heights > 0, share, np.float32(0)).astype(np.float32)


def suppress_non_maxima(
    strength: Any,
    *,
    threshold: float = 0.0,
    smoothing: int = 4,
    radius: int = 1,
    border: int = 2,
) -> NDArray[np.float32]:
    """Thin a boundary strength to lines one pixel wide.

    A pixel stays if it is at least as strong as the map (bilinearly interpolated) at the distances
    1...radius on both sides, along the normal of its contour. The normal comes from first and
    second derivatives of the smoothed map. Lines that are still two pixels wide, such as stairs of
    equal strength, are thinned to their skeletons.

    Parameters
    ----------
    strength : (H, W) array in [0, 1]
        The boundary strength of an image; finite.
    threshold : float in [0, 1]
        Strengths below this are set to 0 first.
    smoothing : int
        Radius in pixels of the triangle filter before the orientation is computed; 0 for none.
    radius : int
        Distance in pixels within which only the strongest line survives; at least 1.
    border : int
        Width in pixels of the frame in which strengths fade towards the edge of the image, because
        the orientation is uncertain there; 0 for none. An axis that is not longer than twice the
        frame does not fade.

    Returns
    -------
    (H, W) array of float32 in [0, 1]
        The strength on the lines, 0 beside them.

    Raises
    ------
    ImageError
        If ``strength`` is not 2-D, is empty, is not finite or lies outside [0, 1].
    ParameterError
        If another argument is out of range.
    """
    strength = np.asarray(strength)
    if strength.ndim != 2 or strength.size == 0 or strength.dtype.kind not in "fiub":
        raise ImageError(
            f"strength must be a 2-D array of numbers, got {strength.dtype} of {strength.shape}"
        )
    strength = strength.astype(np.float32)
    if not (np.isfinite(strength).all() and strength.min() >= 0 and strength.max() <= 1):
        raise ImageError("strength must be finite and within 0...1; divide it by its maximum")
    if not 0 <= threshold <= 1:
        raise ParameterError(f"threshold must be in 0...1, got {shown(threshold)}")
    for name, value, low in (
        ("smoothing", smoothing, 0),
        ("radius", radius, 1),
        ("border", border, 0),
    ):
        if not isinstance(value, int | np.integer) or value < low:
            raise ParameterError(
                f"{name} must be a whole number of at least {low}, got {shown(value)}"
            )
    strength = np.where(strength < threshold, np.float32(0), strength)
    lines = thin(_ridges(strength, smoothing, radius))
    thinned: NDArray[np.float32] = strength * lines * _fade(strength.shape, border)
    return thinned


def _ridges(strength: NDArray[np.float32], smoothing: int, radius: int) -> NDArray[np.bool_]:
    """Return where a positive strength is maximal along the normal of its contour."""
    rows, columns = np.nonzero(strength)
    row_step, column_step = _normals(strength, smoothing, rows, columns)
    own = strength[rows, columns]
    largest = np.ones(own.shape, bool)
    for distance in range(1, radius + 1):
        for way in (-distance, distance):
            points = (rows + way * row_step, columns + way * column_step)
            beside = ndimage.map_coordinates(strength, points, order=1, mode="nearest")
            # A hair of tolerance: interpolating a constant must not beat the constant.
            largest &= own * np.float32(1 + 1e-5) >= beside
    found = np.zeros(strength.shape, bool)
    found[rows[largest], columns[largest]] = True
    return found


def _normals(
    strength: NDArray[np.float32],
    smoothing: int,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the (row, column) parts of the unit normals of the smoothed map, at some pixels.

    The major eigenvector of :math:`g g^T + r^2 H^2` with the gradient g and the Hessian H: on a
    crest, where g vanishes, the direction of the strongest curvature, on its flanks, which may
    be straight, the slope.
    """
    ramp = np.r_[1 : smoothing + 2, smoothing:0:-1].astype(float)
    smooth = strength.astype(float)
    for axis in (0, 1):
        smooth = ndimage.correlate1d(smooth, ramp / ramp.sum(), axis=axis, mode="reflect")
    slopes = _derivative(smooth, 0), _derivative(smooth, 1)
    bends = (_derivative(slopes[k], axis) for k, axis in ((0, 0), (0, 1), (1, 1)))
    across, mixed, along = (bend[rows, columns] for bend in bends)
    down, right = (slope[rows, columns] for slope in slopes)
    reach = max(smoothing, 1) ** 2
    by_row = down**2 + reach * (across**2 + mixed**2)
    by_column = right**2 + reach * (along**2 + mixed**2)
    by_both = down * right + reach * mixed * (across + along)
    angle = 0.5 * np.arctan2(2 * by_both, by_column - by_row)
    return np.sin(angle), np.cos(angle)


def _derivative(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return central differences, one-sided at the ends; 0 along an axis of one pixel."""
    if values.shape[axis] == 1:
        return np.zeros_like(values)
    slope: NDArray[np.float64] = np.gradient(values, axis=axis)
    return slope


def _fade(shape: tuple[int, ...], border: int) -> NDArray[np.float32]:
    """Return the factor that falls off linearly towards the edges of the image."""
    parts = []
    for length in shape:
        depth = np.minimum(np.arange(length), np.arange(length)[::-1])
        inside = length > 2 * border
        parts.append(np.minimum(1, (depth + 1) / (border + 1)) if inside else np.ones(length))
    return np.minimum.outer(*parts).astype(np.float32)
