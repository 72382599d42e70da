"""SNIC superpixels: seeds inside a mask, and the call of the compiled kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..errors import ImageError, ParameterError
from ..params import require
from ..progress import Progress, report
from . import _kernel
from .image import all_finite
from .lattice import check_spacing, seed_lattice

__all__ = ["checked_mask", "island_seeds", "seeds_in_mask", "snic"]


def snic(
    features: ArrayLike,
    n_segments: int | None = None,
    *,
    seeds: ArrayLike | None = None,
    compactness: float = 10.0,
    spacing: Sequence[float] | None = None,
    mask: NDArray[Any] | None = None,
    connectivity: int = 1,
    boundary: NDArray[Any] | None = None,
    boundary_weight: float = 0.0,
    step: float | None = None,
    progress: Progress | None = None,
) -> NDArray[np.int32]:
    """Cut an image into connected superpixels by simple non-iterative clustering (SNIC).

    Pixel j joins superpixel k, one pixel at a time, in the order of

    .. math:: d = |f_j - f_k|^2 + |x_j - x_k|^2 m^2 / s^2 + w_b g_j

    with features f, positions x in units of ``spacing``, compactness m, seed spacing s and
    boundary strength g (eq. 7 of Gaur & Manjunath 2020, without the square root and with the
    boundary term added). Equal distances are decided by the pixel's and then the superpixel's
    number, so the result is the same on every machine.

    Parameters
    ----------
    features : (Y, X, C) or (Z, Y, X, C) array
        Finite features, channels last; used as float32.
    n_segments : int, optional
        Number of superpixels, from 1 to the number of (unmasked) pixels. Without a mask you get
        exactly this many; with one, about this many and one more for each island without a seed.
        Give either this or ``seeds``.
    seeds : (K, 2) or (K, 3) int array, optional
        Seed pixels, in the order of their labels.
    compactness : float
        m, above 0, in the unit of the features. Larger values make superpixels rounder.
    spacing : sequence of float, optional
        Pixel size along each axis; all 1 by default.
    mask : (Y, X) or (Z, Y, X) array, optional
        Pixels where it is 0 are outside. Islands without a seed get a seed of their own.
    connectivity : {1, 2}
        1: neighbours by faces (4 or 6); 2: also by edges and corners (8 or 26).
    boundary : (Y, X) or (Z, Y, X) array, optional
        Boundary strength g, finite and at least 0.
    boundary_weight : float
        Weight w_b of ``boundary``, at least 0.
    step : float, optional
        Seed spacing s in units of ``spacing``. By default it is the d-th root of the area (or
        volume) divided by the number of seeds. A tile passes the value of the whole image.
    progress : callable, optional
        Called as ``progress(done, total, "superpixels")``; it may raise
        :class:`~napari_sen.Cancelled` to stop the work.

    Returns
    -------
    (Y, X) or (Z, Y, X) int32 array
        Labels 1, 2, ... in the order of the seeds, then of the islands; 0 outside the mask. Every
        label is one connected piece.

    Raises
    ------
    ImageError
        If an array cannot be used. The message names the remedy.
    ParameterError
        If a parameter cannot be used. The message names the remedy.
    """
    values = _checked_features(features)
    shape = values.shape[:-1]
    size = check_spacing(spacing, len(shape))
    require("compactness", compactness, float, {"above": 0})
    require("connectivity", connectivity, int, {"low": 1, "high": 2})
    require("boundary_weight", boundary_weight, float, {"low": 0})
    inside = None if mask is None else checked_mask(mask, shape)
    area = int(np.prod(shape)) if inside is None else int(inside.sum())

    if (n_segments is None) == (seeds is None):
        raise ParameterError("give either n_segments or seeds")
    if n_segments is not None:
        require("n_segments", n_segments, int, {"low": 1})
        if n_segments > area:
            raise ParameterError(
                f"n_segments must be at most the number of pixels ({area}), got {n_segments}"
            )
        if inside is None:
            points = seed_lattice(shape, int(n_segments), size)
        else:
            points = seeds_in_mask(inside, int(n_segments), size)
        if inside is not None:
            points = np.concatenate([points, island_seeds(inside, points, size, connectivity)])
    else:
        assert seeds is not None
        points = _checked_seeds(seeds, shape, inside)

    if step is None:
        step = float((area * math.prod(size) / max(len(points), 1)) ** (1 / len(shape)))
    total = area
    report(progress, 0, total, "superpixels")
    labels: NDArray[np.int32] = _kernel.snic(
        _as_volume(values, len(shape)),
        np.ravel_multi_index(tuple(points.T), shape).astype(np.int64),
        _volume_weights(size, compactness / step),
        connectivity == 2,
        mask=None if inside is None else _as_volume(inside, len(shape)).view(np.uint8),
        boundary=_boundary_cost(boundary, boundary_weight, shape),
        poll=None if progress is None else lambda done: progress(done, total, "superpixels"),
    )
    report(progress, total, total, "superpixels")
    return labels.reshape(shape)


def seeds_in_mask(
    mask: NDArray[np.bool_], n_segments: int, spacing: Sequence[float] | None = None
) -> NDArray[np.int64]:
    """Return about ``n_segments`` seeds inside a mask, on a lattice over its bounding box.

    Parameters
    ----------
    mask : (Y, X) or (Z, Y, X) bool array
        True inside; at least one pixel.
    n_segments : int
        Number of seeds wanted, 1 to the number of pixels inside.
    spacing : sequence of float, optional
        Pixel size along each axis.

    Returns
    -------
    (K, ndim) int64 array
        Seeds of the lattice whose number inside comes nearest to ``n_segments``.
    """
    inside = int(mask.sum())
    if n_segments == inside:
        return np.argwhere(mask).astype(np.int64)
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    window = mask[box]
    corner = np.array([part.start for part in box], dtype=np.int64)
    asked = round(n_segments * window.size / inside)
    best = np.empty((0, mask.ndim), dtype=np.int64)
    for _ in range(12):
        asked = min(max(asked, 1), window.size)
        points = seed_lattice(window.shape, asked, spacing)
        points = points[window[tuple(points.T)]]
        if abs(len(points) - n_segments) < abs(len(best) - n_segments):
            best = points
        if len(points) == n_segments:
            break
        change = round((n_segments - len(points)) * window.size / inside)
        asked += change or (1 if len(points) < n_segments else -1)
    return best + corner


def island_seeds(
    mask: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    size: Sequence[float],
    connectivity: int,
) -> NDArray[np.int64]:
    """Return a seed for each connected part of the mask that holds none.

    It is the part's pixel nearest to its centroid (the first such in row-major order).
    """
    structure = ndimage.generate_binary_structure(mask.ndim, _rank(connectivity, mask.ndim))
    parts, count = ndimage.label(mask, structure)
    seeded = np.zeros(count + 1, dtype=bool)
    seeded[0] = True
    seeded[parts[tuple(seeds.T)]] = True
    boxes = ndimage.find_objects(parts)
    found = []
    for part in np.flatnonzero(~seeded):
        box = boxes[part - 1]
        pixels = np.argwhere(parts[box] == part)
        offset = (pixels - pixels.mean(axis=0)) * np.asarray(size)
        nearest = pixels[np.argmin((offset**2).sum(axis=1))]
        found.append(nearest + [side.start for side in box])
    return np.array(found, dtype=np.int64).reshape(-1, mask.ndim)


def _rank(connectivity: int, ndim: int) -> int:
    """Return scipy's rank of a neighbourhood: faces only, or everything that touches."""
    return 1 if connectivity == 1 else ndim


