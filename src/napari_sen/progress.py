"""How long work reports: a callable ``progress(done, total, stage)``, or None.

The callable may raise :class:`~napari_sen.errors.Cancelled`; whoever reports lets it pass.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "report"]

Progress = Callable[[int, int, str], None]


def report(progress: Progress | None, done: int, total: int, stage: str) -> None:
    """Tell ``progress``, if there is one, that ``done`` of ``total`` steps of ``stage`` are done."""
    if progress is not None:
        progress(done, total, stage)
