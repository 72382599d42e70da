"""Files that are dropped onto napari: models are copied, annotations go to their panel."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from ...io.annotation_file import SUFFIX as ANNOTATION
from ..layers.reading import inbox
from ..state.catalogue import Found, catalogue, look_up
from ..state.observed import follow
from .panel import StepPanel
from .pick_panel import PickPanel
from .workers import JobRunner

__all__ = ["Incoming"]


def import_file(path: Path) -> str:
    """Copy a model file among the user's models; imports torch, so not for the GUI thread."""
    from ...learn.registry import import_model

    return import_model(path)


class Incoming(QObject):
    """Takes files from the inbox; ``failed`` says what is wrong with one."""

    failed = Signal(str)

    def __init__(self, panel: StepPanel | None, parent: QObject) -> None:
        super().__init__(parent)
        self._panel = panel
        self._importer = JobRunner(self)
        self._importer.succeeded.connect(self._imported)
        self._importer.failed.connect(self.failed)

    def begin(self) -> None:
        """Take what has waited, and what comes from now on."""
        follow(self, inbox.arrived, self._open)
        for path in inbox.take():
            self._open(path)

    def leave(self) -> None:
        """Take nothing any more."""
        inbox.arrived.disconnect(self._open, missing_ok=True)
        self._importer.cancel()

    def _open(self, path: Path) -> None:
        if path.name.endswith(ANNOTATION):
            if isinstance(self._panel, PickPanel):
                self._panel.open(path)
        elif not self._importer.is_busy:
            self._importer.start(lambda control: (import_file(path), look_up()))

    def _imported(self, outcome: tuple[str, Found]) -> None:
        from napari.utils.notifications import show_info

        catalogue.update(outcome[1])
        show_info(f"Model {outcome[0]} can be chosen now.")