def checked_mask(mask: Any, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return ``mask`` as a bool array of ``shape`` with a pixel inside, or raise ImageError."""
    array = np.asarray(mask)
    if array.dtype.kind not in "biu":
        raise ImageError(f"mask must be bool or whole numbers, got dtype {array.dtype}")
    if array.shape != tuple(shape):
        raise ImageError(f"mask has shape {array.shape}, but the image has {tuple(shape)}")
    inside = array != 0
    if not inside.any():
        raise ImageError("mask is empty: pixels to keep must not be 0")
    return np.ascontiguousarray(inside)


def _checked_features(features: ArrayLike) -> NDArray[np.float32]:
    """Return features as a C-contiguous finite float32 array, or raise ImageError."""
    values = np.asarray(features)
    if values.ndim not in (3, 4):
        raise ImageError(f"features need the shape (Y, X, C) or (Z, Y, X, C), got {values.shape}")
    if values.size == 0:
        raise ImageError(f"features of shape {values.shape} hold no pixel")
    if values.dtype.kind not in "biuf":
        raise ImageError(f"features must be real numbers, got dtype {values.dtype}")
    result = np.ascontiguousarray(values, dtype=np.float32)
    if not all_finite(result):
        raise ImageError("features must be finite: mask or replace NaN and infinite values")
    return result


def _checked_seeds(
    seeds: ArrayLike, shape: Sequence[int], inside: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Return seeds as distinct int64 pixel positions inside, or raise ParameterError."""
    points = np.asarray(seeds)
    if points.ndim != 2 or points.shape[1] != len(shape) or points.dtype.kind not in "iu":
        raise ParameterError(
            f"seeds must be whole numbers of shape (K, {len(shape)}), got {points.shape}"
        )
    if (points < 0).any() or (points >= np.asarray(shape)).any():
        raise ParameterError("seeds must lie inside the image")
    if len(np.unique(points, axis=0)) < len(points):
        raise ParameterError("seeds must be distinct, but two lie on one pixel")
    if inside is not None and not inside[tuple(points.T)].all():
        raise ParameterError("seeds must lie inside the mask")
    return points.astype(np.int64)


def _boundary_cost(
    boundary: NDArray[Any] | None, weight: float, shape: Sequence[int]
) -> NDArray[np.float32] | None:
    """Return the weighted boundary strength as the kernel takes it, or None if it has no say."""
    if boundary is None or weight == 0:
        return None
    strength = np.asarray(boundary, dtype=np.float32)
    if strength.shape != tuple(shape):
        raise ImageError(f"boundary has shape {strength.shape}, but the image has {tuple(shape)}")
    if not np.isfinite(strength).all() or (strength < 0).any():
        raise ImageError("boundary must be finite and at least 0")
    return _as_volume(strength * np.float32(weight), len(shape))


def _as_volume(array: NDArray[Any], n_spatial: int) -> NDArray[Any]:
    """Return a C-contiguous view with a leading z axis where the image is 2-D."""
    return np.ascontiguousarray(array[None] if n_spatial == 2 else array)


def _volume_weights(size: Sequence[float], factor: float) -> list[float]:
    """Return (spacing * m / s)^2 for z, y, x."""
    weights = [(unit * factor) ** 2 for unit in size]
    return [0.0] * (3 - len(weights)) + weights
