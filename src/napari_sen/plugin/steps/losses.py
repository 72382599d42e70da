"""The losses of a training while it goes on; no Qt in here."""

from __future__ import annotations

import math

from psygnal import Signal

from ..layers.results import Loss

__all__ = ["Losses"]


class Losses:
    """Loss against step; at most ``capacity`` points are kept, older ones are thinned out."""

    changed = Signal()

    def __init__(self, capacity: int = 400) -> None:
        self._capacity = capacity
        self._points: list[tuple[int, float]] = []
        self._every = 1

    @property
    def points(self) -> tuple[tuple[int, float], ...]:
        """The points kept: (step, loss)."""
        return tuple(self._points)

    def append(self, item: Loss) -> None:
        """Add a point, in place of what an earlier training had from its step on.

        Losses that are not finite are left out.
        """
        while self._points and self._points[-1][0] >= item.step:
            self._points.pop()
        if not self._points:
            self._every = 1
        if math.isfinite(item.loss) and item.step % self._every == 0:
            self._points.append((item.step, item.loss))
        if len(self._points) > self._capacity:
            self._every *= 2
            self._points = [point for point in self._points if point[0] % self._every == 0]
        self.changed.emit()
