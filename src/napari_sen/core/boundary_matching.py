"""Agreement of a boundary strength with human boundaries: the counts of the BSDS benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ParameterError
from . import _kernel

__all__ = [
    "MAX_DISTANCE",
    "THRESHOLDS",
    "BoundaryCounts",
    "boundary_counts",
    "boundary_map",
    "harmonic_mean",
]

MAX_DISTANCE = 0.0075  # of the image's diagonal
THRESHOLDS = tuple(k / 100 for k in range(1, 100))
COST_UNITS = 100  # a pixel's distance in whole numbers, as in the original benchmark
LARGEST = 1e8  # pixels


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels of one image (or summed over several), one entry for each threshold.

    Attributes
    ----------
    found, found_total : (T,) int64 array
        Pixels of the human maps that have a partner, and all of them, summed over annotators.
    true, true_total : (T,) int64 array
        Pixels of the thresholded map that have a partner in any human map, and all of them.
    """

    found: NDArray[np.int64]
    found_total: NDArray[np.int64]
    true: NDArray[np.int64]
    true_total: NDArray[np.int64]

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        """Return the sums of both, threshold by threshold."""
        return BoundaryCounts(
            self.found + other.found,
            self.found_total + other.found_total,
            self.true + other.true,
            self.true_total + other.true_total,
        )

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of the human boundary pixels that were found; 0 where there is none."""
        return self.found / np.maximum(self.found_total, 1)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the map's pixels that are true; 0 where it has none."""
        return self.true / np.maximum(self.true_total, 1)

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall; 0 where both are."""
        return harmonic_mean(self.precision, self.recall)


def harmonic_mean(a: Any, b: Any) -> NDArray[np.float64]:
    """Return 2ab / (a + b), 0 where both are 0."""
    total = np.asarray(a + b)
    mean: NDArray[np.float64] = 2 * a * b / np.where(total > 0, total, 1)
    return mean


def boundary_map(labels: Any) -> NDArray[np.bool_]:
    """Return the boundaries of a label map as the BSDS benchmark draws them, one pixel wide.

    A pixel is marked if its 2 x 2 block, down and to the right, holds two labels; then the map
    is thinned. For the segmentations of BSDS500 this is exactly their stored ``Boundaries``.

    Parameters
    ----------
    labels : (H, W) array of int

    Returns
    -------
    (H, W) array of bool
    """
    labels = np.asarray(labels)
    if labels.ndim != 2:
        raise ImageError(f"boundaries are matched in 2-D, but the labels have {labels.ndim} axes")
    block = np.pad(labels, ((0, 1), (0, 1)), mode="edge")
    first, right, below, across = block[:-1, :-1], block[:-1, 1:], block[1:, :-1], block[1:, 1:]
    differs = (first != right) | (first != below) | (right != across) | (below != across)
    return thin(differs)


def thin(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask thinned to lines one pixel wide (Guo & Hall), as skimage's ``thin``."""
    thinned: NDArray[np.uint8] = _kernel.thin(np.ascontiguousarray(mask, np.uint8))
    return thinned.view(bool)


def boundary_counts(
    strength: Any,
    boundaries: Sequence[Any],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    max_distance: float = MAX_DISTANCE,
) -> BoundaryCounts:
    """Match a boundary strength, at many thresholds, with the boundaries that people drew.

    At each threshold the pixels that reach it are thinned, then matched one to one with each
    human map: as many pairs within the distance as possible, the nearest ones first
    (Martin, Fowlkes & Malik 2004).

    Parameters
    ----------
    strength : (H, W) array
        Finite numbers.
    boundaries : sequence of (H, W) arrays of bool
        Thin human boundaries (:func:`boundary_map`), at least one.
    thresholds : sequence of float
        0.01, 0.02, ... 0.99 by default.
    max_distance : float
        Largest distance of a pair, as a share of the image's diagonal.

    Returns
    -------
    BoundaryCounts

    Raises
    ------
    ImageError
        The maps are no 2-D maps of one shape, or the strength is not finite.
    ParameterError
        ``thresholds`` or ``boundaries`` is empty.
    """
    strength = np.asarray(strength)
    if strength.ndim != 2 or not 0 < strength.size <= LARGEST or not np.isfinite(strength).all():
        raise ImageError(
            f"boundary strength must be 2-D and finite, got {strength.dtype} of {strength.shape}"
        )
    if len(thresholds) == 0 or len(boundaries) == 0:
        raise ParameterError("give at least one threshold and one map of human boundaries")
    # From the highest threshold down: the maps grow, and the matching goes on from the last.
    falling = np.argsort(thresholds, kind="stable")[::-1]
    maps = np.stack([thin(strength >= thresholds[k]) for k in falling]).view(np.uint8)
    reach = _reach(max_distance * float(np.hypot(*strength.shape)))
    found = np.zeros(len(falling), np.int64)
    total = 0
    true = np.zeros(maps.shape, bool)
    for human in boundaries:
        human = np.ascontiguousarray(human, np.uint8)
        if human.shape != strength.shape:
            raise ImageError(f"human map {human.shape} and strength {strength.shape} differ")
        matched, _ = _kernel.match_boundaries(maps, human, reach)
        found += np.count_nonzero(matched, axis=(1, 2))
        total += int(np.count_nonzero(human))
        true |= matched.view(bool)
    order = np.argsort(falling)
    return BoundaryCounts(
        found[order],
        np.full(len(falling), total, np.int64),
        np.count_nonzero(true, axis=(1, 2))[order].astype(np.int64),
        np.count_nonzero(maps, axis=(1, 2))[order].astype(np.int64),
    )


def _reach(radius: float) -> NDArray[np.int32]:
    """Return the offsets within a radius with their costs, nearest first, (n, 3)."""
    side = np.arange(-int(radius), int(radius) + 1)
    dy, dx = np.meshgrid(side, side, indexing="ij")
    distance = np.hypot(dy, dx)
    near = distance <= radius
    cost = np.rint(COST_UNITS * distance)
    table = np.column_stack([dy[near], dx[near], cost[near]]).astype(np.int32)
    return np.ascontiguousarray(table[np.argsort(table[:, 2], kind="stable")])
