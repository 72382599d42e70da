"""zarr arrays and OME-Zarr images (0.4, 0.5): a lazy array, its axes and its scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import zarr

from ..errors import ImageError
from .image_file import ImageFile, drop_singletons, spatial_scale
from .ome_zarr import is_omero_rgb
from .view import View

__all__ = ["read_zarr"]


def read_zarr(path: Path) -> ImageFile:
    """Open a zarr array, or level 0 of an OME-Zarr image, without reading its pixels.

    Raises
    ------
    ImageError
        Where zarr finds nothing, a plate, or more than one array and no OME metadata.
    """
    try:
        node = zarr.open(str(path), mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise ImageError(
            f"zarr finds no array in {path}: name the folder of a zarr array or of an "
            "OME-Zarr image"
        ) from error
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    if isinstance(node, zarr.Array):
        return _plain(node, name)
    return _from_group(node, path, name)


def _from_group(group: zarr.Group, path: Path, name: str) -> ImageFile:
    about: Any = group.attrs.asdict()
    about = about.get("ome", about)
    if about.get("multiscales"):
        found = _multiscale(group, about["multiscales"][0], path, name)
        return _as_colour(found) if is_omero_rgb(about.get("omero")) else found
    if "plate" in about or "well" in about:
        raise ImageError(f"{path} is a plate or a well: name the folder of one of its images")
    if "bioformats2raw.layout" in about and "0" in group:
        return _from_group(group["0"], path / "0", name)  # type: ignore[arg-type]
    arrays = dict(group.arrays())
    if len(arrays) == 1:
        return _plain(next(iter(arrays.values())), name)
    if not arrays:
        raise ImageError(f"zarr finds no array in {path}: name a folder that holds one")
    known = ", ".join(sorted(arrays)[:8])
    raise ImageError(f"{path} holds several arrays ({known}): name one, as in {path}/{min(arrays)}")


def _as_colour(found: ImageFile) -> ImageFile:
    """Return an image of red, green and blue channels with these last, still lazy."""
    if found.axes is None or found.channel_axis is None:
        return found
    place = found.channel_axis
    axes = found.axes[:place] + found.axes[place + 1 :] + "s"
    data = found.data if isinstance(found.data, View) else View(found.data)
    return replace(found, data=data.moved_last(place), axes=axes, rgb=True, channel_axis=None)


def _plain(array: Any, name: str) -> ImageFile:
    """Return an array without OME metadata, with its dimension names where they are axes."""
    names = getattr(array.metadata, "dimension_names", None) or ()
    axes = "".join(str(n).lower() if n is not None and len(str(n)) == 1 else "?" for n in names)
    if len(axes) == array.ndim and set(axes) <= set("tczyxs"):
        return _with_axes(array, axes, {}, {}, name)
    return ImageFile(array, name=name)


def _multiscale(group: zarr.Group, about: Mapping[str, Any], path: Path, name: str) -> ImageFile:
    try:
        level = about["datasets"][0]
        array: Any = group[level["path"]]
        described = about.get("axes", [])
        entries = [axis if isinstance(axis, dict) else {"name": axis} for axis in described]
        axes = "".join(str(entry["name"]).lower()[:1] for entry in entries)
        scales = [
            item["scale"]
            for item in [
                *level.get("coordinateTransformations", []),
                *about.get("coordinateTransformations", []),
            ]
            if item["type"] == "scale"
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ImageError(
            f"the OME-Zarr metadata of {path} is damaged ({error!r}): write the image anew"
        ) from error
    if not isinstance(array, zarr.Array) or len(axes) not in (0, array.ndim):
        raise ImageError(f"the OME-Zarr metadata of {path} does not describe its level 0")
    if not axes:
        return ImageFile(array, name=name)
    scale = dict.fromkeys(axes, 1.0)
    for values in scales:
        scale = {axis: scale[axis] * float(value) for axis, value in zip(axes, values, strict=True)}
    units = {axis: str(entry.get("unit", "")) for axis, entry in zip(axes, entries, strict=True)}
    return _with_axes(array, axes, scale if scales else {}, units, name)


def _with_axes(
    array: Any, axes: str, scale: Mapping[str, float], units: Mapping[str, str], name: str
) -> ImageFile:
    data: Any = array
    if any(axis not in "yxs" and n == 1 for axis, n in zip(axes, array.shape, strict=True)):
        data, axes = drop_singletons(View(array), axes)
    spacing, unit_names = spatial_scale(axes, scale, units)
    rgb = axes.endswith("s") and data.shape[-1] in (3, 4)
    channel = axes.index("c") if "c" in axes else None
    return ImageFile(data, axes, rgb, channel, spacing, unit_names, name)
