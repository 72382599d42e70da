"""Cuts of merge trees as layers; no Qt in here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .display import pyramid
from .made import mark
from .results import Result, Trees
from .table import add_up

__all__ = ["cut_of", "kept_name", "named", "shown", "stops"]

# Positions of the slider; where numbers are few, each of them is one.
POSITIONS = 400


def cut_of(trees: Trees, number: int, **about: Any) -> Result:
    """Return so many superpixels of merge trees as a result, which knows what it is a cut of.

    ``about`` is what else there is to know of its layer.
    """
    groups = trees.forest.groups(number)
    options = mark(
        "superpixels", extent=trees.extent, trees=trees, table=trees.table, number=number,
        shown=add_up(trees.table, groups[1:]), **about,
    )  # fmt: skip
    data = shown(trees, groups, trees.forest.leaves)
    return Result("labels", named(trees), data, trees.placement, options, contour=1)


def shown(trees: Trees, table: NDArray[np.integer[Any]], leaves: NDArray[np.int32]) -> Any:
    """Return the pieces of leaves as a layer's data, of one dtype for all cuts."""
    few = max(len(table), int(table.max(initial=0)) + 1) <= np.iinfo(np.uint16).max
    return pyramid(trees.placement.shape(table.astype(np.uint16 if few else np.int32)[leaves]))


def named(trees: Trees) -> str:
    """Return what the layer of any cut is called."""
    return f"{trees.name} superpixels" + (f", {trees.where}" if trees.where else "")


def kept_name(trees: Trees, number: int) -> str:
    """Return what a cut is called that is kept."""
    return f"{trees.name}, {number} superpixels" + (f", {trees.where}" if trees.where else "")


def stops(low: int, high: int) -> NDArray[np.int64]:
    """Return the numbers at the slider's positions: rising, logarithmic, with both ends."""
    numbers = np.rint(np.geomspace(max(low, 1), max(high, 1), POSITIONS)).astype(np.int64)
    return np.unique(numbers)
