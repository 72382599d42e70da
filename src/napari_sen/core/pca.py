"""Principal components as colours: how an embedding is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Directions", "pca_directions", "pca_rgb", "sample_step"]

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
    directions = pca_directions(flat[:: sample_step(len(flat))])
    return directions.colours(flat).reshape(*embedding.shape[:-1], 3)


def sample_step(pixels: int) -> int:
    """Return which share of the pixels, one in so many, the components are made of."""
    return max(1, pixels // _SAMPLE)


@dataclass(frozen=True)
class Directions:
    """How an embedding is coloured.

    Attributes
    ----------
    mean : (D,) float64 array
    components : (D, up to 3) float64 array
    low, scale : float64 arrays
        From each component to 0...255.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    low: NDArray[np.float64]
    scale: NDArray[np.float64]

    def colours(self, embedding: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Return the colours (..., 3) of embeddings (..., D)."""
        values = ((embedding - self.mean) @ self.components - self.low) * self.scale
        result = np.zeros((*embedding.shape[:-1], 3), np.uint8)
        result[..., : self.components.shape[1]] = np.clip(np.round(values), 0, 255)
        return result


def pca_directions(rows: NDArray[np.floating]) -> Directions:
    """Return how an embedding is coloured, from a sample of its rows, (n, D)."""
    sample = rows.astype(np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    _, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    components = vectors[:, ::-1][:, :3]
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, range(components.shape[1])])
    low, high = np.percentile(centred @ components, (1, 99), axis=0)
    return Directions(mean, components, low, 255 / np.maximum(high - low, 1e-12))
