"""The panel of the step Train: on what, under which name; loss curve, pause, stop, resume."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..state.catalogue import Found, catalogue
from ..state.choices import TRAIN_ON
from ..state.observed import follow
from ..steps.session import Session
from ..steps.training import unfinished
from .curve import LossCurve
from .layer_box import fill, named_combo
from .panel import StepPanel

__all__ = ["TrainPanel"]

NOTHING = "nothing"


class TrainPanel(StepPanel):
    """Adds what to train on, the new model's name, the loss curve, and Pause, Stop and Resume."""

    pause = Signal(bool)
    finish = Signal()

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__(key, session, viewer)
        self._viewer = viewer
        self._running = False
        self.curve = LossCurve(session.losses)
        self.pausing = QPushButton("Pause")
        self.pausing.setCheckable(True)
        self.pausing.setToolTip("Wait after this step, until this is pressed again")
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
        for changed in (
            self.name.textChanged,
            self.folder.textChanged,
            self.on.currentIndexChanged,
            self.start.currentIndexChanged,
        ):
            changed.connect(self._edited)
        follow(self, catalogue.changed, self._show_models)
        self._selection = viewer.layers.selection.events.changed
        self._selection.connect(self._read_selection)
        if not session.train_layers:
            self._read_selection()
        self._refresh()

    def _extra(self, layout: QFormLayout) -> None:
        self.on = named_combo("Train on", "The images that the model learns from; all their slices")
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
        self.name.setToolTip(
            "The trained model is saved under this name, and can be chosen as the model"
        )
        self.name.setAccessibleName("Name of the new model")
        self.start = named_combo(
            "Start from", "A model to start from: a few hundred steps then adapt it to your images"
        )
        self._form = layout
        layout.addRow("Train on", self.on)
        layout.addRow("Folder", self.place)
        layout.addRow("Start from", self.start)
        layout.addRow("Save as", self.name)
        self.on.currentIndexChanged.connect(self._show_place)
        self._show_place()

    def read(self) -> None:
        """Read the rest as well."""
        super().read()
        session = self._session
        session.new_model = self.name.text().strip()
        session.train_on = self.on.currentData()
        session.train_folder = self.folder.text().strip()
        session.start_model = self.start.currentData()

    def _write(self) -> None:
        super()._write()
        session = self._session
        for box, text in ((self.name, session.new_model), (self.folder, session.train_folder)):
            if box.text().strip() != text:
                box.setText(text)
        self.on.setCurrentIndex(max(self.on.findData(session.train_on), 0))
        self._show_models()
        self._select(session.train_layers)

    def set_running(self, on: bool) -> None:
        """Follow whether a training is going on."""
        self._running = on
        blocker = QSignalBlocker(self.pausing)
        self.pausing.setChecked(False)
        blocker.unblock()
        self._refresh()

    def leave(self) -> None:
        """Let go of the catalogue and of the viewer."""
        super().leave()
        catalogue.changed.disconnect(self._show_models, missing_ok=True)
        self._selection.disconnect(self._read_selection)

    def _shown(self) -> set[str]:
        own = {"new_model", "train_on", "train_folder", "start_model", "train_layers"}
        return super()._shown() | own

    def _show_models(self, *_: object) -> None:
        """Offer the models to go on from."""
        found = catalogue.found or Found()
        models = [(NOTHING, None), *((name, name) for name in found.models)]
        fill(self.start, models, self._session.start_model)
        self._refresh()

    def _read_selection(self, event: object = None) -> None:
        if not self._writing:  # of what is shown, some may be of no viewer
            self._session.train_layers = self._selected()

    def _selected(self) -> list[Any]:
        layers = self._viewer.layers
        return [
            layer
            for layer in layers
            if layer in layers.selection and type(layer).__name__ == "Image"
        ]

    def _select(self, wanted: list[Any]) -> None:
        """Select the layers to train on in the viewer's list, as far as they are there."""
        there = [layer for layer in self._viewer.layers if any(layer is each for each in wanted)]
        if there and there != self._selected():
            self._viewer.layers.selection = there

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
