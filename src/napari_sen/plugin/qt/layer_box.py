"""A chooser of one of the viewer's layers, of some kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QSizePolicy

__all__ = ["LayerBox", "fill", "name_combo", "named_combo"]


def named_combo(name: str, tooltip: str) -> QComboBox:
    """Return an empty box with a name and a tooltip."""
    box = QComboBox()
    name_combo(box, name, tooltip)
    return box


def name_combo(box: QComboBox, name: str, tooltip: str) -> None:
    """Give a box its name and tooltip, and a width that long entries do not change."""
    box.setAccessibleName(name)
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def fill(box: QComboBox, entries: Sequence[tuple[str, object]], chosen: object) -> None:
    """Offer entries, text and value, and choose a value without a signal, offered or not."""
    values = [value for _, value in entries]
    extra = [] if chosen in values else [(f"{chosen} (not found)", chosen)]
    blocker = QSignalBlocker(box)
    box.clear()
    for text, value in (*entries, *extra):
        box.addItem(text, value)
    box.setCurrentIndex(values.index(chosen) if chosen in values else len(values))
    blocker.unblock()


class LayerBox(QComboBox):
    """The viewer's layers that ``accept`` takes; ``chosen`` is emitted with another choice.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    accept : callable
        Which layers are.
    fixed : sequence of (str, object)
        First entries, text and value, that are no layers.
    newest : bool
        Choose the newest layer as long as nothing else is chosen, and not the first entry.
    empty : str
        What stands there as long as nothing can be chosen; without it the box stays enabled.
    """

    chosen = Signal(object)

    def __init__(
        self,
        viewer: Any,
        accept: Callable[[Any], bool],
        name: str,
        tooltip: str,
        fixed: Sequence[tuple[str, object]] = (),
        *,
        newest: bool = False,
        empty: str = "",
    ) -> None:
        super().__init__()
        name_combo(self, name, tooltip)
        self._viewer, self._accept, self._fixed = viewer, accept, tuple(fixed)
        self._newest, self._empty = newest, empty
        self._layers: list[Any] = []
        self._now: Any = None
        self._foreign: Any = None  # chosen from elsewhere, and no layer of this viewer
        for event in self._signals():
            event.connect(self.refresh)
        self.currentIndexChanged.connect(self._choose)
        self.setPlaceholderText(empty)
        self.refresh()

    @property
    def layer(self) -> Any:
        """The layer chosen, the value of a fixed entry, or None."""
        index, values = self.currentIndex(), self._values()
        return values[index] if 0 <= index < len(values) else self._foreign

    def choose(self, value: Any) -> None:
        """Choose a layer, offered or not, or the value of a fixed entry."""
        place = self._place(value)
        self._foreign = value if place < 0 else None
        self.setPlaceholderText(
            self._empty if self._foreign is None else f"{value} (not in this viewer)"
        )
        self.setCurrentIndex(place)
        self._choose()

    def refresh(self, event: Any = None) -> None:
        """Follow the viewer's layers; keep the choice as long as its layer is there."""
        before = self._now
        self._forget()
        self._layers = [layer for layer in self._viewer.layers if self._accept(layer)]
        for layer in self._layers:
            layer.events.name.connect(self.refresh)
        blocker = QSignalBlocker(self)
        self.clear()
        self.addItems([text for text, _ in self._fixed])
        self.addItems([layer.name for layer in self._layers])
        place = self._place(before)
        if place >= 0:
            self._foreign = None
        elif self._foreign is None:
            place = self.count() - 1 if self._newest else 0
        if self._empty:
            self.setEnabled(self.count() > 0)
        self.setCurrentIndex(place)
        blocker.unblock()
        self._choose()

    def _values(self) -> list[Any]:
        return [value for _, value in self._fixed] + self._layers

    def _place(self, value: Any) -> int:
        return next((i for i, other in enumerate(self._values()) if other is value), -1)

    def leave(self) -> None:
        """Let go of the viewer."""
        for event in self._signals():
            event.disconnect(self.refresh)
        self._forget()

    def _signals(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def _forget(self) -> None:
        for layer in self._layers:
            layer.events.name.disconnect(self.refresh)
        self._layers = []

    def _choose(self, *_: object) -> None:
        if self.layer is not self._now:
            self._now = self.layer
            self.chosen.emit(self._now)
