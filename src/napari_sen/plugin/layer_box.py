"""A chooser of one of the viewer's layers, of some kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    fixed : sequence of (str, object)
        First entries, text and value, that are no layers; without them the newest layer is
        chosen.
    """

    chosen = Signal(object)

    def __init__(
        self,
        viewer: Any,
        accept: Callable[[Any], bool],
        name: str,
        tooltip: str,
        fixed: Sequence[tuple[str, object]] = (),
    ) -> None:
        super().__init__()
        combo(self, name, tooltip)
        self._viewer, self._accept, self._fixed = viewer, accept, tuple(fixed)
        self._layers: list[Any] = []
        self._now: Any = None
        for event in self._signals():
            event.connect(self.refresh)
        self.currentIndexChanged.connect(self._choose)
        self.refresh()

    @property
    def layer(self) -> Any:
        """The layer chosen, the value of a fixed entry, or None."""
        index = self.currentIndex()
        if 0 <= index < len(self._fixed):
            return self._fixed[index][1]
        index -= len(self._fixed)
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer, if it is among those offered."""
        index = next((i for i, other in enumerate(self._layers) if other is layer), None)
        if index is not None:
            self.setCurrentIndex(index + len(self._fixed))

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
        values = [value for _, value in self._fixed] + self._layers
        here = [i for i, value in enumerate(values) if value is before]
        self.setCurrentIndex(here[0] if here else 0 if self._fixed else len(values) - 1)
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
