"""Merge trees on disk: what a run in tiles leaves, and how it is shown again; no Qt in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ...disk import ATTRIBUTE
from ...pipeline.live import open_forest
from ..state.placement import Placement
from ..state.sizes import Extent
from .results import Trees

__all__ = ["has_trees", "keep_trees", "open_trees"]

KEY, TABLE = "trees", "table"


def keep_trees(path: str, trees: Trees) -> None:
    """Write what is known of trees, beside their leaves, into the store that these lie in."""
    group: Any = zarr.open_group(path, mode="r+")
    extent = trees.extent
    known = {
        "name": trees.name,
        "where": trees.where,
        "shape": list(extent.shape),
        "spacing": list(extent.spacing),
        "unit": extent.unit,
        "inside": extent.inside,
        "columns": list(trees.table),
    }
    about = group.attrs.get(ATTRIBUTE, {})
    if about.get(KEY) != known:
        columns = np.stack([np.asarray(column, np.float64) for column in trees.table.values()])
        group.create_array(TABLE, data=columns, overwrite=True)
        group.attrs[ATTRIBUTE] = {**about, KEY: known}


def has_trees(path: str) -> bool:
    """Return whether a store holds trees of ours, and what is known of them."""
    about: Any = zarr.open_group(path, mode="r").attrs.get(ATTRIBUTE, {})
    return KEY in about


def open_trees(path: str, placement: Placement) -> Trees:
    """Return the trees of a store, in their place."""
    group: Any = zarr.open_group(path, mode="r")
    known = group.attrs[ATTRIBUTE][KEY]
    shape, spacing = tuple(known["shape"]), tuple(known["spacing"])
    extent = Extent(shape, spacing, known["unit"], known.get("inside"))
    columns: NDArray[np.float64] = group[TABLE][...]
    table = dict(zip(known["columns"], columns, strict=True))
    table["index"] = table["index"].astype(np.int64)
    return Trees(open_forest(path), placement, known["name"], known["where"], extent, table)
