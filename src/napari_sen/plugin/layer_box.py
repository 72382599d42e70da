"""A chooser of one of the viewer's layers, of some kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QSizePolicy

__all__ = ["LayerBox", "combo"]


def combo(box: QComboBox, name: str, tooltip: str) -> None:
    """Give a box its name and tooltip, and a width that long entries do not change."""
    box.setAccessibleName(name)
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


class LayerBox(QComboBox):
    """The viewer's layers that ``accept`` takes; ``chosen`` is emitted with another choice.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    accept : callable
        Which layers are.
    none : str
        Text of the first entry, which stands for no layer; "" for no such entry.
    """

    chosen = Signal(object)

    def __init__(
        self, viewer: Any, accept: Callable[[Any], bool], name: str, tooltip: str, none: str = ""
    ) -> None:
        super().__init__()
        combo(self, name, tooltip)
        self._viewer, self._accept, self._none = viewer, accept, none
        self._layers: list[Any] = []
        self._now: Any = None
        for event in self._signals():
            event.connect(self.refresh)
        self.currentIndexChanged.connect(self._choose)
        self.refresh()

    @property
    def layer(self) -> Any:
        """The layer chosen, or None."""
        index = self.currentIndex() - bool(self._none)
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer, if it is among those offered."""
        index = next((i for i, other in enumerate(self._layers) if other is layer), None)
        if index is not None:
            self.setCurrentIndex(index + bool(self._none))

    def refresh(self, event: Any = None) -> None:
        """Follow the viewer's layers; keep the choice as long as its layer is there."""
        before = self._now
        self._forget()
        self._layers = [layer for layer in self._viewer.layers if self._accept(layer)]
        for layer in self._layers:
            layer.events.name.connect(self.refresh)
        blocker = QSignalBlocker(self)
        self.clear()
        if self._none:
            self.addItem(self._none)
        self.addItems([layer.name for layer in self._layers])
        here = [i for i, layer in enumerate(self._layers) if layer is before]
        newest = -1 if self._none else len(self._layers) - 1
        self.setCurrentIndex((here[0] if here else newest) + bool(self._none))
        blocker.unblock()
        self._choose()

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
