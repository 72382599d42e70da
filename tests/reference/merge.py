"""The region graph and its greedy merging in plain Python, never optimised: the oracle.

Neighbours are pairs of pixels that share a face; sums run in row-major order, in float64. At
every step *all* borders are compared, and the smallest (cost, smaller node, larger node) merges.
"""

from __future__ import annotations

import itertools
import math

import numpy as np


def graph(labels, strength=None):
    """Return {(a, b): (faces along z, y, x; strength sums along z, y, x)} for a < b.

    labels: (z, y, x), 0 outside; region r is label r + 1.
    """
    borders = {}
    for pixel in np.ndindex(labels.shape):
        for axis in (2, 1, 0):
            other = tuple(p + (a == axis) for a, p in enumerate(pixel))
            if other[axis] == labels.shape[axis]:
                continue
            a, b = sorted((int(labels[pixel]) - 1, int(labels[other]) - 1))
            if a < 0 or a == b:
                continue
            faces, sums = borders.setdefault((a, b), ([0, 0, 0], [0.0, 0.0, 0.0]))
            faces[axis] += 1
            if strength is not None:
                sums[axis] += 0.5 * (float(strength[pixel]) + float(strength[other]))
    return borders


def power(x, exponent):
    """Return x ** (exponent / 2^16) by products and square roots alone."""
    result = 1.0
    for _ in range(exponent >> 16):
        result *= x
    for bit in range(15, -1, -1):
        if exponent & ((1 << bit + 1) - 1) == 0:
            break
        x = math.sqrt(x)
        if exponent & (1 << bit):
            result *= x
    return result


def merge(edges, length, strength, sizes, sums, exponent, boundary_weight, border_exponent=0):
    """Return the merges in order, as [(a, b, cost)]; merge k makes node n + k."""
    size = dict(enumerate(map(int, sizes)))
    total = {r: [float(v) for v in row] for r, row in enumerate(sums)}
    border = {
        tuple(sorted(map(int, edge))): (float(n), float(s))
        for edge, n, s in zip(edges, length, strength, strict=True)
    }

    around = dict.fromkeys(size, 0.0)
    for (a, b), n in zip(edges, length, strict=True):
        around[int(a)] += float(n)
        around[int(b)] += float(n)

    def cost(pair):
        a, b = pair
        squares = 0.0
        for u, v in zip(total[a], total[b], strict=True):
            d = u / size[a] - v / size[b]
            squares += d * d
        n, s = border[pair]
        harmonic = 2.0 * size[a] * size[b] / (size[a] + size[b])
        apart = power(harmonic, exponent) * (math.sqrt(squares) + boundary_weight * (s / n))
        return apart * power(min(around[a], around[b]) / n, border_exponent)

    merges = []
    while border:
        w, (a, b) = min((cost(pair), pair) for pair in border)
        made = len(sizes) + len(merges)
        merges.append((a, b, w))
        size[made] = size[a] + size[b]
        around[made] = around[a] + around[b] - 2.0 * border[a, b][0]
        total[made] = [u + v for u, v in zip(total[a], total[b], strict=True)]
        for other in sorted(set(itertools.chain(*border)) - {a, b}):
            shares = [border.pop(tuple(sorted((r, other))), None) for r in (a, b)]
            found = [share for share in shares if share is not None]
            if found:
                border[other, made] = tuple(map(sum, zip(*found, strict=True)))
        del border[a, b]
    return merges
