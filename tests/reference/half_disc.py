"""Half-disc histogram differences in plain Python, never optimised: the oracle of the kernel.

Martin, Fowlkes & Malik, *Learning to detect natural image boundaries* (2004), section 3: the
chi-square distance of the histograms of the two halves of a disc.
"""

from __future__ import annotations

import math

import numpy as np

f32 = np.float32
ORIENTATIONS = 8


def sector_of(dy, dx):
    """Return in which of 16 equal sectors an offset lies."""
    return int(math.atan2(dy, dx) / (math.pi / ORIENTATIONS) + 1e-9 + 16) % 16


def histogram(codes, y, x, radius, sectors):
    """Return the whole-number histogram (28 bins) of the disc's pixels in these sectors."""
    counts = [0] * 29
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            inside = 0 <= y + dy < codes.shape[0] and 0 <= x + dx < codes.shape[1]
            if not inside or (dy, dx) == (0, 0) or dy * dy + dx * dx > radius * radius:
                continue
            code = int(codes[y + dy, x + dx])
            if code == 0xFFFF or sector_of(dy, dx) not in sectors:
                continue
            counts[code // 16] += 16 - code % 16
            counts[code // 16 + 1] += code % 16
    return counts[:28]


def chi_square(a, b):
    if sum(a) == 0 or sum(b) == 0:
        return f32(0)
    share_a, share_b = f32(1) / f32(sum(a)), f32(1) / f32(sum(b))
    lane = [f32(0)] * 4
    for i, (m, n) in enumerate(zip(a, b, strict=True)):
        u, v = f32(m) * share_a, f32(n) * share_b
        if u + v > 0:
            lane[i % 4] += (u - v) * (u - v) / (u + v)
    return f32(0.5) * ((lane[0] + lane[1]) + (lane[2] + lane[3]))


def half_disc_at(codes, y, x, radius, weight):
    """Return weight * chi-square at one pixel for every orientation, (8,) float32."""
    out = np.zeros(ORIENTATIONS, f32)
    for o in range(ORIENTATIONS):
        first = {(o + i) % 16 for i in range(8)}
        a = histogram(codes, y, x, radius, first)
        b = histogram(codes, y, x, radius, set(range(16)) - first)
        out[o] = f32(weight) * chi_square(a, b)
    return out


def half_disc(codes, radius, weight):
    """Return weight * chi-square for every pixel and orientation, (y, x, 8) float32."""
    out = np.zeros((*codes.shape, ORIENTATIONS), f32)
    for y, x in np.ndindex(codes.shape):
        out[y, x] = half_disc_at(codes, y, x, radius, weight)
    return out
