"""How many superpixels an image is to get."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import ImageError, ParameterError
from ..params import SegmentParams
from ..tiles.image import Image

__all__ = [
    "CountRule",
    "check_count",
    "count_of_image",
    "granularities",
    "segment_count",
    "wanted_count",
]

CountRule = Callable[[int], int]  # from a slice's pixels inside to how many superpixels it gets


def segment_count(params: SegmentParams, image: Image) -> CountRule:
    """Return how many superpixels a slice gets, by its number of pixels inside."""
    return partial(wanted_count, params, image.spacing)


def check_count(params: SegmentParams, image: Image) -> None:
    """Raise ImageError if more superpixels are asked for than any slice has pixels inside."""
    if params.size is not None or params.level is not None:
        return
    most = image.slice_pixels
    if image.mask is not None and isinstance(image.mask.array, np.ndarray):
        axes = tuple(range(len(image.leading), image.mask.array.ndim))
        most = int(np.count_nonzero(image.mask.array, axis=axes).max())
    if params.n_segments > most:
        raise ImageError(
            f"n_segments is {params.n_segments}, but a slice has only {most} pixels: ask for "
            "fewer superpixels"
        )


def wanted_count(params: SegmentParams, spacing: Sequence[float], pixels: int) -> int:
    """Return how many superpixels so many pixels are to be cut into: never more than pixels.

    So a slice with few pixels inside does not stop a stack; see :func:`check_count`.
    """
    if pixels == 0:
        return 0
    if params.size is None:
        return min(params.n_segments, pixels)
    # A superpixel has at least one pixel, however small the size.
    cell = max(params.size ** len(spacing) / math.prod(spacing), 1.0)
    return min(max(int(np.rint(pixels / cell)), 1), pixels)


def count_of_image(params: SegmentParams, image: Image) -> int:
    """Return how many superpixels an image in memory is to get; parts of a mask may need more."""
    rule = segment_count(params, image)
    if image.mask is None:
        return rule(image.slice_pixels) * image.n_slices
    slices = (image.inside(image.index(which), image.whole) for which in range(image.n_slices))
    return sum(rule(int(inside.sum())) for inside in slices if inside is not None)


def granularities(
    params: SegmentParams, given: Mapping[str, Any]
) -> SegmentParams | tuple[SegmentParams, ...]:
    """Return parameters for what is given: a number, a size or a level, or several of one.

    Raises
    ------
    ParameterError
        If a value cannot be used.
    """
    there: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, values in there.items():
        is_array = isinstance(values, np.ndarray) and values.ndim > 0
        if is_array or isinstance(values, list | tuple | range):
            several: list[Any] = [*values]
            if not several:
                raise ParameterError(f"{name} is empty: give one value, or several")
            return tuple(replace(params, **{name: value}) for value in several)
    chosen: SegmentParams = replace(params, **there)
    return chosen
