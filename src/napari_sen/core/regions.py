"""What the regions of a label image are like: size, place, mean values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError

__all__ = ["Moments", "moments", "region_table"]


@dataclass(frozen=True)
class Moments:
    """Sums over regions, from which means and spreads of any union of regions follow.

    Attributes
    ----------
    sizes : (n,) float64 array
        Pixels of each region.
    sums, squares : (n, C) float64 array
        Values and their squares, summed over each region.
    """

    sizes: NDArray[np.float64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    def merged(self, group: NDArray[np.integer], count: int) -> Moments:
        """Return the moments of unions: region r belongs to ``group[r]``, 0...count - 1."""
        columns = np.column_stack([self.sizes, self.sums, self.squares])
        merged = np.zeros((count, columns.shape[1]))
        np.add.at(merged, group, columns)
        channels = self.sums.shape[1]
        return Moments(merged[:, 0], merged[:, 1 : channels + 1], merged[:, channels + 1 :])

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean values, (n, C)."""
        return self.sums / self.sizes[:, None]

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Standard deviations within each region, (n, C)."""
        variance = self.squares / self.sizes[:, None] - self.means**2
        return np.sqrt(np.maximum(variance, 0))


def moments(regions: NDArray[np.integer], values: NDArray[Any], count: int) -> Moments:
    """Sum values over regions.

    Parameters
    ----------
    regions : (*shape) int array
        0...count - 1; pixels below 0 or above belong to none.
    values : (*shape, C) array
        Finite values.
    count : int
        Number of regions, each of which has a pixel.

    Returns
    -------
    Moments

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if values.shape[:-1] != regions.shape:
        raise ImageError(f"values have shape {values.shape}, but the regions {regions.shape}")
    flat = np.where((regions < 0) | (regions >= count), count, regions).ravel()
    sums, squares = np.empty((count, values.shape[-1])), np.empty((count, values.shape[-1]))
    for channel in range(values.shape[-1]):
        column = values[..., channel].ravel().astype(np.float64)
        sums[:, channel] = np.bincount(flat, column, count + 1)[:count]
        squares[:, channel] = np.bincount(flat, column * column, count + 1)[:count]
    return Moments(np.bincount(flat, minlength=count + 1)[:count].astype(float), sums, squares)


def region_table(
    labels: NDArray[np.integer],
    *,
    intensity: Mapping[str, NDArray[Any]] | None = None,
    embedding: NDArray[np.floating] | None = None,
    spacing: Sequence[float] | None = None,
    unit: str = "px",
) -> dict[str, NDArray[Any]]:
    """Return one row per label: index, size, centroid, mean values.

    Parameters
    ----------
    labels : (*shape) int array
        Labels from 1 up, gaps allowed; 0 is outside and has no row.
    intensity : mapping of str to (*shape) array, optional
        Named channels, for columns "mean NAME".
    embedding : (*shape, D) array, optional
        For columns "embedding-0", ..., "embedding-(D - 1)".
    spacing : sequence of float, optional
        Pixel size along the last axes, in ``unit``; with it the size is given in that as well.
    unit : str
        Unit of ``spacing``.

    Returns
    -------
    dict of str to (n,) array
        "index" (the label: the column by which napari finds a row), "area (px)" ("volume (px)"
        where ``spacing`` has three entries), "centroid-0", ... in pixels, and the means.
    """
    flat = labels.ravel()
    count = np.bincount(flat)
    index = np.flatnonzero(count)
    index = index[index > 0]
    size = "volume" if spacing is not None and len(spacing) == 3 else "area"
    table: dict[str, NDArray[Any]] = {"index": index, f"{size} (px)": count[index]}
    if spacing is not None and unit != "px":
        power = "³" if len(spacing) == 3 else "²"
        table[f"{size} ({unit}{power})"] = count[index] * float(np.prod(spacing))

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        sums = np.bincount(flat, np.asarray(values).ravel(), len(count))
        result: NDArray[np.float64] = sums[index] / count[index]
        return result

    for axis, length in enumerate(labels.shape):
        place = np.arange(length, dtype=np.float64).reshape(
            [-1 if other == axis else 1 for other in range(labels.ndim)]
        )
        table[f"centroid-{axis}"] = mean(np.broadcast_to(place, labels.shape))
    for name, channel in (intensity or {}).items():
        table[f"mean {name}"] = mean(channel)
    if embedding is not None:
        for k in range(embedding.shape[-1]):
            table[f"embedding-{k}"] = mean(embedding[..., k])
    return table
