"""The running step in napari's activity dock, while the dock of the plugin is out of sight.

Not while it is in sight: it says the same, and napari turns a wheel for as long as there is a bar.
Each turn draws the whole window anew, canvas and all. Without a graphics card that takes more
time of the processor than the work itself.

napari lets Qt's events through (``processEvents``) whenever it makes, moves or closes a bar. In
the middle of a signal of ours that would let anything happen, the end of the dock too. So a
timer of its own moves the bar, a few times a second.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from .status import in_words

__all__ = ["Activity"]

INTERVAL = 150  # ms


class Activity:
    """One bar while a step runs and ``dock`` is out of sight; steps that end at once have none."""

    def __init__(self, dock: QWidget) -> None:
        self._dock = dock
        self._bar: Any = None
        self._title = ""
        self._latest = (0, 0, "")
        self._busy = False
        self._timer = QTimer(dock)
        self._timer.setInterval(INTERVAL)
        self._timer.timeout.connect(self._follow)

    def begin(self, title: str) -> None:
        """Show, soon, that a step has begun."""
        self._title, self._latest = title.strip(" 0123456789"), (0, 0, "")
        self._timer.start()

    def show(self, done: int, total: int, stage: str) -> None:
        """Show, soon, how far it has got."""
        self._latest = (done, total, stage)

    def end(self) -> None:
        """Let the bar go soon: the step has ended."""
        self._title = ""

    def close(self) -> None:
        """Take the bar away now."""
        self._timer.stop()
        self._drop()

    def _drop(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def _follow(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if not self._title:
                self.close()
            elif self._dock.isVisible():
                self._drop()
            elif self._bar is None:
                from napari.utils import progress

                self._bar = progress(total=0, desc=self._title)
            else:
                self._move(self._bar)
        finally:
            self._busy = False

    def _move(self, bar: Any) -> None:
        done, total, stage = self._latest
        if bar.total != total:
            bar.total = total
        bar.set_description(f"{self._title}: {in_words(stage).lower()}")
        bar.n = done
        bar.events.value(value=done)
