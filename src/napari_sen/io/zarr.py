"""zarr arrays and OME-Zarr images (0.4, 0.5): a lazy array, its axes and its scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import zarr

from ..errors import ImageError, said
from .arrays import labelled
from .bounded import bounded
from .image_file import ImageFile, as_colour, drop_singletons
from .ome_zarr import is_omero_rgb
from .pixel_size import spatial_scale
from .place import is_remote, resolved
from .stores import open_store
from .variables import coordinates, dimensions, without_coordinates
from .view import View

__all__ = ["from_group", "is_there", "read_zarr"]

_DEEPEST = 3  # folders between a level and the group that describes it


def read_zarr(place: str, *, series: int | None = None) -> ImageFile:
    """Open a zarr array, or the finest level of an OME-Zarr image, without reading its pixels.

    Parameters
    ----------
    place : str
        Folder or address of an array, of an image's group, or of one level of an image.
    series : int, optional
        Which image, where a folder holds several.

    Raises
    ------
    ImageError
        Where zarr finds nothing, a plate, or more than one array and no OME metadata.
    """
    try:
        node = zarr.open(open_store(place), mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(
            f"zarr finds no array in {place}: name the folder of a zarr array or of an "
            "OME-Zarr image"
        ) from error
    path = PurePosixPath(place) if is_remote(place) else Path(place)
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    if isinstance(node, zarr.Array):
        return _level_of_image(node, place) or _variable_at(node, place, name)
    return from_group(node, place, name, series)


def is_there(place: str) -> bool:
    """Return whether an address still has zarr's metadata.

    A server that has lost the pixels alone looks like one whose pixels are all empty.

    Raises
    ------
    OSError
        If it does not answer.
    """
    try:
        zarr.open(open_store(place), mode="r")
    except FileNotFoundError:
        return False
    return True


def from_group(
    group: zarr.Group, place: str, name: str = "", series: int | None = None
) -> ImageFile:
    """Return the image of an open group; ``place`` is for messages."""
    about = _about(group)
    if about.get("multiscales"):
        images = about["multiscales"]
        found = _multiscale(group, about, place, name, _chosen(images, place, series))
        return _noted(found, place, len(images), series)
    if "plate" in about or "well" in about:
        raise ImageError(f"{place} is a plate or a well: name the folder of one of its images")
    if "bioformats2raw.layout" in about and "0" in group:
        images = [key for key in sorted(group.group_keys()) if key.isdecimal()]
        number = _chosen(images, place, series)
        found = from_group(group[str(number)], f"{place}/{number}", name)  # type: ignore[arg-type]
        return _noted(found, place, len(images), series)
    arrays = dict(group.arrays())
    variables = without_coordinates(group) or arrays
    if len(variables) == 1:
        (array,) = variables.values()
        return _plain(array, name, arrays)
    if not arrays:
        raise ImageError(f"zarr finds no array in {place}: name a folder that holds one")
    known = ", ".join(sorted(variables)[:8])
    raise ImageError(
        f"{place} holds several arrays ({known}): name one, as in {place}/{min(variables)}"
    )


def _about(group: zarr.Group) -> Mapping[str, Any]:
    about: Any = group.attrs.asdict()
    found: Mapping[str, Any] = about.get("ome", about)
    return found if isinstance(found, Mapping) else {}


def _chosen(images: Any, place: str, series: int | None) -> int:
    """Return the number of the image that is read: the first, where nobody chose."""
    count = len(images)
    if series is not None and not 0 <= series < count:
        raise ImageError(f"{place} has no series {series}: it has {count}, counted from 0")
    return series or 0


def _noted(found: ImageFile, place: str, count: int, series: int | None) -> ImageFile:
    """Return an image that says so where nobody chose among several."""
    if series is not None or count < 2:
        return found
    note = f"{place} holds {count} images: the first is read (series=N, --series N for another)"
    return replace(found, notes=(*found.notes, note))


def _level_of_image(array: Any, place: str) -> ImageFile | None:
    """Return one level of an image, named by its place, as the image describes it."""
    parts = Path(resolved(place)).as_posix() if not is_remote(place) else place.rstrip("/")
    folders = parts.split("/")
    for depth in range(1, _DEEPEST + 1):
        folder, own = "/".join(folders[:-depth]), "/".join(folders[-depth:])
        if not folder or folder.endswith(("/", ":")):
            break
        try:
            about = _about(zarr.open_group(open_store(folder), mode="r"))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for image in about.get("multiscales", ()):
            for level in image.get("datasets", ()):
                if level.get("path") == own:
                    return _described(array, about, image, level, place, folders[-1])
    return None


def _plain(array: Any, name: str, beside: Mapping[str, Any] | None = None) -> ImageFile:
    """Return an array without OME metadata, with its dimension names where they are axes.

    The arrays ``beside`` it may be its coordinates, as xarray writes them.
    """
    array = bounded(array)
    dims = dimensions(array)
    if dims is None:
        return ImageFile(array, name=name)
    data = View(array) if 1 in array.shape else array
    return labelled(data, dims, name, coordinates(array, dims, beside or {}))


def _variable_at(array: Any, place: str, name: str) -> ImageFile:
    """Return an array that is named by its own place, with the coordinates that lie beside it."""
    folder = place.rstrip("/") if is_remote(place) else Path(resolved(place)).as_posix()
    beside: Mapping[str, Any] = {}
    if dimensions(array) is not None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            group = zarr.open_group(open_store(folder.rpartition("/")[0]), mode="r")
            beside = dict(group.arrays())
    return _plain(array, name, beside)


def _multiscale(
    group: zarr.Group, about: Mapping[str, Any], place: str, name: str, number: int
) -> ImageFile:
    """Return the finest level, wherever it stands in the list."""
    image = about["multiscales"][number]
    try:
        levels = [(group[level["path"]], level) for level in image["datasets"]]
        array, level = max(levels, key=lambda pair: math.prod(pair[0].shape))  # type: ignore[union-attr]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(place, error) from error
    return _described(array, about, image, level, place, name)


def _damaged(place: str, error: Exception) -> ImageError:
    return ImageError(
        f"the OME-Zarr metadata of {place} is damaged ({type(error).__name__}: {said(error)}): "
        "write it anew"
    )


def _described(
    array: Any, about: Mapping[str, Any], image: Any, level: Any, place: str, name: str
) -> ImageFile:
    """Return a level with the axes and the pixel size that the metadata give it."""
    array = bounded(array)
    try:
        described = image.get("axes", [])
        entries = [axis if isinstance(axis, dict) else {"name": axis} for axis in described]
        axes = "".join(str(entry["name"]).lower()[:1] for entry in entries)
        scales = [
            item["scale"]
            for item in [
                *level.get("coordinateTransformations", []),
                *image.get("coordinateTransformations", []),
            ]
            if item["type"] == "scale"
        ]
        if len(axes) not in (0, array.ndim):
            raise ImageError(f"the OME-Zarr metadata of {place} does not describe its level 0")
        scale = dict.fromkeys(axes, 1.0)
        for values in scales:
            pairs = zip(axes, values, strict=True)
            scale = {axis: scale[axis] * float(value) for axis, value in pairs}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise error if isinstance(error, ImageError) else _damaged(place, error) from error
    if not axes:
        return ImageFile(array, name=name)
    units = {axis: str(entry.get("unit", "")) for axis, entry in zip(axes, entries, strict=True)}
    found = _with_axes(array, axes, scale if scales else {}, units, name)
    return as_colour(found) if is_omero_rgb(about.get("omero")) else found


def _with_axes(
    array: Any, axes: str, scale: Mapping[str, float], units: Mapping[str, str], name: str
) -> ImageFile:
    data: Any = array
    if any(axis not in "yxs" and n == 1 for axis, n in zip(axes, array.shape, strict=True)):
        data, axes = drop_singletons(View(array), axes)
    spacing, unit_names = spatial_scale(axes, scale, units)
    rgb = axes.endswith("s") and data.shape[-1] in (3, 4)
    channel = axes.index("c") if "c" in axes else None
    source = "OME-Zarr scale" if spacing else ""
    return ImageFile(data, axes, rgb, channel, spacing, unit_names, name, source)
