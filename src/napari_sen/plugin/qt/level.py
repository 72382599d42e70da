"""The slider over the merge tree: widgets only; what they do is in granularity.py."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QSpinBox, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from ..layers.granularity import Granularity, stops
from ..state.observed import follow

__all__ = ["LevelSlider"]

# At least so many milliseconds between two pictures while the slider is dragged.
INTERVAL = 40


class LevelSlider(QWidget):
    """Chooses the number of superpixels by a logarithmic slider or exactly; keeps a level."""

    def __init__(self, granularity: Granularity) -> None:
        super().__init__()
        self._granularity = granularity
        self._stops = stops(1, 1)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Number of superpixels, logarithmic")
        self.slider.setToolTip("Coarser to the left, finer to the right: the layer follows at once")
        self.number = QSpinBox()
        self.number.setAccessibleName("Number of superpixels")
        self.number.setToolTip("The exact number of superpixels")
        self.number.setKeyboardTracking(False)
        self.number.setMinimumWidth(80)
        self.keep = QPushButton("Keep this level")
        self.keep.setToolTip("Add a copy of this level as a hidden layer, named by its number")
        self.map = QPushButton("Boundary map")
        self.map.setToolTip("Add an image: the later a border disappears, the brighter it is")
        self.range = QLabel()
        self._lay_out()
        self._show_later = qthrottled(self._show, timeout=INTERVAL, parent=self)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)
        self.keep.clicked.connect(self._keep)
        self.map.clicked.connect(lambda: granularity.boundary_map())
        follow(self, granularity.changed, self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.slider, 1)
        first.addWidget(self.number)
        second.addWidget(self.keep, 1)
        second.addWidget(self.map, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(first)
        layout.addWidget(self.range)
        layout.addLayout(second)

    def refresh(self) -> None:
        """Follow the tree and the number shown."""
        tree = self._granularity.tree
        self.setEnabled(tree is not None)
        if tree is None:
            self.range.setText("No tree yet.")
            return
        low, high = self._granularity.limits
        self.range.setText(f"{tree.name}: {low} to {high} superpixels")
        self._stops = stops(low, high)
        blockers = QSignalBlocker(self.slider), QSignalBlocker(self.number)
        self.slider.setRange(0, len(self._stops) - 1)
        self.number.setRange(low, high)
        number = self._granularity.number
        self.number.setValue(number)
        # The slider stays where it is as long as it says the same.
        if self._stops[self.slider.value()] != number:
            self.slider.setValue(int(np.abs(np.log(self._stops / number)).argmin()))
        for blocker in blockers:
            blocker.unblock()

    def _slid(self, position: int) -> None:
        blocker = QSignalBlocker(self.number)
        self.number.setValue(int(self._stops[position]))
        blocker.unblock()
        self._show_later()

    def _typed(self, number: int) -> None:
        self._show_later()

    def _show(self) -> None:
        """Show the number that stands in the box now, whatever has been passed on the way."""
        number = self.number.value()
        if self._granularity.tree is not None:
            self._granularity.show(number)

    def _keep(self) -> None:
        self._show_later.flush()
        self._granularity.keep()
