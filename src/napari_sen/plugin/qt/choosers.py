"""Choosers of the dock: which image and how to read it, which model, which device."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QLabel, QSizePolicy, QWidget

from ..state.catalogue import AUTO, Found, catalogue
from ..state.observed import follow
from ..state.placement import full_resolution, pixel_size
from ..state.source import STACKS
from ..steps.session import Session
from .layer_box import LayerBox, fill, named_combo

__all__ = ["ImageChooser", "ModelChooser"]

NO_CHANNELS = "none"


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


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


class ImageChooser(QWidget):
    """The Image layers of the viewer, and how to read the chosen one."""

    changed = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._session = session
        self._watched: Any = None
        self.image = LayerBox(
            viewer, _is_image, "Image layer", "The layer to work on", empty="no image open"
        )
        self.channels = named_combo("Channel axis", "The axis that holds channels, if there is one")
        self.stack = named_combo("Slices", "What to do with the layer's further axes")
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
        self.image.chosen.connect(session.choose)
        self.channels.currentIndexChanged.connect(self._read_channels)
        self.stack.currentIndexChanged.connect(self._read_stack)
        if session.layer is None:
            session.choose(self.image.layer)
        follow(self, session.changed, self._follow)
        self._show_layer()

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        self.image.leave()
        self._watch(None)
        self._session.changed.disconnect(self._follow, missing_ok=True)

    def _watch(self, layer: Any) -> None:
        """Follow the pixel size of a layer, and of no other."""
        if self._watched is not None:
            for event in (self._watched.events.scale, self._watched.events.units):
                event.disconnect(self._reread)
        self._watched = layer
        if layer is not None:
            for event in (layer.events.scale, layer.events.units):
                event.connect(self._reread)

    def _show_layer(self) -> None:
        """Show the session's layer, which may be of no viewer, and how it is read."""
        layer = self._session.layer
        self.image.choose(layer)
        self._watch(layer)
        self._fill_channels(layer)
        blocker = QSignalBlocker(self.stack)
        self.stack.setCurrentIndex(self.stack.findData(self._session.stack))
        blocker.unblock()
        self._reread()

    def _follow(self, name: str) -> None:
        if name in ("layer", "channel_axis", "stack"):
            self._show_layer()

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

    def _read_stack(self, *_: object) -> None:
        self._session.stack = self.stack.currentData()

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
        self.model = named_combo(
            "Model",
            "auto: the bundled model natural; none: colour alone; or a model by its name, "
            "those that you trained among them",
        )
        self.device = named_combo(
            "Device", "Where the network runs; auto takes a GPU if there is one"
        )
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.addRow("Model", self.model)
        layout.addRow("Device", self.device)
        self._show()
        self.model.currentIndexChanged.connect(self._read_model)
        self.device.currentIndexChanged.connect(self._read_device)
        follow(self, catalogue.changed, self._show)
        follow(self, session.changed, self._follow)

    def leave(self) -> None:
        """Let go of the catalogue and of the session."""
        catalogue.changed.disconnect(self._show, missing_ok=True)
        self._session.changed.disconnect(self._follow, missing_ok=True)

    def _follow(self, name: str) -> None:
        if name in ("model", "device"):
            self._show()

    def _show(self, *_: object) -> None:
        """Offer what was found, and what the session has."""
        found = catalogue.found or Found()
        models = [("auto", AUTO), ("none (colour only)", None)]
        models += [(name, name) for name in found.models]
        fill(self.model, models, self._session.model)
        devices = [("auto", AUTO), *((name, name) for name in found.devices)]
        fill(self.device, devices, self._session.device)

    def _read_model(self, *_: object) -> None:
        self._session.model = self.model.currentData()

    def _read_device(self, *_: object) -> None:
        self._session.device = self.device.currentData()
