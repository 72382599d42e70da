"""Outlines of regions along the edges of pixels, and back: exact in both directions.

Places are in pixels, (y, x), with the corner of the first pixel at 0: pixel (i, j) is the square
from (i, j) to (i + 1, j + 1), and its centre lies at (i + 0.5, j + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from ..errors import ImageError

__all__ = ["Rings", "crossings", "fill", "outlines"]

# A polygon: its exterior first, then its holes; each (k, 2), closed from the last to the first.
Rings = list[NDArray[np.int64]]

# The sides of a pixel, walked around it with the pixel always on the same hand: top, right, bottom,
# left. Of each: the pixel beyond it, and that ahead in the direction walked; where it ends.
_BEYOND = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
_AHEAD = np.roll(_BEYOND, -1, axis=0)
_END = np.array([(0, 1), (1, 1), (1, 0), (0, 0)])
MOST_CROSSINGS = 20_000_000  # of one polygon with the middles of rows: a gigabyte


def outlines(labels: NDArray[np.integer]) -> dict[int, list[Rings]]:
    """Return the polygons of every region.

    Parameters
    ----------
    labels : (Y, X) int array
        Regions from 1 up; 0 is none. A region need not be in one piece.

    Returns
    -------
    dict of int to list of rings
        One polygon for each part of a region that hangs together by the sides of its pixels. Its
        exterior is a simple ring, and so is each hole; two rings share single points at most.
        That makes the polygons valid by the rules of OGC. Only corners are kept.
    """
    parts = np.pad(label(np.asarray(labels), background=0, connectivity=1), 1)
    width = parts.shape[1]
    flat = parts.ravel()
    beyond, ahead = (offsets @ (width, 1) for offsets in (_BEYOND, _AHEAD))
    middle = parts[1:-1, 1:-1]
    rows, columns = middle.shape
    found_at = []
    for y, x in _BEYOND + 1:
        other = parts[y : y + rows, x : x + columns]
        i, j = np.nonzero((middle != other) & (middle > 0))
        found_at.append((i + 1) * width + j + 1)
    pixel = np.concatenate(found_at)
    side = np.repeat(np.arange(4), [len(each) for each in found_at])
    order = np.argsort(pixel * 4 + side)
    pixel, side = pixel[order], side[order]
    # Where a region touches itself by a corner the walk turns outwards, to the other pixel: what
    # lies between is then another ring, and no ring meets itself.
    outward = flat[pixel + ahead[side] + beyond[side]] == flat[pixel]
    straight = ~outward & (flat[pixel + ahead[side]] == flat[pixel])
    to_pixel = np.where(outward, pixel + ahead[side] + beyond[side], pixel)
    to_pixel = np.where(straight, pixel + ahead[side], to_pixel)
    to_side = np.where(outward, side - 1, np.where(straight, side, side + 1)) % 4
    after = np.searchsorted(pixel * 4 + side, to_pixel * 4 + to_side)
    corner = np.stack([pixel // width, pixel % width], axis=1) + _END[side] - 1
    rings = _rings(after.tolist(), (~straight).tolist())
    found: dict[int, list[Rings]] = {}
    seen: dict[int, Rings] = {}
    values = np.pad(np.asarray(labels), 1).ravel()[pixel[[ring[0] for ring in rings]]]
    owners = flat[pixel[[ring[0] for ring in rings]]]
    for ring, owner, value in zip(rings, owners.tolist(), values.tolist(), strict=True):
        # The first edge of a part is the top of its first pixel: its exterior comes first.
        if owner not in seen:
            seen[owner] = []
            found.setdefault(value, []).append(seen[owner])
        seen[owner].append(corner[ring])
    return found


def _rings(after: list[int], is_corner: list[bool]) -> list[list[int]]:
    """Return the edges that end in a corner, ring by ring, by the edge that follows each."""
    rings = []
    seen = bytearray(len(after))
    for start in range(len(after)):
        if seen[start]:
            continue
        ring, edge = [], start
        while not seen[edge]:
            seen[edge] = 1
            if is_corner[edge]:
                ring.append(edge)
            edge = after[edge]
        rings.append(ring)
    return rings


def crossings(rings: Sequence[NDArray[np.floating | np.integer]], rows: int) -> int:
    """Return how often rings cross the middle of a row: what :func:`fill` has to look at."""
    return sum(int((stop - first).sum()) for first, stop in (_rows(ring, rows) for ring in rings))


def _rows(
    ring: NDArray[np.floating | np.integer], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows whose middle each edge crosses: the first, and the one behind the last."""
    y = ring[:, 0].astype(float)
    ends = np.stack([y, np.roll(y, -1)])
    low, high = (np.ceil(each - 0.5).clip(0, rows) for each in (ends.min(0), ends.max(0)))
    return low.astype(np.int64), high.astype(np.int64)


def fill(
    rings: Sequence[NDArray[np.floating | np.integer]], shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return which pixels have their centre within a polygon.

    Parameters
    ----------
    rings : sequence of (k, 2) arrays
        Exterior and holes, in any order and direction: what an odd number of rings surrounds is
        inside.
    shape : (int, int)
        Of the image; what lies outside is cut off.

    Returns
    -------
    box : (slice, slice)
        Where in the image.
    mask : bool array
        Of the box.

    Raises
    ------
    ImageError
        If the rings are too long to be filled.
    """
    if crossings(rings, shape[0]) > MOST_CROSSINGS:
        raise ImageError("a polygon is too intricate to be drawn: simplify it")
    row, column = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for ring in rings:
        first, stop = _rows(ring, shape[0])
        count = stop - first
        edge = np.repeat(np.arange(len(ring)), count)
        here = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        start = ring.astype(float)[edge]
        end = np.roll(ring.astype(float), -1, axis=0)[edge]
        share = (here + 0.5 - start[:, 0]) / (end[:, 0] - start[:, 0])
        x = start[:, 1] + share * (end[:, 1] - start[:, 1])
        row.append(here)
        column.append(np.ceil(x - 0.5).clip(0, shape[1]).astype(np.int64))
    rows, columns = np.concatenate(row), np.concatenate(column)
    if len(rows) == 0:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
    place = (rows - top) * width + columns - left
    toggles = np.bincount(place, minlength=height * width).reshape(height, width)
    mask = np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1
    return (slice(top, top + height), slice(left, left + width - 1)), mask
