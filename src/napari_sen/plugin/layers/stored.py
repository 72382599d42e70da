"""Results on disk as layers: the place of the layer travels with the store; no Qt in here."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ...disk import ATTRIBUTE
from ...pipeline.stored import open_result
from ..state.placement import Placement
from ..state.storage import what_lies_at
from .cuts import cut_of
from .results import Result
from .stored_trees import open_trees

__all__ = ["get_reader", "keep_place", "open_stored", "stored_levels"]

log = logging.getLogger("napari_sen")

# Of a transform: OME-Zarr knows scale and translation alone.
_ARRAYS = ("scale", "translate", "rotate", "shear", "affine")


def keep_place(path: str, result: Result) -> None:
    """Write where a result lies in the viewer into its store."""
    transform = result.placement.transform
    place: dict[str, Any] = {
        name: np.asarray(transform[name]).tolist() for name in _ARRAYS if name in transform
    }
    place["units"] = [str(unit) for unit in transform.get("units", ())]
    place["axis_labels"] = list(transform.get("axis_labels", ()))
    place["contrast_limits"] = result.options.get("contrast_limits")
    place["colormap"] = result.options.get("colormap", "gray")
    layer = {"name": result.name, "expand": list(result.placement.expand), **place}
    layer = json.loads(json.dumps(layer))  # as it is read again
    group = zarr.open_group(path, mode="r+")
    about: Any = group.attrs.get(ATTRIBUTE, {})
    # Not written again: what is made of this store would take it for a changed one.
    if about.get("layer") != layer:
        group.attrs[ATTRIBUTE] = {**about, "layer": layer}


def open_stored(path: Path) -> Result:
    """Return a result on disk where its layer was or, if that is not known, at its pixel size.

    Parameters
    ----------
    path : Path
        Of a store that :func:`napari_sen.segment` has written, or the dock.
    """
    attributes: Any = zarr.open_group(str(path), mode="r").attrs.asdict()
    is_labels, is_rgb = "image-label" in attributes["ome"], "omero" in attributes["ome"]
    try:
        n_axes = len(_axes(attributes)) - is_rgb
        name, place, options = _kept_place(attributes[ATTRIBUTE]["layer"], n_axes)
    except (KeyError, TypeError, ValueError) as error:
        log.debug("%s does not say where its layer was (%s)", path, error)
        name = path.name.removesuffix(".zarr").removesuffix(".sen")
        place, options = Placement((), _written_place(attributes, is_rgb)), {}
    try:
        trees = open_trees(str(path), place)
        return cut_of(trees, int(max(trees.forest.wanted)), opened=True)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        log.debug("%s holds no trees (%s)", path, error)
    if is_rgb:
        options["rgb"] = True
    kind: Any = "labels" if is_labels else "image"
    levels = stored_levels(str(path), place, is_rgb)
    return Result.stored(kind, name, levels, place, path, **options)


def stored_levels(path: str, placement: Placement, colours: bool) -> list[Any]:
    """Return the levels of a store in their place: colours are the last axis, channels the first.

    Parameters
    ----------
    path : str
        Of the store.
    placement : Placement
    colours : bool
        Whether channels, if there are any, are red, green and blue.
    """
    import dask.array as da

    levels = open_result(path)
    if "c" in _axes(zarr.open_group(path, mode="r").attrs.asdict()) and not colours:
        levels = [da.moveaxis(level, -1, 0) for level in levels]
    return [placement.shape(level) for level in levels]


def _axes(attributes: Mapping[str, Any]) -> list[str]:
    return [axis["name"] for axis in attributes["ome"]["multiscales"][0]["axes"]]


def _kept_place(kept: Mapping[str, Any], ndim: int) -> tuple[str, Placement, dict[str, Any]]:
    """Return name, place and options of a layer; an error of Python's where they cannot be."""
    expand = tuple(int(axis) for axis in kept["expand"])
    n = ndim + len(expand)
    transform: dict[str, Any] = {}
    for name in _ARRAYS:
        values = np.asarray(kept[name], float)
        side = n + (name == "affine")
        if values.shape != ((n,) if name in ("scale", "translate") else (side, side)):
            raise ValueError(f"{name} is for another number of axes")
        transform[name] = values
    transform["units"] = tuple(str(unit) for unit in kept["units"])
    if kept["axis_labels"]:
        transform["axis_labels"] = tuple(str(label) for label in kept["axis_labels"])
    options: dict[str, Any] = {}
    if kept["contrast_limits"] is not None:
        low, high = kept["contrast_limits"]
        options = {"contrast_limits": (float(low), float(high)), "colormap": str(kept["colormap"])}
    return str(kept["name"]), Placement(expand, transform), options


def _written_place(attributes: Mapping[str, Any], colours: bool) -> dict[str, Any]:
    """Return scale and translation as the OME-Zarr metadata say."""
    axes = _axes(attributes)
    scale, translation = attributes["ome"]["multiscales"][0]["datasets"][0][
        "coordinateTransformations"
    ]
    space = [i for i, axis in enumerate(axes) if axis != "c"]
    size = [scale["scale"][i] for i in space]
    start = [translation["translation"][i] for i in space]
    if "c" in axes and not colours:
        size, start = [1.0, *size], [0.0, *start]
    return {"scale": size, "translate": start}


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return the reader if all of these folders are results of ours (npe2)."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if all(what_lies_at(Path(name)) == "result" for name in paths) else None


def read(path: str | Sequence[str]) -> list[Any]:
    """Return results on disk as layers (npe2)."""
    paths = [path] if isinstance(path, str) else list(path)
    layers = []
    for name in paths:
        result = open_stored(Path(name))
        layer = {"name": result.name, **result.placement.transform, **result.options}
        layers.append((result.data, layer, result.kind))
    return layers
