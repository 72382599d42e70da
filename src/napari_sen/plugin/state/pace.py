"""How far work in tiles is, counted in parts of tiles; no Qt."""

from __future__ import annotations

import threading

__all__ = ["PARTS", "Pace"]

# Parts that a tile is counted in.
PARTS = 1000
# What goes on in a tile, in this order, and its share of the time with a model and without.
_WITH = {"colour": 0.05, "embedding": 0.75, "boundaries": 0.1, "superpixels": 0.1}
_WITHOUT = {"colour": 0.2, "boundaries": 0.4, "superpixels": 0.4}


class Pace:
    """Counts finished tiles, and how far those are that are worked on, each by its thread.

    Parameters
    ----------
    with_model : bool
        Whether a network looks at each tile, which takes most of the time.
    """

    def __init__(self, with_model: bool) -> None:
        self._shares = _WITH if with_model else _WITHOUT
        self._lock = threading.Lock()
        self._begun: dict[int, float] = {}
        self._done = self._total = 0
        self._stage = ""

    def turn(self, done: int, total: int, stage: str) -> tuple[int, int, str]:
        """Take note of finished tiles; return how far all is, in parts of tiles."""
        with self._lock:
            if stage != self._stage:
                self._begun.clear()
            elif done > self._done and self._begun:  # the one that has ended was the furthest
                del self._begun[max(self._begun, key=self._begun.__getitem__)]
            self._done, self._total, self._stage = done, total, stage
            return self._now()

    def hear(self, done: int, total: int, stage: str) -> tuple[int, int, str]:
        """Take note of what a thread reports of its tile; return how far all is."""
        with self._lock:
            share, before = self._shares.get(stage), 0.0
            for name, each in self._shares.items():
                if name == stage:
                    break
                before += each
            if share is not None and total > 0:
                self._begun[threading.get_ident()] = before + share * done / total
            return self._now()

    def _now(self) -> tuple[int, int, str]:
        parts = min(sum(self._begun.values()), self._total - self._done)
        return round(PARTS * (self._done + parts)), PARTS * self._total, self._stage
