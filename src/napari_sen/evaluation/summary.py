"""From rows to curves: what each method reaches at each number of superpixels, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.metrics import Interval, bootstrap_interval, interpolate_at
from ..errors import DataError, ParameterError
from .journal import Row
from .reach import is_near

__all__ = ["SCORES", "Curve", "Point", "compare_at", "curves"]

SCORES = (
    "f1",
    "recall",
    "precision",
    "f1_mean",
    "f1_best",
    "asa",
    "asa_best",
    "undersegmentation",
    "size_variation",
)


@dataclass(frozen=True)
class Point:
    """Means over images at one size wanted; ``scores`` holds intervals by name.

    ``near`` is the share of the images on which the number made is within 3 % of the one
    wanted; ``read`` is "made" where the mean number made is, else "interpolated" (from the
    neighbours, over log K) or "off" (the curve does not reach it; the scores are those made).
    """

    wanted: int
    made: float
    near: float
    tries: float
    read: str
    scores: dict[str, Interval]
    seconds: float


@dataclass(frozen=True)
class Curve:
    """One method over all sizes.

    Attributes
    ----------
    method : str
    sizes : list of int
        Wanted, rising.
    made : (n_sizes,) float array
        Mean number of superpixels really made.
    values : dict from str to (n_sizes, n_images) float array
        Scores by name, images in the order of their names.
    groups : list of list of Row
        The rows of each size, images in that order.
    """

    method: str
    sizes: list[int]
    made: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    groups: list[list[Row]]

    def at(self, k: float, name: str) -> NDArray[np.float64]:
        """Return a score of every image at ``k`` superpixels.

        As made where the mean number made is within 3 %, else interpolated over log K;
        ParameterError where the curve does not reach.
        """
        place = self.sizes.index(int(k)) if k in self.sizes else None
        if place is not None and is_near(self.made[place], k):
            there: NDArray[np.float64] = self.values[name][place]
            return there
        # Two sizes that gave the same number are one point of the curve.
        made, first = np.unique(self.made, return_index=True)
        found: NDArray[np.float64] = interpolate_at(made, self.values[name][first], k)
        return found

    def points(self) -> list[Point]:
        """Return the means at every size wanted."""
        return [self._point(place) for place in range(len(self.sizes))]

    def _point(self, place: int) -> Point:
        wanted, made, rows = self.sizes[place], float(self.made[place]), self.groups[place]
        read = "made" if is_near(made, wanted) else "interpolated"
        try:
            scores = {name: bootstrap_interval(self.at(wanted, name)) for name in SCORES}
        except ParameterError:
            read = "off"
            scores = {name: bootstrap_interval(self.values[name][place]) for name in SCORES}
        near = float(np.mean([is_near(row.scores.n_segments, wanted) for row in rows]))
        tries = float(np.mean([row.tries for row in rows]))
        seconds = float(np.mean([row.seconds for row in rows]))
        return Point(wanted, made, near, tries, read, scores, seconds)


def curves(rows: Sequence[Row]) -> list[Curve]:
    """Return the curve of every method, in the order of their first rows.

    Raises
    ------
    DataError
        A method was not measured on every image at every size.
    """
    images = sorted({row.image for row in rows})
    found = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        sizes = sorted({row.wanted for row in own})
        groups = [
            sorted((row for row in own if row.wanted == size), key=lambda row: row.image)
            for size in sizes
        ]
        if any([row.image for row in group] != images for group in groups):
            raise DataError(f"method {method!r} was not measured on every image at every size")
        values = {name: _table(groups, name) for name in SCORES}
        made = _table(groups, "n_segments").mean(axis=1)
        found.append(Curve(method, sizes, made, values, groups))
    return found


def compare_at(first: Curve, second: Curve, k: float, name: str) -> Interval:
    """Return first minus second in one score at equal real K, paired over the images.

    Raises
    ------
    ParameterError
        A curve does not reach ``k``.
    """
    return bootstrap_interval(first.at(k, name) - second.at(k, name))


def _table(groups: Sequence[Sequence[Row]], name: str) -> NDArray[Any]:
    return np.array([[getattr(row.scores, name) for row in group] for group in groups], float)
