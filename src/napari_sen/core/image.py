"""What the axes of an image mean, settled once, before any work."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ParameterError
from ..params import require, shown

__all__ = ["Canvas", "all_finite", "check_finite", "interpret", "row_blocks"]

_BLOCK = 1 << 18  # values that are looked at together


@dataclass(frozen=True)
class Canvas:
    """An image whose axes are known.

    Attributes
    ----------
    data : (*leading, *spatial, C) array
        A view of the image, channels last, in its own dtype; alpha is dropped.
    rgb : bool
        Red, green and blue rather than intensities of any kind.
    n_spatial : int
        2 or 3: how many of the axes one superpixel extends over. Those before are looped over.
    """

    data: NDArray[Any]
    rgb: bool
    n_spatial: int

    @property
    def spatial(self) -> tuple[int, ...]:
        """Shape of one slice (or volume)."""
        return self.data.shape[-1 - self.n_spatial : -1]

    @property
    def leading(self) -> tuple[int, ...]:
        """Shape of the axes that are looped over; () for a single slice."""
        return self.data.shape[: -1 - self.n_spatial]

    @property
    def n_leading(self) -> int:
        """Number of axes that are looped over."""
        return len(self.leading)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a label image of the whole."""
        return self.data.shape[:-1]

    def slices(self) -> Iterator[tuple[int, ...]]:
        """Index of each slice (or volume), in order."""
        return itertools.product(*map(range, self.leading))

    def __len__(self) -> int:
        return math.prod(self.leading)


def interpret(
    image: NDArray[Any],
    *,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    slices: str | None = None,
) -> Canvas:
    """Settle which axis of an image is what, or say what is ambiguous.

    Parameters
    ----------
    image : array of 2 to 5 axes
        Real numbers or bool.
    rgb : bool, optional
        Whether the last axis (3 or 4 long) is colour. By default only where the dtype is uint8.
    channel_axis : int, optional
        The axis that holds channels which are not colours.
    slices : {"each", "volume"}, optional
        How more than two spatial axes are meant: each slice for itself, or the last three as one
        volume. Needed for such images only.

    Returns
    -------
    Canvas
        The image with its axes in order.

    Raises
    ------
    ImageError
        If the image cannot be used, or can be read in two ways; both are then named.
    ParameterError
        If ``channel_axis`` or ``slices`` is out of range, or the arguments contradict.
    """
    shape = image.shape
    if image.dtype.kind not in "biuf" or image.dtype.itemsize > 8:
        raise ImageError(f"images must hold real numbers up to 64 bits, got dtype {image.dtype}")
    if not 2 <= image.ndim <= 5:
        raise ImageError(f"images need 2 to 5 axes, got {image.ndim} (shape {shape})")
    if image.size == 0:
        raise ImageError(f"image of shape {shape} is empty")
    if slices not in (None, "each", "volume"):
        raise ParameterError(f"slices must be 'each' or 'volume', got {shown(slices)}")
    if rgb is not None:
        require("rgb", rgb, bool, {})
    if channel_axis is not None:
        require("channel_axis", channel_axis, int, {})
        if rgb:
            raise ParameterError("give either rgb=True or channel_axis, not both")
        if not -image.ndim <= channel_axis < image.ndim:
            raise ParameterError(f"channel_axis {channel_axis} is out of range for shape {shape}")
        data, rgb = np.moveaxis(image, channel_axis, -1), False
    elif _is_rgb(image, rgb):
        data, rgb = image[..., :3], True
    else:
        data, rgb = image[..., None], False
    return Canvas(data, rgb, _spatial_axes(data, slices, shape, channel_axis is None and not rgb))


def _is_rgb(image: NDArray[Any], rgb: bool | None) -> bool:
    """Return whether the last axis is colour; raise where that cannot be known."""
    possible = image.ndim >= 3 and image.shape[-1] in (3, 4)
    if rgb is None:
        if possible and image.dtype != np.uint8:
            raise ImageError(
                f"image of shape {image.shape} and dtype {image.dtype} may be colour or not: "
                "pass rgb=True for colour, channel_axis=-1 for channels, rgb=False for neither"
            )
        return possible
    if rgb and not possible:
        raise ImageError(f"rgb=True needs a last axis of 3 or 4, got shape {image.shape}")
    is_colour = image.dtype.kind == "f" or (image.dtype.kind == "u" and image.dtype.itemsize <= 2)
    if rgb and not is_colour:
        raise ImageError(f"colour must be uint8, uint16 or float in 0...1, got {image.dtype}")
    return rgb


def _spatial_axes(
    data: NDArray[Any], slices: str | None, shape: tuple[int, ...], plain: bool
) -> int:
    """Return 2 or 3, as ``slices`` says where there is a choice."""
    spatial = data.ndim - 1
    if spatial < 2:
        raise ImageError(f"image of shape {shape} has no two axes beside its channels")
    if spatial == 2:
        return 2
    if slices is None:
        channels = ", or channel_axis= (--channel-axis) if one holds channels" if plain else ""
        raise ImageError(
            f"image of shape {shape} has {spatial} spatial axes: pass slices='each' (--slices "
            f"each) to treat it slice by slice, slices='volume' for one volume{channels}"
        )
    return 2 if slices == "each" else 3


def row_blocks(shape: Sequence[int]) -> list[slice]:
    """Cut the first axis into blocks of about a quarter of a million values."""
    rows = max(1, _BLOCK // max(1, math.prod(shape[1:])))
    return [slice(first, first + rows) for first in range(0, shape[0], rows)]


def all_finite(values: NDArray[Any]) -> bool:
    """Return whether no value is NaN or infinite, without an array of as many answers."""
    return all(bool(np.isfinite(values[rows]).all()) for rows in row_blocks(values.shape))


def check_finite(data: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> None:
    """Raise ImageError if an unmasked value is NaN or infinite, with count and first place.

    Parameters
    ----------
    data : (*shape, C) array
        Image values.
    mask : (*shape) bool array, optional
        Values outside do not count.
    """
    if data.dtype.kind != "f":
        return
    bad = ~np.isfinite(data).all(axis=-1)
    if mask is not None:
        bad &= mask
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        raise ImageError(
            f"image has NaN or infinite values at {int(bad.sum())} pixels, the first at {first}: "
            "replace them, or exclude them with a mask (segment, embed and hierarchy take one)"
        )
