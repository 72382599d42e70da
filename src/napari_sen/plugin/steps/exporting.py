"""Superpixels and objects to files: tables, outlines, label images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.objects import Joined, object_table
from ...errors import ParameterError
from ...io.objects import Objects
from ...io.pixel_size import unit_symbol
from ...io.table_file import save_table
from ..layers.made import made_of
from ..layers.picking import Picking
from ..layers.whereabouts import Whereabouts, whereabouts
from ..state.placement import full_resolution
from .session import Session

__all__ = ["FORMATS", "Format", "class_counts", "export", "in_numbers", "objects_shown"]


@dataclass(frozen=True)
class Format:
    """One format: its title, the ending of its files, what writes it."""

    title: str
    suffix: str
    write: Callable[[Session, Path, bool], str]


def measurements(session: Session) -> dict[str, Any]:
    """Return what each superpixel that is shown is like; with its class where it has one."""
    if session.picking.partition is not None:
        return session.picking.table()
    about = made_of(session.granularity.layer)
    table = None if about is None else about.extra.get("shown") or about.table
    if table is None:
        raise ParameterError("there are no superpixels yet: press Make superpixels first")
    return table


def objects_shown(session: Session) -> Objects:
    """Return the pieces that have a class, painted or predicted; all that are shown if none has."""
    picking = session.picking
    if picking.partition is None:
        table = measurements(session)
        layer = session.granularity.layer
        where = whereabouts(layer, session.channel_axis)
        labels = np.asarray(full_resolution(layer)).astype(np.int32).reshape(where.shape)
        ones = np.ones(len(table["index"]), np.int64)
        return _measured(Joined(labels, 0 * ones, ones), (), where, table)
    pieces, classes = picking.pieces.table(), picking.leaf_classes()
    if not classes.any():
        classes = np.ones_like(classes)
        names: tuple[str, ...] = ("",)
    else:
        names = tuple(picking.class_names)
    classes[0] = 0
    there = np.unique(pieces[classes > 0])
    group = np.where(classes > 0, np.searchsorted(there, pieces) + 1, 0)
    first = np.unique(group[1:], return_index=True)[1] + 1
    of_object = classes[first][-len(there) :]
    where = whereabouts(picking.layer, session.channel_axis)
    labels = group[picking.pieces.base].astype(np.int32).reshape(where.shape)
    superpixel = picking.about.extra.get("groups")
    if superpixel is None or len(superpixel) != len(group):
        superpixel = np.arange(len(group))
    parts = np.stack([group, superpixel])
    counts = np.bincount(np.unique(parts, axis=1)[0], minlength=len(there) + 1)[1:]
    return _measured(Joined(labels, of_object, counts), names, where, picking.unions(group[1:]))


def _measured(
    joined: Joined, names: tuple[str, ...], where: Whereabouts, known: dict[str, NDArray[Any]]
) -> Objects:
    """Return objects with what is known of them; nothing of the image is read again."""
    n = where.n_spatial
    unit = unit_symbol(where.grid.units[-1]) or "px"
    table = object_table(joined, names, spacing=where.grid.spacing[-n:], unit=unit)
    for axis, first in enumerate(where.offset):
        for key in (f"centroid-{axis}", f"bbox-{axis}", f"bbox-{axis + len(where.offset)}"):
            table[key] = table[key] + first
    table |= {key: known[key] for key in known if key.startswith(("mean ", "embedding-"))}
    names = tuple(name for name in names if name)
    return Objects(joined.labels, table, names, where.grid, where.offset)


def _table(session: Session, path: Path, overwrite: bool) -> str:
    table = measurements(session)
    save_table(path, table, overwrite=overwrite)
    return f"{len(table['index'])} rows written to {path.name}."


def _objects(session: Session, path: Path, overwrite: bool) -> str:
    found = objects_shown(session)
    found.save(path, overwrite=overwrite)
    what = in_numbers(found.counts()) or f"{len(found)} superpixels"
    return f"{what} written to {path.name}."


FORMATS: dict[str, Format] = {
    "table": Format("Table (CSV)", ".csv", _table),
    "objects": Format("Table of objects (CSV)", ".csv", _objects),
    "geojson": Format("QuPath (GeoJSON)", ".geojson", _objects),
    "rois": Format("ImageJ (ROI set)", ".zip", _objects),
    "labels": Format("Label image (TIFF)", ".tif", _objects),
}


def class_counts(picking: Picking) -> dict[str, int]:
    """Return how many pieces there are of each class, painted or predicted."""
    _, first = np.unique(picking.pieces.table()[1:], return_index=True)
    counts = np.bincount(picking.leaf_classes()[1:][first], minlength=len(picking.class_names) + 1)
    return dict(zip(picking.class_names, counts[1:].tolist(), strict=True))


def in_numbers(counts: dict[str, int]) -> str:
    """Return counts for people: "3 nucleus, 12 background"."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def export(session: Session, key: str, path: Path, *, overwrite: bool = False) -> str:
    """Write what is shown to a file; return a sentence."""
    return FORMATS[key].write(session, path, overwrite)
