"""Boundary strength: how much an image changes at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..params import shown
from ..progress import Progress, report
from . import _kernel
from .gaussian import TRUNCATE, gaussian
from .lattice import check_spacing

__all__ = [
    "PERCENTILES",
    "STEP",
    "gradient_magnitude",
    "half_disc_difference",
    "half_disc_limits",
    "half_disc_reach",
]

ORIENTATIONS = 8
SECTORS = 2 * ORIENTATIONS
BINS = 12
PERCENTILES = (1.0, 99.0)
RADII = (5, 10, 20)  # px
SMOOTHING = 1.0  # px
STEP = 3  # px
_OUTSIDE = 0xFFFF


def gradient_magnitude(
    features: NDArray[Any],
    *,
    spacing: Sequence[float] | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Return the length of the features' gradient: sqrt of the squares over axes and channels.

    The derivative along an axis is the mean of the steps to the neighbours on both sides; at
    the border of the image or mask, the one step that stays inside.

    Parameters
    ----------
    features : (Y, X, C) or (Z, Y, X, C) array
        Finite features, already smoothed (sigma 1.5 px for natural images).
    spacing : sequence of float, optional
        Pixel size along each axis, all 1 by default; steps are taken per unit of the smallest.
    mask : (*spatial) bool array, optional
        Steps into the outside do not count; there the result is 0.

    Returns
    -------
    (*spatial) float32 array
        In units of the features per pixel (of the finest axis).
    """
    values = np.asarray(features, dtype=np.float32)
    size = np.asarray(check_spacing(spacing, values.ndim - 1))
    relative = (size / size.min()).astype(np.float32)
    squares = np.zeros(values.shape[:-1], np.float32)
    for axis, unit in enumerate(relative):
        if values.shape[axis] == 1:
            continue
        weight = None if mask is None else _both_inside(mask, axis)
        count = _at_both_ends(weight, values.shape[:-1], axis)
        for c in range(values.shape[-1]):
            step = np.diff(values[..., c], axis=axis)
            if weight is not None:
                step *= weight
            total = np.zeros(values.shape[:-1], np.float32)
            before, after = _ends(total, axis)
            before += step
            after += step
            total /= count * unit
            squares += total * total
    if mask is not None:
        squares *= mask
    return np.sqrt(squares, out=squares)


