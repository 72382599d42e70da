"""The rows of a form that say where a result goes that is made tile by tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...errors import SenError
from ...tiles.geometry import LATTICE
from ..state.layer_image import LayerImage
from ..state.observed import follow
from ..state.placement import full_resolution
from ..state.storage import Storage, is_tiled
from ..steps.session import Session
from ..steps.steps import STEPS
from .folding import folded

__all__ = ["StoreChooser"]

_LARGEST_TILE = 8192


class StoreChooser(QWidget):
    """In tiles or not, into which folder, and what to expect; hidden for small images in memory.

    Parameters
    ----------
    session : Session
        Its ``storage`` is edited.
    step : str
        Of the step.
    parent : QWidget
        What it is a part of.
    """

    def __init__(self, session: Session, step: str, parent: QWidget) -> None:
        super().__init__(parent)  # from the start: else it would be shown as a window of its own
        self._session, self._step = session, step
        tiled = STEPS[step].tiled
        assert tiled is not None
        self._tiled = tiled
        self._suggested = ""
        self._running = False
        self.always = False  # also where the image is in memory and fits
        self.wanted = QCheckBox("Work in tiles, into a folder on disk")
        self.wanted.setToolTip(
            "Needs memory for a few tiles only. The result is shown while it grows, and a stopped "
            "run can go on later. Images that do not fit in memory are always worked on like this"
        )
        self.path = QLineEdit()
        self.path.setToolTip("A new folder NAME.zarr for the result (OME-Zarr)")
        self.path.setAccessibleName("Folder of the result")
        self.browse = QPushButton("…")
        self.browse.setToolTip(
            "Choose where this folder is made, or an unfinished one to go on with"
        )
        self.browse.setAccessibleName("Choose a folder")
        self.browse.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.tile = QSpinBox()
        self.tile.setRange(0, _LARGEST_TILE)
        self.tile.setSingleStep(LATTICE)
        self.tile.setSuffix(" px")
        self.tile.setSpecialValueText("auto")
        self.tile.setToolTip(
            f"Side of a tile, a multiple of {LATTICE}; larger tiles need more memory"
        )
        self.tile.setAccessibleName("Tile")
        self.overwrite = QCheckBox("Overwrite what is there")
        self.overwrite.setToolTip("Start anew, instead of going on with what is there")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setStyleSheet("padding: 0px;")
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        self.rows = QWidget()
        form = QFormLayout(self.rows)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.addRow("Into", row)
        form.addRow("Tile", self.tile)
        form.addRow(self.overwrite)
        form.addRow(self.about)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.wanted)
        self.fold = folded("Folder of the result", self.rows)
        layout.addWidget(self.fold)
        self.wanted.toggled.connect(self._edited)
        self.overwrite.toggled.connect(self._edited)
        self.tile.valueChanged.connect(self._edited)
        self.path.textEdited.connect(self._edited)
        self.browse.clicked.connect(self._browse)
        follow(self, session.changed, self._follow)
        self.write()

    def leave(self) -> None:
        """Let go of the session."""
        self._session.changed.disconnect(self._follow, missing_ok=True)

    def read(self) -> None:
        """Put what is edited into the session."""
        self._session.store(self._step, self._value())

    def _value(self) -> Storage:
        text = self.path.text().strip()
        return Storage(
            wanted=self.wanted.isChecked() and self.wanted.isEnabled() and not self.isHidden(),
            path="" if text == self._suggested else text,
            tile=self.tile.value() or None,
            overwrite=self.overwrite.isChecked(),
        )

    def _follow(self, name: str) -> None:
        """Show what was changed in the session, or what follows from it."""
        if name == "layer":
            self.write()
        elif name == "storage":
            if self._session.storage[self._step] != self._value():
                self.write()
        elif name in ("model", "SegmentParams", "number", "diameter", "size_by"):
            self.refresh()

    def write(self) -> None:
        """Show what the session has: nothing chosen, after another layer was."""
        storage = self._session.storage[self._step]
        boxes = (self.wanted, self.overwrite, self.tile)
        blockers = [QSignalBlocker(box) for box in boxes]
        self.wanted.setChecked(storage.wanted)
        self.overwrite.setChecked(storage.overwrite)
        self.tile.setValue(storage.tile or 0)
        for blocker in blockers:
            blocker.unblock()
        self._suggested = ""
        self.path.setText(storage.path)
        self.refresh()

    def refresh(self) -> None:
        """Follow the image, the parameters, and what lies in the store."""
        if self._running:
            return
        layer, source = self._session.layer, self._source()
        if layer is None or source is None:
            self.hide()
            return
        with_model = self._tiled.needs_model or self._session.model is not None
        forced = is_tiled(source, self._tiled.product, with_model, Storage())
        self.setVisible(self.always or forced or not isinstance(full_resolution(layer), np.ndarray))
        self.wanted.setEnabled(not forced)
        blocker = QSignalBlocker(self.wanted)
        if forced:
            self.wanted.setChecked(True)
        blocker.unblock()
        self.fold.setVisible(self.wanted.isChecked())
        if not self.wanted.isChecked():
            return
        self.read()
        storage = self._session.storage[self._step]
        if not storage.path:
            self._suggested = str(storage.goal(layer, self._tiled.suffix))
            self.path.setText(self._suggested)
            self.path.setCursorPosition(len(self._suggested))
        self.fold.setText(f"Into {Path(self.path.text()).name}")
        self.about.setText(self._told(source))

    def show_path(self, path: str) -> None:
        """Put in a path, as if it were typed."""
        self.path.setText(path)
        self._edited()

    def set_running(self, on: bool) -> None:
        """Follow whether a run works on it; after it nothing is overwritten unless asked again."""
        self._running = on
        self.setEnabled(not on)
        if not on:
            self.overwrite.setChecked(False)
            self.refresh()

    def _source(self) -> LayerImage | None:
        try:
            return self._session.source()
        except SenError:
            return None

    def _told(self, source: LayerImage) -> str:
        goal = Path(self.path.text().strip()).expanduser()
        try:
            tile = self.tile.value() or None
            return self._tiled.plan(source, self._session.settings(), tile, goal)
        except SenError as error:
            return f"Not possible: {error}."

    def _edited(self, *_: object) -> None:
        self.read()
        self.refresh()

    def _browse(self) -> None:
        now = Path(self.path.text().strip()).expanduser()
        found = QFileDialog.getExistingDirectory(self, "Where the result goes", str(now.parent))
        if found:
            self.show_path(str(chosen_goal(Path(found), now.name)))


def chosen_goal(folder: Path, name: str) -> Path:
    """Return the store that choosing a folder means: itself if it is one, else one inside."""
    if folder.name.endswith(".zarr.partial"):
        return folder.with_name(folder.name.removesuffix(".partial"))
    return folder if folder.suffix == ".zarr" else folder / name
