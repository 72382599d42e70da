"""Annotations of other programs and of Labels layers to classes of superpixels; no Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.objects import class_votes
from ...errors import ImageError, ParameterError
from ...io.geojson import Shape, read_geojson
from ...io.memory import require_memory
from ...pipeline.annotations import paint
from ..layers.overlays import COLOURS
from ..layers.picking import Picking
from ..layers.whereabouts import whereabouts
from ..state.placement import full_resolution

__all__ = ["paint_layer", "paint_outlines"]


def paint_outlines(picking: Picking, path: Path, channel_axis: int | None = None) -> str:
    """Give superpixels the class of the outlines that cover most of them; return a sentence."""
    base = picking.pieces.base
    where = whereabouts(picking.layer, channel_axis)
    shapes = [_moved(shape, where.offset) for shape in read_geojson(path)]
    painted, names = paint([shape for shape in shapes if min(shape.plane) >= 0], where.shape)
    return _take(picking, painted.reshape(base.shape), names, path.name)


def _moved(shape: Shape, offset: tuple[int, ...]) -> Shape:
    """Return a shape in pixels of the superpixels' layer."""
    t, z = (0, 0, *offset[:-2])[-2:]
    corner = np.array(offset[-2:])
    polygons = [[ring - corner for ring in rings] for rings in shape.polygons]
    # Slices of a single axis may be counted by either: those of time by the second.
    first, second = shape.plane if len(offset) > 3 else (max(shape.plane), 0)
    plane = (first - z, second - t)
    return Shape(polygons, shape.class_name, shape.colour, shape.name, plane)


def paint_layer(picking: Picking, layer: Any) -> str:
    """Give superpixels the values of a Labels layer as classes; return a sentence."""
    base, data = picking.pieces.base, full_resolution(layer)
    shape = tuple(n for n in data.shape[:-2] if n > 1) + tuple(data.shape[-2:])
    if shape != base.shape:
        raise ImageError(
            f"layer {layer.name!r} has shape {shape}, but the superpixels {base.shape}: choose a "
            "layer of the same image"
        )
    require_memory(data.shape, data.dtype, layer.name)
    painted = np.asarray(data).reshape(base.shape)
    if painted.max(initial=0) > len(COLOURS) or painted.min(initial=0) < 0:
        raise ImageError(
            f"layer {layer.name!r} has more than {len(COLOURS)} classes: are its values numbers "
            "of objects?"
        )
    names = picking.class_names
    names = [*names, *(f"class {k + 1}" for k in range(len(names), int(painted.max(initial=0))))]
    return _take(picking, painted.astype(np.int64), names, layer.name)


def _take(picking: Picking, painted: NDArray[np.int64], names: Sequence[str], source: str) -> str:
    """Paint the superpixels that are covered for more than half of them."""
    pieces = picking.pieces
    classes = class_votes(pieces.table()[pieces.base], painted)
    if not classes.any():
        raise ParameterError(
            f"{source} covers no superpixel for more than half of it: is it of this image? Else "
            "make smaller superpixels"
        )
    known = list(picking.class_names) if pieces.class_table().any() else []
    known += [name for name in names if name not in known]
    if len(known) > len(COLOURS):
        raise ParameterError(f"{source} has more than {len(COLOURS)} classes")
    picking.class_names, picking.current = known, min(picking.current, len(known))
    for value in np.unique(classes[classes > 0]).tolist():
        labels = np.flatnonzero(classes == value).tolist()
        picking.paint(labels, known.index(names[value - 1]) + 1)
    return f"{np.count_nonzero(classes)} superpixels painted from {source}."
