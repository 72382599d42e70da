"""How a running job reports and is stopped; no Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

from ...errors import Cancelled

__all__ = ["Control"]

_T = TypeVar("_T")

# So many seconds, at least, between two progress messages: each draws the window anew.
MESSAGE_INTERVAL = 0.25
# A paused job looks so often whether it was cancelled.
PAUSE_POLL = 0.05


class Control:
    """What a job holds of its runner: it reports, shows intermediate results, and is stopped."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._finish = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._last = (0.0, "")
        self.is_resting = False  # paused, and no work goes on
        self.tell: Callable[[object], None] = lambda message: None
        self.is_unwanted: Callable[[], bool] = lambda: False

    def cancel(self) -> None:
        """Ask the job to stop at its next report."""
        self._stop.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._stop.is_set() or self.is_unwanted()

    def pause(self, on: bool) -> None:
        """Let the job wait at its next report, or go on."""
        self._go.clear() if on else self._go.set()

    def finish(self) -> None:
        """Ask the job to end early and keep what it has; for jobs that can."""
        self._finish.set()
        self._go.set()

    @property
    def is_finishing(self) -> bool:
        """Whether the job was asked to end early."""
        return self._finish.is_set()

    def check(self) -> None:
        """Wait while paused; raise Cancelled if asked to stop."""
        if self.is_cancelled:
            raise Cancelled
        try:
            while not self._go.wait(PAUSE_POLL):
                self.is_resting = True
                if self.is_cancelled:
                    raise Cancelled
        finally:
            self.is_resting = False

    def progress(self, done: int, total: int, stage: str) -> None:
        """Report ``done`` of ``total`` steps of ``stage``; raise Cancelled if asked to stop."""
        self.check()
        self.report(done, total, stage)

    def report(self, done: int, total: int, stage: str) -> None:
        """Report, and no more: from any thread."""
        now, (last, last_stage) = time.monotonic(), self._last
        if stage != last_stage or done >= total or now - last >= MESSAGE_INTERVAL:
            self._last = (now, stage)
            self.tell((done, total, stage))

    def wait_for(self, read: Callable[[], _T], stage: str = "reading") -> _T:
        """Return what ``read()`` returns, which nothing can interrupt; raise Cancelled at once.

        It runs in a thread of its own. One that is no longer waited for ends by itself, and what
        it has read is dropped.
        """
        box: Future[_T] = Future()

        def work() -> None:
            try:
                box.set_result(read())
            except Exception as error:  # noqa: BLE001  (raised where it is waited for)
                box.set_exception(error)

        Thread(target=work, name="napari-sen-read", daemon=True).start()
        while not wait([box], PAUSE_POLL).done:
            self.progress(0, 0, stage)
        return box.result()

    def live(self, item: object) -> None:
        """Show an intermediate result, such as the loss of a training step."""
        self.tell(item)
