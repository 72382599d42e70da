"""The list of classes: one is chosen to paint; a double click renames."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from ..layers.overlays import COLOURS
from ..layers.picking import Picking
from ..state.observed import follow

__all__ = ["ClassList"]


class ClassList(QListWidget):
    """Shows the classes of the superpixels that are picked."""

    def __init__(self, picking: Picking) -> None:
        super().__init__()
        self._picking = picking
        self.setAccessibleName("Classes")
        self.setToolTip("The class to paint; double-click to rename (keys 1 to 9, 0: none)")
        self.setIconSize(QSize(14, 14))
        self.currentRowChanged.connect(self._choose)
        self.itemChanged.connect(self._rename)
        follow(self, picking.changed, self.refresh)
        self.refresh()

    def leave(self) -> None:
        """Let go of what is picked."""
        self._picking.changed.disconnect(self.refresh, missing_ok=True)

    def refresh(self) -> None:
        """Show the classes that there are."""
        blocker = QSignalBlocker(self)
        names = self._picking.class_names
        while self.count() > len(names):
            self.takeItem(self.count() - 1)
        for number, name in enumerate(names):
            item = self.item(number)
            if item is None:
                item = QListWidgetItem(_swatch(COLOURS[number]), name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.addItem(item)
            item.setText(name)
        self.setCurrentRow(self._picking.current - 1)
        self.setFixedHeight(self.sizeHintForRow(0) * len(names) + 2 * self.frameWidth() + 2)
        blocker.unblock()

    def _choose(self, row: int) -> None:
        if row >= 0:
            self._picking.current = row + 1

    def _rename(self, item: QListWidgetItem) -> None:
        self._picking.rename_class(self.row(item) + 1, item.text())


def _swatch(colour: str) -> QIcon:
    """Return an icon of one colour, the same whether it is selected or not."""
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(colour))
    icon = QIcon(pixmap)
    for mode in (QIcon.Mode.Selected, QIcon.Mode.Disabled):
        icon.addPixmap(pixmap, mode)
    return icon
