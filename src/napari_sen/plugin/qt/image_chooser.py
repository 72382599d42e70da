"""Chooser of the image, and of how it is read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from ...errors import SenError
from ..layers.made import made_of
from ..state.catalogue import AUTO
from ..state.channels import fits_as_channel
from ..state.kinds import KIND_NAMES
from ..state.layer_image import STACKS, LayerImage
from ..state.observed import follow
from ..state.placement import full_resolution
from ..steps.session import Session
from .layer_box import LayerBox, named_combo

__all__ = ["ImageChooser"]

NO_CHANNELS = "none"
NO_IMAGE = "Open an image, or take one from File > Open Sample > napari-sen."


def understood(source: LayerImage, model: str | None) -> str:
    """Return one line: what an image was taken for, and with which model."""
    colour = "colour" if source.rgb else _channels(source)
    shape = source.shape[-len(source.spacing) :]
    size = " x ".join(str(length) for length in shape)
    if source.slices == "each":
        count = source.shape[: -len(source.spacing)]
        size = f"{' x '.join(map(str, count))} slices of {size}"
    pixel = ""
    if source.is_scaled:
        pixel = f", {_pixel(source)}"
    parts = [f"{colour}, {size}{pixel}"]
    if source.where:
        parts.append(source.where)
    if model is None:
        parts.append("no model: colour alone")
    else:
        parts.append(f"model: {source.kind if model == AUTO else model}")
    return "; ".join(parts)


def explained(source: LayerImage) -> str:
    """Return why an image was taken for what it is, and where its pixel size is from."""
    text = f"Taken for {KIND_NAMES[source.kind]}: {source.why}."
    if source.is_scaled:
        return f"{text}\nPixel size: {_pixel(source)}, from {source.size_from}."
    return f"{text}\nPixel size: not known, so sizes are in pixels."


def _pixel(source: LayerImage) -> str:
    steps = [f"{step:.3g}" for step in source.spacing]
    return f"{steps[0] if len(set(steps)) == 1 else ' x '.join(steps)} {source.unit}"


def _channels(source: LayerImage) -> str:
    count = len(source.channel_names)
    return "grey" if count == 1 else f"{count} channels"


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image) and made_of(layer) is None


class ImageChooser(QWidget):
    """The images of the viewer, and how to read the chosen one.

    It follows the layer that is selected in the viewer, or has just been opened, unless it is
    pinned.
    """

    changed = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._watched: Any = None
        self._offered: list[Any] = []
        self.image = LayerBox(
            viewer, _is_image, "Image layer", "The image to work on", empty="no image open"
        )
        self.pin = QToolButton()
        self.pin.setText("Pin")
        self.pin.setCheckable(True)
        self.pin.setToolTip("Stay with this image, whatever layer is selected or opened")
        self.pin.setAccessibleName("Pin this image")
        self.channels = named_combo("Channel axis", "The axis that holds channels, if there is one")
        self.stack = named_combo("Slices", "What to do with the further axes")
        for key, text in STACKS.items():
            self.stack.addItem(text, key)
        self.together = QListWidget()
        self.together.setAccessibleName("Channels in other layers")
        self.together.setToolTip("Images of the same shape: tick those that are channels of it")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setStyleSheet("padding: 0px;")
        self.about.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.image, 1)
        row.addWidget(self.pin)
        layout = self._layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.addRow("Image", row)
        layout.addRow(self.about)
        layout.addRow("Channels", self.channels)
        layout.addRow("Together with", self.together)
        layout.addRow("Slices", self.stack)

    def _connect(self) -> None:
        session, viewer = self._session, self._viewer
        self.image.chosen.connect(self._choose)
        self.pin.toggled.connect(self._pinned)
        self.channels.currentIndexChanged.connect(self._read_channels)
        self.stack.currentIndexChanged.connect(self._read_stack)
        self.together.itemChanged.connect(self._read_together)
        for event in self._signals():
            event.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self._follow_active)
        viewer.dims.events.current_step.connect(self._tell)
        if session.layer is None:
            self._choose(self.image.layer)
            self._follow_active()
        follow(self, session.changed, self._follow)
        self._show_layer()

    def _signals(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        self.image.leave()
        self._watch(None)
        for event in self._signals():
            event.disconnect(self.refresh)
        self._viewer.layers.selection.events.active.disconnect(self._follow_active)
        self._viewer.dims.events.current_step.disconnect(self._tell)
        self._session.changed.disconnect(self._follow, missing_ok=True)
        self._offered = []

    def _choose(self, layer: Any) -> None:
        self._session.choose(layer, list(self._viewer.layers))

    def _follow_active(self, event: Any = None) -> None:
        """Take the layer that is selected: an image, or superpixels and the image they are of."""
        active = self._viewer.layers.selection.active
        # What napari gives to a plugin as the active layer is a stand-in, equal to the layer.
        layer = next((each for each in self._viewer.layers if each == active), None)
        if active is None or layer is None:
            return
        about = made_of(layer)
        if about is not None and about.what == "superpixels" and about.is_result:
            if about.source in self._viewer.layers and not self._session.pinned:
                self._choose(about.source)
            self._session.granularity.follow(layer)
        elif _is_image(layer) and not self._session.pinned:
            is_channel = any(layer is channel for channel in self._session.channels)
            if not is_channel:
                self._choose(layer)

    def _pinned(self, on: bool) -> None:
        self._session.pinned = on
        if not on:
            self._follow_active()

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
        blockers = [QSignalBlocker(each) for each in (self.stack, self.pin)]
        self._fill_channels(layer)
        self.stack.setCurrentIndex(self.stack.findData(self._session.stack))
        self.pin.setChecked(self._session.pinned)
        for blocker in blockers:
            blocker.unblock()
        self.refresh()
        self._reread()

    def _follow(self, name: str) -> None:
        if name == "layer":
            self._show_layer()
            self._session.granularity.follow(self._session.layer)
        elif name in ("channel_axis", "stack", "pinned"):
            self._show_layer()
        elif name in ("channels", "region", "mask", "kind", "model", "finite_only"):
            self.refresh()
            self._tell()

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

    def refresh(self, event: Any = None) -> None:
        """Offer the layers that can be channels beside the image; keep those that are."""
        session, layer = self._session, self._session.layer
        self._offered = [
            other
            for other in self._viewer.layers
            if fits_as_channel(other, layer) and made_of(other) is None
        ]
        if session.channel_axis is not None:
            self._offered = []
        blocker = QSignalBlocker(self.together)
        self.together.clear()
        for other in self._offered:
            item = QListWidgetItem(other.name)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            is_on = any(other is each for each in session.channels)
            item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)
            item.setSizeHint(QSize(0, 18))
            self.together.addItem(item)
        rows = min(max(self.together.count(), 1), 3)
        self.together.setFixedHeight(18 * rows + 2 * self.together.frameWidth() + 2)
        self._layout.setRowVisible(self.together, bool(self._offered))
        blocker.unblock()
        self._read_together()  # without those that are gone

    def _read_together(self, *_: object) -> None:
        self._session.channels = [
            layer
            for row, layer in enumerate(self._offered)
            if (item := self.together.item(row)) is not None
            and item.checkState() == Qt.CheckState.Checked
        ]

    def _read_channels(self, *_: object) -> None:
        self._session.channel_axis = self.channels.currentData()

    def _read_stack(self, *_: object) -> None:
        self._session.stack = self.stack.currentData()

    def _reread(self, event: Any = None) -> None:
        layer = self._session.layer
        n_space = 2
        if layer is not None:
            n_space = layer.ndim - (self._session.channel_axis is not None)
        self._layout.setRowVisible(self.channels, self.channels.count() > 1)
        self._layout.setRowVisible(self.stack, n_space > 2)
        self._tell()
        self.changed.emit()

    def _tell(self, event: Any = None) -> None:
        """Say what the image is taken for."""
        if self._session.layer is None:
            self.about.setText(NO_IMAGE)
            return
        with suppress(SenError):  # a region without shapes, say: the button tells
            source = self._session.source(tuple(self._viewer.dims.point))
            text = understood(source, self._session.model)
            left = len(self._offered) - len(self._session.channels)
            if left and not self._session.channels:
                text += f"; {left + 1} images of this shape are open: tick those to use together"
            self.about.setText(text)
            self.about.setToolTip(explained(source))
