"""How long work reports: a callable ``progress(done, total, stage)``, or None.

The callable may raise :class:`~napari_sen.errors.Cancelled`; whoever reports lets it pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .errors import ParameterError

__all__ = ["Progress", "check_progress", "duration", "part", "report"]

Progress = Callable[[int, int, str], None]


def check_progress(progress: Any) -> None:
    """Raise ParameterError unless this can be a progress callable, or None."""
    if progress is None:
        return
    good = callable(progress)
    try:
        inspect.signature(progress).bind(0, 1, "stage") if good else None
    except TypeError:
        good = False
    except ValueError:  # a callable that does not tell what it takes
        pass
    if not good:
        raise ParameterError(
            "progress must be a callable that takes (done, total, stage), got a value of type "
            f"{type(progress).__name__}"
        )


def report(progress: Progress | None, done: int, total: int, stage: str) -> None:
    """Tell ``progress``, if there is one, how many of the steps of ``stage`` are done."""
    if progress is not None:
        progress(done, total, stage)


def part(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Return a progress for piece ``index`` of ``count`` equal pieces of a longer work."""
    if progress is None or count == 1:
        return progress
    return lambda done, total, stage: progress(index * total + done, count * total, stage)


def duration(seconds: float) -> str:
    """Return a time that is left in words, as exactly as one wants to know it."""
    return f"{max(round(seconds), 1)} s" if seconds < 90 else f"{round(seconds / 60)} min"
