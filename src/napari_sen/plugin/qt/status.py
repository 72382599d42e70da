"""The line that says how the work goes: progress, Cancel, and how the last step ended."""

from __future__ import annotations

import time

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...progress import duration

__all__ = ["StatusPanel", "in_words"]

# What the stages of the work are called in the window.
STAGES = {
    "Starting": "Getting ready",
    "reading": "Reading the image",
    "statistics": "Reading the image",
    "histograms": "Reading the image",
    "mask": "Reading the mask",
    "colour": "Comparing colours",
    "embedding": "Running the network",
    "superpixels": "Growing superpixels",
    "boundaries": "Measuring edges",
    "seams": "Joining tiles",
    "mending": "Joining tiles",
    "graph": "Measuring borders",
    "walk": "Measuring borders",
    "merging": "Merging superpixels",
    "joining": "Merging superpixels",
    "cut": "Merging superpixels",
    "labels": "Writing superpixels",
    "borders": "Measuring borders",
    "measuring": "Measuring superpixels",
    "describing": "Measuring superpixels",
    "classifying": "Predicting classes",
    "colours": "Choosing colours",
    "regions": "Preparing the images",
    "preparing images": "Preparing the images",
}
_OVERVIEWS = "pyramid of level"


def in_words(stage: str) -> str:
    """Return what a stage of the work is called in the window."""
    if stage.startswith(_OVERVIEWS):
        return "Writing overviews"
    return STAGES.get(stage, f"{stage[:1].upper()}{stage[1:]}")


class StatusPanel(QWidget):
    """Progress bar, Cancel, and one line: what is going on, or how the last step ended.

    ``cancel`` is emitted by its button, ``remedy`` by the button that :meth:`offer` shows.
    """

    cancel = Signal()
    remedy = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress")
        self.bar.setTextVisible(False)
        self.button = QPushButton("Cancel")
        self.button.setToolTip("Stop the running step; only finished tiles are kept")
        self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self.cancel)
        self.offered = QPushButton()
        self.offered.clicked.connect(self.remedy)
        self.offered.hide()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.addWidget(self.bar)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.text)
        layout.addWidget(self.offered)
        self._stage: tuple[str, float, int] = ("", 0.0, 0)
        self._is_stopping = False
        self.idle("Ready.")

    def begin(self, title: str) -> None:
        """Show that ``title`` has begun."""
        self._stage, self._is_stopping = ("", 0.0, 0), False
        self.offered.hide()
        self._move(0, 0)
        self.button.setEnabled(True)
        self.text.setText(f"{title}: getting ready ...")

    def progress(self, done: int, total: int, stage: str) -> None:
        """Move the bar, name the stage, and estimate the time left in it."""
        if self._is_stopping:
            return  # what is on its way still must not say that the work goes on
        now = time.monotonic()
        if stage != self._stage[0]:
            self._stage = (stage, now, done)
        self._move(done, max(total, 0))
        count = f", step {done} of {total}" if stage == "training" and total else ""
        if stage == "images" and total:
            count = f" {done} of {total}"
        left = self._left(done, total, now)
        self.text.setText(f"{in_words(stage)}{count} ...{left}")

    def _move(self, done: int, total: int) -> None:
        """Move the bar. It is drawn with all else: by itself Qt would draw the window at once."""
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setUpdatesEnabled(True)

    def _left(self, done: int, total: int, now: float) -> str:
        _, begun, before = self._stage  # what was done before, on another day, took no time now
        elapsed = now - begun
        if elapsed < 1 or done <= before or total <= done:
            return ""
        seconds = elapsed * (total - done) / (done - before)
        return f" about {duration(seconds)} left"

    def stopping(self) -> None:
        """Show that Cancel or Stop was heard, until the work has ended."""
        self._is_stopping = True
        self._move(0, 0)
        self.button.setEnabled(False)
        self.text.setText("Stopping ...")

    def paused(self, on: bool) -> None:
        """Show that the work waits, or goes on."""
        if not self._is_stopping:
            self.text.setText("Paused." if on else "Going on ...")

    def idle(self, text: str) -> None:
        """Show how it ended."""
        self._is_stopping = False
        self._move(0, 1)
        self.button.setEnabled(False)
        self.text.setText(text)

    def offer(self, text: str) -> None:
        """Show a button with a remedy for what went wrong, until the next step begins."""
        self.offered.setText(text)
        self.offered.show()
