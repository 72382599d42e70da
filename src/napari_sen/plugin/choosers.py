"""Choosers of the dock: which image and how to read it, which model, which device."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSizePolicy, QWidget

from .catalogue import AUTO, Found, catalogue
from .placement import full_resolution, pixel_size
from .session import Session
from .source import STACKS

__all__ = ["ImageChooser", "ModelChooser"]

NO_CHANNELS = "none"


def _combo(name: str, tooltip: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tooltip)
    # A long layer name must not widen the dock.
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def describe(layer: Any) -> str:
    """Return one line on a layer: kind, size, pixel size."""
    shape = full_resolution(layer).shape[: layer.ndim]
    kind = "RGB" if layer.rgb else f"{full_resolution(layer).dtype}"
    size = " x ".join(str(length) for length in shape)
    unit = f"{layer.units[-1]:~}"
    step = pixel_size(layer)[-1]
    plain = unit in ("", "pixel", "px")
    scaled = f", 1 px = {step:.3g}{'' if plain else ' ' + unit}"
    return f"{kind}, {size}{'' if plain and np.isclose(step, 1) else scaled}"


class ImageChooser(QWidget):
    """The Image layers of the viewer, and how to read the chosen one."""

    changed = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self._layers: list[Any] = []
        self.image = _combo("Image layer", "The layer to work on")
        self.channels = _combo("Channel axis", "The axis that holds channels, if there is one")
        self.stack = _combo("Slices", "What to do with the layer's further axes")
        for key, text in STACKS.items():
            self.stack.addItem(text, key)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setStyleSheet("padding: 0px;")
        self.about.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout = self._layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.addRow("Image", self.image)
        layout.addRow("", self.about)
        layout.addRow("Channels", self.channels)
        layout.addRow("Slices", self.stack)
        self.image.currentIndexChanged.connect(self._choose)
        self.channels.currentIndexChanged.connect(self._read_channels)
        self.stack.currentIndexChanged.connect(self._read_stack)
        self._events = viewer.layers.events
        for event in self._signals():
            event.connect(self._refresh)
        self._refresh()

    def leave(self) -> None:
        """Let go of the viewer."""
        for event in self._signals():
            event.disconnect(self._refresh)
        self._forget()
        self._session.choose(None)

    def _signals(self) -> tuple[Any, ...]:
        events = self._events
        return events.inserted, events.removed, events.reordered

    def _forget(self) -> None:
        for layer in self._layers:
            layer.events.name.disconnect(self._refresh)
            layer.events.scale.disconnect(self._reread)
            layer.events.units.disconnect(self._reread)
        self._layers = []

    def _refresh(self, event: Any = None) -> None:
        """Follow the viewer's layers; keep the choice as long as its layer is there."""
        from napari.layers import Image

        self._forget()
        self._layers = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        for layer in self._layers:
            layer.events.name.connect(self._refresh)
            layer.events.scale.connect(self._reread)
            layer.events.units.connect(self._reread)
        chosen = self._session.layer
        index = next((i for i, layer in enumerate(self._layers) if layer is chosen), 0)
        blocker = QSignalBlocker(self.image)
        self.image.clear()
        self.image.addItems([layer.name for layer in self._layers])
        if not self._layers:
            self.image.setPlaceholderText("no image open")
        self.image.setCurrentIndex(index if self._layers else -1)
        self.image.setEnabled(bool(self._layers))
        blocker.unblock()
        self._choose()

    def _choose(self, *_: object) -> None:
        index = self.image.currentIndex()
        layer = self._layers[index] if index >= 0 else None
        known = layer is self._session.layer
        self._session.choose(layer)
        if not known or layer is None:
            self._fill_channels(layer)
        self._reread()

    def _fill_channels(self, layer: Any) -> None:
        blocker = QSignalBlocker(self.channels)
        self.channels.clear()
        self.channels.addItem(NO_CHANNELS, None)
        if layer is not None and not layer.rgb and layer.ndim > 2:
            shape = full_resolution(layer).shape
            for axis, label in enumerate(layer.axis_labels):
                named = "" if label.lstrip("-").isdigit() else f" ({label})"
                self.channels.addItem(f"axis {axis}{named}: {shape[axis]} channels", axis)
        guess = self.channels.findData(self._session.channel_axis)
        self.channels.setCurrentIndex(max(guess, 0))
        blocker.unblock()

    def _read_channels(self, *_: object) -> None:
        self._session.channel_axis = self.channels.currentData()
        self._reread()

    def _read_stack(self, *_: object) -> None:
        self._session.stack = self.stack.currentData()
        self._reread()

    def _reread(self, event: Any = None) -> None:
        layer = self._session.layer
        if layer is None:
            self.about.setText("Open an image, or take one from File > Open Sample > napari-sen.")
            n_space = 2
        else:
            self.about.setText(describe(layer))
            n_space = layer.ndim - (self._session.channel_axis is not None)
        self._layout.setRowVisible(self.channels, self.channels.count() > 1)
        self._layout.setRowVisible(self.stack, n_space > 2)
        self.changed.emit()


class ModelChooser(QWidget):
    """The model and the device; both lists follow the catalogue."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._wanted: tuple[str | None, str] | None = None
        self.model = _combo(
            "Model",
            "auto: the bundled model natural; none: colour alone; or a model by its name, "
            "those that you trained among them",
        )
        self.device = _combo("Device", "Where the network runs; auto takes a GPU if there is one")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.addRow("Model", self.model)
        layout.addRow("Device", self.device)
        self.show_found(catalogue.found or Found())
        self.model.currentIndexChanged.connect(self._read_model)
        self.device.currentIndexChanged.connect(self._read_device)
        catalogue.changed.connect(self.show_found)
        # Python's half of the widget may outlive Qt's, and must not be called then.
        follow = self.show_found
        self.destroyed.connect(lambda: catalogue.changed.disconnect(follow))

    def leave(self) -> None:
        """Let go of the catalogue."""
        catalogue.changed.disconnect(self.show_found)

    def show_found(self, found: Found) -> None:
        """Offer what was found; keep the choice as long as it is among it."""
        models = [("auto", AUTO), ("none (colour only)", None)]
        model, device = self._wanted or (self._session.model, self._session.device)
        self._fill(self.model, models + [(name, name) for name in found.models], model)
        self._fill(self.device, [("auto", AUTO), *((name, name) for name in found.devices)], device)
        if found.models:
            self._wanted = None
        self._read_model()
        self._read_device()

    def write(self) -> None:
        """Show what the session has, as soon as it is offered."""
        self._wanted = self._session.model, self._session.device
        self.show_found(catalogue.found or Found())

    def _fill(
        self, box: QComboBox, entries: list[tuple[str, str | None]], chosen: str | None
    ) -> None:
        blocker = QSignalBlocker(box)
        box.clear()
        for text, value in entries:
            box.addItem(text, value)
        values = [value for _, value in entries]
        box.setCurrentIndex(values.index(chosen) if chosen in values else 0)
        blocker.unblock()

    def _read_model(self, *_: object) -> None:
        self._session.model = self.model.currentData()

    def _read_device(self, *_: object) -> None:
        self._session.device = self.device.currentData()
