"""The Gaussian filter, as :func:`scipy.ndimage.gaussian_filter` rounds it, several times faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import _kernel

__all__ = ["TRUNCATE", "gaussian"]

TRUNCATE = 4.0  # sigmas
_NONE = 1e-15  # a sigma up to this changes nothing


def gaussian(
    values: NDArray[np.float32],
    sigma: Sequence[float],
    *,
    reflect: bool = False,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return an array smoothed along its axes.

    Parameters
    ----------
    values : float32 array
    sigma : sequence of float
        In pixels, for each axis; 0 for none.
    reflect : bool
        Beyond its ends the array is mirrored; by default its outermost values go on.
    out : C-contiguous float32 array, optional
        Where the result goes; may be ``values``.
    """
    if out is None:
        out = np.empty(values.shape, np.float32)
    if out is not values:
        np.copyto(out, values)
    for axis, width in enumerate(sigma):
        if width > _NONE:
            shape = values.shape
            inner = int(np.prod(shape[axis + 1 :]))
            _kernel.correlate(out.reshape(-1, shape[axis], inner), _weights(width), reflect)
    return out


def _weights(sigma: float) -> NDArray[np.float64]:
    """Return the weights of the centre and of what lies 1, 2, ... px away."""
    radius = int(TRUNCATE * sigma + 0.5)
    density = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    weights: NDArray[np.float64] = (density / density.sum())[radius:]
    return weights
