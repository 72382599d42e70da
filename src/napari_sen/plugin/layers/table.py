"""The features of a Labels layer, kept right while its superpixels are merged and split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.partition import Partition
from ...core.regions import region_table

__all__ = ["PieceTable"]


class PieceTable:
    """One row per leaf; sizes add up over the leaves of a piece, all else is their mean."""

    def __init__(self, columns: dict[str, NDArray[np.float64]], size: str) -> None:
        self.columns, self.size = columns, size

    @classmethod
    def of(cls, layer: Any, partition: Partition) -> PieceTable:
        """Take a layer's features where they are of its labels, else measure size and place."""
        labels = partition.table()[1:]
        features = layer.features
        size = next((name for name in features if name in ("area (px)", "volume (px)")), None)
        if size is not None and "index" in features and np.isin(labels, features["index"]).all():
            rows = features.set_index("index").loc[labels]
            numbers = rows.select_dtypes("number")
            return cls({name: numbers[name].to_numpy(float) for name in numbers}, size)
        found = region_table(partition.base, spacing=(1.0,) * partition.base.ndim)
        del found["index"]
        return cls(
            {name: np.asarray(column, float) for name, column in found.items()}, next(iter(found))
        )

    def merged(self, partition: Partition, class_names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return one row per piece, with the name of its class ("" for none)."""
        labels = partition.table()[1:]
        index, group = np.unique(labels, return_inverse=True)
        weight = self.columns[self.size]
        sizes = np.bincount(group, weight)
        table: dict[str, NDArray[Any]] = {"index": index}
        for name, column in self.columns.items():
            if name.startswith(("area", "volume")):
                table[name] = np.bincount(group, column)
            else:
                table[name] = np.bincount(group, column * weight) / sizes
        classes = partition.classes()
        names = ["", *class_names]
        table["class"] = np.array([names[classes.get(label, 0)] for label in index.tolist()])
        return table
