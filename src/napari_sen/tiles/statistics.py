"""Statistics of an image that is never in memory as a whole, exactly those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import (
    RANGES,
    Statistics,
    channel_range,
    sample_step,
    white_of,
    with_projection,
)
from ..errors import ImageError
from .geometry import Box
from .percentiles import Digits, Percentiles, count_digits
from .raster import Raster

__all__ = ["Count", "Selection", "count_tile", "needs_pass"]

_FEW = 1000  # pixels that stand for those inside a mask where the sample misses them all


def needs_pass(source: Raster) -> bool:
    """Return whether anything has to be read: not for bool, nor for colour of 8 bits."""
    return not (source.dtype == bool or (source.rgb and source.dtype == np.uint8))


@dataclass
class Count:
    """What one tile adds to a pass.

    Attributes
    ----------
    digits : dict
        See :func:`~napari_sen.tiles.percentiles.count_digits`.
    bad, first_bad : int
        Pixels with a value that is not finite, and the first one's flat place (-1: none).
    low, high : float
        Extremes, of colour alone.
    places, sample : arrays
        Flat places of the sampled pixels, and their values (n, C); for more than 3 channels.
    """

    digits: Digits
    bad: int = 0
    first_bad: int = -1
    low: float = np.inf
    high: float = -np.inf
    places: NDArray[np.int64] | None = None
    sample: NDArray[Any] | None = None


def count_tile(
    source: Raster,
    mask: Raster | None,
    prefixes: Sequence[tuple[int, int]],
    level: int,
    item: tuple[tuple[int, ...], Box],
) -> Count:
    """Count the digits of one tile whose higher digits are one of the prefixes of its channel."""
    index, box = item
    values = source.read(index, box)
    inside = None if mask is None else mask.read(index, box)[..., 0] != 0
    found = Count({})
    if level == 0:
        _check(found, values, inside, source, index, box)
        if source.channels > 3:
            _sample(found, values, inside, source, index, box)
    if source.rgb:
        return found
    rows = values.reshape(-1, source.channels) if inside is None else values[inside]
    found.digits = count_digits(rows, prefixes, level)
    return found


class Selection:
    """The percentiles of a whole image, closed in on pass by pass.

    Parameters
    ----------
    source : Raster
        Its dtype decides the number of passes.
    """

    def __init__(self, source: Raster) -> None:
        self._source = source
        self._percentiles = Percentiles(source.channels, source.dtype, RANGES)
        self.passes = 1 if source.rgb else self._percentiles.passes
        self._bad, self._first_bad = 0, -1
        self._extremes = [np.inf, -np.inf]
        self._sample: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    @property
    def level(self) -> int:
        """Number of passes that are closed."""
        return self._percentiles.level

    @property
    def prefixes(self) -> list[tuple[int, int]]:
        """Return what the next pass has to count."""
        return self._percentiles.prefixes

    def add(self, found: Count) -> None:
        """Take what a tile counted; the order of tiles does not matter."""
        self._percentiles.add(found.digits)
        self._bad += found.bad
        if found.first_bad >= 0:
            self._first_bad = min(found.first_bad, self._first_bad % (1 << 62))
        self._extremes = [min(self._extremes[0], found.low), max(self._extremes[1], found.high)]
        if found.places is not None and found.sample is not None:
            self._sample.append((found.places, found.sample))

    def end_pass(self) -> None:
        """Close a pass: raise ImageError for values that cannot be used, else narrow down."""
        if self.level == 0:
            self._judge()
        self._percentiles.end_pass()

    def result(self) -> Statistics:
        """Return the statistics once all passes are closed."""
        channels = self._source.channels
        if self._source.rgb:
            dtype, largest = self._source.dtype, self._extremes[1]
            white = white_of(dtype, largest) if dtype.kind == "u" else 1.0
            return Statistics(np.zeros(channels), np.full(channels, white))
        stats = Statistics(*channel_range(self._percentiles.result()))
        if channels <= 3:
            return stats
        places = np.concatenate([places for places, _ in self._sample])
        sample = np.concatenate([values for _, values in self._sample])
        order = np.argsort(places)
        regular = order[places[order] % _step(self._source) == 0]
        return with_projection(stats, sample[regular if len(regular) else order[:_FEW]])

    def _judge(self) -> None:
        if self._bad:
            place = np.unravel_index(self._first_bad, self._source.shape)
            raise ImageError(
                f"image has NaN or infinite values at {self._bad} pixels, the first at "
                f"{tuple(int(i) for i in place)}: replace them, or exclude them with a mask "
                "(segment, embed and hierarchy take one)"
            )
        low, high = self._extremes
        is_float = self._source.dtype.kind == "f"
        if self._source.rgb and is_float and (low < -1e-6 or high > 1 + 1e-6):
            raise ImageError(
                f"colour of dtype {self._source.dtype} must lie in 0...1, but spans "
                f"{low:g}...{high:g}: divide it by its maximum, or pass channel_axis=-1 if it is "
                "not colour"
            )


def _check(
    found: Count,
    values: NDArray[Any],
    inside: NDArray[np.bool_] | None,
    source: Raster,
    index: tuple[int, ...],
    box: Box,
) -> None:
    """Count values that are not finite, and find the extremes of colour."""
    if source.dtype.kind != "f":
        if source.rgb:
            seen = values if inside is None else values[inside]
            found.low, found.high = 0.0, float(seen.max(initial=0))
        return
    finite = np.isfinite(values)
    bad = ~finite.all(axis=-1)
    if inside is not None:
        bad &= inside
    if bad.any():
        found.bad = int(bad.sum())
        place = [int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape)]
        whole = [*index, *(k + start for k, (start, _) in zip(place, box, strict=True))]
        found.first_bad = int(np.ravel_multi_index(whole, source.shape))
    if source.rgb:
        found.low = float(np.where(finite, values, np.inf).min())
        found.high = float(np.where(finite, values, -np.inf).max())


def _sample(
    found: Count,
    values: NDArray[Any],
    inside: NDArray[np.bool_] | None,
    source: Raster,
    index: tuple[int, ...],
    box: Box,
) -> None:
    """Take every n-th pixel of the whole image, in row-major order, that lies in this tile.

    Where none of them is inside, the first ones that are: they count if that is so in all tiles.
    """
    places = source.places(index, box)
    chosen = places % _step(source) == 0
    if inside is not None:
        chosen &= inside
        if not chosen.any():
            chosen.flat[np.flatnonzero(inside)[:_FEW]] = True
    found.places, found.sample = places[chosen], values[chosen]


def _step(source: Raster) -> int:
    return sample_step(int(np.prod(source.shape, dtype=np.int64)))
