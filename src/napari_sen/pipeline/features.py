"""What the pixels of one slice are compared by: colour, embedding, boundary strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.strength import (
    STEP,
    gradient_magnitude,
    half_disc_difference,
    half_disc_limits,
    half_disc_reach,
)
from ..params import HierarchyParams, SegmentParams
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift
from ..tiles.pool import cores
from .embedding import embed_slice
from .parallel import in_threads
from .prepare import Prepared

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = [
    "boundary_strength",
    "growth_boundary",
    "half_disc_box",
    "slice_features",
    "weighted",
]

_STRIP = 256  # rows; strips see a few dozen more on both sides


def slice_features(
    prepared: Prepared,
    index: tuple[int, ...],
    params: SegmentParams | HierarchyParams,
    model: Model | None,
    device: str,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return weighted colour and, with a model, the embedding of one slice (or volume).

    Squared distances of the result are ``colour_weight`` times those of the colour plus
    ``embedding_weight`` times Psi = |e_i - e_j|^2 / 4 (eq. 2).
    """
    colour = rows = None
    if params.colour_weight > 0:
        colour = prepared.colour(index, params.smoothing, progress)
    if model is not None:
        rows = embed_slice(prepared, index, model, False, device, progress)
    return weighted(colour, rows, params)


def weighted(
    colour: NDArray[np.float32] | None,
    rows: NDArray[np.float32] | None,
    params: SegmentParams | HierarchyParams,
) -> NDArray[np.float32]:
    """Return colour and embedding, at least one of them, weighted and side by side."""
    scaled = []
    if colour is not None:
        scaled.append((colour, np.float32(math.sqrt(params.colour_weight))))
    if rows is not None:
        scaled.append((rows, np.float32(math.sqrt(params.embedding_weight or 0.0) / 2)))
    spatial = scaled[0][0].shape[:-1]
    result = np.empty((*spatial, sum(values.shape[-1] for values, _ in scaled)), np.float32)
    first = 0
    for values, factor in scaled:
        last = first + values.shape[-1]
        np.multiply(values, factor, out=result[..., first:last])
        first = last
    return result


def growth_boundary(
    prepared: Prepared,
    index: tuple[int, ...],
    params: SegmentParams,
    progress: Progress | None = None,
) -> NDArray[np.float32] | None:
    """Return what flat superpixels enter last: the half-disc difference, None without weight."""
    if not params.boundary_weight:
        return None
    return _half_discs(prepared, index, progress)


def boundary_strength(
    prepared: Prepared,
    index: tuple[int, ...],
    params: HierarchyParams,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the gradient of one slice (or volume), plus the weighted half-disc difference."""
    smooth = prepared.colour(index, params.boundary_smoothing, progress)
    strength = gradient_magnitude(smooth, spacing=prepared.spacing, mask=prepared.slice_mask(index))
    if params.texture:
        strength += np.float32(params.texture) * _half_discs(prepared, index, progress)
    return strength


def half_disc_box(box: Box, shape: Sequence[int]) -> Box:
    """Return what must be seen for the half-discs of a box to be those of the whole."""
    reach = half_disc_reach()
    wide = grow(box, [0] * (len(box) - 2) + [reach] * 2, shape)
    # Discs lie at every third pixel of the whole.
    return (*wide[:-2], *((start // STEP * STEP, stop) for start, stop in wide[-2:]))


def _half_discs(
    prepared: Prepared, index: tuple[int, ...], progress: Progress | None
) -> NDArray[np.float32]:
    """Return the half-disc difference, of a large plane in strips on several threads."""
    sharp, mask = prepared.colour(index, 0.0, progress), prepared.slice_mask(index)
    rows = sharp.shape[-3]
    count = min(cores(), rows // _STRIP)
    if count < 2:
        return half_disc_difference(sharp, mask=mask, progress=progress)
    limits, spatial = half_disc_limits(sharp, mask), sharp.shape[:-1]

    def strip(k: int, poll: Progress) -> NDArray[np.float32]:
        box: Box = tuple((0, n) for n in spatial)
        box = (*box[:-2], (k * rows // count, (k + 1) * rows // count), box[-1])
        seen = half_disc_box(box, spatial)
        here = as_slices(seen)
        inside = None if mask is None else mask[here]
        found = half_disc_difference(sharp[here], mask=inside, limits=limits, progress=poll)
        return found[as_slices(shift(box, seen))]

    strips = in_threads(strip, range(count), progress, "boundaries")
    return np.concatenate(strips, axis=-2)
