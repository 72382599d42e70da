"""The panel of the step Train: on what, under which name; loss curve, pause, stop, resume."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .catalogue import Found, catalogue
from .curve import LossCurve
from .layer_box import combo
from .panels import StepPanel
from .results import Loss
from .session import TRAIN_ON, Session
from .training import unfinished

__all__ = ["TrainPanel"]

NOTHING = "nothing (random weights)"


class TrainPanel(StepPanel):
    """Adds what to train on, the new model's name, the loss curve, and Pause, Stop and Resume."""

    pause = Signal(bool)
    finish = Signal()

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__(key, session, viewer)
        self._viewer = viewer
        self._running = False
        self._wanted: str | None = None  # a choice that is not offered yet
        self.curve = LossCurve()
        self.curve.hide()
        self.pausing = QPushButton("Pause")
        self.pausing.setCheckable(True)
        self.pausing.setToolTip("Wait after this step, until it is pressed again")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("End now and keep the model as it is; Resume can go on later")
        self.resume = QPushButton("Resume")
        self.resume.setToolTip("Go on with the stopped training of this name, as it was set then")
        row = QHBoxLayout()
        for button in (self.pausing, self.stop, self.resume):
            row.addWidget(button)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addLayout(row)
        layout.addWidget(self.curve)
        self.pausing.toggled.connect(self._pause)
        self.stop.clicked.connect(self.finish)
        self.resume.clicked.connect(self._resume)
        self.name.textChanged.connect(self._refresh)
        self.show_found(catalogue.found or Found())
        catalogue.changed.connect(self.show_found)
        # Python's half of the widget may outlive Qt's, and must not be called then.
        follow = self.show_found
        self.destroyed.connect(lambda: catalogue.changed.disconnect(follow))
        self._refresh()

    def _extra(self, layout: QFormLayout) -> None:
        self.on = QComboBox()
        combo(self.on, "Train on", "The images that the model learns from; all their slices")
        for key, text in TRAIN_ON.items():
            self.on.addItem(text, key)
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder of images")
        self.folder.setToolTip("TIFF, PNG, JPEG, npy and zarr images in this folder")
        browse = QPushButton("...")
        browse.setAccessibleName("Choose the folder")
        browse.clicked.connect(self._browse)
        self.place = QWidget()
        row = QHBoxLayout(self.place)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        self.name = QLineEdit(self._session.new_model)
        self.name.setToolTip("The trained model is saved under this name and offered above")
        self.name.setAccessibleName("Name of the new model")
        self.start = QComboBox()
        combo(self.start, "Start from", "A model to go on from: a few hundred steps then fit it")
        self._form = layout
        layout.addRow("Train on", self.on)
        layout.addRow("Folder", self.place)
        layout.addRow("Start from", self.start)
        layout.addRow("Save as", self.name)
        self.on.currentIndexChanged.connect(self._show_place)
        self._show_place()

    def read(self) -> None:
        """Read the rest as well, and make room for the curve."""
        super().read()
        session = self._session
        session.new_model = self.name.text().strip()
        session.train_on = self.on.currentData()
        session.train_folder = self.folder.text().strip()
        session.start_model = self.start.currentData()
        session.train_layers = [
            layer for layer in self._viewer.layers.selection if type(layer).__name__ == "Image"
        ]
        self.curve.clear()

    def write(self) -> None:
        """Show the rest as well."""
        super().write()
        session = self._session
        self.name.setText(session.new_model)
        self.on.setCurrentIndex(max(self.on.findData(session.train_on), 0))
        self.folder.setText(session.train_folder)
        self._wanted = session.start_model
        self.show_found(catalogue.found or Found())

    def show_live(self, item: object) -> None:
        """Add to the loss curve."""
        if isinstance(item, Loss):
            self.curve.show()
            self.curve.append(item.step, item.loss)

    def set_running(self, on: bool) -> None:
        """Follow whether a training is going on."""
        self._running = on
        blocker = QSignalBlocker(self.pausing)
        self.pausing.setChecked(False)
        blocker.unblock()
        self._refresh()

    def show_found(self, found: Found) -> None:
        """Offer the models to go on from; keep the choice."""
        chosen = self._wanted or self.start.currentText()
        self.start.clear()
        self.start.addItem(NOTHING, None)
        for name in found.models:
            self.start.addItem(name, name)
        self.start.setCurrentIndex(max(self.start.findText(chosen), 0))
        if found.models:
            self._wanted = None
        self._refresh()

    def leave(self) -> None:
        """Let go of the catalogue."""
        catalogue.changed.disconnect(self.show_found)

    def _refresh(self, *_: object) -> None:
        if hasattr(self, "resume"):
            self.pausing.setEnabled(self._running)
            self.stop.setEnabled(self._running)
            self.pausing.setText("Go on" if self.pausing.isChecked() else "Pause")
            there = unfinished(self.name.text().strip())
            self.resume.setEnabled(there and not self._running)

    def _pause(self, on: bool) -> None:
        self.pause.emit(on)
        self._refresh()

    def _resume(self) -> None:
        self._session.resume = True
        try:
            self.run.emit(self.key)
        finally:
            self._session.resume = False

    def _show_place(self, *_: object) -> None:
        self._form.setRowVisible(self.place, self.on.currentData() == "folder")

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of images", self.folder.text())
        if folder:
            self.folder.setText(folder)
