"""ODS, OIS and AP: what the boundary benchmark makes of the counts of all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from ..core.boundary_matching import BoundaryCounts, harmonic_mean

__all__ = ["ContourScores", "contour_scores"]

BETWEEN = 100  # points that are tried between two thresholds
RECALLS = np.arange(101) / 100


@dataclass(frozen=True)
class ContourScores:
    """The figures of the BSDS boundary benchmark for one method over a data set.

    Attributes
    ----------
    ods : float
        Best F1 at one threshold for all images (optimal data set scale).
    threshold, recall, precision : float
        Where that is.
    ois : float
        F1 with the best threshold of each image (optimal image scale).
    ap : float
        Area under the precision-recall curve over the recalls that it reaches.
    recalls, precisions : (T,) arrays
        The curve, by rising threshold.
    """

    ods: float
    threshold: float
    recall: float
    precision: float
    ois: float
    ap: float
    recalls: NDArray[np.float64]
    precisions: NDArray[np.float64]


def contour_scores(images: Sequence[BoundaryCounts], thresholds: Sequence[float]) -> ContourScores:
    """Return the figures of a method, from the counts of each image at the same thresholds.

    Counts are summed over the images before they are divided, and between two thresholds the
    curve is interpolated linearly, as in the original benchmark.
    """
    total = reduce(add, images)
    threshold, recall, precision, ods = _best(np.asarray(thresholds), total)
    return ContourScores(
        ods=ods,
        threshold=threshold,
        recall=recall,
        precision=precision,
        ois=_best_of_each(images),
        ap=_area(total.recall, total.precision),
        recalls=total.recall,
        precisions=total.precision,
    )


def _best(
    thresholds: NDArray[np.float64], counts: BoundaryCounts
) -> tuple[float, float, float, float]:
    """Return (threshold, recall, precision, F1) at the best point of the curve."""
    points = np.column_stack([thresholds, counts.recall, counts.precision])
    share = np.linspace(0, 1, BETWEEN)[:, None, None]
    between = (share * points[1:] + (1 - share) * points[:-1]).reshape(-1, 3)
    points = np.concatenate([points[:1], between])
    f1 = harmonic_mean(points[:, 2], points[:, 1])
    best = int(np.argmax(f1))
    threshold, recall, precision = points[best].tolist()
    return threshold, recall, precision, float(f1[best])


def _best_of_each(images: Sequence[BoundaryCounts]) -> float:
    """Return F1 of the counts summed over images, each at its own best threshold."""
    sums = np.zeros(4)
    for counts in images:
        best = int(np.argmax(counts.f1))
        sums += [counts.found[best], counts.found_total[best], counts.true[best],
                 counts.true_total[best]]  # fmt: skip
    return float(harmonic_mean(sums[2] / max(sums[3], 1), sums[0] / max(sums[1], 1)))


def _area(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Return the area under the curve, sampled at 101 recalls, 0 where it does not reach."""
    # One point a recall: the one of the highest threshold, as MATLAB's `unique` keeps the last.
    points = dict(zip(recall.tolist(), precision.tolist(), strict=True))
    if len(points) < 2:
        return 0.0
    known = sorted(points)
    values = np.interp(RECALLS, known, [points[at] for at in known], left=0, right=0)
    return float(values.sum() * 0.01)
