"""Batches of the next steps, made by threads while a device works on the last one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Ahead"]

T = TypeVar("T")


class Ahead(Generic[T]):
    """Calls ``draw(step)`` for steps that come next; asked for a step, it returns that one's.

    ``draw`` must depend on the step alone, so that it does not matter when it is called.

    Parameters
    ----------
    draw : callable
    last : int
        Steps from here on are never asked for.
    threads : int
        How many steps are drawn ahead, each by a thread; 0 draws a step when it is asked for.
    """

    def __init__(self, draw: Callable[[int], T], last: int, threads: int) -> None:
        self.draw, self.last, self.threads = draw, last, threads
        self._pool = ThreadPoolExecutor(threads, "draw") if threads else None
        self._drawn: dict[int, Future[T]] = {}

    def __call__(self, step: int) -> T:
        """Return what ``draw`` gives for a step, and have the next ones made."""
        if self._pool is None:
            return self.draw(step)
        for number in range(step, min(step + self.threads + 1, self.last)):
            if number not in self._drawn:
                self._drawn[number] = self._pool.submit(self.draw, number)
        for number in [number for number in self._drawn if number < step]:
            del self._drawn[number]
        return self._drawn.pop(step).result()
