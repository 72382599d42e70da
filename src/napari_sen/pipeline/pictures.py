"""Pictures for people: boundaries on an image, and an embedding's main directions as colours."""

from __future__ import annotations

import numpy as np

from ..core.features import network_planes, statistics
from ..core.image import Canvas

__all__ = ["display", "middle_slice", "pca_picture"]


def display(canvas: Canvas) -> np.ndarray:
    """Return what a person is shown of an image: ``(Y, X, 3)`` uint8, the middle slice of a stack.

    RGB is shown as it is; anything else as the network sees it, stretched between percentiles of
    the whole image.
    """
    stats = statistics(canvas.data, rgb=canvas.rgb)
    part = middle_slice(canvas.data, 3)
    planes = network_planes(part, canvas.rgb, stats)
    return np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)


def middle_slice(array: np.ndarray, n_trailing: int) -> np.ndarray:
    """Return the middle of all leading axes but the last ``n_trailing``."""
    while array.ndim > n_trailing:
        array = array[array.shape[0] // 2]
    return array


def pca_picture(embedding: np.ndarray) -> np.ndarray:
    """Show an embedding's three main directions as red, green and blue.

    Parameters
    ----------
    embedding : (Y, X, D) float ndarray
        Unit rows; D may be 1 or more.

    Returns
    -------
    (Y, X, 3) uint8 ndarray
        Each direction stretched from its 1st to its 99th percentile. The sign of a direction is
        fixed by its largest entry, so equal input gives equal colours.
    """
    rows = np.asarray(embedding, dtype=np.float64).reshape(-1, embedding.shape[-1])
    sample = rows[:: max(1, len(rows) // 50_000)]
    centre = sample.mean(axis=0)
    directions = np.linalg.svd(sample - centre, full_matrices=False)[2][:3]
    strongest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), strongest])[:, None]
    parts = (rows - centre) @ directions.T
    low, high = np.percentile(parts, (1, 99), axis=0)
    parts = np.clip((parts - low) / np.maximum(high - low, 1e-12), 0, 1)
    picture = np.zeros((len(rows), 3))
    picture[:, : parts.shape[1]] = parts
    return np.rint(picture * 255).astype(np.uint8).reshape(*embedding.shape[:-1], 3)
