"""What a file says of its image, in one small record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .view import View

__all__ = ["ImageFile", "as_colour", "drop_singletons"]


@dataclass(frozen=True)
class ImageFile:
    """An image and what its source says of it.

    Attributes
    ----------
    data : array
        NumPy array, or a lazy array (zarr) whose pixels are read on indexing.
    axes : str or None
        One letter per axis (``t c z y x``, ``s`` for the samples of RGB), None where unknown.
    rgb : bool or None
        Whether the last axis holds red, green, blue; None where the source does not say.
    channel_axis : int or None
        The axis of channels that are not RGB.
    spacing : tuple of float or None
        Pixel size along the spatial axes ``(z,) y, x`` that the image has, in ``units``.
    units : tuple of str or None
        One name per entry of ``spacing`` (``"micrometer"``; empty where unknown).
    name : str
        File name without its suffix; may be empty.
    source : str
        What says the pixel size.
    inside : array or None
        Where 0, pixels stay outside: the image's own mask, of the shape of ``data`` (any channel
        may leave a pixel out) or of that without its channels.
    nodata : float or None
        The value of pixels without data.
    strict : bool
        Whether ``inside`` must not be passed over, as the alpha of a picture may be.
    notes : tuple of str
        What a person should know of the reading.
    """

    data: Any
    axes: str | None = None
    rgb: bool | None = None
    channel_axis: int | None = None
    spacing: tuple[float, ...] | None = None
    units: tuple[str, ...] | None = None
    name: str = ""
    source: str = ""
    inside: Any = None
    nodata: float | None = None
    strict: bool = False
    notes: tuple[str, ...] = ()


def drop_singletons(data: Any, axes: str) -> tuple[Any, str]:
    """Drop time, channel and depth axes of length 1; ``data`` may be lazy only if none is there."""
    drop = [k for k, axis in enumerate(axes) if axis not in "yxs" and data.shape[k] == 1]
    drop = drop[: max(len(axes) - 2, 0)]
    if not drop:
        return data, axes
    kept = "".join(axis for k, axis in enumerate(axes) if k not in drop)
    return data[tuple(0 if k in drop else slice(None) for k in range(len(axes)))], kept


def as_colour(found: ImageFile) -> ImageFile:
    """Return an image of red, green and blue channels with these last, still lazy."""
    if found.channel_axis is None:
        return found
    place = found.channel_axis
    axes = found.axes and found.axes[:place] + found.axes[place + 1 :] + "s"

    def moved(array: Any) -> Any:
        if array is None or len(array.shape) != len(found.data.shape):
            return array
        if isinstance(array, np.ndarray) or hasattr(array, "compute"):  # dask
            return np.moveaxis(array, place, -1)
        return (array if isinstance(array, View) else View(array)).moved_last(place)

    data, inside = moved(found.data), moved(found.inside)
    return replace(found, data=data, inside=inside, axes=axes, rgb=True, channel_axis=None)
