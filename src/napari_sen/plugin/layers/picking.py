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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.partition import Partition
from ...errors import ImageError, ParameterError
from ...io.memory import require_memory
from ..state.cut import check_finished
from ..state.placement import full_resolution
from .made import KEY, Made, made_of, same_layer
from .overlays import COLOURS, SELECTED, Overlays
from .paint_box import PaintBox
from .pick_place import PickPlace
from .pieces import Picked, pieces_of, shows
from .results import Classes
from .table import PieceTable, add_up, brief

__all__ = ["Picking"]


class Picking(PaintBox, PickPlace):
    """The pieces of one Labels layer, the selection, the classes.

    What was done to a layer belongs to it: it is there again when the layer is taken again.

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
    tool, class_names, current
        See :class:`PaintBox`.
    overlays : Overlays or None
        The layers over it.
    remove : callable
        Removes a layer, now or soon.
    """

    def __init__(self) -> None:
        PaintBox.__init__(self)
        PickPlace.__init__(self)
        self.layers: MutableSequence[Any] = []
        self.selected: set[int] = set()
        self.overlays: Overlays | None = None
        self.remove: Callable[[Any], None] = lambda layer: self.layers.remove(layer)
        # Shows the superpixels as they were before the sliders moved; whether there were any.
        self.go_back: Callable[[], bool] = lambda: False
        self._table: PieceTable | None = None
        self._pieces: NDArray[np.int64] = np.zeros(1, np.int64)

    def take(self, layer: Any) -> None:
        """Work on a Labels layer, as it was left.

        Superpixels of the tree split down to its finest ones; those that were edited otherwise
        since are taken as they are.

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
        about = made_of(layer)
        if about is None:
            about = layer.metadata[KEY] = Made("labels")
        partition = about.partition
        if partition is None or not shows(array, partition):
            tree = None if about.trees is None else about.trees.forest.hierarchy
            partition = pieces_of(array, tree)
        self.leave()
        self.partition = about.partition = partition
        self.layer, self.selected = layer, set()
        self._squeezed = tuple(axis for axis in range(data.ndim - 2) if data.shape[axis] == 1)
        self.overlays = Overlays(
            self.layers, layer, self._squeezed, about.extra.setdefault("helpers", {}),
            lambda helper: self.remove(helper),
        )  # fmt: skip
        self._pieces = self.partition.table()
        self._table = PieceTable.of(layer, self.partition, about.table)
        if about.class_names:
            self.class_names = list(about.class_names)
            self._current = min(self._current, len(self.class_names))
        self.changed.emit()

    def put(self, layer: Any, partition: Partition, data: Any) -> None:
        """Show other pieces in a layer, and what was done to them."""
        about = made_of(layer)
        assert about is not None
        layer.data, about.partition = data, partition
        if self.layer is not layer:
            return
        self.partition, self.selected = partition, set()
        self._pieces = partition.table()
        self._table = PieceTable.of(layer, partition, about.table)
        self._show_selection(set())
        self._show_classes(np.arange(partition.n_leaves))
        self.changed.emit()

    def leave(self) -> None:
        """Let go of the layer; what was done to it stays with it."""
        if self.layer is not None:
            self.leaving.emit()
            self.about.class_names = list(self.class_names)
        if self.overlays is not None:
            self.overlays.remove(["selection"])
        self.layer, self.partition, self._table, self.overlays = None, None, None, None
        self.selected = set()
        self.changed.emit()

    def forget(self, layer: Any) -> None:
        """Let go of what was done to a layer that shows other superpixels from now on."""
        if self.layer is layer:
            self.leave()
        about = made_of(layer)
        assert about is not None
        for helper in about.extra.pop("helpers", {}).values():
            if same_layer(self.layers, helper):
                self.remove(helper)
        about.partition, about.before = None, []

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
        """Split the selected pieces into what they were merged from; all of it stays selected."""
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

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back, on these superpixels or on earlier ones."""
        if self.partition is None:
            return False
        return self.partition.can_undo or bool(self.about.before)

    def undo(self) -> None:
        """Take back the last merge, split or painting, or what the sliders did after it."""
        if self.pieces.can_undo or not self.go_back():
            self._edit(self.pieces.undo())

    def redo(self) -> None:
        """Do it again."""
        self._edit(self.pieces.redo())

    def restore(
        self,
        labels: NDArray[np.integer],
        classes: NDArray[np.integer],
        class_names: Sequence[str],
    ) -> None:
        """Put back pieces, classes and their names, as an annotation file has them."""
        self._take_over(self.pieces.restore(labels, classes), class_names)

    def put_back(
        self,
        merged: Sequence[NDArray[np.intp]],
        classes: NDArray[np.integer],
        class_names: Sequence[str],
    ) -> None:
        """Merge and paint leaves again, on whatever cut is shown."""
        self._take_over(self.pieces.put_back(merged, classes), class_names)

    def _take_over(self, changed: NDArray[np.intp], class_names: Sequence[str]) -> None:
        self.class_names, self.current = list(class_names), 1
        self._edit(changed)

    def picked(self) -> Picked:
        """Return a copy of what is known, for work in another thread."""
        pieces = self.pieces
        table, classes = pieces.table()[1:], pieces.class_table()[1:]
        return Picked(pieces.base, table, classes.astype(np.int64), tuple(self.class_names))

    def leaf_classes(self) -> NDArray[np.int64]:
        """Return the class of every leaf, 0 first: its piece's painted one, else the predicted."""
        classes = np.zeros(self.pieces.n_leaves + 1, np.int64)
        found: Classes | None = self.about.extra.get("prediction")
        if found is not None and found.base is self.pieces.base:
            classes[1:] = found.numbers[found.probability.argmax(axis=1)]
        table = self.pieces.table()
        for label, value in self.pieces.classes().items():
            classes[table == label] = value
        return classes

    def join(self) -> None:
        """Merge all superpixels of one class, painted or predicted, that touch: to objects."""
        extent = self.about.extent
        n_spatial = None if extent is None else len(extent.shape)
        self._edit(self.pieces.join(self.leaf_classes(), n_spatial=n_spatial))

    def unions(self, group: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
        """Return what unions of leaves are like: leaf r belongs to ``group[r]``, 0 to none."""
        assert self._table is not None
        return add_up(self._table.columns, group)

    def table(self) -> dict[str, NDArray[Any]]:
        """Return what every piece is like, with its class, and the predicted one and how sure."""
        assert self._table is not None
        found = self._table.merged(self.pieces, self.class_names)
        classes: Classes | None = self.about.extra.get("prediction")
        if classes is not None and classes.base is self.pieces.base:
            piece, first = np.unique(self.pieces.table()[1:], return_index=True)
            if np.array_equal(piece, found["index"]):
                sure = classes.probability[first]
                names = np.array(["", *self.class_names])
                found["predicted class"] = names[classes.numbers[sure.argmax(axis=1)]]
                found["confidence"] = sure.max(axis=1)
        return found

    def features(self) -> dict[str, NDArray[Any]]:
        """Return what the status bar shows of every piece."""
        assert self._table is not None
        return brief(self._table.merged(self.pieces, self.class_names))

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
        self.layer.features = self.features()
        self.changed.emit()
        self.edited.emit()

    def _show_pieces(self, leaves: NDArray[np.intp]) -> None:
        dtype = full_resolution(self.layer).dtype
        if self._pieces.max() > np.iinfo(dtype).max:
            dtype = np.dtype(np.int32)
        assert self.overlays is not None
        box = self.pieces.box(leaves)
        self.overlays.repaint(self.layer, self._pieces.astype(dtype), self.pieces.base, box)
        self.reshaped.emit()

    def _show_classes(self, leaves: NDArray[np.intp]) -> None:
        table = self.pieces.class_table()
        assert self.overlays is not None
        if table.any() or self.overlays.helper("classes") is not None:
            self._overlay("classes", COLOURS, table, leaves)

    def _show_selection(self, labels: set[int]) -> None:
        assert self.overlays is not None
        if self.selected or self.overlays.helper("selection") is not None:
            table = np.isin(self._pieces, list(self.selected)).astype(np.uint8)
            leaves = np.flatnonzero(np.isin(self._pieces[1:], list(labels)))
            if not labels and not self.selected:
                leaves = np.arange(self.pieces.n_leaves)
            self._overlay("selection", (SELECTED,), table, leaves)

    def _overlay(
        self, key: str, colours: Sequence[str], table: NDArray[Any], leaves: NDArray[np.intp]
    ) -> None:
        assert self.overlays is not None
        box = self.pieces.box(leaves) if len(leaves) else None
        self.overlays.paint(key, colours, table, self.pieces.base, box)
