"""Chooser of the part of the image that is worked on: region, mask, further channels."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFormLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ..state.observed import follow
from ..state.placement import full_resolution
from ..steps.session import Session
from .folding import folded
from .layer_box import LayerBox

__all__ = ["PartChooser"]


def _is_mask(layer: Any) -> bool:
    return type(layer).__name__ == "Labels"


class PartChooser(QWidget):
    """Folded: which region of the image, which mask, which layers are channels beside it."""

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.region_box = LayerBox(
            viewer,
            lambda layer: type(layer).__name__ == "Shapes",
            "Region",
            "Work on all of the image, on what is in view, or in the shapes of a layer",
            [("Whole image", None), ("Current view", "view")],
        )
        self.mask_box = LayerBox(
            viewer,
            _is_mask,
            "Mask",
            "Only where the labels of this layer are not 0",
            [("none", None)],
        )
        self.channels = QListWidget()
        self.channels.setAccessibleName("Further channels")
        self.channels.setToolTip("Layers of the same shape that are channels of the same image")
        self._offered: list[Any] = []
        content = QWidget()
        form = self._form = QFormLayout(content)
        form.setContentsMargins(6, 0, 0, 0)
        form.addRow("Region", self.region_box)
        form.addRow("Mask", self.mask_box)
        form.addRow("With layers", self.channels)
        self.fold = folded("Region, mask, channels", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
        self._show()
        self.region_box.chosen.connect(self._read_region)
        self.mask_box.chosen.connect(self._read_mask)
        self.channels.itemChanged.connect(self._read_channels)
        for event in self._signals():
            event.connect(self.refresh)
        follow(self, session.changed, self._follow)
        self.refresh()

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        for event in self._signals():
            event.disconnect(self.refresh)
        self._session.changed.disconnect(self._follow, missing_ok=True)
        self.region_box.leave()
        self.mask_box.leave()
        self._offered = []

    def _follow(self, name: str) -> None:
        if name in ("region", "mask"):
            self._show()
        elif name in ("layer", "channels"):
            self.refresh()

    def _show(self) -> None:
        self.region_box.choose(self._session.region)
        self.mask_box.choose(self._session.mask)

    def refresh(self, event: Any = None) -> None:
        """Offer the layers that can be channels beside the image; keep those that are."""
        chosen, layer = self._session.channels, self._session.layer
        self._offered = [other for other in self._viewer.layers if _fits(other, layer)]
        blocker = QSignalBlocker(self.channels)
        self.channels.clear()
        for other in self._offered:
            item = QListWidgetItem(other.name)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            is_on = any(other is each for each in chosen)
            item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)
            self.channels.addItem(item)
        rows = min(max(self.channels.count(), 1), 5)
        height = max(self.channels.sizeHintForRow(0), 16) * rows
        self.channels.setFixedHeight(height + 2 * self.channels.frameWidth() + 2)
        self._form.setRowVisible(self.channels, bool(self._offered))
        blocker.unblock()
        self._read_channels()  # without those that are gone

    def _signals(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def _read_region(self, region: Any) -> None:
        self._session.region = region

    def _read_mask(self, mask: Any) -> None:
        self._session.mask = mask

    def _read_channels(self, *_: object) -> None:
        self._session.channels = [
            layer
            for row, layer in enumerate(self._offered)
            if (item := self.channels.item(row)) is not None
            and item.checkState() == Qt.CheckState.Checked
        ]


def _fits(other: Any, layer: Any) -> bool:
    """Return whether a layer can be a channel beside the image."""
    if layer is None or other is layer or type(other).__name__ != "Image":
        return False
    if layer.rgb or other.rgb:
        return False
    return bool(full_resolution(other).shape == full_resolution(layer).shape)
