"""The live granularity: superpixels of any number and evenness, in one layer for each image.

No Qt in here. Sliders bind to it in the dock; in a notebook::

    session.granularity.layers = viewer.layers
    session.run("superpixels")
    session.granularity.show(40)
    session.granularity.even(0.9)
"""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...core.partition import Partition
from ...errors import ParameterError
from .cuts import cut_of, kept_name, named, shown
from .kept_objects import objects_of
from .looks import Looks
from .made import Made, is_superpixels, made_of, mark, same_layer
from .picking import Picking
from .pieces import recut
from .results import Result, Trees
from .table import add_up, brief

__all__ = ["Granularity"]

EARLIER = 3  # results of one image that can be brought back


class Granularity:
    """The layer of superpixels that is worked on, cut at any number and evenness.

    Attributes
    ----------
    layers : mutable sequence of layers
        Where the layers go: a viewer's ``layers``, or any list.
    layer : napari.layers.Labels or None
        The layer that the sliders act on.
    looks : Looks
        How superpixels are drawn.
    """

    changed = Signal()
    told = Signal(str)  # what a person should know of what was done beside

    def __init__(self, picking: Picking) -> None:
        self.layers: MutableSequence[Any] = []
        self.layer: Any = None
        self.looks = Looks()
        self._picking = picking
        picking.go_back = self._go_back
        self.looks.changed.connect(self._look)

    @property
    def about(self) -> Made | None:
        """What is known of the layer; None where there is none, or none in the viewer."""
        return made_of(self.layer) if same_layer(self.layers, self.layer) else None

    @property
    def trees(self) -> Trees | None:
        """What the layer is a cut of."""
        about = self.about
        return None if about is None else about.trees

    @property
    def number(self) -> int:
        """How many superpixels a slice are shown; 0 without a layer."""
        about = self.about
        return 0 if about is None else about.number

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most superpixels."""
        return self._there().forest.limits

    @property
    def evenness(self) -> float | None:
        """How even the superpixels shown are; None without a layer."""
        return None if self.trees is None else self.trees.forest.evenness

    def _there(self) -> Trees:
        if self.trees is None:
            raise ParameterError('there are no superpixels yet: press "Make superpixels" first')
        return self.trees

    def take(self, trees: Trees, image: Any = None) -> None:
        """Show new trees: in place of the earlier ones of that image, which can be brought back."""
        number = int(max(trees.forest.wanted))
        before = self.of_image(image) if image is not None else None
        about = made_of(before)
        if before is not None and about is not None and about.trees is not None:
            about.earlier = [*about.earlier, (about.trees, about.number)][-EARLIER:]
            self.layer = before
            self._put(trees, number)
            self.looks.apply(self.layer)
            return
        self._hide_others(image)
        layer = self.layer = cut_of(trees, number).to_layer()
        new = made_of(layer)
        assert new is not None
        new.source = image
        layer.features = brief(new.extra["shown"])
        self.looks.apply(layer)
        self.layers.append(layer)
        self.changed.emit()

    def of_image(self, image: Any) -> Any:
        """Return the layer of an image's superpixels, live ones first; None where there is none."""
        found = None
        for layer in self.layers:
            about = made_of(layer)
            if about is None or about.source is not image or about.extra.get("kept"):
                continue
            if about.trees is not None:
                return layer
            if about.is_result:
                found = layer
        return found

    def follow(self, layer: Any) -> None:
        """Act on a layer of superpixels, or on that of an image."""
        found = layer if made_of(layer) is not None else self.of_image(layer)
        if found is not self.layer:
            self.layer, about = found, made_of(found)
            if about is not None and about.extra.pop("opened", False):
                self.looks.apply(found)  # it was drawn by napari, from a file
            self.changed.emit()

    def show(self, number: int) -> None:
        """Show exactly so many superpixels; ParameterError if the tree has no such cut."""
        trees = self._there()
        low, high = trees.forest.limits
        if not low <= number <= high:
            raise ParameterError(
                f"there are {low} to {high} superpixels to choose from; for more, type the number "
                'and press "Make superpixels"'
            )
        self._put(trees, number)

    def even(self, evenness: float) -> None:
        """Merge the same leaves with another evenness, 0 (they follow objects) to 1 (even)."""
        trees, number = self._there(), self.number
        forest = trees.forest.merged(evenness)
        low, high = forest.limits
        self._put(replace(trees, forest=forest), min(max(number, low), high))

    def undo(self) -> None:
        """Bring the result back that the present one has replaced; do it again to change back."""
        about = self.about
        if about is None or not about.earlier:
            raise ParameterError("there is no earlier result of this image")
        assert about.trees is not None
        trees, number = about.earlier.pop()
        about.earlier.insert(0, (about.trees, about.number))
        self._put(trees, number)

    def keep(self) -> Any:
        """Add a copy of what is shown, hidden, named by what it is; return that layer."""
        trees, about = self._there(), self.about
        assert about is not None
        data = self.layer.data
        copied = [np.array(level) for level in data] if self.layer.multiscale else np.array(data)
        name = kept_name(trees, self.number)
        options = mark("superpixels", extent=trees.extent, trees=trees, kept=True)
        layer = Result("labels", name, copied, trees.placement, options, contour=1).to_layer()
        new = made_of(layer)
        assert new is not None
        new.number, new.source = about.number, about.source
        new.extra["shown"], layer.features = about.extra.get("shown"), self.layer.features
        self._insert_under(self.layer, layer)
        return layer

    def clear(self) -> None:
        """Let go of the layers."""
        self.layers, self.layer = [], None

    def _go_back(self) -> bool:
        """Show what was worked on before the sliders moved, as it was; return whether there was."""
        about = made_of(self._picking.layer)
        if about is None or not about.before:
            return False
        self.layer = self._picking.layer
        trees, number, pieces = about.before.pop()
        self._put(trees, number, pieces)
        return True

    def _put(self, trees: Trees, number: int, pieces: Partition | None = None) -> None:
        """Show a cut in the layer, with what was done to other cuts; or pieces as they were."""
        layer, about = self.layer, self.about
        assert about is not None
        earlier, groups, before = about.trees, trees.forest.groups(number), about.partition
        same = earlier is not None and earlier.forest.leaves is trees.forest.leaves
        if before is not None and before.can_undo and pieces is None:
            assert earlier is not None
            about.before = [*about.before, (earlier, about.number, before)][-EARLIER:]
            if before.has_objects:
                self._keep_objects(layer, before)
        about.trees, about.number, about.extent = trees, number, trees.extent
        about.table = trees.table
        if earlier is not None and not earlier.is_where(trees):
            self._picking.forget(layer)  # another part of the image: its own file keeps it
        elif before is not None and pieces is None:
            labels = trees.placement.shape(groups[trees.forest.leaves])
            pieces = recut(labels, trees.forest.hierarchy, before)
        if pieces is not None:
            base = pieces.base.reshape(trees.forest.leaves.shape)
            self._picking.put(layer, pieces, shown(trees, pieces.table(), base))
        else:
            layer = self._fill(layer, shown(trees, groups, trees.forest.leaves))
        if not same:
            about.extra.pop("outline", None)
            for name, value in trees.placement.transform.items():
                setattr(layer, name, value)
            layer.name = named(trees)
        if about.extra.get("kept"):
            layer.name = kept_name(trees, number)
        self._measure(about, groups if pieces is None else pieces.table())
        layer.features = self._features(about, layer)
        if self.looks.look == "mean" and self.looks.displayed == 2:
            self.looks.apply(layer)
        self.changed.emit()

    def _keep_objects(self, layer: Any, pieces: Partition) -> None:
        """Keep joined superpixels in a layer of their own: no other cut has them."""
        is_picked = self._picking.layer is layer
        classes = self._picking.leaf_classes() if is_picked else pieces.class_table()
        kept = objects_of(layer, pieces, classes)
        self._insert_under(layer, kept)
        self.told.emit(f"The joined objects are kept in the hidden layer {kept.name!r}.")

    def _insert_under(self, layer: Any, new: Any) -> None:
        """Add a hidden layer; mouse, keys and sliders go on where they were."""
        self.looks.apply(new)
        new.visible = False
        selection = getattr(self.layers, "selection", None)
        active = None if selection is None else selection.active
        place = [k for k, other in enumerate(self.layers) if other is layer]
        self.layers.insert(place[0] if place else len(self.layers), new)
        if selection is not None:  # a plugin gets a stand-in of the active layer, equal to it
            selection.active = next((each for each in self.layers if each == active), None)

    def _fill(self, layer: Any, data: Any) -> Any:
        """Show data in a layer, or in one in its place: napari's are pyramids, or not, for good."""
        if layer.multiscale == isinstance(data, list):
            layer.data = data
            return layer
        options = {"metadata": layer.metadata, "visible": layer.visible}
        self.layer = Result("labels", layer.name, data, options=options, contour=1).to_layer()
        place = next(k for k, other in enumerate(self.layers) if other is layer)
        del self.layers[place]
        self.layers.insert(place, self.layer)
        self.looks.apply(self.layer)
        return self.layer

    def _features(self, about: Made, layer: Any) -> dict[str, NDArray[Any]]:
        if about.partition is not None and self._picking.layer is layer:
            return self._picking.features()
        return brief(about.extra["shown"])

    def _measure(self, about: Made, groups: NDArray[np.integer[Any]]) -> None:
        """Keep what the superpixels shown are like."""
        assert about.trees is not None
        about.table = about.trees.table
        about.extra["shown"] = add_up(about.trees.table, groups[1:])

    def _hide_others(self, image: Any) -> None:
        """Hide what would lie over or under the new one: kept copies, other pictures."""
        for layer in self.layers:
            about = made_of(layer)
            if about is not None and about.what in ("superpixels", "embedding", "contours"):
                layer.visible = False

    def _look(self) -> None:
        for layer in list(self.layers):
            about = made_of(layer)
            if about is None or not is_superpixels(layer) or about.extra.get("kept"):
                continue
            self.looks.apply(layer)
        self.changed.emit()
