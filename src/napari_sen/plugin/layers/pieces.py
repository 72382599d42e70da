"""The pieces of a label map: what they were cut from, and what is known of them elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.hierarchy import Hierarchy
from ...core.partition import Partition
from ...errors import ImageError

__all__ = ["Picked", "pieces_of", "recut", "shows"]


@dataclass(frozen=True, eq=False)
class Picked:
    """What a person did to superpixels; later edits do not reach it.

    Attributes
    ----------
    base : int array
        The leaves, 1...n; 0 is outside.
    pieces, classes : (n,) int64 array
        Piece and class (0 for none) of every leaf.
    class_names : tuple of str
        Names of the classes 1, 2, ...
    """

    base: NDArray[np.int32]
    pieces: NDArray[np.int64]
    classes: NDArray[np.int64]
    class_names: tuple[str, ...]


def shows(array: NDArray[Any], partition: Partition) -> bool:
    """Return whether an array shows the pieces of a partition still."""
    base = partition.base
    return array.shape == base.shape and np.array_equal(partition.table()[base], array)


def recut(labels: NDArray[Any], tree: Hierarchy | None, before: Partition) -> Partition:
    """Return the pieces of another cut, with what was done to those before."""
    flat = tuple(0 if length == 1 else slice(None) for length in labels.shape[:-2])
    partition = pieces_of(labels[flat], tree)
    if np.array_equal(partition.base, before.base):
        partition.take_over(before)
    else:
        partition.paint_like(before)
    return partition


def pieces_of(array: NDArray[Any], tree: Hierarchy | None) -> Partition:
    """Return the pieces of labels: a cut of the tree, unless they were edited since."""
    if tree is not None and tree.labels.size == array.size:
        try:
            return Partition(array, tree)
        except ImageError:
            pass  # edited since: its pieces are no cut of the tree any more
    return Partition(array)
