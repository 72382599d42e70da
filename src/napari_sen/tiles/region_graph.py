"""The region graph of a label map that is never in memory as a whole: it adds up over tiles.

Every pair of neighbouring pixels is counted by the tile that owns its first pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions, face_areas, region_graph
from ..core.image import row_blocks
from .geometry import Box, as_slices, box_shape, shift

__all__ = ["PartialGraph", "add_up", "tile_graph"]


@dataclass(frozen=True)
class PartialGraph:
    """What one tile knows of regions and borders.

    Attributes
    ----------
    labels : (n,) int64 array
        The regions with pixels in the tile, rising.
    sizes : (n,) int64 array
        Their pixels in the tile.
    sums : (n, C) float64 array
        Features, summed over these.
    pairs : (E, 2) int64 array
        Labels with a common border, smaller first.
    length, strength : (E,) float64 arrays
        As in :class:`napari_sen.core.graph.Regions`, of the faces that the tile counts.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]
    pairs: NDArray[np.int64]
    length: NDArray[np.float64]
    strength: NDArray[np.float64]


def tile_graph(
    labels: NDArray[Any],
    features: NDArray[np.float32],
    strength: NDArray[np.float32] | None,
    window: Box,
    core: Box,
    spacing: Sequence[float],
) -> PartialGraph:
    """Return the graph of one tile.

    Parameters
    ----------
    labels, strength : (*spatial) arrays
        In a window that reaches one pixel beyond the core at the end of each axis, where there
        is image. Labels are global; 0 is outside.
    features : (*core, C) float32 array
        In the core.
    window, core : Box
        Where both lie.
    spacing : sequence of float
        Pixel size along each axis.
    """
    here = as_slices(shift(core, window))
    own = np.asarray(labels[here])
    known, local = _numbered(own)
    channels = features.shape[-1]
    parts = []
    sizes, sums = np.empty(0, np.int64), np.empty((0, channels))
    if known[-1] > 0:
        local += np.int32(known[0] != 0)  # local labels are 1...n, outside stays 0
        known = known[known > 0]
        inner = region_graph(
            local,
            features,
            None if strength is None else strength[here],
            spacing=spacing,
        )
        sizes, sums = inner.sizes, inner.sums
        parts.append((known[inner.edges], inner.length, inner.strength))
    else:
        known = known[:0]
    area = face_areas(tuple(spacing))[3 - own.ndim :]
    for axis, end in enumerate(box_shape(core)):
        if labels.shape[axis] > end:
            parts.append(_across(labels, strength, here, axis, end, area[axis]))
    pairs, length, along = _summed(
        *(np.concatenate([part[k] for part in parts]) for k in range(3))
    ) if parts else (np.empty((0, 2), np.int64), np.empty(0), np.empty(0))  # fmt: skip
    return PartialGraph(known, sizes, sums, pairs, length, along)


def _numbered(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the labels that occur, rising, and for every pixel the place of its own."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > labels.size:
        known, local = np.unique(labels, return_inverse=True)
        return known.astype(np.int64), local.reshape(labels.shape).astype(np.int32)
    # In blocks: an index as large as the tile would take twice the memory of its labels.
    blocks = row_blocks(labels.shape)
    occurs = np.zeros(high - low + 1, bool)
    for rows in blocks:
        occurs[labels[rows] - low] = True
    known = np.flatnonzero(occurs)
    place = np.zeros(len(occurs), np.int32)
    place[known] = np.arange(len(known))
    local = np.empty(labels.shape, np.int32)
    for rows in blocks:
        local[rows] = place[labels[rows] - low]
    return known + low, local


def _across(
    labels: NDArray[Any],
    strength: NDArray[np.float32] | None,
    here: tuple[slice, ...],
    axis: int,
    end: int,
    area: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the borders between the last pixels of a core along an axis and those behind."""
    sides = [(*here[:axis], slice(at, at + 1), *here[axis + 1 :]) for at in (end - 1, end)]
    a, b = (np.asarray(labels[side], np.int64).ravel() for side in sides)
    border = (a != b) & (a != 0) & (b != 0)
    pairs = np.sort(np.column_stack([a[border], b[border]]), axis=1)
    mean = np.zeros(len(pairs))
    if strength is not None:
        mean = 0.5 * sum(strength[side].ravel()[border].astype(np.float64) for side in sides)
    return pairs, np.full(len(pairs), area), mean * area


def _summed(
    pairs: NDArray[np.int64], length: NDArray[np.float64], strength: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return every pair once, rising, with the sums over its entries."""
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs = pairs[order]
    is_new = np.ones(len(pairs), bool)
    is_new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new)
    if not len(starts):
        return pairs, length, strength
    return (
        pairs[starts],
        np.add.reduceat(length[order], starts),
        np.add.reduceat(strength[order], starts),
    )


def add_up(parts: Iterable[PartialGraph], first: int, n: int, channels: int) -> Regions:
    """Return the graph of the whole from those of its tiles, always added in the same order.

    Parameters
    ----------
    parts : iterable of PartialGraph
        Read one at a time.
    first : int
        Labels ``first`` + 1 ... ``first`` + n are the regions.
    n, channels : int
        Number of regions and of features.
    """
    sizes, sums = np.zeros(n, np.int64), np.zeros((n, channels))
    edges, lengths, strengths = [], [], []
    for part in parts:
        place = part.labels - (first + 1)
        sizes[place] += part.sizes
        sums[place] += part.sums
        edges.append((part.pairs - (first + 1)).astype(np.int32))
        lengths.append(part.length)
        strengths.append(part.strength)
    key = np.concatenate([edge[:, 0].astype(np.int64) << 32 | edge[:, 1] for edge in edges])
    del edges
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    pairs = np.empty((len(starts), 2), np.int32)
    pairs[:, 0], pairs[:, 1] = key[starts] >> 32, key[starts] & 0xFFFFFFFF
    del key
    length, strength = (
        np.add.reduceat(np.concatenate(values)[order], starts) if len(starts) else np.empty(0)
        for values in (lengths, strengths)
    )
    return Regions(sizes, sums, pairs, length, strength)
