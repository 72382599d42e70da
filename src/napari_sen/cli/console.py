"""What a person sees while the work runs: a bar on a terminal, else one line per stage."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from ..progress import duration

__all__ = ["Reporter", "columns", "table"]

LINE_EVERY = 30.0  # seconds between two lines of progress where no terminal listens


class Reporter:
    """Progress callable of one command, and the clock of its stages.

    Everything goes to standard error: standard output is the summary's. The package's log
    (which model was chosen, what was dropped) is shown the same way.

    Parameters
    ----------
    quiet : bool
        Show nothing; only keep the time.
    level : int
        Show the package's log from this level on, as the standard library counts them.
    """

    def __init__(self, *, quiet: bool = False, level: int = logging.INFO) -> None:
        self.seconds: dict[str, float] = {}
        self._quiet = quiet
        self._stage = ""
        self._last = self._line = time.perf_counter()
        self._starts: dict[str, tuple[float, int]] = {}
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._told: set[str] = set()
        self._whole = False
        self._level = level
        self._log = _Handler(self, level)

    def __enter__(self) -> Self:
        """Start the bar and listen to the package's log."""
        logger = logging.getLogger("napari_sen")
        logger.addHandler(self._log)
        logger.setLevel(self._level)
        if not self._quiet and sys.stderr.isatty():
            self._start_bar()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the last stage, the bar and the log."""
        self.stage_done()
        if kind is None:
            for stage in self.seconds:
                self._tell(stage)
        if self._bar is not None:
            self._bar.stop()
        logging.getLogger("napari_sen").removeHandler(self._log)

    def __call__(self, done: int, total: int, stage: str) -> None:
        """Take a report; see :mod:`napari_sen.progress`."""
        # "pseudo-labels of a.png" is one of many pieces of one stage.
        stage = stage.partition(" of ")[0]
        if stage != self._stage:
            self.stage_done()  # the time until now was still the last stage's
            self._stage = stage
        self._charge(stage)
        self._whole = done >= total or total == 1
        if self._bar is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=total)
            self._bar.update(self._tasks[stage], completed=done, total=total)
        else:
            self._tell_progress(done, total, stage)

    def say(self, text: str) -> None:
        """Show a line on standard error."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def stage_done(self) -> None:
        """End the running stage; one whose steps are not all done may go on later."""
        self._charge(self._stage)
        if self._stage and self._whole:
            self._tell(self._stage)
        self._stage, self._whole = "", False

    def _tell_progress(self, done: int, total: int, stage: str) -> None:
        """Without a terminal, say now and then how far it is: it may be a log that is watched."""
        now = self._last
        start, first = self._starts.setdefault(stage, (now, done))
        if done < first:  # another piece of the stage
            start, first = self._starts[stage] = now, done
        if now - self._line < LINE_EVERY or not first < done < total:
            return
        left = (now - start) / (done - first) * (total - done)
        self.say(f"{stage}: {done} of {total}, about {_duration(left)} left")
        self._line = now

    def _tell(self, stage: str) -> None:
        if self._bar is None and stage not in self._told:
            self.say(f"{stage}: {self.seconds.get(stage, 0.0):.2f} s")
            self._told.add(stage)

    def _charge(self, stage: str) -> None:
        now = time.perf_counter()
        if stage:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def _start_bar(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bar.start()


class _Handler(logging.Handler):
    """Shows the log; all of it with time and level, else the messages alone."""

    def __init__(self, reporter: Reporter, level: int) -> None:
        super().__init__(level)
        self._reporter = reporter
        if level <= logging.DEBUG:
            self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.say(self.format(record))


def _duration(seconds: float) -> str:
    """Return a time in words; the shell is where work takes hours."""
    return duration(seconds) if seconds < 5400 else f"{seconds / 3600:.1f} h"


def columns(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows of the same keys as a table under a line of these keys."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def table(summary: Mapping[str, Any]) -> str:
    """Return a summary as aligned lines; a list gives one line an entry, a dictionary one each."""
    rows: list[tuple[str, str]] = []
    for key, value in summary.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            rows += [(f"{name}: {part}", _text(entry)) for part, entry in value.items()]
        elif isinstance(value, list | tuple) and value and isinstance(value[0], str):
            rows += [(name if k == 0 else "", _text(entry)) for k, entry in enumerate(value)]
        elif value is not None:
            rows.append((name, _text(value)))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value))
    return str(value)
