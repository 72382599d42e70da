"""Whether an image is worked on in memory or in tiles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..io.image_file import ImageFile
from ..io.memory import available_memory
from ..io.read import open_image

__all__ = ["fits_in_memory", "is_tiled"]

# Bytes a pixel at the peak of the in-memory path: without a model, and with one.
_PER_PIXEL = {False: 120, True: 700}


def is_tiled(
    image: Any,
    *,
    out: Any = None,
    tile: Any = None,
    scheduler: Any = None,
    with_model: bool = True,
) -> bool:
    """Return whether an image is worked on in tiles: whether the result is lazy.

    So are lazy arrays (dask, zarr), files that would not fit in half of the free memory, and
    whatever is asked for with ``out``, ``tile`` or ``scheduler``. NumPy arrays are not.
    """
    if any(option is not None for option in (out, tile, scheduler)):
        return True
    if isinstance(image, np.ndarray):
        return False
    file = open_image(image)
    if isinstance(file.data, np.ndarray) and not isinstance(image, str | os.PathLike):
        return False
    if not isinstance(image, str | os.PathLike | ImageFile):
        return True
    return not fits_in_memory(file.data.shape, with_model)


def fits_in_memory(shape: Sequence[int], with_model: bool = True) -> bool:
    """Return whether an image of this many pixels can be worked on in half of the free memory."""
    free = available_memory()
    pixels = int(np.prod(shape, dtype=np.float64))
    return free is None or 2 * pixels * _PER_PIXEL[with_model] <= free
