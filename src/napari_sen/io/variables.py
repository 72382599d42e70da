"""xarray in zarr: variables with named dimensions, and their coordinates beside them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bounded import bounded

__all__ = ["coordinates", "dimensions", "without_coordinates"]

_LONGEST = 1 << 24  # values of a coordinate


def dimensions(array: Any) -> tuple[str, ...] | None:
    """Return the names of a zarr array's dimensions, None where not all have one."""
    found = getattr(array.metadata, "dimension_names", None)
    if found is None:
        found = array.attrs.asdict().get("_ARRAY_DIMENSIONS")  # zarr 2
    if not isinstance(found, list | tuple) or len(found) != array.ndim:
        return None
    return tuple(map(str, found)) if all(isinstance(name, str) for name in found) else None


def without_coordinates(group: Any) -> dict[str, Any]:
    """Return the arrays of a zarr group that are no coordinates of others."""
    arrays = dict(group.arrays())
    said = {
        word
        for node in (group, *arrays.values())
        for key in ("coordinates", "grid_mapping")
        for word in str(node.attrs.asdict().get(key, "")).split()
    }
    return {
        name: array
        for name, array in arrays.items()
        if dimensions(array) != (name,) and name not in said
    }


def coordinates(
    array: Any, dims: tuple[str, ...], beside: Mapping[str, Any]
) -> dict[Hashable, tuple[NDArray[Any], object]]:
    """Return values and unit of the coordinates of an array's dimensions."""
    found: dict[Hashable, tuple[NDArray[Any], object]] = {}
    for dim, count in zip(dims, array.shape, strict=True):
        stored = beside.get(dim)
        if stored is None or stored.shape != (count,) or not 1 < count <= _LONGEST:
            continue
        about = stored.attrs.asdict()
        values = np.asarray(bounded(stored)[...])
        factor = about.get("scale_factor", 1)
        if values.dtype.kind in "iuf" and isinstance(factor, int | float):
            found[dim] = values * float(factor), about.get("units", "")
    return found
