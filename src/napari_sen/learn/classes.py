"""Carry the classes of a few superpixels to all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.regions import Borders
from ..errors import DataError, ImageError
from ..needs import need

__all__ = ["Examples", "propagate", "smoothed"]

# Chosen on 'tune' halves; benchmarks/click_features.py compares.
_INVERSE_PENALTY = 0.01
_FARTHEST = 5.0  # deviations from the mean beyond which a feature counts no more
_ROUNDS = 10
_DEVIATION = 1.5  # of the logits


@dataclass(frozen=True)
class Examples:
    """Superpixels whose class is known.

    Attributes
    ----------
    features : (m, F) float64 array
        Finite features, one row per superpixel.
    classes : (m,) int array
        The class of each, from 1 up.
    names : tuple of str
        What the F columns are. Features with other names cannot be compared with these.
    """

    features: NDArray[np.float64]
    classes: NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the arrays against each other."""
        shape = (len(self.classes), len(self.names))
        if self.features.shape != shape or not np.isfinite(self.features).all():
            raise ImageError(f"examples need finite features of shape {shape}")
        if len(self.classes) and self.classes.min() < 1:
            raise ImageError("the class of an example is a number from 1 up")

    @classmethod
    def none(cls) -> Examples:
        """Return an empty set of examples."""
        return cls(np.empty((0, 0)), np.empty(0, np.int64), ())

    def __add__(self, other: Examples) -> Examples:
        """Return the examples of both; those of one may be none, of no names."""
        if len(other.classes) == 0 or len(self.classes) == 0:
            return self if len(other.classes) == 0 else other
        if self.names != other.names:
            raise DataError(
                f"the examples loaded are described by {len(self.names)} numbers, these "
                f"superpixels by {len(other.names)} others: choose the model that they were made "
                "with, or paint anew where an older version made them"
            )
        return Examples(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.classes, other.classes]),
            self.names,
        )


def propagate(
    examples: Examples, features: NDArray[np.float64], borders: Borders | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return how likely every superpixel is of each class.

    This is logistic regression on the examples (scikit-learn, with a strong penalty, since examples
    are few). Every class has the same weight, and the features are scaled to mean 0 and deviation 1
    over all superpixels. With ``borders``, the neighbours of a superpixel then count as much as it
    does itself; long borders count more, and those between superpixels that differ count less.

    Parameters
    ----------
    examples : Examples
        Examples of at least two classes.
    features : (n, F) array
        The features of all superpixels, with the columns of ``examples``.
    borders : Borders, optional
        Which of the superpixels touch.

    Returns
    -------
    classes : (C,) int array
        The classes among the examples, in rising order.
    probabilities : (n, C) float32 array
        How likely each superpixel is of each class; rows add up to 1.

    Raises
    ------
    DataError
        If there are examples of fewer than two classes.
    """
    if len(np.unique(examples.classes)) < 2:
        raise DataError(
            "paint superpixels of two classes at least, or annotate them: one alone tells nothing "
            "apart"
        )
    need("sklearn", what="a classification", install="scikit-learn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    scaled, known = (
        np.clip(scaler.transform(rows), -_FARTHEST, _FARTHEST)
        for rows in (features, examples.features)
    )
    model = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    model.fit(known, examples.classes)
    found = model.predict_proba(scaled)
    if borders is not None and len(borders.edges):
        found = smoothed(found, scaled, borders)
    return model.classes_.astype(np.int64), _spread(found).astype(np.float32)


def smoothed(
    probabilities: NDArray[np.float64], features: NDArray[np.float64], borders: Borders
) -> NDArray[np.float64]:
    """Mix what superpixels are likely to be half and half with what their neighbours are.

    Parameters
    ----------
    probabilities : (n, C) array
        One row per superpixel.
    features : (n, F) array
        Scaled: neighbours count less the more they differ, by the median over all borders.
    borders : Borders
        Long ones count more.

    Returns
    -------
    (n, C) array
        Rows of those without neighbours are as they were.
    """
    from scipy.sparse import coo_array, diags_array

    a, b = borders.edges.T
    differ = np.linalg.norm(features[a] - features[b], axis=1)
    weight = borders.length * np.exp(-differ / max(float(np.median(differ)), 1e-12))
    n = len(features)
    ends = np.concatenate([a, b]), np.concatenate([b, a])
    graph = coo_array((np.concatenate([weight, weight]), ends), shape=(n, n)).tocsr()
    total = np.asarray(graph.sum(axis=1)).ravel()
    alone = total == 0
    graph = diags_array(1 / np.where(alone, 1, total)) @ graph + diags_array(alone.astype(float))
    found = probabilities
    for _ in range(_ROUNDS):
        found = (probabilities + graph @ found) / 2
    return found


def _spread(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread what the penalty has drawn together; which class is the likeliest stays the same."""
    logits = np.log(np.maximum(probabilities, 1e-12))
    logits -= logits.mean(axis=1, keepdims=True)
    logits *= _DEVIATION / max(float(logits.std()), 1e-12)
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return result
