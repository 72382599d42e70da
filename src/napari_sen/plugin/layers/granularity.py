"""The live granularity: a merge tree, the number of superpixels shown, and the layer that shows it.

No Qt in here. A slider binds to it in the dock; in a notebook::

    session.granularity.layers = viewer.layers
    session.run("hierarchy")
    session.granularity.show(40)
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...core.hierarchy import Hierarchy
from ...errors import ParameterError
from ...params import SegmentParams
from .display import pyramid
from .results import Result, Tree

__all__ = ["Granularity", "stops"]

# Positions of the slider; where numbers are few, each of them is one.
POSITIONS = 400


class Granularity:
    """One tree, cut at any number of superpixels, live in one Labels layer.

    Attributes
    ----------
    layers : mutable sequence of layers
        Where the layers go: a viewer's ``layers``, or any list.
    tree : Tree or None
        The latest tree.
    number : int
        How many superpixels are shown.
    layer : napari.layers.Labels or None
        The layer that shows them. If it was removed, the next :meth:`show` adds another.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.layers: MutableSequence[Any] = []
        self.tree: Tree | None = None
        self.number = SegmentParams().n_segments
        self.layer: Any = None
        self._trees: WeakKeyDictionary[Any, Tree] = WeakKeyDictionary()

    @property
    def hierarchy(self) -> Hierarchy:
        """The tree's hierarchy; ParameterError as long as there is none."""
        if self.tree is None:
            raise ParameterError('there is no tree yet: press "Hierarchy" first')
        return self.tree.hierarchy

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most superpixels."""
        return self.hierarchy.n_parts, self.hierarchy.n_leaves

    def take(self, tree: Tree) -> None:
        """Take another tree and show it in a layer of its own, at a number as near as can be."""
        self.tree, self.layer = tree, None
        low, high = self.limits
        self.show(min(max(self.number, low), high))

    def show(self, number: int) -> None:
        """Show exactly so many superpixels; ParameterError if the tree has no such cut."""
        data = self._cut(number)
        self.number = number
        if any(layer is self.layer for layer in self.layers):
            self.layer.data = data
        else:
            assert self.tree is not None
            self.layer = self._result(f"{self.tree.name} hierarchy", data).to_layer()
            self.layers.append(self.layer)
        self.changed.emit()

    def keep(self) -> Any:
        """Add what is shown as a layer of its own, named by its number, and return that.

        It lies hidden below the live layer, so that the two outlines do not mix.
        """
        number, data = self.number, self._cut(self.number)
        assert self.tree is not None
        kept = self._result(f"{self.tree.name} {number} superpixels", data).to_layer()
        kept.visible = False
        self._trees[kept] = self.tree
        place = [k for k, layer in enumerate(self.layers) if layer is self.layer]
        self.layers.insert(place[0] if place else len(self.layers), kept)
        return kept

    def tree_of(self, layer: Any) -> Tree | None:
        """Return the tree whose cut a kept layer shows; None for other layers."""
        return self._trees.get(layer)

    def boundary_map(self) -> Any:
        """Add, as an image, at which height each border disappears; return that layer."""
        heights = self.hierarchy.ultrametric()
        assert self.tree is not None
        options = {
            "contrast_limits": (0.0, float(heights.max()) or 1.0),
            "gamma": 0.5,  # the last merges are far higher than the others
            "colormap": "inferno",
            "blending": "additive",
        }
        place = self.tree.placement
        name = f"{self.tree.name} boundary map"
        layer = Result("image", name, place.shape(heights), place, options).to_layer()
        self.layers.append(layer)
        return layer

    def clear(self) -> None:
        """Let go of the tree and of the layers."""
        self.layers, self.tree, self.layer = [], None, None

    def _cut(self, number: int) -> Any:
        """Return a cut as a layer's data, of one dtype for all cuts of a tree."""
        labels = self.hierarchy.cut(number)
        assert self.tree is not None
        few = self.hierarchy.n_leaves <= np.iinfo(np.uint16).max
        shown: NDArray[Any] = labels.astype(np.uint16) if few else labels
        return pyramid(self.tree.placement.shape(shown))

    def _result(self, name: str, data: Any) -> Result:
        assert self.tree is not None
        return Result("labels", name, data, self.tree.placement, contour=1)


def stops(low: int, high: int) -> NDArray[np.int64]:
    """Return the numbers at the slider's positions: rising, logarithmic, with both ends."""
    numbers = np.rint(np.geomspace(low, high, POSITIONS)).astype(np.int64)
    return np.unique(numbers)
