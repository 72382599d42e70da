"""What the regions of a label image are like: size, place, values, neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .graph import region_sums, renumbered

__all__ = [
    "BINS", "Borders", "Histograms", "Moments", "histograms", "moments", "region_table",
]  # fmt: skip

BINS = 16


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


@dataclass(frozen=True)
class Histograms:
    """Histograms over regions, from which quantiles of any union of regions follow.

    Attributes
    ----------
    low, high : (C,) float64 array
        Where the bins of each channel begin and end; what lies beyond counts to the last.
    counts : (n, C, BINS) int64 array
        Pixels of each region in each bin.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]

    def merged(self, group: NDArray[np.integer], count: int) -> Histograms:
        """Return the histograms of unions: region r belongs to ``group[r]``, 0...count - 1."""
        merged = np.zeros((count, *self.counts.shape[1:]), np.int64)
        np.add.at(merged, group, self.counts)
        return Histograms(self.low, self.high, merged)

    def __add__(self, other: Histograms) -> Histograms:
        """Return the histograms of the same regions over the pixels of both."""
        return Histograms(self.low, self.high, self.counts + other.counts)

    def quantiles(self, share: float) -> NDArray[np.float64]:
        """Return the value that a share of each region's pixels lies below, (n, C).

        Within a bin, values are taken as evenly spread.
        """
        below = self.counts.cumsum(axis=-1)
        wanted = share * below[..., -1]
        which = (below < wanted[..., None]).sum(axis=-1)[..., None]
        here = np.take_along_axis(self.counts, which, -1)[..., 0]
        before = np.take_along_axis(below, which, -1)[..., 0] - here
        place = which[..., 0] + (wanted - before) / np.maximum(here, 1)
        found: NDArray[np.float64] = self.low + place * (self.high - self.low) / BINS
        return found


def histograms(
    regions: NDArray[np.integer],
    values: NDArray[Any],
    count: int,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
) -> Histograms:
    """Count the values of regions.

    Parameters
    ----------
    regions, values, count
        As for :func:`moments`.
    low, high : (C,) array
        Where the bins of each channel begin and end.
    """
    inside = (regions >= 0) & (regions < count)
    which, channels = regions[inside], values.shape[-1]
    counts = np.empty((count, channels, BINS), np.int64)
    for channel in range(channels):
        span = float(high[channel] - low[channel])
        place = (values[..., channel][inside] - low[channel]) * (BINS / span if span > 0 else 0.0)
        bins = np.clip(place, 0, BINS - 1).astype(np.int64)
        found = np.bincount(which * BINS + bins, minlength=count * BINS)
        counts[:, channel] = found.reshape(count, BINS)
    return Histograms(np.asarray(low, float), np.asarray(high, float), counts)


@dataclass(frozen=True)
class Borders:
    """Which regions touch, and how much.

    Attributes
    ----------
    edges : (E, 2) int array
        Pairs of regions; a pair may stand there twice.
    length : (E,) float64 array
        Length (area) of what they have in common.
    """

    edges: NDArray[np.integer]
    length: NDArray[np.float64]

    def merged(self, group: NDArray[np.integer]) -> Borders:
        """Return the borders of unions: region r belongs to ``group[r]``."""
        pairs = np.sort(np.asarray(group)[self.edges], axis=1).astype(np.int64)
        outer = pairs[:, 0] != pairs[:, 1]
        base = int(pairs.max(initial=0)) + 1
        keys, which = np.unique(pairs[outer] @ [base, 1], return_inverse=True)
        length = np.bincount(which, self.length[outer], len(keys)).astype(np.float64)
        return Borders(np.stack(np.divmod(keys, base), axis=1), length)


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
        Named channels, for columns "mean NAME": over the finite values of a region, NaN where
        there is none.
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
    names, numbers = renumbered(labels)
    flat = numbers.ravel()
    count = np.bincount(flat, minlength=len(names))
    index = np.arange(1, len(names))
    size = "volume" if spacing is not None and len(spacing) == 3 else "area"
    table: dict[str, NDArray[Any]] = {"index": names[1:], f"{size} (px)": count[index]}
    if spacing is not None and unit != "px":
        power = "³" if len(spacing) == 3 else "²"
        table[f"{size} ({unit}{power})"] = count[index] * float(np.prod(spacing))

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        column, place, known = np.asarray(values).ravel(), flat, count
        has_value = np.isfinite(column)
        if not has_value.all():
            column, place = column[has_value], flat[has_value]
            known = np.bincount(place, minlength=len(count))
        sums = np.bincount(place, column, len(count))
        with np.errstate(invalid="ignore"):  # of a region without any value
            result: NDArray[np.float64] = sums[index] / known[index]
        return result

    for axis, length in enumerate(labels.shape):
        place = np.arange(length, dtype=np.float64).reshape(
            [-1 if other == axis else 1 for other in range(labels.ndim)]
        )
        table[f"centroid-{axis}"] = mean(np.broadcast_to(place, labels.shape))
    for name, channel in (intensity or {}).items():
        table[f"mean {name}"] = mean(channel)
    if embedding is not None:
        # All at once: one by one takes ten times as long.
        rows = np.asarray(embedding).reshape(flat.size, 1, -1)
        sums = region_sums(flat[:, None], rows)[1][index - 1] if len(index) else rows[:0, 0]
        for k in range(rows.shape[-1]):
            table[f"embedding-{k}"] = sums[:, k] / count[index]
    return table
