"""Statistics of an image that is never in memory as a whole, exactly those of the whole.

Percentiles are found by radix selection: values are mapped to unsigned keys of the same order,
and the 16 highest bits not yet known are counted over the image in each pass. So 8 and 16 bits
take one pass, 32 two, 64 four, whatever the size of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import PERCENTILES, Statistics, sample_step, with_projection
from ..errors import ImageError
from .source import Source
from .tiles import Box

__all__ = ["Count", "Selection", "count_tile", "needs_pass"]

_DIGIT = 16
_BINS = 1 << _DIGIT


def needs_pass(source: Source) -> bool:
    """Return whether anything has to be read: not for bool, nor for colour of whole numbers."""
    return not (source.dtype == bool or (source.rgb and source.dtype.kind in "iu"))


@dataclass
class Count:
    """What one tile adds to a pass.

    Attributes
    ----------
    digits : dict
        (channel, higher digits) to the (65536,) counts of the next digit.
    bad, first_bad : int
        Pixels with a value that is not finite, and the first one's flat place (-1: none).
    low, high : float
        Extremes, of colour alone.
    places, sample : arrays
        Flat places of the sampled pixels, and their values (n, C); for more than 3 channels.
    """

    digits: dict[tuple[int, int], NDArray[np.int64]]
    bad: int = 0
    first_bad: int = -1
    low: float = np.inf
    high: float = -np.inf
    places: NDArray[np.int64] | None = None
    sample: NDArray[Any] | None = None


def count_tile(
    source: Source,
    mask: Source | None,
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
    width = 8 * source.dtype.itemsize
    for channel in range(source.channels):
        keys = _keys(_finite(rows[:, channel]))
        down = max(0, width - _DIGIT * (level + 1))
        digit = (keys >> np.array(down, keys.dtype)) & np.array(
            min(_BINS, 1 << width) - 1, keys.dtype
        )
        for known, prefix in prefixes:
            if known != channel:
                continue
            chosen = digit
            if level:
                chosen = digit[keys >> np.array(down + _DIGIT, keys.dtype) == prefix]
            found.digits[channel, prefix] = np.bincount(chosen.astype(np.int64), minlength=_BINS)
    return found


class Selection:
    """The percentiles of a whole image, closed in on pass by pass.

    Parameters
    ----------
    source : Source
        Its dtype decides the number of passes.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        width = 8 * source.dtype.itemsize
        self.passes = 1 if source.rgb else -(-width // _DIGIT)
        self.level = 0
        # Of every channel the order statistics on both sides of each percentile.
        self._ranks: list[list[int]] = []
        self._fractions: list[list[float]] = []
        self._prefixes = [[0] * 2 * len(PERCENTILES) for _ in range(source.channels)]
        self._counts: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._bad, self._first_bad = 0, -1
        self._extremes = [np.inf, -np.inf]
        self._sample: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    @property
    def prefixes(self) -> list[tuple[int, int]]:
        """Return the (channel, higher digits) that the next pass has to count."""
        return sorted({(c, p) for c, some in enumerate(self._prefixes) for p in some})

    def add(self, found: Count) -> None:
        """Take what a tile counted; the order of tiles does not matter."""
        for key, digits in found.digits.items():
            if key in self._counts:
                self._counts[key] += digits
            else:
                self._counts[key] = digits.copy()
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
        self.level += 1
        if self._source.rgb:
            return
        for channel, prefixes in enumerate(self._prefixes):
            if self.level == 1:
                self._set_ranks(channel)
            for k, prefix in enumerate(prefixes):
                counts = self._counts[channel, prefix]
                if not counts.any():
                    continue
                before = np.cumsum(counts)
                digit = int(np.searchsorted(before, self._ranks[channel][k], side="right"))
                self._ranks[channel][k] -= int(before[digit] - counts[digit])
                prefixes[k] = prefix << _DIGIT | digit
        self._counts = {}

    def result(self) -> Statistics:
        """Return the statistics once all passes are closed."""
        channels = self._source.channels
        low, high = np.zeros(channels), np.ones(channels)
        if self._source.rgb:
            return Statistics(low, high)
        for channel in range(channels):
            keys = np.array(self._prefixes[channel], np.uint64)
            values = _values(keys, self._source.dtype).astype(np.float64).reshape(-1, 2)
            if not self._fractions[channel]:
                values[...] = 0
            fractions = self._fractions[channel] or [0.0, 0.0]
            low[channel], high[channel] = (
                _between(below, above, fraction)
                for (below, above), fraction in zip(values.tolist(), fractions, strict=True)
            )
        stats = Statistics(low, high)
        if channels <= 3:
            return stats
        places = np.concatenate([places for places, _ in self._sample])
        sample = np.concatenate([values for _, values in self._sample])
        return with_projection(stats, sample[np.argsort(places)])

    def _set_ranks(self, channel: int) -> None:
        count = int(self._counts[channel, 0].sum())
        if count == 0:
            self._ranks.append([0] * 4)
            self._fractions.append([])
            return
        ranks, fractions = [], []
        for percent in PERCENTILES:
            place = (count - 1) * (percent / 100)  # as numpy's linear percentile
            below = int(np.floor(place))
            ranks += [below, min(below + 1, count - 1)]
            fractions.append(place - below)
        self._ranks.append(ranks)
        self._fractions.append(fractions)

    def _judge(self) -> None:
        if self._bad:
            place = np.unravel_index(self._first_bad, self._source.shape)
            raise ImageError(
                f"image has NaN or infinite values at {self._bad} pixels, the first at "
                f"{tuple(int(i) for i in place)}: replace them, or exclude them with a mask "
                "(segment, embed and hierarchy take one)"
            )
        low, high = self._extremes
        if self._source.rgb and (low < -1e-6 or high > 1 + 1e-6):
            raise ImageError(
                f"colour of dtype {self._source.dtype} must lie in 0...1, but spans "
                f"{low:g}...{high:g}: divide it by its maximum, or pass channel_axis=-1 if it is "
                "not colour"
            )


def _check(
    found: Count,
    values: NDArray[Any],
    inside: NDArray[np.bool_] | None,
    source: Source,
    index: tuple[int, ...],
    box: Box,
) -> None:
    """Count values that are not finite, and find the extremes of colour."""
    if source.dtype.kind != "f":
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
    source: Source,
    index: tuple[int, ...],
    box: Box,
) -> None:
    """Take every n-th pixel of the whole image, in row-major order, that lies in this tile."""
    step = sample_step(int(np.prod(source.shape, dtype=np.int64)))
    origin = np.ravel_multi_index(index, source.leading) if source.leading else 0
    places = np.asarray(origin, np.int64)
    for (start, stop), n in zip(box, source.spatial, strict=True):
        places = places[..., None] * n + np.arange(start, stop)
    chosen = places % step == 0
    if inside is not None:
        chosen &= inside
    found.places, found.sample = places[chosen], values[chosen]


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _keys(values: NDArray[Any]) -> NDArray[Any]:
    """Map values to unsigned keys of the same width and order."""
    kind = _unsigned(values.dtype)
    keys: NDArray[Any] = values.view(kind)
    top = np.array(1 << (8 * kind.itemsize - 1), kind)
    if values.dtype.kind == "i":
        keys = keys ^ top
    elif values.dtype.kind == "f":
        keys = np.where(keys & top, ~keys, keys | top)
    return keys


def _values(keys: NDArray[np.uint64], dtype: np.dtype) -> NDArray[Any]:
    """Map keys back to values."""
    kind = _unsigned(dtype)
    bits: NDArray[Any] = keys.astype(kind)
    top = np.array(1 << (8 * kind.itemsize - 1), kind)
    if dtype.kind == "i":
        bits = bits ^ top
    elif dtype.kind == "f":
        bits = np.where(bits & top, bits ^ top, ~bits)
    return bits.view(dtype.newbyteorder("="))


def _between(low: float, high: float, fraction: float) -> float:
    """Interpolate as numpy does, rounding included."""
    span = high - low
    return low + span * fraction if fraction < 0.5 else high - span * (1 - fraction)
