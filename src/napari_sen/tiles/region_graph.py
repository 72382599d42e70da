"""The region graph of a label map that is never in memory as a whole: it adds up over tiles.

Every pair of neighbouring pixels is counted by the tile that owns its first pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Regions, face_areas, region_borders, region_sums
from ..core.image import row_blocks
from .geometry import Box, as_slices, box_shape, shift

__all__ = ["Borders", "Sums", "add_up", "tile_borders", "tile_sums"]


@dataclass(frozen=True)
class Sums:
    """What one tile knows of regions.

    Attributes
    ----------
    labels : (n,) int64 array
        The regions with pixels in the tile, rising.
    sizes : (n,) int64 array
        Their pixels in the tile.
    sums : (n, C) float64 array
        Features, summed over these.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]


@dataclass(frozen=True)
class Borders:
    """What one tile knows of borders.

    Attributes
    ----------
    pairs : (E, 2) int64 array
        Labels with a common border, smaller first.
    length, strength : (E,) float64 arrays
        As in :class:`napari_sen.core.graph.Regions`, of the faces that the tile counts.
    """

    pairs: NDArray[np.int64]
    length: NDArray[np.float64]
    strength: NDArray[np.float64]


def tile_sums(labels: NDArray[Any], features: NDArray[np.float32]) -> Sums:
    """Return the sums of one tile.

    Parameters
    ----------
    labels : (*core) array
        Global labels; 0 is outside.
    features : (*core, C) float32 array
    """
    known, local = _numbered(labels)
    if not len(known):
        return Sums(known, np.empty(0, np.int64), np.empty((0, features.shape[-1])))
    return Sums(known, *region_sums(local, features))


def tile_borders(
    labels: NDArray[Any],
    strength: NDArray[np.float32] | None,
    window: Box,
    core: Box,
    spacing: Sequence[float],
) -> Borders:
    """Return the borders of one tile.

    Parameters
    ----------
    labels, strength : (*spatial) arrays
        In a window that reaches one pixel beyond the core at the end of each axis, where there
        is image. Labels are global; 0 is outside.
    window, core : Box
        Where both lie.
    spacing : sequence of float
        Pixel size along each axis.
    """
    here = as_slices(shift(core, window))
    known, local = _numbered(labels[here])
    parts = []
    if len(known):
        inner = None if strength is None else strength[here]
        edges, *measured = region_borders(local, inner, spacing=spacing)
        parts.append((known[edges], *measured))
    area = face_areas(tuple(spacing))[3 - local.ndim :]
    for axis, end in enumerate(box_shape(core)):
        if labels.shape[axis] > end:
            parts.append(_across(labels, strength, here, axis, end, area[axis]))
    if not parts:
        return Borders(np.empty((0, 2), np.int64), np.empty(0), np.empty(0))
    return Borders(*_summed(*(np.concatenate([part[k] for part in parts]) for k in range(3))))


def _numbered(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the labels above 0 that occur, rising, and every pixel's place among them, from 1."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > labels.size:
        found, place = np.unique(labels, return_inverse=True)
        shown = place.reshape(labels.shape).astype(np.int32)
        return found[found > 0].astype(np.int64), shown + np.int32(found[0] != 0)
    # In blocks: an index as large as the tile would take twice the memory of its labels.
    blocks = row_blocks(labels.shape)
    occurs = np.zeros(high - low + 1, bool)
    for rows in blocks:
        occurs[labels[rows] - low] = True
    occurs[: max(1 - low, 0)] = False  # outside
    known: NDArray[np.int64] = np.flatnonzero(occurs)
    place = np.zeros(len(occurs), np.int32)
    place[known] = np.arange(1, len(known) + 1)
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


def add_up(parts: Iterable[tuple[Sums, Borders]], numbers: range | NDArray[np.int64]) -> Regions:
    """Return the graph of some regions from what tiles know, always added in the same order.

    Parameters
    ----------
    parts : iterable of (Sums, Borders)
        Read one at a time.
    numbers : range or (n,) int64 array
        The labels of these regions, rising; what tiles know of others is left out.
    """
    sizes, sums = np.zeros(len(numbers), np.int64), np.zeros((len(numbers), 0))
    keys, lengths, strengths = [], [], []
    for inner, borders in parts:
        place = _places(inner.labels, numbers)
        known = place >= 0
        if known.any():  # a tile outside of the mask has not even the columns of the features
            if not sums.size:
                sums = np.zeros((len(numbers), inner.sums.shape[1]))
            sizes[place[known]] += inner.sizes[known]
            sums[place[known]] += inner.sums[known]
        pairs = _places(borders.pairs, numbers)
        both = (pairs >= 0).all(axis=1)
        keys.append(pairs[both, 0] << 32 | pairs[both, 1])
        lengths.append(borders.length[both])
        strengths.append(borders.strength[both])
    key = np.concatenate(keys)
    del keys
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    edges = np.empty((len(starts), 2), np.int32)
    edges[:, 0], edges[:, 1] = key[starts] >> 32, key[starts] & 0xFFFFFFFF
    del key
    length, strength = (
        np.add.reduceat(np.concatenate(values)[order], starts) if len(starts) else np.empty(0)
        for values in (lengths, strengths)
    )
    return Regions(sizes, sums, edges, length, strength)


def _places(labels: NDArray[np.int64], numbers: range | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each label among some numbers; -1 where it is not there."""
    if isinstance(numbers, range):
        place = labels - numbers.start
        return np.where((place >= 0) & (place < len(numbers)), place, -1)
    if not len(numbers):
        return np.full(labels.shape, -1)
    place = np.minimum(np.searchsorted(numbers, labels), len(numbers) - 1)
    found: NDArray[np.int64] = np.where(numbers[place] == labels, place, -1)
    return found
