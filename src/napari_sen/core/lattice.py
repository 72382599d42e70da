"""The seed lattice: where superpixels start, in the whole image or in a window of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ..params import require, shown

# Beyond these, squared distances leave the range of float32.
SPACING = {"low": 1e-12, "high": 1e12, "above": 0}
ANISOTROPY = 1e6

__all__ = ["check_spacing", "lattice_pitch", "mean_diameter", "seed_lattice", "seed_window"]


def mean_diameter(pixels: int, count: int, spacing: Sequence[float]) -> float:
    """Return the diameter of ``count`` superpixels of so many pixels, in px of the finest axis."""
    cell = pixels * math.prod(spacing) / max(count, 1)
    return float(cell ** (1 / len(spacing)) / min(spacing))


def seed_lattice(
    shape: Sequence[int], n_segments: int, spacing: Sequence[float] | None = None
) -> NDArray[np.int64]:
    """Return exactly ``n_segments`` seed pixels, spread evenly over a grid.

    The first axis is cut into slabs about as thick as the seed spacing. The seeds are dealt to
    the slabs as evenly as whole numbers allow, and each slab is filled in the same way along its
    other axes. So rows may differ by one seed, and any number from 1 to that of the pixels is
    possible.

    Parameters
    ----------
    shape : sequence of int
        Shape of the image, one to three axes.
    n_segments : int
        Number of seeds, from 1 to the number of pixels.
    spacing : sequence of float, optional
        Pixel size along each axis, above 0; all 1 by default.

    Returns
    -------
    (n_segments, ndim) int64 array
        Distinct pixel positions in row-major order.
    """
    size = check_spacing(spacing, len(shape))
    if len(shape) == 1:
        return _spread(shape[0], n_segments)[:, None]
    slabs = _slab_count(shape, n_segments, size)
    bounds = np.arange(slabs + 1, dtype=np.int64) * n_segments // slabs
    rest: dict[int, NDArray[np.int64]] = {}
    parts = []
    for row, count in zip(_spread(shape[0], slabs), np.diff(bounds), strict=True):
        if int(count) not in rest:
            rest[int(count)] = seed_lattice(shape[1:], int(count), size[1:])
        inner = rest[int(count)]
        parts.append(np.column_stack([np.full(len(inner), row), inner]))
    return np.concatenate(parts)


def _spread(length: int, count: int) -> NDArray[np.int64]:
    """Return the middle pixels of ``count`` equal parts of an axis."""
    return (2 * np.arange(count, dtype=np.int64) + 1) * length // (2 * count)


def _slab_count(shape: Sequence[int], n_segments: int, size: Sequence[float]) -> int:
    """Return into how many slabs the first axis is cut so that cells are nearly cubes."""
    extents = [n * unit for n, unit in zip(shape, size, strict=True)]
    # Axes thinner than the spacing hold one seed and do not count for it.
    active = list(extents)
    while True:
        step = (math.prod(active) / n_segments) ** (1 / len(active))
        thick = [extent for extent in active if extent >= step]
        if len(thick) == len(active) or not thick:
            break
        active = thick
    wanted = extents[0] / step
    low = max(1, math.floor(wanted))
    # The nearer in ratio of the two whole numbers around `wanted`.
    slabs = low if wanted * wanted <= low * (low + 1) else low + 1
    fewest = -(-n_segments // math.prod(shape[1:]))
    return int(max(fewest, min(slabs, shape[0], n_segments)))


def seed_window(
    shape: Sequence[int],
    n_segments: int,
    spacing: Sequence[float] | None,
    window: Sequence[tuple[int, int]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the seeds of :func:`seed_lattice` that lie in a window, without making the others.

    Parameters
    ----------
    shape, n_segments, spacing
        Of the whole image, as for :func:`seed_lattice`.
    window : sequence of (start, stop)
        The window along each axis.

    Returns
    -------
    points : (K, ndim) int64 array
        Positions in the whole image, in row-major order.
    numbers : (K,) int64 array
        Their places in the whole lattice, rising.
    """
    size = check_spacing(spacing, len(shape))
    start, stop = window[0]
    if len(shape) == 1:
        rows = _spread(shape[0], n_segments)
        first, last = np.searchsorted(rows, [start, stop])
        return rows[first:last, None], np.arange(first, last, dtype=np.int64)
    slabs = _slab_count(shape, n_segments, size)
    rows = _spread(shape[0], slabs)
    first, last = (int(edge) for edge in np.searchsorted(rows, [start, stop]))
    rest: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    points = [np.empty((0, len(shape)), np.int64)]
    numbers = [np.empty(0, np.int64)]
    for slab in range(first, last):
        before, after = slab * n_segments // slabs, (slab + 1) * n_segments // slabs
        count = after - before
        if count not in rest:
            rest[count] = seed_window(shape[1:], count, size[1:], window[1:])
        inner, places = rest[count]
        points.append(np.column_stack([np.full(len(inner), rows[slab]), inner]))
        numbers.append(before + places)
    return np.concatenate(points), np.concatenate(numbers)


def lattice_pitch(
    shape: Sequence[int], n_segments: int, spacing: Sequence[float] | None = None
) -> tuple[float, ...]:
    """Return the mean distance, in pixels, of neighbouring seeds along each axis.

    In images thinner than a superpixel it is far from the seed spacing that the area gives.
    """
    size = check_spacing(spacing, len(shape))
    if len(shape) == 1:
        return (shape[0] / n_segments,)
    slabs = _slab_count(shape, n_segments, size)
    fewest = max(1, n_segments // slabs)
    return (shape[0] / slabs, *lattice_pitch(shape[1:], fewest, size[1:]))


def check_spacing(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    """Return ``spacing`` as ``ndim`` floats in 1e-12...1e12 (all 1 for None).

    Raise ParameterError for anything else, and where one axis is beyond 1e6 times another.
    """
    if spacing is None:
        return (1.0,) * ndim
    size = np.atleast_1d(np.asarray(spacing))
    if size.shape != (ndim,):
        raise ParameterError(f"spacing needs {ndim} numbers, one per axis; got {shown(spacing)}")
    for value in size.tolist():
        require("spacing", value, float, SPACING)
    if size.max() > ANISOTROPY * size.min():
        raise ParameterError(
            f"spacing of one axis is more than {ANISOTROPY:g} times that of another: {spacing!r}; "
            "give all in one unit"
        )
    return tuple(float(value) for value in size)