def _both_inside(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    first, second = _ends(mask, axis)
    result: NDArray[np.bool_] = first & second
    return result


def _at_both_ends(
    weight: NDArray[np.bool_] | None, shape: tuple[int, ...], axis: int
) -> NDArray[np.float32]:
    """Return how many steps along an axis (1 or 2; 1 for none) each pixel takes part in."""
    count = np.zeros(shape, np.float32)
    before, after = _ends(count, axis)
    step = np.float32(1) if weight is None else weight.astype(np.float32)
    before += step
    after += step
    return np.maximum(count, 1, out=count)


def _ends(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the views of all pixels but the last, and of all but the first, along an axis."""
    skip = (slice(None),) * axis
    return array[(*skip, slice(None, -1))], array[(*skip, slice(1, None))]


def half_disc_difference(
    features: NDArray[Any],
    *,
    radii: Sequence[int] = RADII,
    weights: Sequence[float] | None = None,
    smoothing: float = SMOOTHING,
    step: int = STEP,
    mask: NDArray[np.bool_] | None = None,
    limits: NDArray[Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return how much the two sides of each pixel differ, in colour and in texture.

    A disc around each pixel is halved along each of 8 orientations. The histograms of the halves
    (12 soft bins between percentiles 1 and 99 of each channel) have the chi-square distance
    ``1/2 sum (u - v)^2 / (u + v)``, which is averaged over channels and radii and smoothed. The
    largest value over the orientations is kept. This is the first stage of Pb (Martin, Fowlkes &
    Malik 2004), with nothing fitted to labels. Fine texture has equal histograms on both sides, so
    it does not count as a boundary.

    Parameters
    ----------
    features : (Y, X, C) or (Z, Y, X, C) array
        Finite features, such as CIELAB; volumes are processed plane by plane.
    radii : sequence of int
        Radii of the discs in pixels, 1 to 100.
    weights : sequence of float, optional
        One weight for each channel; equal by default.
    smoothing : float
        Sigma in pixels of a Gaussian on the distances of each orientation; 0 for none.
    step : int
        Distance in pixels between the places where discs are compared; in between, the result is
        interpolated.
    mask : (*spatial) bool array, optional
        Pixels where it is False count in no histogram, and their result is 0.
    limits : (2, C) array, optional
        Where the histograms begin and end. A part of an image, which begins at a multiple of
        ``step`` and reaches :func:`half_disc_reach` further, passes the percentiles of the whole.
    progress : callable, optional
        Called as ``progress(done, total, "boundaries")``; it may raise
        :class:`~napari_sen.Cancelled` to stop the work.

    Returns
    -------
    (*spatial) float32 array
        From 0 (the same on both sides) to 1 (nothing in common).

    Raises
    ------
    ImageError
        If there are not as many ``weights`` as channels.
    """
    values = np.asarray(features, dtype=np.float32)
    channels = values.shape[-1]
    share = np.ones(channels) if weights is None else np.asarray(weights, dtype=float)
    if share.shape != (channels,):
        raise ImageError(f"{channels} channels need as many weights, got {shown(weights)}")
    share = share / (share.sum() * len(radii))
    codes = _bin_codes(values, mask, limits)
    planes = codes if codes.ndim == 4 else codes[None]
    turns = _disc_turns(tuple(radii))
    total = len(planes) * channels
    result = np.empty(planes.shape[:-1], np.float32)
    for z, plane in enumerate(planes):
        grid = tuple(-(-length // step) for length in plane.shape[:-1])
        distance = np.zeros((*grid, ORIENTATIONS), np.float32)
        for c in range(channels):
            report(progress, z * channels + c, total, "boundaries")
            channel = np.ascontiguousarray(plane[..., c])
            _kernel.half_disc(channel, turns, max(radii), step, float(share[c]), distance)
        if smoothing > 0:
            sigma = smoothing / step
            gaussian(distance, (sigma, sigma, 0), reflect=True, out=distance)
        result[z] = _refined(distance.max(axis=-1), step, plane.shape[:-1])
    report(progress, total, total, "boundaries")
    result = result.reshape(values.shape[:-1])
    return result if mask is None else result * mask


def _refined(coarse: NDArray[np.float32], step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a plane known at every ``step``-th pixel at all of them, by linear interpolation."""
    for axis, length in enumerate(shape):
        before, rest = np.divmod(np.arange(length), step)
        after = np.minimum(before + 1, coarse.shape[axis] - 1)
        share = (rest / step).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        first, second = coarse.take(before, axis=axis), coarse.take(after, axis=axis)
        coarse = first + share * (second - first)
    return coarse


def half_disc_limits(features: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return where the histograms of a whole image begin and end, (2, C)."""
    inside = features.reshape(-1, features.shape[-1]) if mask is None else features[mask]
    limits: NDArray[Any] = np.percentile(inside, PERCENTILES, axis=0)
    return limits


def half_disc_reach(
    radii: Sequence[int] = RADII, smoothing: float = SMOOTHING, step: int = STEP
) -> int:
    """Return how many pixels further :func:`half_disc_difference` sees, a multiple of ``step``."""
    coarse = int(TRUNCATE * smoothing / step + 0.5) + 1  # and the interpolation
    return (coarse + -(-max(radii) // step)) * step


def _bin_codes(
    values: NDArray[np.float32], mask: NDArray[np.bool_] | None, limits: NDArray[Any] | None
) -> NDArray[np.uint16]:
    """Return 16 times each value's position among the bins; a mark outside the mask."""
    low, high = np.asarray(
        half_disc_limits(values, mask) if limits is None else limits, dtype=np.float32
    )
    span = np.where(high > low, high - low, np.float32(1))
    position = values - low
    position /= span
    np.clip(position, 0, 1, out=position)
    position *= np.float32(16 * (BINS - 1))
    codes: NDArray[np.uint16] = np.rint(position, out=position).astype(np.uint16)
    if mask is not None:
        codes[~mask] = _OUTSIDE
    return codes


@lru_cache(maxsize=16)
def _disc_turns(radii: tuple[int, ...]) -> NDArray[np.int32]:
    """Return where rows of discs go over from one sector to another, (n, 3), as the kernel does.

    Rows are (dy, dx, group): before pixel dx of row dy. Of each disc, from the smallest, first
    the turns between a sector and the next, beyond those of smaller discs; then, where the disc
    or the hole of its centre has its edge, those with which a sector begins; then its ends.
    """
    turns: list[tuple[int, int, int]] = []
    known: set[tuple[int, int]] = set()
    for number, radius in enumerate(sorted(radii)):
        sectors = _disc_sectors(radius)
        for row, column in zip(*np.nonzero(sectors[:, 1:] != sectors[:, :-1]), strict=True):
            left, right = sectors[row, column : column + 2].tolist()
            place = (int(row) - radius, int(column) - radius)
            first = 3 * SECTORS * number
            if left < 0 or right < 0:  # outside, or the centre
                turns += [(*place, first + SECTORS + right)] if right >= 0 else []
                turns += [(*place, first + 2 * SECTORS + left)] if left >= 0 else []
            elif place not in known:
                known.add(place)
                turns += [(*place, first + s) for s in range(*sorted((left, right)))]
    result = np.array(sorted(turns, key=lambda turn: turn[2]), dtype=np.int32)
    result.flags.writeable = False
    return result


def _disc_sectors(radius: int) -> NDArray[np.int64]:
    """Return the sector of every pixel of a disc, -1 outside and at the centre, with a margin."""
    dy, dx = np.mgrid[-radius : radius + 1, -radius - 1 : radius + 2]
    # The small number puts what lies on a line on the same side on every machine.
    turn = np.arctan2(dy, dx) / (np.pi / ORIENTATIONS) + 1e-9
    sectors: NDArray[np.int64] = (turn + SECTORS).astype(np.int64) % SECTORS
    square = dy**2 + dx**2
    sectors[(square > radius**2) | (square == 0)] = -1
    return sectors
