"""The region adjacency graph of a label image: what the merge tree is built on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from . import _kernel
from .lattice import check_spacing

__all__ = [
    "Regions",
    "border_keys",
    "border_values",
    "checked_labels",
    "face_areas",
    "region_borders",
    "region_graph",
    "region_sums",
    "renumbered",
]


@dataclass(frozen=True)
class Regions:
    """Regions of a label image and their common borders; region r is label r + 1.

    Attributes
    ----------
    sizes : (n,) int64 array
        Pixels of each region.
    sums : (n, C) float64 array
        Features, summed over each region.
    edges : (E, 2) int32 array
        Pairs of regions with a common border, smaller first, in rising order.
    length : (E,) float64 array
        Length (2-D) or area (3-D) of each border: pixel faces in units of the spacing.
    strength : (E,) float64 array
        Boundary strength summed along each border; divided by ``length`` it is the mean.
    """

    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]
    edges: NDArray[np.int32]
    length: NDArray[np.float64]
    strength: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean features of each region, (n, C)."""
        return self.sums / self.sizes[:, None]


def region_graph(
    labels: Any,
    features: Any,
    strength: Any = None,
    *,
    spacing: Sequence[float] | None = None,
) -> Regions:
    """Measure the regions of a label image and the borders between them.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) array of int
        Labels 1...n without gaps; 0 is outside and borders on nothing.
    features : (Y, X, C) or (Z, Y, X, C) array
        Features, finite within the regions; used as float32.
    strength : (Y, X) or (Z, Y, X) array, optional
        Boundary strength, finite and at least 0. That of two neighbouring pixels is the mean of
        both; along a border the mean is weighted by the pixels' faces.
    spacing : sequence of float, optional
        Pixel size along each axis; all 1 by default.

    Returns
    -------
    Regions

    Raises
    ------
    ImageError, ParameterError
        If an array cannot be used; the message names the remedy.
    """
    volume, n = checked_labels(labels)
    sizes, sums = region_sums(volume, features)
    if (sizes == 0).any():
        missing = int(np.flatnonzero(sizes == 0)[0]) + 1
        raise ImageError(f"labels must be 1...{n} without gaps, but {missing} is missing")
    return Regions(sizes, sums, *region_borders(volume, strength, spacing=spacing))


def region_sums(labels: Any, features: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixels of every region, (n,), and their features' sums, (n, C).

    Parameters and errors are those of :func:`region_graph`.
    """
    regions, n = checked_labels(labels)
    values = np.ascontiguousarray(features, dtype=np.float32)
    if values.ndim != regions.ndim + 1 or values.shape[:-1] != regions.shape:
        raise ImageError(f"features have shape {values.shape}, but the labels {regions.shape}")
    sizes, sums = _kernel.region_sums(
        as_volume(regions, regions.ndim), as_volume(values, regions.ndim), n
    )
    if not np.isfinite(sums).all():  # sums of doubles: none is too large
        raise ImageError("features must be finite: mask or replace NaN and infinite values")
    return sizes, sums


def region_borders(
    labels: Any, strength: Any = None, *, spacing: Sequence[float] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Return ``edges``, ``length`` and ``strength`` of :class:`Regions`.

    Parameters and errors are those of :func:`region_graph`.
    """
    regions, n = checked_labels(labels)
    size = check_spacing(spacing, regions.ndim)
    edges, faces, along = _kernel.region_graph(
        as_volume(regions, regions.ndim), n, _checked_strength(strength, regions.shape)
    )
    area = face_areas(size)
    return edges, _weighted(faces, area), _weighted(along, area)


def border_keys(edges: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return one number for each edge of :class:`Regions`; edges that rise have numbers that do."""
    keys: NDArray[np.int64] = edges[:, 0].astype(np.int64) << 32 | edges[:, 1]
    return keys


def border_values(
    labels: NDArray[np.int32], keys: NDArray[np.int64], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return at every pixel the largest value of its borders with the next pixel along any axis.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) int32 array
        Region r is label r + 1; 0 is outside.
    keys : (E,) int64 array
        :func:`border_keys` of the borders, rising.
    values : (E,) float32 array
        At least 0.

    Returns
    -------
    float32 array, of the shape of ``labels``
        0 where a pixel and the next ones are of one region or outside.
    """
    volume = as_volume(np.ascontiguousarray(labels), labels.ndim)
    return _kernel.border_values(volume, keys, values).reshape(labels.shape)


def checked_labels(labels: Any) -> tuple[NDArray[np.int32], int]:
    """Return a label image as C-contiguous int32 with its largest label, or raise ImageError."""
    array = np.asarray(labels)
    if array.dtype.kind not in "iu" or array.ndim not in (2, 3):
        raise ImageError(
            f"labels must be whole numbers of shape (Y, X) or (Z, Y, X), got {array.dtype} of "
            f"shape {array.shape}"
        )
    if array.size == 0 or array.max() < 1:
        raise ImageError("labels hold no region: no label is above 0")
    if array.min() < 0 or array.max() > np.iinfo(np.int32).max:
        raise ImageError(
            f"labels must lie in 0...2^31 - 1, got {array.min()} to {array.max()}: renumber them"
        )
    return np.ascontiguousarray(array, dtype=np.int32), int(array.max())


def renumbered(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the labels there are, 0 first, and the image of their places among these.

    Labels need not be close to each other: programs give identifiers of nine digits.
    """
    flat = labels.ravel()
    if flat.max(initial=0) <= 4 * flat.size + _FEW:
        is_there = np.bincount(flat.astype(np.int64), minlength=1) > 0
        is_there[0] = True
        place = np.cumsum(is_there, dtype=np.int32) - np.int32(1)
        return np.flatnonzero(is_there), place[labels]
    names, place = np.unique(flat, return_inverse=True)
    if names[0] != 0:
        names, place = np.concatenate([[0], names]), place + 1
    return names.astype(np.int64), place.reshape(labels.shape).astype(np.int32)


_FEW = 1 << 20  # labels that may always be counted by a table


def as_volume(array: NDArray[Any], n_spatial: int) -> NDArray[Any]:
    """Return a view with a leading z axis where the image is 2-D."""
    return array[None] if n_spatial == 2 else array


def _checked_strength(strength: Any, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    if strength is None:
        return None
    values = np.ascontiguousarray(strength, dtype=np.float32)
    if values.shape != shape:
        raise ImageError(f"strength has shape {values.shape}, but the labels {shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ImageError("strength must be finite and at least 0")
    return as_volume(values, len(shape))


def face_areas(size: tuple[float, ...]) -> tuple[float, float, float]:
    """Return the size of the face between two neighbours along z, y, x."""
    if len(size) == 2:
        return 0.0, size[1], size[0]
    return size[1] * size[2], size[0] * size[2], size[0] * size[1]


def _weighted(values: NDArray[Any], area: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the sum over the axes, always added in the order z, y, x."""
    result: NDArray[np.float64] = (values[:, 0] * area[0] + values[:, 1] * area[1]) + values[
        :, 2
    ] * area[2]
    return result
