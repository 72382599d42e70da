"""The pixel size that a TIFF states, by who wrote it: OME, Aperio, Zeiss, ImageJ, or a tag."""

from __future__ import annotations

import math
import re
from typing import Any

import tifffile

from .pixel_size import is_print

__all__ = ["tiff_size"]

Sizes = dict[str, float]
Units = dict[str, str]
# A tag of fewer pixels per centimetre speaks of a print: 500 are 1270 dots per inch, or 20 µm.
_FINER_THAN_PRINTS = 500


def tiff_size(tiff: tifffile.TiffFile, series: int = 0) -> tuple[Sizes, Units, str]:
    """Return pixel size and unit by axis, and who states them; empty where nobody does."""
    for read in (_ome, _aperio, _zeiss, _imagej, _resolution):
        scale, units, source = read(tiff, series)
        if scale.keys() & {"x", "y"}:
            return scale, units, source
    return {}, {}, ""


def _ome(tiff: tifffile.TiffFile, series: int) -> tuple[Sizes, Units, str]:
    if not (tiff.is_ome and tiff.ome_metadata):
        return {}, {}, ""
    found: dict[str, Any] = tifffile.xml2dict(tiff.ome_metadata)
    images = _list(found.get("OME", {}).get("Image", {}))
    pixels: Any = _list(images[min(series, len(images) - 1)].get("Pixels", {}))[0]
    scale: Sizes = {}
    units: Units = {}
    for axis in "zyx":
        size = pixels.get(f"PhysicalSize{axis.upper()}")
        if size is not None:
            scale[axis] = float(size)
            units[axis] = str(pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm"))
    return scale, units, "OME metadata"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [value or {}]


def _aperio(tiff: tifffile.TiffFile, series: int) -> tuple[Sizes, Units, str]:
    """Return "MPP", micrometres per pixel; it holds for the slide, not for label or macro."""
    page: Any = tiff.pages.first
    found = re.search(r"\bMPP\s*=\s*([\d.]+)", page.description) if series == 0 else None
    if found is None or not page.description.startswith("Aperio"):
        return {}, {}, ""
    return dict.fromkeys("yx", float(found[1])), dict.fromkeys("yx", "µm"), "Aperio's MPP"


def _zeiss(tiff: tifffile.TiffFile, series: int) -> tuple[Sizes, Units, str]:
    about: Any = tiff.lsm_metadata if tiff.is_lsm else None
    if not about:
        return {}, {}, ""
    scale = {axis: float(about.get(f"VoxelSize{axis.upper()}", math.nan)) for axis in "zyx"}
    # In metres.
    scale = {axis: float(f"{1e6 * size:.12g}") for axis, size in scale.items()}
    return scale, dict.fromkeys("zyx", "µm"), "LSM metadata"


def _imagej(tiff: tifffile.TiffFile, series: int) -> tuple[Sizes, Units, str]:
    """Return what ImageJ's calibration says; a z step of 1 is one that it leaves out."""
    about: Any = tiff.imagej_metadata if tiff.is_imagej else None
    per_unit, resolution_unit = _tags(tiff)
    if not about or not per_unit:
        return {}, {}, ""
    unit = str(about.get("unit", ""))
    scale = {axis: 1 / value for axis, value in per_unit.items()}
    if not unit and resolution_unit != tifffile.RESUNIT.NONE:
        return {}, {}, ""
    if any(is_print(unit, size) for size in scale.values()):
        return {}, {}, ""
    scale["z"] = float(about.get("spacing", 1.0))
    return scale, dict.fromkeys("zyx", unit), "ImageJ's calibration"


def _resolution(tiff: tifffile.TiffFile, series: int) -> tuple[Sizes, Units, str]:
    """Return what the resolution in centimetres says; inches are the size of a print."""
    per_unit, unit = _tags(tiff)
    if unit != tifffile.RESUNIT.CENTIMETER or tiff.is_imagej or series:
        return {}, {}, ""
    fine = {axis: value for axis, value in per_unit.items() if value >= _FINER_THAN_PRINTS}
    scale = {axis: float(f"{1e4 / value:.12g}") for axis, value in fine.items()}
    return scale, dict.fromkeys("yx", "µm"), "TIFF resolution"


def _tags(tiff: tifffile.TiffFile) -> tuple[Sizes, Any]:
    """Return pixels per unit by axis, as far as they are numbers above 0, and the unit."""
    tags: Any = tiff.pages.first.tags
    found: Sizes = {}
    for axis, name in (("x", "XResolution"), ("y", "YResolution")):
        value = tags[name].value if name in tags else (0, 0)
        if value[0] and value[1]:
            found[axis] = value[0] / value[1]
    return found, tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None
