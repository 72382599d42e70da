"""The walk on the region graph in plain Python, never optimised: the oracle of the kernel."""

from __future__ import annotations

import math


def exp_minus(x):
    """Return e^-x for x >= 0 by sums, products and powers of 2 alone."""
    if not x < 700:
        return 0.0
    halvings = math.floor(x * 1.4426950408889634 + 0.5)
    rest = (halvings * 0.693147180369123816490 - x) + halvings * 1.90821492927058770002e-10
    total = 1.0
    for i in range(14, 0, -1):
        total = 1.0 + total * rest / i
    return math.ldexp(total, -halvings)


def distance(u, v):
    squares = 0.0
    for a, b in zip(u, v, strict=True):
        squares += (a - b) * (a - b)
    return math.sqrt(squares)


def costs(edges, length, strength, features, boundary_weight):
    return [
        distance(features[a], features[b]) + boundary_weight * (s / n)
        for (a, b), n, s in zip(edges, length, strength, strict=True)
    ]


def walk(edges, length, cost, features, scale, steps):
    """Return |X_a - X_b| of every edge after some steps; X starts as the features."""
    borders = {r: [] for r in range(len(features))}  # of each region: (other, length, cost)
    for (a, b), n, c in zip(edges, length, cost, strict=True):
        borders[a].append((b, n, c))
        borders[b].append((a, n, c))
    shares = {}
    for r, found in borders.items():
        cheapest = min((c for _, _, c in found), default=0.0)
        weights = [(b, n * exp_minus((c - cheapest) / scale)) for b, n, c in found]
        total = 0.0
        for _, weight in weights:
            total += weight
        shares[r] = [(b, 0.5 * (weight / total)) for b, weight in weights]

    def step(values):
        result = []
        for r, own in enumerate(values):
            if not shares[r]:
                result.append(own)
                continue
            mean = [0.5 * value for value in own]
            for b, share in shares[r]:
                mean = [m + share * value for m, value in zip(mean, values[b], strict=True)]
            result.append(mean)
        return result

    values = [list(row) for row in features]
    for _ in range(steps):
        values = step(values)
    return [distance(values[a], values[b]) for a, b in edges]
