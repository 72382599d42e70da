"""Long work off the GUI thread: one job at a time, with progress, Cancel and plain failures.

superqt's generator workers take a RuntimeError for a deleted widget and never finish, and a
generator that is told to quit is dropped without running its ``finally``. So the body catches
everything, its own event stops it through the progress callable, and it always returns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Signal  # type: ignore[attr-defined]
from superqt.utils import create_worker

from ...errors import Cancelled, DeviceError, SenError
from ..state.collecting import short_collections
from ..state.control import Control

__all__ = ["Control", "Job", "JobRunner", "Outcome"]

logger = logging.getLogger(__name__)

Job = Callable[[Control], Any]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a value, with a failure, or cancelled (neither)."""

    value: Any = None
    failure: SenError | None = None
    cancelled: bool = False


def perform(job: Job, control: Control) -> Outcome:
    """Run ``job`` and return how it ended; never raises."""
    try:
        with short_collections():
            value = job(control)
    except Cancelled:
        return Outcome(cancelled=True)
    except SenError as error:
        return Outcome(failure=error)
    except MemoryError as error:
        return Outcome(failure=_explain(error, "not enough memory", "take a smaller image or part"))
    except Exception as error:
        logger.exception("a job failed")
        if type(error).__name__ == "OutOfMemoryError":
            return Outcome(failure=_explain(error, "the device is out of memory", "choose the CPU"))
        return Outcome(failure=SenError(f"unexpected {type(error).__name__}: {error}"))
    return Outcome(cancelled=True) if control.is_cancelled else Outcome(value)


def _explain(error: BaseException, what: str, remedy: str) -> SenError:
    first_line = (str(error).splitlines() or [""])[0]
    explained = DeviceError(f"{what} ({first_line}): {remedy}")
    explained.__cause__ = error
    return explained


def _body(job: Job, control: Control) -> Generator[object, None, Outcome]:
    yield (0, 0, "Starting")
    return perform(job, control)


def _cancel_all(controls: list[Control], *_: object) -> None:
    for control in controls:
        control.cancel()


class JobRunner(QObject):
    """Runs one job at a time on Qt's thread pool and says on the GUI thread how it goes.

    A job ends with exactly one of ``succeeded``, ``failed`` and ``cancelled``; from then on the
    next one may start.
    """

    started = Signal()
    progressed = Signal(int, int, str)
    live = Signal(object)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: list[Control] = []
        self._worker: Any = None
        self._outcome = Outcome(cancelled=True)
        # Not a method of self: those are gone once it is destroyed.
        self.destroyed.connect(partial(_cancel_all, self._running))
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.cancel)

    @property
    def is_busy(self) -> bool:
        """Whether a job is running, or still stopping."""
        return bool(self._running)

    @property
    def is_stopping(self) -> bool:
        """Whether the running job was asked to stop."""
        return any(control.is_cancelled for control in self._running)

    @property
    def is_resting(self) -> bool:
        """Whether the running job is paused, and has come to rest."""
        return any(control.is_resting for control in self._running)

    def start(self, job: Job) -> None:
        """Run ``job`` in another thread; an error if one is running already."""
        if self.is_busy:
            raise SenError("a job is running already: wait for it, or cancel it first")
        control = Control()
        self._running.append(control)
        worker = self._worker = create_worker(_body, job, control, _start_thread=False)
        control.tell = worker.yielded.emit
        # At its end napari tells all workers to quit and waits for them, before our slot runs.
        control.is_unwanted = lambda: bool(worker.abort_requested)
        worker.yielded.connect(self._on_message)
        worker.returned.connect(self._on_returned)
        worker.finished.connect(self._on_finished)  # type: ignore[arg-type]
        self.started.emit()
        worker.start()

    def pause(self, on: bool) -> None:
        """Let the running job wait, or go on."""
        for control in self._running:
            control.pause(on)

    def finish(self) -> None:
        """Ask the running job to end early and keep what it has."""
        for control in self._running:
            control.finish()

    def cancel(self) -> None:
        """Ask the running job, if there is one, to stop; its result will be ignored."""
        _cancel_all(self._running)

    def _on_message(self, message: object) -> None:
        if self.is_stopping:
            return
        if isinstance(message, tuple):
            self.progressed.emit(*message)
        else:
            self.live.emit(message)

    def _on_returned(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def _on_finished(self) -> None:
        """Tell how it ended, last of all: whoever hears it may start the next job at once."""
        # Nothing was returned if napari told its workers to quit.
        outcome = Outcome(cancelled=True) if self.is_stopping else self._outcome
        self._running.clear()
        self._worker, self._outcome = None, Outcome(cancelled=True)
        with short_collections():  # a long one is due, which can wait
            if outcome.cancelled:
                self.cancelled.emit()
            elif outcome.failure is not None:
                self.failed.emit(str(outcome.failure))
            else:
                self.succeeded.emit(outcome.value)
