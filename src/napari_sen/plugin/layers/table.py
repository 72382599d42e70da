"""What superpixels are like, one row each, kept right while they are cut, merged and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.partition import Partition
from ...core.regions import region_table

__all__ = ["PieceTable", "add_up", "brief"]

Table = dict[str, NDArray[Any]]


def size_column(table: Mapping[str, Any]) -> str:
    """Return the name of the column that holds the size in pixels."""
    return next(name for name in table if name in ("area (px)", "volume (px)"))


def add_up(table: Mapping[str, NDArray[Any]], group: NDArray[np.integer[Any]]) -> Table:
    """Return the table of unions: row r belongs to label ``group[r]``; those of 0 are left out.

    Sizes add up; all else is the mean over the pixels.
    """
    weight = np.asarray(table[size_column(table)], float)
    count = int(group.max(initial=0)) + 1
    there = np.flatnonzero(np.bincount(group, minlength=count))
    index = there[there > 0]
    sizes = np.bincount(group, weight, count)[index]
    found: Table = {"index": index}
    for name, column in table.items():
        if name == "index":
            continue
        values = np.asarray(column, float)
        if name.startswith(("area", "volume")):
            total = np.bincount(group, values, count)[index]
            found[name] = total.astype(np.int64) if name.endswith("(px)") else total
        else:
            found[name] = np.bincount(group, values * weight, count)[index] / sizes
    return found


def brief(table: Mapping[str, NDArray[Any]]) -> Table:
    """Return what the status bar shows: the label, its size, its class."""
    found = {name: np.asarray(table[name]) for name in table if name in ("index", "class")}
    for name, column in table.items():
        if name.startswith(("area", "volume")):
            found[name] = _readable(np.asarray(column))
    return {name: found[name] for name in table if name in found}


def _readable(sizes: NDArray[Any]) -> NDArray[Any]:
    """Return sizes as whole numbers if all have digits enough: napari writes others as 8.12e+03."""
    return np.rint(sizes).astype(np.int64) if (sizes >= 10).all() else sizes


class PieceTable:
    """One row per leaf of a partition, and from them those of its pieces."""

    def __init__(self, columns: Table) -> None:
        self.columns = columns

    @classmethod
    def of(cls, layer: Any, partition: Partition, known: Mapping[str, NDArray[Any]] | None) -> Any:
        """Return the table of a partition's leaves: what is known of them, else size and place."""
        labels = partition.table()[1:]
        if known is not None and len(known["index"]) == len(labels):
            return cls({name: np.asarray(column) for name, column in known.items()})
        return cls(region_table(partition.base, spacing=(1.0,) * partition.base.ndim))

    def merged(self, partition: Partition, class_names: Sequence[str]) -> Table:
        """Return one row per piece, with the name of its class ("" for none)."""
        table = add_up(self.columns, partition.table()[1:])
        classes = partition.classes()
        names = ["", *class_names]
        table["class"] = np.array(
            [names[classes.get(label, 0)] for label in table["index"].tolist()]
        )
        return table
