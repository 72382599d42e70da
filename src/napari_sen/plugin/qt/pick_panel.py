"""The panel of picked superpixels: buttons, classes, files; what they do is in picking.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import SenError
from ...io.annotation_file import SUFFIX
from ..layers.pick_tools import KEYS, PickTools
from ..layers.picking import COLOURS, HELPER
from ..state.observed import follow
from ..steps.session import Session
from .layer_box import LayerBox
from .panels import StepPanel, hint

__all__ = ["PickPanel"]

REMOVE_AFTER = 300  # ms
FILES = f"Annotations (*{SUFFIX})"
ABOUT = (
    "Click a superpixel to select it, drag to select many, Shift+click to add or take out. Then "
    "merge, split or paint."
)


def _is_superpixels(layer: Any) -> bool:
    return type(layer).__name__ == "Labels" and not layer.metadata.get(HELPER)


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button


class PickPanel(StepPanel):
    """Starts and stops picking; merges, splits, paints; the classes; Propagate; Save and Load.

    ``save`` is emitted with the path of a file to write, ``told`` with one sentence.
    """

    save = Signal(Path)
    told = Signal(str)
    failed = Signal(str)

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__(key, session, viewer)
        self._picking = session.picking
        self._picking.remove = self._remove_later
        # A child: it does not outlive the panel, as a static single shot would.
        self._stopper = QTimer(self)
        self._stopper.setSingleShot(True)
        self._stopper.timeout.connect(self._stop)
        self._tools = PickTools(self._picking, self.failed.emit)
        self.toggle = _button("Pick superpixels", "Pick by mouse and keys in the layer below")
        self.toggle.setCheckable(True)
        self.toggle.setFont(self.button.font())
        self.box = LayerBox(
            viewer,
            _is_superpixels,
            "Superpixels",
            "The Labels layer whose superpixels are picked",
            newest=True,
        )
        self.select, self.paint = QRadioButton("Select"), QRadioButton("Paint class")
        self.select.setToolTip("A click selects (key T)")
        self.paint.setToolTip("A click gives a superpixel the current class (key T)")
        self._group = QButtonGroup(self)
        self._group.addButton(self.select)
        self._group.addButton(self.paint)
        self.actions_ = {
            "merge": _button("Merge", "Merge the selected superpixels that touch (key M)"),
            "split": _button("Split", "Split into what it was merged of (key S)"),
            "undo": _button("Undo", "Take back the last change (Ctrl+Z)"),
            "redo": _button("Redo", "Do it again (Ctrl+Shift+Z)"),
        }
        self.classes = QListWidget()
        self.classes.setAccessibleName("Classes")
        self.classes.setToolTip("The class to paint; double-click to rename (keys 1 to 9, 0: none)")
        self.classes.setIconSize(QSize(14, 14))
        self.add = _button("Add class", "Add another class")
        self.give = _button("Paint selected", "Give the selected superpixels the current class")
        self.store = _button("Save ...", "Save pieces, classes and examples as a JSON file")
        self.load = _button("Load ...", "Load such a file; on another image it gives examples")
        self.tools_widget = QWidget()
        self._arrange()
        self._connect()
        self._show()

    def _arrange(self) -> None:
        tools, row, files = QGridLayout(self.tools_widget), QHBoxLayout(), QHBoxLayout()
        tools.setContentsMargins(6, 0, 0, 0)
        tools.setVerticalSpacing(3)
        row.addWidget(self.select)
        row.addWidget(self.paint, 1)
        tools.addLayout(row, 0, 0, 1, 2)
        for place, button in enumerate(self.actions_.values()):
            tools.addWidget(button, 1 + place // 2, place % 2)
        tools.addWidget(self.classes, 3, 0, 1, 2)
        tools.addWidget(self.give, 4, 0)
        tools.addWidget(self.add, 4, 1)
        tools.addWidget(hint(" · ".join(text for _, _, text in KEYS) + " · 1-9: class"), 5, 0, 1, 2)
        files.addWidget(self.store)
        files.addWidget(self.load)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        for place, widget in enumerate((self.toggle, hint(ABOUT), self.box, self.tools_widget)):
            layout.insertWidget(place, widget)
        layout.addLayout(files)

    def _connect(self) -> None:
        self.toggle.toggled.connect(self._toggle)
        self.box.chosen.connect(self._layer_changed)
        self.select.clicked.connect(lambda: self._set_tool("select"))
        self.paint.clicked.connect(lambda: self._set_tool("paint"))
        for name, button in self.actions_.items():
            button.clicked.connect(lambda _=False, name=name: self._tools.do(name))
        self.classes.currentRowChanged.connect(self._set_class)
        self.classes.itemChanged.connect(self._rename)
        self.add.clicked.connect(self._add)
        self.give.clicked.connect(lambda: self._tools.paint(self._picking.current))
        self.store.clicked.connect(self._ask_save)
        self.load.clicked.connect(self._ask_load)
        follow(self, self._picking.changed, self._show)

    def leave(self) -> None:
        """Give mouse and keys back, and let go of the viewer and of the session."""
        super().leave()
        self._tools.detach()
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
                raise SenError("there is no Labels layer: make superpixels first")
            self._session.pick(self.box.layer)
        except SenError as error:
            self._stop()
            self.failed.emit(str(error))
            return
        layer = self._picking.layer
        self._tools.attach(layer)
        self.box.choose(layer)
        selection = getattr(self._picking.layers, "selection", None)
        if selection is not None:
            selection.active = layer

    def _stop(self) -> None:
        self._tools.detach()
        self._picking.leave()
        blocker = QSignalBlocker(self.toggle)
        self.toggle.setChecked(False)
        blocker.unblock()

    def _layer_changed(self, layer: Any) -> None:
        """Stop when another layer is chosen, or ours was removed from the viewer."""
        if self._picking.layer is not None and layer is not self._picking.layer:
            # Not now: napari may be in the middle of removing ours, and we remove one too.
            self._stopper.start(0)

    def _remove_later(self, layer: Any) -> None:
        """Remove a layer once the canvas was drawn.

        napari 0.9.2 crashes in OpenGL if two Labels layers go (or are hidden) between two drawings.
        """
        layers = self._picking.layers

        def remove() -> None:
            if any(other is layer for other in layers):
                layers.remove(layer)

        QTimer.singleShot(REMOVE_AFTER, remove)

    def _set_tool(self, tool: Any) -> None:
        self._picking.tool = tool

    def _set_class(self, row: int) -> None:
        if row >= 0:
            self._picking.current = row + 1

    def _rename(self, item: QListWidgetItem) -> None:
        self._picking.rename_class(self.classes.row(item) + 1, item.text())

    def _add(self) -> None:
        try:
            self._picking.add_class()
        except SenError as error:
            self.failed.emit(str(error))

    def _show(self) -> None:
        """Show what is known."""
        picking, partition = self._picking, self._picking.partition
        self.tools_widget.setEnabled(partition is not None)
        self.actions_["undo"].setEnabled(partition is not None and partition.can_undo)
        self.actions_["redo"].setEnabled(partition is not None and partition.can_redo)
        for name in ("merge", "split"):
            self.actions_[name].setEnabled(bool(picking.selected))
        self.give.setEnabled(bool(picking.selected))
        self.select.setChecked(picking.tool == "select")
        self.paint.setChecked(picking.tool == "paint")
        self._fill_classes()

    def _fill_classes(self) -> None:
        blocker = QSignalBlocker(self.classes)
        names = self._picking.class_names
        while self.classes.count() > len(names):
            self.classes.takeItem(self.classes.count() - 1)
        for number, name in enumerate(names):
            item = self.classes.item(number)
            if item is None:
                pixmap = QPixmap(14, 14)
                pixmap.fill(QColor(COLOURS[number]))
                icon = QIcon(pixmap)
                for mode in (QIcon.Mode.Selected, QIcon.Mode.Disabled):
                    icon.addPixmap(pixmap, mode)  # the same colour always
                item = QListWidgetItem(icon, name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.classes.addItem(item)
            item.setText(name)
        self.classes.setCurrentRow(self._picking.current - 1)
        height = self.classes.sizeHintForRow(0) * len(names) + 2 * self.classes.frameWidth() + 2
        self.classes.setFixedHeight(height)
        blocker.unblock()

    def _ask_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save annotation", "", FILES)
        if name:
            path = Path(name)
            named = path.name.endswith(SUFFIX)
            self.save.emit(path if named else path.with_name(path.name + SUFFIX))

    def _ask_load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Load annotation", "", FILES)
        if name:
            self.open(Path(name))
