"""The panel Refine and classify: buttons, classes, prediction, files; what they do is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QCoreApplication,
    QSignalBlocker,
    QTimer,
    Signal,
)
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import SenError
from ...io.annotation_file import SUFFIX
from ..layers.made import is_superpixels, same_layer
from ..layers.pick_tools import KEYS, PickTools
from ..state.observed import follow
from .certainty import Certainty
from .class_list import ClassList
from .export_button import ExportButton
from .layer_box import LayerBox
from .object_buttons import ObjectButtons, push_button
from .panel import StepPanel
from .scroll import hint

__all__ = ["PickPanel"]

REMOVE_AFTER = 300  # ms
SAVE_AFTER = 700  # ms: what is painted is saved by itself so soon
PREDICT_AFTER = 60  # ms
FILES = f"Annotations (*{SUFFIX})"
LOADED = f"Annotations (*{SUFFIX} *.geojson)"
ABOUT = "Drag over superpixels to paint them with a class, or to select them; then merge or split."


class PickPanel(StepPanel):
    """Starts and stops refining; merges, splits, paints; classes; prediction; files.

    ``save`` is emitted with the path of a file to write, ``told`` with one sentence, ``predict``
    when what was painted is to be carried to all others as soon as that can be, ``work`` with what
    makes a job.
    """

    save = Signal(Path)
    told = Signal(str)
    failed = Signal(str)
    predict = Signal()
    work = Signal(object)

    def _build(self) -> None:
        session = self._session
        self._picking = session.picking
        self._picking.remove = self._remove_later
        # Children: they do not outlive the panel, as static single shots would.
        self._stopper = self._timer(0, self._settle)
        self._saver = self._timer(SAVE_AFTER, self._save_and_tell)
        self._predictor = self._timer(PREDICT_AFTER, self.predict.emit)
        self._problem, self._going = "", 0
        self._tools = PickTools(self._picking, self.failed.emit)
        self.toggle = push_button(
            "Refine", "Work on superpixels with mouse and keys; press again to stop"
        )
        self.toggle.setCheckable(True)
        self.box = LayerBox(
            self._viewer, is_superpixels, "Superpixels",
            "The Labels layer whose superpixels are refined", newest=True,
        )  # fmt: skip
        self.paint, self.select = QRadioButton("Paint a class"), QRadioButton("Select")
        self.select.setToolTip("Click or drag selects (key T)")
        self.paint.setToolTip("Click or drag gives superpixels the chosen class (key T)")
        self._group = QButtonGroup(self)
        self._group.addButton(self.paint)
        self._group.addButton(self.select)
        self.actions_ = {
            "merge": push_button("Merge", "Merge the selected superpixels that touch (key M)"),
            "split": push_button("Split", "Split into what it was merged from (key S)"),
            "undo": push_button("Undo", "Take back the last change (Ctrl+Z)"),
            "redo": push_button("Redo", "Do it again (Ctrl+Shift+Z)"),
        }
        self.classes = ClassList(self._picking)
        self.add = push_button("Add class", "Add another class")
        self.give = push_button("Paint selected", "Give the selected superpixels the chosen class")
        self.live = QCheckBox("while I paint")
        self.live.setToolTip("Predict again after every stroke, once two classes are painted")
        self.certainty = Certainty(session, self._viewer)
        self.doubt, self.sure = self.certainty.doubt, self.certainty.sure
        self.saving = push_button("Save ...", "Save the classes and the painted examples to a file")
        self.loading = push_button(
            "Load ...", "Load such a file; on another image it serves as examples"
        )
        self.export = ExportButton(session, self._viewer)
        self.objects = ObjectButtons(session, self._viewer)
        self.tools_widget = QWidget()
        self._arrange()
        self._connect()
        self._show()

    def _timer(self, interval: int, act: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer

    def _arrange(self) -> None:
        tools, row = QGridLayout(self.tools_widget), QHBoxLayout()
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setVerticalSpacing(3)
        row.setSpacing(18)
        row.addWidget(self.paint)
        row.addWidget(self.select, 1)
        tools.addLayout(row, 0, 0, 1, 2)
        tools.addWidget(self.classes, 1, 0, 1, 2)
        tools.addWidget(self.add, 2, 0)
        tools.addWidget(self.give, 2, 1)
        for place, button in enumerate(self.actions_.values()):
            tools.addWidget(button, 3 + place // 2, place % 2)
        tools.addWidget(self.button, 5, 0)
        tools.addWidget(self.live, 5, 1)
        tools.addWidget(self.certainty, 6, 0, 1, 2)
        tools.addWidget(hint(" · ".join(text for _, _, text in KEYS) + " · 1-9: class"), 7, 0, 1, 2)
        files = QHBoxLayout()
        files.addWidget(self.saving, 1)
        files.addWidget(self.loading, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(3)
        layout.addWidget(self.box)
        layout.addWidget(self.toggle)
        layout.addWidget(hint(ABOUT))
        layout.addWidget(self.tools_widget)
        layout.addLayout(files)
        layout.addWidget(self.objects)
        layout.addWidget(self.export)

    def _connect(self) -> None:
        self.toggle.toggled.connect(self._toggle)
        self.box.chosen.connect(self._layer_changed)
        self.select.clicked.connect(lambda: self._set_tool("select"))
        self.paint.clicked.connect(lambda: self._set_tool("paint"))
        for name, button in self.actions_.items():
            button.clicked.connect(lambda _=False, name=name: self._tools.do(name))
        self.add.clicked.connect(self._add)
        self.give.clicked.connect(lambda: self._tools.paint(self._picking.current))
        self.certainty.failed.connect(self.failed)
        self.saving.clicked.connect(self._ask_save)
        self.loading.clicked.connect(self._ask_load)
        for part in (self.export, self.objects):
            part.told.connect(self.told)
            part.failed.connect(self.failed)
        self.objects.work.connect(self.work)
        follow(self, self._picking.changed, self._show)
        follow(self, self._picking.edited, self._edited_pieces)
        follow(self, self._picking.leaving, self._save_now)
        follow(self, self._session.granularity.changed, self._show)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self._save_now)

    def leave(self) -> None:
        """Save what was painted, give mouse and keys back, let go of viewer and session."""
        super().leave()
        self._save_now()
        self._tools.detach()
        self._picking.changed.disconnect(self._show, missing_ok=True)
        self._picking.edited.disconnect(self._edited_pieces, missing_ok=True)
        self._picking.leaving.disconnect(self._save_now, missing_ok=True)
        self._session.granularity.changed.disconnect(self._show, missing_ok=True)
        self.classes.leave()
        self.objects.leave()
        self.box.leave()

    def open(self, path: Path) -> None:
        """Load an annotation."""
        try:
            self.told.emit(self._session.load_annotation(path))
        except SenError as error:
            self.failed.emit(str(error))

    def _toggle(self, on: bool) -> None:
        if not on:
            self._stop()
            return
        try:
            if self.box.layer is None:
                raise SenError("there are no superpixels: press Make superpixels first")
            self._session.pick(self.box.layer)
        except SenError as error:
            self._stop()
            self.failed.emit(str(error))
            return
        layer = self._picking.layer
        self._tools.attach(layer)
        selection = getattr(self._picking.layers, "selection", None)
        if selection is not None:
            selection.active = layer

    def _stop(self) -> None:
        blocker = QSignalBlocker(self.toggle)
        self.toggle.setChecked(False)
        blocker.unblock()
        self._tools.detach()
        self._picking.leave()

    def _settle(self) -> None:
        """Stop if the layer was let go of, or another one is chosen, and that is so still."""
        if self._picking.layer is None or self.box.layer is not self._picking.layer:
            self._stop()

    def _layer_changed(self, layer: Any) -> None:
        """Stop when another layer is chosen, or ours was removed from the viewer."""
        if self._picking.layer is not None and layer is not self._picking.layer:
            # Not now: napari may be in the middle of removing ours, and we remove one too.
            self._stopper.start()

    def _edited_pieces(self) -> None:
        """Save soon what was painted, and predict anew where that is wanted."""
        self._saver.start()
        painted = set(self._picking.pieces.class_table().tolist()) - {0}
        if self.live.isChecked() and len(painted) > 1:
            self._predictor.start()

    def _save_and_tell(self) -> None:
        """Save; say at once if that cannot be, while there is time to do something about it."""
        before, self._problem = self._problem, self._session.classifying.keep(self._picking)
        if self._problem not in ("", before):  # once, and not after every stroke
            self.failed.emit(self._problem)

    def _save_now(self) -> None:
        if self._saver.isActive():
            self._saver.stop()
            self._session.classifying.keep(self._picking)

    def _remove_later(self, layer: Any) -> None:
        """Remove a layer once the canvas was drawn.

        napari 0.9.2 crashes in OpenGL if two Labels layers go (or are hidden) between two drawings.
        """
        layers = self._picking.layers
        self._going += 1

        def remove() -> None:
            self._going -= 1
            if same_layer(layers, layer):
                layers.remove(layer)

        QTimer.singleShot(REMOVE_AFTER * self._going, remove)

    def _set_tool(self, tool: Any) -> None:
        self._picking.tool = tool

    def _add(self) -> None:
        try:
            self._picking.add_class()
        except SenError as error:
            self.failed.emit(str(error))

    def _show(self) -> None:
        """Show what is known."""
        picking, partition = self._picking, self._picking.partition
        self.tools_widget.setEnabled(partition is not None)
        if partition is None and self.toggle.isChecked():
            self._stopper.start()
        self.actions_["undo"].setEnabled(picking.can_undo)
        self.actions_["redo"].setEnabled(partition is not None and partition.can_redo)
        for name in ("merge", "split"):
            self.actions_[name].setEnabled(bool(picking.selected))
        self.give.setEnabled(bool(picking.selected))
        self.select.setChecked(picking.tool == "select")
        self.paint.setChecked(picking.tool == "paint")
        if picking.layer is not None and self.box.layer is not picking.layer:
            self.box.choose(picking.layer)

    def _ask_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save annotation", "", FILES)
        if name:
            path = Path(name)
            named = path.name.endswith(SUFFIX)
            self.save.emit(path if named else path.with_name(path.name + SUFFIX))

    def _ask_load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Load annotation", "", LOADED)
        if name:
            self.open(Path(name))
