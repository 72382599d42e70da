"""The panel that everyone sees first: one button, then granularity and evenness, live."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QVBoxLayout,
)
from superqt.utils import qthrottled

from ...errors import SenError
from ...params import HierarchyParams
from ..layers.cuts import stops
from ..state.layer_image import LayerImage
from ..state.observed import follow
from ..state.sizes import Extent, most_pieces, suited_diameter
from ..steps.remarks import remark
from .editors import INT_LIMIT, NumberBox
from .look_buttons import LookButtons
from .panel import StepPanel
from .sight import Sight

__all__ = ["MakePanel"]

# At least so many milliseconds between two pictures while a slider is dragged.
INTERVAL = 40
MANY = 60_000  # leaves: merging that many anew takes longer than a hand waits
SMALL = "padding: 0px;"


class MakePanel(StepPanel):
    """Makes superpixels, and slides over them."""

    def _build(self) -> None:
        self._stops = stops(1, 1)
        self.button.setMinimumHeight(40)
        font = self.button.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.2)
        self.button.setFont(font)
        self._make_sliders()
        self.look_row = LookButtons(self._session.granularity)
        self.looks = self.look_row.looks
        self.keep = QPushButton("Keep a copy")
        self.keep.setToolTip(
            "Keep what is shown in a layer of its own, hidden, named by the number of pieces"
        )
        self.back = QPushButton("Previous result")
        self.back.setToolTip("Switch between this result and the one that it replaced")
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setStyleSheet(SMALL)
        self._lay_out()
        self._connect()
        self.refresh()

    def _make_sliders(self) -> None:
        self.slider = _slider(
            "Granularity", "Left: fewer, larger pieces. Right: more, smaller ones. Changes at once"
        )
        self.evenness = _slider(
            "Evenness", "Left: pieces follow objects, whatever their size. Right: all pieces are "
            "about the same size",
        )  # fmt: skip
        self.evenness.setRange(0, 100)
        self.number = QSpinBox()
        self.number.setRange(1, INT_LIMIT)
        self.number.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        self.number.setAccessibleName("Number of superpixels")
        self.number.setToolTip("How many superpixels to make (in each slice)")
        self.diameter = NumberBox()
        self.diameter.setRange(1e-9, 1e12)
        self.diameter.setAccessibleName("Diameter of superpixels")
        self.diameter.setToolTip("How wide a superpixel is, on average")
        for box in (self.number, self.diameter):
            box.setKeyboardTracking(False)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(box.fontMetrics().horizontalAdvance("00000 µm") + 40)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        rows = (("coarse", self.slider, "fine"), ("objects", self.evenness, "even"))
        sizes = QHBoxLayout()
        sizes.addWidget(self.number, 1)
        sizes.addWidget(QLabel("pieces of"))
        sizes.addWidget(self.diameter, 1)
        for place, (left, slider, right) in enumerate(rows):
            grid.addWidget(QLabel(left), 2 * place, 0)
            grid.addWidget(slider, 2 * place, 1)
            grid.addWidget(QLabel(right), 2 * place, 2)
        grid.addLayout(sizes, 1, 0, 1, 3)
        layout.addLayout(grid)
        layout.addWidget(self.look_row)
        row = QHBoxLayout()
        row.addWidget(self.keep, 1)
        row.addWidget(self.back, 1)
        layout.addLayout(row)
        layout.addWidget(self.note)

    def _connect(self) -> None:
        granularity, viewer = self._session.granularity, self._viewer
        self._show_later = qthrottled(self._show_number, timeout=INTERVAL, parent=self)
        self._even_later = qthrottled(self._show_evenness, timeout=2 * INTERVAL, parent=self)
        self.slider.valueChanged.connect(self._slid)
        self.evenness.valueChanged.connect(self._evened)
        self.number.valueChanged.connect(self._typed_number)
        self.diameter.valueChanged.connect(self._typed_diameter)
        self.keep.clicked.connect(lambda: granularity.keep())
        self.back.clicked.connect(lambda: granularity.undo())
        self._sight = Sight(viewer, granularity.looks, self)
        viewer.dims.events.current_step.connect(self._follow_step)
        follow(self, granularity.changed, self.refresh)

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        super().leave()
        self._sight.leave()
        self._viewer.dims.events.current_step.disconnect(self._follow_step)
        self._session.granularity.changed.disconnect(self.refresh, missing_ok=True)

    def _shown(self) -> set[str]:
        return {
            "layer", "kind", "size_by", "number", "diameter", "evenness", "stack", "channel_axis",
            "region", "mask", "channels", "storage", "model",
        }  # fmt: skip

    def _follow(self, name: str) -> None:
        if name in self._shown():
            self.refresh()

    def read(self) -> None:
        """Show and keep what was moved last, however fast."""
        self._show_later.flush()
        self._even_later.flush()

    def image_changed(self) -> None:
        """Follow another image, or another pixel size."""
        super().image_changed()
        self.refresh()

    def refresh(self) -> None:
        """Show what is there, or what would be made."""
        granularity, source = self._session.granularity, self._source()
        trees = granularity.trees
        extent = trees.extent if trees is not None else None if source is None else source.extent
        boxes = (self.slider, self.number, self.diameter, self.evenness)
        for each in boxes:
            each.setEnabled(extent is not None)
        self.keep.setEnabled(trees is not None)
        about = granularity.about
        self.back.setEnabled(about is not None and bool(about.earlier))
        self.look_row.refresh()
        if extent is None:
            self.note.setText("")
            return
        blockers = [QSignalBlocker(each) for each in boxes]
        number = granularity.number if trees is not None else self._wanted(extent)
        low, high = granularity.limits if trees is not None else (1, most_pieces(extent, number))
        self._stops = stops(low, high)
        self.slider.setRange(0, len(self._stops) - 1)
        shown = self._stops[self.slider.value()]
        if shown != number:  # the slider stays where it is as long as it says the same
            self.slider.setValue(int(np.abs(np.log(self._stops / max(number, 1))).argmin()))
        self.number.setValue(number)
        self.diameter.setSuffix(f" {extent.unit}")
        self.diameter.setValue(float(f"{extent.diameter(number):.3g}"))
        self.evenness.setTracking(trees is None or len(trees.table["index"]) < MANY)
        self.evenness.setValue(round(100 * self._even(source)))
        for blocker in blockers:
            blocker.unblock()
        self._tell(source)

    def _source(self) -> LayerImage | None:
        if self._session.layer is None:
            return None
        with suppress(SenError):  # a region without shapes, say: the button tells
            return self._session.source(tuple(self._viewer.dims.point))
        return None

    def _wanted(self, extent: Extent) -> int:
        session = self._session
        if session.size_by == "number":
            return session.number
        suited = session.size_by == "image"
        return extent.number(suited_diameter(extent) if suited else session.diameter)

    def _even(self, source: LayerImage | None) -> float:
        now = self._session.granularity.evenness
        if now is None:
            now = self._session.evenness
        if now is None:
            kind = "natural" if source is None else source.kind
            now = HierarchyParams.suited[kind]["evenness"]
        return now

    def _tell(self, source: LayerImage | None) -> None:
        """Say what is not to be seen: that tiles are needed, or that the result lies elsewhere."""
        text = "" if source is None else remark(self._session, self.key, source)
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _slid(self, position: int) -> None:
        blockers = QSignalBlocker(self.number), QSignalBlocker(self.diameter)
        self.number.setValue(int(self._stops[position]))
        for blocker in blockers:
            blocker.unblock()
        self._show_later()

    def _show_number(self) -> None:
        """Show the number that stands in the box now, whatever has been passed on the way."""
        number, granularity = self.number.value(), self._session.granularity
        if granularity.trees is None:
            self._session.ask(number)
            return
        with self._session.changed.blocked():  # what is shown follows below
            self._session.ask(number)
        low, high = granularity.limits
        if low <= number <= high:
            granularity.show(number)
        elif number > high:
            self.note.setText(f"Here are {high} pieces at most: press the button for more.")
            self.note.show()

    def _typed_number(self, number: int) -> None:
        self._show_later()

    def _typed_diameter(self, diameter: float) -> None:
        extent = self._extent()
        if extent is None:
            return
        number = extent.number(diameter)
        if self._session.granularity.trees is None:
            self._session.ask(diameter=diameter)
            return
        blocker = QSignalBlocker(self.number)
        self.number.setValue(number)
        blocker.unblock()
        self._show_later()

    def _extent(self) -> Extent | None:
        trees, source = self._session.granularity.trees, self._source()
        return trees.extent if trees is not None else None if source is None else source.extent

    def _evened(self, percent: int) -> None:
        self._even_later()

    def _show_evenness(self) -> None:
        evenness, granularity = self.evenness.value() / 100, self._session.granularity
        self._session.evenness = evenness
        if granularity.trees is not None and not math.isclose(granularity.evenness or 0, evenness):
            granularity.even(evenness)

    def _follow_step(self, event: object = None) -> None:
        if self._session.layer is not None and self._session.layer.ndim > 2:
            self._tell(self._source())


def _slider(name: str, tooltip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setAccessibleName(name)
    slider.setToolTip(tooltip)
    return slider
