"""Objects that stay in a layer of their own when the superpixels that they were made of change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.partition import Partition
from ..state.placement import Placement, full_resolution, transform_of
from .display import pyramid
from .made import made_of, mark
from .results import Result

__all__ = ["objects_of"]


def objects_of(layer: Any, pieces: Partition, classes: NDArray[np.integer[Any]]) -> Any:
    """Return a layer of what a layer shows now, which is cut no more.

    ``classes`` are those of the leaves, that of none first; an object has that of its leaves.
    """
    about = made_of(layer)
    assert about is not None
    shown = np.array(full_resolution(layer))
    options = mark("superpixels", extent=about.extent, kept=True, shown=about.extra.get("shown"))
    place = Placement((), transform_of(layer))
    name = f"{layer.name}, objects"
    kept = Result("labels", name, pyramid(shown), place, options, contour=1).to_layer()
    new = made_of(kept)
    assert new is not None
    new.source, new.class_names = about.source, list(about.class_names)
    flat = shown[tuple(0 if length == 1 else slice(None) for length in shown.shape[:-2])]
    names, group = np.unique(pieces.table()[1:], return_inverse=True)
    low, high = np.full(len(names), 256), np.zeros(len(names), np.int64)
    np.minimum.at(low, group, classes[1:])
    np.maximum.at(high, group, classes[1:])
    new.partition = Partition(flat, classes=np.where(low == high, high, 0))
    kept.features = layer.features
    return kept
