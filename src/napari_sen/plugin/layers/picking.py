"""Picking superpixels: select, merge, split back, put into classes; no Qt in here.

A widget, the layer's mouse and its keys bind to it; in a notebook::

    picking = session.picking
    picking.layers = viewer.layers
    picking.take(viewer.layers["photo superpixels"])
    picking.select([3, 4, 8])
    picking.merge()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...core.partition import Partition
from ...errors import ImageError, ParameterError
from ...io.memory import require_memory
from ..state.cut import check_finished
from ..state.placement import Placement, full_resolution, transform_of
from .display import pyramid
from .results import Result, Tree
from .table import PieceTable

__all__ = ["COLOURS", "HELPER", "Picked", "Picking"]

Tool = Literal["select", "paint"]

# Told apart with every kind of colour blindness (Okabe & Ito), brightest first.
COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442", "#999999",
    "#ffffff",
)  # fmt: skip
SELECTED = "#ffff00"

# The key in a layer's metadata by which the plugin knows layers that are no superpixels.
HELPER = "napari-sen helper"


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


class Picking:
    """The pieces of one Labels layer, the selection, the classes.

    Attributes
    ----------
    layers : mutable sequence of layers
        Where the helper layers go: a viewer's ``layers``, or any list.
    layer : napari.layers.Labels or None
        The layer worked on.
    partition : Partition or None
        Its pieces, with undo.
    selected : set of int
        Labels of the selected pieces.
    tool : {"select", "paint"}
        What a click does.
    class_names : list of str
        Names of the classes 1, 2, ...
    current : int
        The class that is painted.
    remove : callable
        Removes a layer, now or soon.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.layers: MutableSequence[Any] = []
        self.layer: Any = None
        self.partition: Partition | None = None
        self.selected: set[int] = set()
        self._tool: Tool = "select"
        self.class_names = ["background", "object"]
        self._current = 1
        self.remove: Callable[[Any], None] = self._remove_now
        self._helpers: dict[str, Any] = {}
        self._table: PieceTable | None = None
        self._pieces: NDArray[np.int64] = np.zeros(1, np.int64)

    @property
    def tool(self) -> Tool:
        """What a click does."""
        return self._tool

    @tool.setter
    def tool(self, tool: Tool) -> None:
        self._tool = tool
        self.changed.emit()

    @property
    def current(self) -> int:
        """The class that is painted."""
        return self._current

    @current.setter
    def current(self, number: int) -> None:
        self._current = number
        self.changed.emit()

    @property
    def pieces(self) -> Partition:
        """The partition; ParameterError as long as there is none."""
        if self.partition is None:
            raise ParameterError("choose a Labels layer of superpixels and start picking first")
        return self.partition

    def take(self, layer: Any, tree: Tree | None = None) -> None:
        """Work on a Labels layer; with the tree whose cut it shows, pieces split as that does.

        Raises
        ------
        ImageError
            If its labels are of more than three axes, or there are none.
        """
        check_finished(layer)
        found = full_resolution(layer)
        require_memory(found.shape, found.dtype, layer.name)
        data = np.asarray(found)
        array = data[tuple(0 if length == 1 else slice(None) for length in data.shape[:-2])]
        if array.ndim not in (2, 3):
            raise ImageError(
                f"layer {layer.name!r} has {array.ndim} axes: superpixels are picked in 2-D or 3-D"
            )
        self.leave()
        self.partition = Partition(array, None if tree is None else tree.hierarchy)
        self.layer, self.selected = layer, set()
        self._squeezed = tuple(axis for axis in range(data.ndim - 2) if data.shape[axis] == 1)
        self._pieces = self.partition.table()
        self._table = None if tree is not None else PieceTable.of(layer, self.partition)
        self.changed.emit()

    def leave(self) -> None:
        """Let go of the layer; what was made of it stays."""
        self._remove("selection")
        self.layer, self.partition, self._table = None, None, None
        self.selected, self._helpers = set(), {}
        self.changed.emit()

    def index_of(self, position: Sequence[float]) -> tuple[int, ...]:
        """Return the pixel of a place in world coordinates, without axes of length 1."""
        place = self.layer.world_to_data(tuple(position)[-self.layer.ndim :])
        return tuple(
            int(np.floor(x + 0.5)) for axis, x in enumerate(place) if axis not in self._squeezed
        )

    def point(self) -> tuple[float, ...]:
        """Return the place of the layer's first pixel, in world coordinates."""
        return tuple(float(x) for x in self.layer.data_to_world((0,) * self.layer.ndim))

    def along(self, start: Sequence[int], stop: Sequence[int]) -> set[int]:
        """Return the pieces on the straight line between two pixels."""
        steps = max(abs(a - b) for a, b in zip(start, stop, strict=True)) + 1
        line = np.rint(np.linspace(start, stop, steps)).astype(int)
        base = self.pieces.base
        line = line[((line >= 0) & (line < base.shape)).all(axis=1)]
        return set(np.unique(self._pieces[base[tuple(line.T)]]).tolist()) - {0}

    def select(self, labels: Iterable[int], how: str = "replace") -> None:
        """Select pieces: "replace" the selection, "add" to it, or "toggle" each."""
        there = set(self.pieces.pieces.tolist())
        new = {int(label) for label in labels} & there
        before = self.selected
        self.selected = {"replace": new, "add": before | new, "toggle": before ^ new}[how]
        self._show_selection(before ^ self.selected)
        self.changed.emit()

    def merge(self) -> None:
        """Merge the selected pieces that touch each other; the result stays selected."""
        self._edit(self.pieces.merge(self.selected))

    def split(self) -> None:
        """Split the selected pieces into what they were merged of; all of it stays selected."""
        self._edit(self.pieces.split(self.selected))

    def paint(self, labels: Iterable[int] | None = None, value: int | None = None) -> None:
        """Put pieces (by default the selected ones) into a class (by default the current one)."""
        value = self.current if value is None else value
        if not 0 <= value <= len(self.class_names):
            raise ParameterError(f"there is no class {value}: add one first")
        chosen = self.selected if labels is None else set(labels)
        if not chosen:
            raise ParameterError("nothing to paint: select superpixels first")
        self._edit(self.pieces.paint(chosen, value))

    def undo(self) -> None:
        """Take back the last merge, split or painting."""
        self._edit(self.pieces.undo())

    def redo(self) -> None:
        """Do it again."""
        self._edit(self.pieces.redo())

    def add_class(self, name: str = "") -> int:
        """Add a class, make it the current one, and return its number."""
        if len(self.class_names) == len(COLOURS):
            raise ParameterError(f"there are {len(COLOURS)} classes already, which is the limit")
        self.class_names.append(name or f"class {len(self.class_names) + 1}")
        self.current = len(self.class_names)
        self.changed.emit()
        return self.current

    def rename_class(self, number: int, name: str) -> None:
        """Give class ``number`` (from 1) another name."""
        self.class_names[number - 1] = name.strip() or f"class {number}"
        self.changed.emit()

    def restore(
        self,
        labels: NDArray[np.integer],
        classes: NDArray[np.integer],
        class_names: Sequence[str],
    ) -> None:
        """Put back pieces, classes and their names, as an annotation file has them."""
        changed = self.pieces.restore(labels, classes)
        self.class_names, self.current = list(class_names), 1
        self._edit(changed)

    def picked(self) -> Picked:
        """Return a copy of what is known, for work in another thread."""
        pieces = self.pieces
        table, classes = pieces.table()[1:], pieces.class_table()[1:]
        return Picked(pieces.base, table, classes.astype(np.int64), tuple(self.class_names))

    def show(self, results: Iterable[Result]) -> None:
        """Show layers, replacing those of the same kind from an earlier time."""
        for result in results:
            new = result.to_layer()
            new.metadata[HELPER] = True
            old = self._helper(result.name)
            if old is not None:
                old.data = new.data
            else:
                self._helpers[result.name] = new
                self._add(new)

    def result(self, suffix: str, data: NDArray[Any], **options: Any) -> Result:
        """Return a result of the layer's shape and place; ``data`` is without axes of length 1."""
        placement = Placement(self._squeezed, transform_of(self.layer))
        name = f"{self.layer.name} {suffix}"
        kind: Literal["labels", "image"] = "image" if data.dtype.kind == "f" else "labels"
        return Result(kind, name, pyramid(placement.shape(data)), placement, options)

    def class_result(self, suffix: str, data: NDArray[np.uint8]) -> Result:
        """Return a label map of classes, in their colours."""
        return self.result(suffix, data, colormap=_colormap(COLOURS), opacity=0.5)

    def probability_result(self, number: int, data: NDArray[np.float32]) -> Result:
        """Return an image of how likely class ``number`` is, in its colour."""
        return self.result(
            f"p({self.class_names[number - 1]})",
            data,
            colormap=["#000000", COLOURS[number - 1]],
            contrast_limits=(0.0, 1.0),
            blending="additive",
            visible=False,
        )

    # What is seen follows what is known.

    def _edit(self, leaves: NDArray[np.intp]) -> None:
        """Show what a step has changed."""
        if len(leaves) == 0:
            self.changed.emit()
            return
        before, self._pieces = self._pieces, self.pieces.table()
        if not np.array_equal(before, self._pieces):
            self._show_pieces(leaves)
        self._show_classes(leaves)
        there = set(self.pieces.pieces.tolist())
        touched = np.concatenate([before[leaves + 1], self._pieces[leaves + 1]])
        chosen = np.isin(before[1:], list(self.selected))
        self.selected = set(self._pieces[1:][chosen].tolist()) & there
        self._show_selection(set(touched.tolist()) & there)
        if self._table is not None:
            self.layer.features = self._table.merged(self.pieces, self.class_names)
        self.changed.emit()

    def _show_pieces(self, leaves: NDArray[np.intp]) -> None:
        dtype = full_resolution(self.layer).dtype
        if self._pieces.max() > np.iinfo(dtype).max:
            dtype = np.dtype(np.int32)
        self._repaint(self.layer, self._pieces.astype(dtype), leaves)

    def _show_classes(self, leaves: NDArray[np.intp]) -> None:
        table = self.pieces.class_table()
        if table.any() or self._helper("classes") is not None:
            self._overlay("classes", COLOURS, table, leaves)

    def _show_selection(self, labels: set[int]) -> None:
        if self.selected or self._helper("selection") is not None:
            table = np.isin(self._pieces, list(self.selected)).astype(np.uint8)
            leaves = np.flatnonzero(np.isin(self._pieces[1:], list(labels)))
            self._overlay("selection", (SELECTED,), table, leaves)

    def _overlay(
        self, key: str, colours: Sequence[str], table: NDArray[Any], leaves: NDArray[np.intp]
    ) -> None:
        """Show ``table[base]`` over the superpixels; only ``leaves`` if the layer is there."""
        layer = self._helper(key)
        if layer is None:
            data = table[self.pieces.base]
            layer = self.result(key, data, colormap=_colormap(colours), opacity=0.5).to_layer()
            layer.metadata[HELPER] = True
            self._helpers[key] = layer
            self._add(layer)
        elif len(leaves):
            self._repaint(layer, table, leaves)

    def _repaint(self, layer: Any, table: NDArray[Any], leaves: NDArray[np.intp]) -> None:
        """Show ``table[base]`` in a layer, where ``leaves`` are."""
        base, data = self.pieces.base, layer.data
        if layer.multiscale or not isinstance(data, np.ndarray) or data.dtype != table.dtype:
            layer.data = pyramid(np.expand_dims(table[base], self._squeezed))
            return
        box = self.pieces.box(leaves)
        place = list(box)
        for axis in self._squeezed:
            place.insert(axis, slice(0, 1))
        data[tuple(place)] = np.expand_dims(table[base[box]], self._squeezed)
        layer.refresh(extent=False)

    def _helper(self, key: str) -> Any:
        """Return a layer of ours, None if it is not there (yet, or any longer)."""
        layer = self._helpers.get(key)
        return layer if any(other is layer for other in self.layers) else None

    def _add(self, layer: Any) -> None:
        """Add a layer; the superpixels stay the active one, which mouse and keys go to."""
        self.layers.append(layer)
        selection = getattr(self.layers, "selection", None)
        if selection is not None and any(other is self.layer for other in self.layers):
            selection.active = self.layer

    def _remove_now(self, layer: Any) -> None:
        self.layers.remove(layer)

    def _remove(self, key: str) -> None:
        layer = self._helper(key)
        if layer is not None:
            self.remove(layer)


def _colormap(colours: Sequence[str]) -> Any:
    """Return the colours of labels 1, 2, ...; all else is transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    colour_of: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colour_of |= {k + 1: colour for k, colour in enumerate(colours)}
    return DirectLabelColormap(color_dict=colour_of)
