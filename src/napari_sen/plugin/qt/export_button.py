"""The button that writes superpixels, or objects of one class, to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from ...errors import SenError
from ..steps.exporting import FORMATS, export
from ..steps.session import Session

__all__ = ["ExportButton"]


class ExportButton(QPushButton):
    """Asks for a file and writes it; ``told`` and ``failed`` say how it went."""

    told = Signal(str)
    failed = Signal(str)

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__("Export")
        self._session = session
        self.setToolTip("Write a table, outlines or labels of the superpixels that are shown")
        menu = QMenu(self)
        self.menu_actions = {}
        for key, about in FORMATS.items():
            action = menu.addAction(about.title)
            assert action is not None
            action.triggered.connect(lambda _=False, key=key: self._ask(key))
            self.menu_actions[key] = action
        self.setMenu(menu)

    def _ask(self, key: str) -> None:
        about = FORMATS[key]
        name, _ = QFileDialog.getSaveFileName(
            self, about.title, f"superpixels{about.suffix}", f"{about.title} (*{about.suffix})"
        )
        if name:
            path = Path(name)
            named = path.name.lower().endswith(about.suffix)
            self.write(key, path if named else path.with_name(path.name + about.suffix))

    def write(self, key: str, path: Path) -> None:
        """Write a file of a format; the dialog has asked whether one may be replaced."""
        try:
            self.told.emit(export(self._session, key, path, overwrite=True))
        except SenError as error:
            self.failed.emit(str(error))
