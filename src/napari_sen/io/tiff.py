"""TIFF, OME-TIFF and ImageJ TIFF: pixels, axes, pixel size."""

from __future__ import annotations

import logging
import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from .image_file import ImageFile, drop_singletons, spatial_scale
from .memory import require_memory
from .view import View

__all__ = ["read_tiff"]

# tifffile's letters for axes whose meaning the file does not state.
_UNKNOWN = set("IQ")


log = logging.getLogger("napari_sen")

_LARGE_PIECE = 256 * 2**20  # bytes that one read of a tile may cost without a word


def read_tiff(path: Path, *, lazy: bool = False) -> ImageFile:
    """Read the first series of a TIFF file; the largest level where it holds a pyramid.

    With ``lazy`` the pixels stay on disk, seen through tifffile's zarr store. They are read in
    the file's own pieces: tiles, or strips, of which an uncompressed page has only one.

    Raises
    ------
    ImageError
        If the pixels would not fit in memory. What tifffile raises on damaged files is passed
        on for the caller to phrase.
    """
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        axes = series.axes.lower()
        data: Any
        if lazy:
            data = View(_stored(path))
        else:
            require_memory(series.shape, series.dtype, str(path))
            data = series.asarray()
        scale, units = _pixel_size(tiff)
    if data.shape != series.shape:
        raise ValueError(f"expected {series.shape} pixels, found {data.shape}")
    data, axes = _samples_last(data, axes)
    data, axes = drop_singletons(data, axes)
    known = not _UNKNOWN & set(axes.upper()) and len(set(axes)) == len(axes)
    rgb: bool | None = None
    channel = axes.find("c") if "c" in axes else None
    if axes.endswith("s"):
        rgb = data.shape[-1] in (3, 4)
        channel = None if rgb else data.ndim - 1
    elif known:
        rgb = False
    spacing, unit_names = spatial_scale(axes, scale, units) if known else (None, None)
    return ImageFile(data, axes if known else None, rgb, channel, spacing, unit_names, _stem(path))


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _stored(path: Path) -> Any:
    """Return the finest level as a zarr array that opens the file for itself."""
    store: Any = tifffile.imread(path, aszarr=True, series=0, level=0)
    array: Any = zarr.open(store, mode="r")
    weakref.finalize(array, store.close)
    piece = math.prod(array.chunks) * array.dtype.itemsize
    if piece > _LARGE_PIECE:
        log.warning(
            "%s is stored in pieces of %.1f GB, and every tile reads a whole one: a tiled TIFF or "
            "a zarr copy of it would be much faster", path, piece / 1e9,
        )  # fmt: skip
    return array


def _samples_last(data: Any, axes: str) -> tuple[Any, str]:
    """Move the samples of planar RGB behind the pixels."""
    if "s" not in axes or axes.endswith("s"):
        return data, axes
    place = axes.index("s")
    if isinstance(data, View):
        return data.moved_last(place), axes[:place] + axes[place + 1 :] + "s"
    return np.moveaxis(data, place, -1), axes[:place] + axes[place + 1 :] + "s"


def _pixel_size(tiff: tifffile.TiffFile) -> tuple[dict[str, float], dict[str, str]]:
    """Return pixel size and unit by axis, from OME-XML, ImageJ, or resolution in centimetres.

    Pixels per inch are left aside: they are the size of a print, not of the specimen.
    """
    if tiff.is_ome and tiff.ome_metadata:
        return _ome_size(tifffile.xml2dict(tiff.ome_metadata))
    page: Any = tiff.pages[0]
    tags = page.tags
    per_unit = {
        axis: _ratio(tags[name].value)
        for axis, name in (("x", "XResolution"), ("y", "YResolution"))
        if name in tags
    }
    if tiff.is_imagej and tiff.imagej_metadata:
        unit = str(tiff.imagej_metadata.get("unit", ""))
        if not unit:
            return {}, {}
        scale = {axis: 1 / value for axis, value in per_unit.items()}
        scale["z"] = float(tiff.imagej_metadata.get("spacing", math.nan))
        return scale, dict.fromkeys("zyx", unit)
    resolution_unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None
    if resolution_unit == tifffile.RESUNIT.CENTIMETER:
        return {axis: 1e4 / value for axis, value in per_unit.items()}, dict.fromkeys("yx", "µm")
    return {}, {}


def _ratio(value: tuple[int, int]) -> float:
    return value[0] / value[1] if value[0] and value[1] else math.nan


def _ome_size(ome: dict[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    image = ome.get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    pixels = pixels[0] if isinstance(pixels, list) else pixels
    scale, units = {}, {}
    for axis in "zyx":
        size = pixels.get(f"PhysicalSize{axis.upper()}")
        if size is not None:
            scale[axis] = float(size)
            units[axis] = str(pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm"))
    return scale, units
