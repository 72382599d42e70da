"""Boundary strength: how much an image changes at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .snic import check_spacing

__all__ = ["gradient_magnitude"]


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
