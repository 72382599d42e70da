"""Percentiles of more values than fit in memory, exactly, by radix selection.

Values are mapped to unsigned keys of the same order, and the 16 highest bits not yet known are
counted over all values in each pass. So 8 and 16 bits take one pass, 32 two, 64 four, however
many values there are, and nothing but counts is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Digits", "Percentiles", "count_digits"]

_DIGIT = 16
_BINS = 1 << _DIGIT

Digits = dict[tuple[int, int], NDArray[np.int64]]


def count_digits(rows: NDArray[Any], prefixes: Sequence[tuple[int, int]], level: int) -> Digits:
    """Count one digit of the values of each channel.

    Parameters
    ----------
    rows : (n, C) array
        Values; those that are not finite do not count.
    prefixes : sequence of (channel, higher digits)
        Which values count: what :attr:`Percentiles.prefixes` says.
    level : int
        The pass, from 0.

    Returns
    -------
    dict
        (channel, higher digits) to the (65536,) counts of the next digit.
    """
    found: Digits = {}
    width = 8 * rows.dtype.itemsize
    down = max(0, width - _DIGIT * (level + 1))
    for channel in range(rows.shape[1]):
        keys = _keys(_finite(rows[:, channel]))
        digit = keys >> np.array(down, keys.dtype) & np.array(
            min(_BINS, 1 << width) - 1, keys.dtype
        )
        for known, prefix in prefixes:
            if known != channel:
                continue
            chosen = digit
            if level:
                chosen = digit[keys >> np.array(down + _DIGIT, keys.dtype) == prefix]
            found[channel, prefix] = np.bincount(chosen.astype(np.int64), minlength=_BINS)
    return found


class Percentiles:
    """Some percentiles of each channel, closed in on pass by pass.

    Parameters
    ----------
    channels : int
        Number of channels.
    dtype : dtype
        Of the values; decides the number of passes.
    percentiles : sequence of float
        In 0...100; between two values as numpy does it.
    """

    def __init__(self, channels: int, dtype: np.dtype, percentiles: Sequence[float]) -> None:
        self._dtype, self._wanted = dtype, percentiles
        self.passes = -(-8 * dtype.itemsize // _DIGIT)
        self.level = 0
        # Of every channel the values on both sides of each percentile: their digits so far,
        # their ranks among the values with these digits, and how far between them it lies.
        self._prefixes = [[0] * 2 * len(percentiles) for _ in range(channels)]
        self._ranks: list[list[int]] = []
        self._fractions: list[list[float]] = []
        self._counts: Digits = {}

    @property
    def prefixes(self) -> list[tuple[int, int]]:
        """Return the (channel, higher digits) that the next pass has to count."""
        return sorted({(c, p) for c, some in enumerate(self._prefixes) for p in some})

    def add(self, digits: Digits) -> None:
        """Take what was counted somewhere; the order does not matter."""
        for key, counts in digits.items():
            if key in self._counts:
                self._counts[key] += counts
            else:
                self._counts[key] = counts.copy()

    def end_pass(self) -> None:
        """Narrow down once all has been counted."""
        for channel, prefixes in enumerate(self._prefixes):
            if self.level == 0:
                self._set_ranks(channel)
            for k, prefix in enumerate(prefixes):
                counts = self._counts.get((channel, prefix))
                if counts is None or not counts.any():
                    continue
                before = np.cumsum(counts)
                digit = int(np.searchsorted(before, self._ranks[channel][k], side="right"))
                self._ranks[channel][k] -= int(before[digit] - counts[digit])
                prefixes[k] = prefix << _DIGIT | digit
        self._counts = {}
        self.level += 1

    def result(self) -> NDArray[np.float64]:
        """Return each percentile of each channel, (P, C); 0 where it has no value."""
        found = np.zeros((len(self._wanted), len(self._prefixes)))
        for channel, prefixes in enumerate(self._prefixes):
            if not self._fractions[channel]:
                continue
            values = _values(np.array(prefixes, np.uint64), self._dtype).astype(np.float64)
            for which, fraction in enumerate(self._fractions[channel]):
                below, above = values[2 * which : 2 * which + 2].tolist()
                found[which, channel] = _between(below, above, fraction)
        return found

    def _set_ranks(self, channel: int) -> None:
        counts = self._counts.get((channel, 0))
        count = 0 if counts is None else int(counts.sum())
        ranks, fractions = [], []
        for percent in self._wanted if count else ():
            place = (count - 1) * (percent / 100)  # as numpy's linear percentile
            below = int(np.floor(place))
            ranks += [below, min(below + 1, count - 1)]
            fractions.append(place - below)
        self._ranks.append(ranks or [0] * 2 * len(self._wanted))
        self._fractions.append(fractions)


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
