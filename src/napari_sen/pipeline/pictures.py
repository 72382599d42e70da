"""What a person is shown of an image."""

from __future__ import annotations

import numpy as np

from ..core.features import network_planes, statistics
from ..core.image import Canvas

__all__ = ["display", "middle_slice"]


def display(canvas: Canvas) -> np.ndarray:
    """Return what a person is shown of an image: ``(Y, X, 3)`` uint8, the middle slice of a stack.

    RGB is shown as it is; anything else as the network sees it, stretched between percentiles of
    the whole image.
    """
    stats = statistics(canvas.data, rgb=canvas.rgb)
    part = middle_slice(canvas.data, 3)
    planes = network_planes(part, canvas.rgb, stats)
    return np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)


def middle_slice(array: np.ndarray, n_trailing: int) -> np.ndarray:
    """Return the middle of all leading axes but the last ``n_trailing``."""
    while array.ndim > n_trailing:
        array = array[array.shape[0] // 2]
    return array
