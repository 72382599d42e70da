"""Correlation of one axis with symmetric weights in plain Python: the oracle of the kernel."""

from __future__ import annotations

import numpy as np


def source(i, length, reflect):
    """Return where the number at a place beyond the ends comes from."""
    if not reflect:
        return min(max(i, 0), length - 1)
    while not 0 <= i < length:  # mirrored at the outer edge of the last number
        i = -1 - i if i < 0 else 2 * length - 1 - i
    return i


def correlate(values, weights, reflect):
    """Return (outer, length, inner) float32 numbers correlated along the middle axis."""
    out = np.empty_like(values)
    length = values.shape[1]
    for o, i, c in np.ndindex(values.shape):
        total = float(values[o, i, c]) * weights[0]
        for far in range(len(weights) - 1, 0, -1):
            before = float(values[o, source(i - far, length, reflect), c])
            after = float(values[o, source(i + far, length, reflect), c])
            total += (before + after) * weights[far]
        out[o, i, c] = np.float32(total)
    return out
