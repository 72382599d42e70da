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

    The paper's contour strength before thinning (Fig. 11): a border that superpixels of many
    sizes respect is strong, one that only a single size draws is weak.

    Parameters
    ----------
    maps : iterable of (*spatial) arrays of int
        Label maps of one image, at least one; taken one at a time.

    Returns
    -------
    (*spatial) array of float32 in [0, 1]
        Mean of the thin boundary maps.

    Raises
    ------
    ImageError
        No map was given, or their shapes differ.
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
    r"""Return how many of a tree's cuts have a boundary at each pixel, counted over log K.

    .. math:: 1 - \log K / \log n

    with K the fewest superpixels of a cut that still has the boundary and n those of the finest:
    what :func:`average_boundaries` tends to with every cut as a label map, sizes in equal ratios.
    It depends on the order of the merges alone, so images of any contrast are comparable.

    Parameters
    ----------
    tree : Hierarchy
    heights : float32 array, optional
        Heights of borders; by default the ultrametric map.

    Returns
    -------
    float32 array in [0, 1], of the shape of ``heights`` (of the labels)
        Thin borders; 0 within the finest superpixels and outside.
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

    A pixel stays if it is at least as strong as the map (bilinearly interpolated) at distances
    1...radius on both sides along the normal of its contour, taken from first and second
    derivatives of the smoothed map. What is still two pixels wide, such as stairs of equal
    strength, is thinned to its skeleton.

    Parameters
    ----------
    strength : (H, W) array in [0, 1]
    threshold : float in [0, 1]
        Strengths below this are set to 0 first.
    smoothing : int
        Radius in pixels of the triangle filter before the orientation is taken; 0: none.
    radius : int
        Distance in pixels within which only the strongest line survives; at least 1.
    border : int
        Width in pixels of the frame in which strengths fade towards the edge of the image,
        where the orientation is uncertain; 0: none. An axis too short to have an inside
        (2 border or less) does not fade.

    Returns
    -------
    (H, W) array of float32 in [0, 1]

    Raises
    ------
    ImageError
        ``strength`` is not 2-D, is empty, not finite or leaves [0, 1].
    ParameterError
        Another argument is out of range.
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
