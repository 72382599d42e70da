"""Do features tell annotated regions apart? A quick probe of an embedding, without superpixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..errors import DataError, ImageError, ParameterError

__all__ = ["area_under_curve", "pair_auc", "sample_pairs"]


def pair_auc(
    features: Any,
    ground_truths: Sequence[Any],
    distances: Sequence[float] = (2, 8, 20, 60),
    n_pairs: int = 20_000,
    seed: int = 0,
) -> dict[float, float]:
    """Return how well the feature distance separates pairs of pixels, at each pair distance.

    A pair is "different" if most annotators put its pixels into different regions, "same" if
    most put them into one; pairs on which they are evenly split are left out. The value is the
    area under the ROC curve of the squared feature distance: the probability that a different
    pair is farther apart than a same pair. 0.5 is chance, 1 is perfect.

    It is a hint, not a score: an embedding may win here and lose as superpixels.

    Parameters
    ----------
    features : (H, W, C) array
    ground_truths : sequence of (H, W) arrays of int
        One for each annotator.
    distances : sequence of float
        Distances in pixels between the two pixels of a pair; below the image's diagonal.
    n_pairs : int
        Pairs drawn for each distance.
    seed : int
        Same seed, same pairs (whatever the features).

    Returns
    -------
    dict from distance to AUC
        NaN where all pairs are of one kind.

    Raises
    ------
    ImageError, DataError, ParameterError
        Shapes do not match; there is no ground truth; a distance does not fit into the image.
    """
    features = np.asarray(features)
    if features.ndim != 3 or features.dtype.kind not in "fiu":
        raise ImageError(
            f"features must be (H, W, C) numbers, got {features.dtype} of {features.shape}"
        )
    truths = [np.asarray(truth) for truth in ground_truths]
    if not truths:
        raise DataError("no ground truth was given; give at least one map")
    for truth in truths:
        if truth.shape != features.shape[:2]:
            raise DataError(f"features of {features.shape} do not match labels of {truth.shape}")
    rng = np.random.default_rng(seed)
    result = {}
    for distance in distances:
        first, second = sample_pairs(features.shape[:2], distance, n_pairs, rng)
        votes = sum((truth[first] != truth[second]).astype(int) for truth in truths)
        decided = 2 * votes != len(truths)
        gap = features[first].astype(float) - features[second]
        squared = np.einsum("pc,pc->p", gap, gap)
        result[distance] = area_under_curve(squared[decided], (2 * votes > len(truths))[decided])
    return result


def sample_pairs(
    shape: tuple[int, ...], distance: float, n_pairs: int, rng: np.random.Generator
) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.int64], ...]]:
    """Draw pairs of pixels about ``distance`` apart, in all directions, both in the image.

    Returns
    -------
    two tuples of (n_pairs,) arrays
        Row and column indices of the first and of the second pixels.
    """
    height, width = shape
    if not 0.5 <= distance < np.hypot(height - 1, width - 1) or n_pairs < 1:
        raise ParameterError(
            f"pairs {distance!r} px apart ({n_pairs} of them) do not fit into {height} x {width}"
        )
    # Whole-number steps on the circle that fit; all of them equally likely.
    angles = rng.uniform(0, 2 * np.pi, 64 * max(1, int(np.ceil(distance))))
    steps = np.unique(
        np.rint(distance * np.stack([np.sin(angles), np.cos(angles)], axis=1)).astype(int), axis=0
    )
    steps = steps[(abs(steps[:, 0]) < height) & (abs(steps[:, 1]) < width)]
    if not len(steps):
        raise ParameterError(f"pairs {distance!r} px apart do not fit into {height} x {width}")
    down, right = steps[rng.integers(len(steps), size=n_pairs)].T
    row = rng.integers(np.maximum(0, -down), np.minimum(height, height - down))
    column = rng.integers(np.maximum(0, -right), np.minimum(width, width - right))
    return (row, column), (row + down, column + right)


def area_under_curve(values: Any, positive: Any) -> float:
    """Return the probability that a positive's value exceeds a negative's (ties count half)."""
    values, positive = np.asarray(values), np.asarray(positive, bool)
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(values)
    won = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(won / (n_positive * n_negative))
