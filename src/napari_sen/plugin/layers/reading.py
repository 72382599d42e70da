"""Model files and annotations that are dropped onto napari, or opened from its menu.

They make no layer: the dock takes them. If there is none, it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...io.annotation_file import SUFFIX as ANNOTATION

__all__ = ["Inbox", "get_reader", "inbox"]

MODEL = ".safetensors"


class Inbox:
    """Files that wait for a dock; ``arrived`` tells the docks that there are."""

    arrived = Signal(Path)

    def __init__(self) -> None:
        self._waiting: list[Path] = []

    def put(self, path: Path) -> None:
        """Hand a file to the docks, or keep it for the next one."""
        if len(self.arrived) == 0:
            self._waiting.append(path)
        self.arrived.emit(path)

    def take(self) -> list[Path]:
        """Return the files that have waited."""
        waiting, self._waiting = self._waiting, []
        return waiting


inbox = Inbox()


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[tuple[None]]] | None:
    """Return the reader if it is for all of these files (npe2)."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if all(str(name).endswith((MODEL, ANNOTATION)) for name in paths) else None


def read(path: str | Sequence[str]) -> list[tuple[None]]:
    """Give the files to the dock; there is no layer."""
    from napari import current_viewer

    for name in [path] if isinstance(path, str) else path:
        inbox.put(Path(name))
    viewer = current_viewer()
    if len(inbox.arrived) == 0 and viewer is not None:
        viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    return [(None,)]
