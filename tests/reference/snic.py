"""SNIC in plain Python, never optimised: the oracle of the compiled kernel.

Achanta & Suesstrunk, *Superpixels and Polygons using Simple Non-Iterative Clustering* (2017).
Each superpixel grows from its seed; the queue holds (distance, pixel, label), and its smallest
entry decides the next pixel. Distances are float32 and added in a fixed order, as the kernel
does; the sums behind a centroid are float64 and whole numbers.
"""

from __future__ import annotations

import heapq
import itertools

import numpy as np

f32 = np.float32


def snic(features, seeds, spatial_weight, corners=False, mask=None, boundary=None):
    """Return labels (z, y, x), 1... in seed order, 0 where nothing reaches.

    features: (z, y, x, c) float32; seeds: flat pixel indices; spatial_weight: three floats.
    """
    shape = features.shape[:-1]
    flat = features.reshape(-1, features.shape[-1])
    places = list(np.ndindex(shape))
    inside = np.ones(len(places), bool) if mask is None else mask.ravel() != 0
    extra = None if boundary is None else boundary.ravel()
    labels = np.zeros(len(places), np.int32)
    queue = []

    sums = [np.zeros(flat.shape[1], np.float64) for _ in seeds]
    moments = [[0, 0, 0] for _ in seeds]
    counts = [0] * len(seeds)

    def add(k, pixel):
        counts[k] += 1
        sums[k] += flat[pixel].astype(np.float64)
        for axis in range(3):
            moments[k][axis] += places[pixel][axis] - places[seeds[k]][axis]

    def distance(k, pixel):
        inverse = 1.0 / counts[k]
        mean = (sums[k] * inverse).astype(f32)
        lanes = [f32(0)] * 4
        for c, (a, b) in enumerate(zip(flat[pixel], mean, strict=True)):
            lanes[c % 4] += (a - b) * (a - b)
        d = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        squares = []
        for axis in range(3):
            offset = f32(places[pixel][axis] - places[seeds[k]][axis])
            step = offset - f32(moments[k][axis] * inverse)
            squares.append(step * step * f32(spatial_weight[axis]))
        d += (squares[0] + squares[1]) + squares[2]
        if extra is not None:
            d += extra[pixel]
        return d

    def neighbours(pixel):
        for step in itertools.product((-1, 0, 1), repeat=3):
            faces = sum(map(abs, step))
            if faces == 0 or (faces > 1 and not corners):
                continue
            to = tuple(a + b for a, b in zip(places[pixel], step, strict=True))
            if all(0 <= a < n for a, n in zip(to, shape, strict=True)):
                yield int(np.ravel_multi_index(to, shape))

    def push_neighbours(k, pixel):
        for other in neighbours(pixel):
            if inside[other] and labels[other] == 0:
                heapq.heappush(queue, (distance(k, other), other, k))

    for k, seed in enumerate(seeds):
        labels[seed] = k + 1
    for k, seed in enumerate(seeds):
        add(k, seed)
        push_neighbours(k, seed)
    while queue:
        _, pixel, k = heapq.heappop(queue)
        if labels[pixel] == 0:
            labels[pixel] = k + 1
            add(k, pixel)
            push_neighbours(k, pixel)
    return labels.reshape(shape)
