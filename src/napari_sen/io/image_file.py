"""What a file says of its image, in one small record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ImageFile", "drop_singletons", "spatial_scale", "unit_name"]

_UNITS = {
    "um": "micrometer",
    "µm": "micrometer",  # micro sign
    "μm": "micrometer",  # Greek mu
    "\\u00b5m": "micrometer",  # as ImageJ escapes it
    "micron": "micrometer",
    "microns": "micrometer",
    "micrometre": "micrometer",
    "nm": "nanometer",
    "nanometre": "nanometer",
    "mm": "millimeter",
    "millimetre": "millimeter",
    "cm": "centimeter",
    "å": "angstrom",
    "pixel": "",
    "pixels": "",
}


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
    """

    data: Any
    axes: str | None = None
    rgb: bool | None = None
    channel_axis: int | None = None
    spacing: tuple[float, ...] | None = None
    units: tuple[str, ...] | None = None
    name: str = ""


def unit_name(unit: object) -> str:
    """Return the OME name of a length unit, the unit itself if unknown, or an empty string."""
    text = str(unit or "").strip().strip("\x00")
    return _UNITS.get(text.lower(), text)


def drop_singletons(data: Any, axes: str) -> tuple[Any, str]:
    """Drop time, channel and depth axes of length 1; ``data`` may be lazy only if none is there."""
    drop = [k for k, axis in enumerate(axes) if axis not in "yxs" and data.shape[k] == 1]
    drop = drop[: max(len(axes) - 2, 0)]
    if not drop:
        return data, axes
    kept = "".join(axis for k, axis in enumerate(axes) if k not in drop)
    return data[tuple(0 if k in drop else slice(None) for k in range(len(axes)))], kept


def spatial_scale(
    axes: str, scale: Mapping[str, float], units: Mapping[str, str]
) -> tuple[tuple[float, ...] | None, tuple[str, ...] | None]:
    """Return spacing and units of the spatial axes, or None, None unless all are known."""
    spatial: Sequence[str] = [axis for axis in axes if axis in "zyx"]
    sizes = [float(scale.get(axis, math.nan)) for axis in spatial]
    if not sizes or not all(math.isfinite(size) and size > 0 for size in sizes):
        return None, None
    return tuple(sizes), tuple(unit_name(units.get(axis)) for axis in spatial)
