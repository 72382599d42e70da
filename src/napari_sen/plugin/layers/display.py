"""Label maps in the form that napari draws fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["PYRAMID_ABOVE", "for_display", "pyramid"]

# napari computes contours on the GUI thread: above this side it gets a pyramid to draw from.
PYRAMID_ABOVE = 2048


def for_display(labels: NDArray) -> NDArray:
    """Return labels as uint16 where they fit, else int32: napari draws these fast."""
    highest = int(labels.max(initial=0))
    if highest <= np.iinfo(np.uint16).max:
        return labels.astype(np.uint16, copy=False)
    return labels.astype(np.int32, copy=False)


def pyramid(labels: NDArray) -> NDArray | list[NDArray]:
    """Return ``labels``, or levels of it by stride if it is too large to be drawn at once."""
    levels = [labels]
    while max(levels[-1].shape[-2:]) > PYRAMID_ABOVE:
        levels.append(levels[-1][..., ::2, ::2])
    return labels if len(levels) == 1 else levels
