"""Carry the classes of a few superpixels to all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ImageError
from ..needs import need

__all__ = ["Examples", "propagate"]


@dataclass(frozen=True)
class Examples:
    """Superpixels whose class is known.

    Attributes
    ----------
    features : (m, F) float64 array
        Finite features, one row per superpixel.
    classes : (m,) int array
        Their classes, 1, 2, ...
    names : tuple of str
        What the F columns are; features of other names do not fit these.
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
        """Return no examples."""
        return cls(np.empty((0, 0)), np.empty(0, np.int64), ())

    def __add__(self, other: Examples) -> Examples:
        """Return the examples of both; those of one may be none, of no names."""
        if len(other.classes) == 0 or len(self.classes) == 0:
            return self if len(other.classes) == 0 else other
        if self.names != other.names:
            raise DataError(
                f"the examples loaded are described by {', '.join(self.names)}, these superpixels "
                f"by {', '.join(other.names)}: choose the model that they were made with"
            )
        return Examples(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.classes, other.classes]),
            self.names,
        )


def propagate(
    examples: Examples, features: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return how likely every superpixel is of each class.

    Logistic regression (scikit-learn) on the examples, every class with the same weight, with
    the features scaled to mean 0 and deviation 1 over all superpixels.

    Parameters
    ----------
    examples : Examples
        Of two classes at least.
    features : (n, F) array
        Of all superpixels, in the columns of ``examples``.

    Returns
    -------
    classes : (C,) int array
        The classes among the examples, rising.
    probabilities : (n, C) float32 array
        Rows add up to 1.

    Raises
    ------
    DataError
        If there are examples of fewer than two classes.
    """
    if len(np.unique(examples.classes)) < 2:
        raise DataError("paint superpixels of two classes at least, then propagate")
    need("sklearn", what="a classification", install="scikit-learn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(scaler.transform(examples.features), examples.classes)
    found = model.predict_proba(scaler.transform(features)).astype(np.float32)
    return model.classes_.astype(np.int64), found
