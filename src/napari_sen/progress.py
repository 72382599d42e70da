"""How long work reports: a callable ``progress(done, total, stage)``, or None.

The callable may raise :class:`~napari_sen.errors.Cancelled`; whoever reports lets it pass.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "part", "report"]

Progress = Callable[[int, int, str], None]


def report(progress: Progress | None, done: int, total: int, stage: str) -> None:
    """Tell ``progress``, if there is one, how many of the steps of ``stage`` are done."""
    if progress is not None:
        progress(done, total, stage)


def part(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Return a progress for piece ``index`` of ``count`` equal pieces of a longer work."""
    if progress is None or count == 1:
        return progress
    return lambda done, total, stage: progress(index * total + done, count * total, stage)
