"""Principal components as colours: how an embedding is looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pca_rgb"]

_SAMPLE = 200_000


def pca_rgb(embedding: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Show the first three principal components of an embedding as red, green and blue.

    Parameters
    ----------
    embedding : (..., D) float array
        An embedding per pixel, D at least 1.

    Returns
    -------
    (..., 3) uint8 array
        Each component spans its percentiles 1 and 99. Signs are fixed, so that the same
        embedding always gets the same colours.
    """
    flat = embedding.reshape(-1, embedding.shape[-1])
    sample = flat[:: max(1, len(flat) // _SAMPLE)].astype(np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    _, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    components = vectors[:, ::-1][:, :3]
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, range(components.shape[1])])
    low, high = np.percentile(centred @ components, (1, 99), axis=0)
    scale = 255 / np.maximum(high - low, 1e-12)
    colours = ((flat - mean) @ components - low) * scale
    result = np.zeros((len(flat), 3), np.uint8)
    result[:, : components.shape[1]] = np.clip(np.round(colours), 0, 255)
    return result.reshape(*embedding.shape[:-1], 3)
