"""The helper layers over superpixels: what is selected, painted, predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...core.objects import CLASS_COLOURS
from ..state.placement import Placement, transform_of
from .display import pyramid
from .made import KEY, Made, same_layer
from .results import Result

__all__ = ["COLOURS", "SELECTED", "Overlays", "class_colours"]

COLOURS = CLASS_COLOURS
SELECTED = "#ffff00"


class Overlays:
    """Helper layers of one layer of superpixels.

    Parameters
    ----------
    layers : mutable sequence of layers
        Where they go.
    layer : napari.layers.Labels
        The superpixels.
    squeezed : tuple of int
        Its axes of length 1 that the partition does not have.
    helpers : dict
        Those that there are already, by their key; it is kept up to date.
    remove : callable
        Removes a layer, now or soon.
    """

    def __init__(
        self,
        layers: MutableSequence[Any],
        layer: Any,
        squeezed: tuple[int, ...],
        helpers: dict[str, Any],
        remove: Callable[[Any], None],
    ) -> None:
        self._layers, self._layer, self._squeezed = layers, layer, squeezed
        self._helpers, self._remove = helpers, remove

    def helper(self, key: str) -> Any:
        """Return a layer of ours, None if it is not there (yet, or any longer)."""
        layer = self._helpers.get(key)
        return layer if same_layer(self._layers, layer) else None

    def result(self, suffix: str, data: NDArray[Any], **options: Any) -> Result:
        """Return a result of the layer's shape and place; ``data`` is without axes of length 1."""
        placement = Placement(self._squeezed, transform_of(self._layer))
        name = f"{self._layer.name} {suffix}"
        kind: Literal["labels", "image"] = "image" if data.dtype.kind == "f" else "labels"
        return Result(kind, name, pyramid(placement.shape(data)), placement, options)

    def show(self, key: str, result: Result) -> Any:
        """Show a result in its layer, which is there already or is added."""
        old, new = self.helper(key), result.to_layer()
        if old is not None and old.multiscale == new.multiscale:
            old.data = new.data
            return old
        new.metadata[KEY] = Made("helper")
        self._helpers[key] = new
        self._add(new)
        return new

    def paint(
        self,
        key: str,
        colours: Sequence[str],
        table: NDArray[Any],
        base: NDArray[np.integer[Any]],
        box: tuple[slice, ...] | None,
    ) -> None:
        """Show ``table[base]`` over the superpixels; only a box if the layer is there."""
        layer = self.helper(key)
        if layer is None:
            result = self.result(key, table[base], colormap=class_colours(colours), opacity=0.5)
            self.show(key, result)
        elif box is not None:
            self.repaint(layer, table, base, box)

    def repaint(
        self,
        layer: Any,
        table: NDArray[Any],
        base: NDArray[np.integer[Any]],
        box: tuple[slice, ...],
    ) -> None:
        """Show ``table[base]`` in a layer, in a box."""
        data = layer.data
        if layer.multiscale or not isinstance(data, np.ndarray) or data.dtype != table.dtype:
            layer.data = pyramid(np.expand_dims(table[base], self._squeezed))
            return
        place = list(box)
        for axis in self._squeezed:
            place.insert(axis, slice(0, 1))
        data[tuple(place)] = np.expand_dims(table[base[box]], self._squeezed)
        layer.refresh(extent=False)

    def remove(self, keys: Iterable[str]) -> None:
        """Take layers away, soon."""
        for key in keys:
            layer = self.helper(key)
            if layer is not None:
                self._remove(layer)

    def _add(self, layer: Any) -> None:
        """Add a layer; the superpixels stay the active one, which mouse and keys go to."""
        self._layers.append(layer)
        selection = getattr(self._layers, "selection", None)
        if selection is not None and same_layer(self._layers, self._layer):
            selection.active = self._layer


def class_colours(colours: Sequence[str] = COLOURS) -> Any:
    """Return the colours of labels 1, 2, ...; all else is transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    colour_of: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colour_of |= {k + 1: colour for k, colour in enumerate(colours)}
    return DirectLabelColormap(color_dict=colour_of)
