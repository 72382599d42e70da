"""Arrays as people have them: levels, labelled axes, masked values."""

from __future__ import annotations

import itertools
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .image_file import ImageFile, drop_singletons
from .pixel_size import spatial_scale

__all__ = ["labelled", "of_array"]

_AXES = {
    "time": "t", "channel": "c", "band": "c", "depth": "z", "plane": "z", "row": "y", "lat": "y",
    "latitude": "y", "column": "x", "col": "x", "lon": "x", "longitude": "x",
}  # fmt: skip
_UNEVEN = 1e-3  # of a step; coordinates are often rounded


def of_array(image: Any, what: str) -> ImageFile:
    """Return an array, or the finest level of a list of them, with what it says of itself.

    Parameters
    ----------
    image : array-like, list or napari layer
        Masked values become what is not inside; an xarray.DataArray names its axes and, by its
        coordinates, its pixel size.
    what : str
        What it is, for messages.

    Raises
    ------
    ImageError
        If it is a list of something else than levels, which are each smaller than the last.
    """
    if hasattr(image, "as_layer_data_tuple"):  # no sequence of levels, which also is napari's
        return _of_layer(image, what)
    if hasattr(image, "detach") and hasattr(image, "cpu"):  # a torch tensor
        image = _of_tensor(image)
    if hasattr(image, "todense"):
        raise ImageError(f"{what} is a sparse matrix: give its toarray()")
    found = _labelled(_finest(image, what))
    if any(n != n for n in getattr(found.data, "shape", ())):
        raise ImageError(
            f"{what} is a dask array whose chunks are of unknown size: call its "
            "compute_chunk_sizes() first"
        )
    data, inside = _unmasked(found.data)
    if inside is None:
        return found
    return replace(found, data=data, inside=inside, strict=True)


def _of_layer(layer: Any, what: str) -> ImageFile:
    """Return the pixels of a napari layer, whether they are colours, and its pixel size."""
    if not (hasattr(layer, "rgb") or hasattr(layer, "selected_label")):
        raise ImageError(
            f"{what} is a napari layer of {type(layer).__name__}: give one of an image or of labels"
        )
    units = tuple("" if str(unit) == "pixel" else str(unit) for unit in layer.units)
    return ImageFile(
        _finest(layer.data, what),
        rgb=bool(getattr(layer, "rgb", False)),
        spacing=tuple(abs(float(step)) for step in layer.scale)[-3:],
        units=units[-3:],
        name=layer.name,
        source="the layer's scale",
    )


def _of_tensor(tensor: Any) -> Any:
    """Return a torch tensor as an array; what NumPy does not know, as float32."""
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16
        return tensor.float().numpy()


def _finest(image: Any, what: str) -> Any:
    """Return the largest level of a multiscale list; anything else as it is."""
    if not (isinstance(image, list | tuple) or type(image).__name__ == "MultiScaleData"):
        return image
    levels = list(image)
    if not levels:
        raise ImageError(f"{what} is an empty list: give an array, a path, or a list of levels")
    if any(isinstance(level, str | os.PathLike) for level in levels):
        raise ImageError(f"{what} is a list of {len(levels)} paths: give one at a time")
    if not all(hasattr(level, "shape") and len(level.shape) >= 2 for level in levels):
        return image
    if len(levels) == 1 or _falls([level.shape for level in levels]):
        return levels[0]
    if _falls([level.shape for level in reversed(levels)]):
        return levels[-1]
    shapes = ", ".join(str(tuple(level.shape)) for level in levels[:4])
    raise ImageError(
        f"{what} is a list of {len(levels)} arrays that are not levels of one image ({shapes}): "
        "give one at a time, or np.stack(list) with channel_axis=0 for channels, or with "
        "slices='each' for a stack"
    )


def _falls(shapes: Sequence[Sequence[int]]) -> bool:
    """Return whether each shape is smaller than the one before, along one axis at least."""
    pairs = list(itertools.pairwise(shapes))
    is_level = [
        len(a) == len(b) and all(x >= y for x, y in zip(a, b, strict=True)) for a, b in pairs
    ]
    return all(is_level) and all(tuple(a) != tuple(b) for a, b in pairs)


def _labelled(image: Any) -> ImageFile:
    """Return a bare array with the axes that an xarray.DataArray names, else without."""
    dims = getattr(image, "dims", None)
    if dims is None or not hasattr(image, "data"):
        return ImageFile(image)
    known = getattr(image, "coords", {})
    coordinates = {
        dim: (np.asarray(known[dim]), getattr(known[dim], "attrs", {}).get("units", ""))
        for dim in dims
        if dim in known
    }
    return labelled(image.data, dims, str(image.name or ""), coordinates)


def labelled(
    data: Any,
    dims: Sequence[Hashable],
    name: str,
    coordinates: Mapping[Hashable, tuple[NDArray[Any], object]],
) -> ImageFile:
    """Return an array with its named axes, where they are known, and the steps along them.

    Parameters
    ----------
    data : array
        A lazy array without axes of length 1, or any that can be indexed lazily.
    dims : sequence
        A name for every axis.
    name : str
        Of the image.
    coordinates : mapping
        Values and unit by the name of their axis.
    """
    letters = [_AXES.get(str(dim).lower(), str(dim).lower()) for dim in dims]
    axes = "".join(letter if len(letter) == 1 else "?" for letter in letters)
    if not set(axes) <= set("tczyxs") or len(set(axes)) != len(axes):
        return ImageFile(data, name=name)
    scale, units = _steps(coordinates, dict(zip(axes, dims, strict=True)))
    data, axes = drop_singletons(data, axes)
    spacing, names = spatial_scale(axes, scale, units)
    rgb = axes.endswith("s") and data.shape[-1] in (3, 4)
    channel = axes.index("c") if "c" in axes else None
    source = "the coordinates" if spacing else ""
    return ImageFile(data, axes, rgb, channel, spacing, names, name, source)


def _steps(
    coordinates: Mapping[Hashable, tuple[NDArray[Any], object]], dims: Mapping[str, Hashable]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the step and unit of each spatial axis with even coordinates."""
    scale: dict[str, float] = {}
    units: dict[str, str] = {}
    for axis, dim in dims.items():
        if axis not in "zyx" or dim not in coordinates:
            continue
        values, unit = coordinates[dim]
        if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
            continue
        step = (float(values[-1]) - float(values[0])) / (len(values) - 1)
        if step and np.abs(np.diff(values.astype(float)) - step).max() <= _UNEVEN * abs(step):
            scale[axis] = step
            units[axis] = str(unit)
    return scale, units


def _unmasked(data: Any) -> tuple[Any, Any]:
    """Return the values of a masked array, NumPy's or dask's, and where they are not masked."""
    if isinstance(data, np.ma.MaskedArray):
        return data.data, ~np.ma.getmaskarray(data)
    if isinstance(getattr(data, "_meta", None), np.ma.MaskedArray):
        import dask.array as da

        return da.ma.getdata(data), ~da.ma.getmaskarray(data)
    return data, None
