"""What regions of one slice are compared by: weighted colour, and the embedding beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..params import HierarchyParams, SegmentParams
from ..progress import Progress, report
from .embed import embed_slice
from .prepare import Prepared

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["slice_features"]


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
    parts = []
    if params.colour_weight > 0:
        report(progress, 0, 1, "colour")
        colour = prepared.colour(index, params.smoothing)
        parts.append(colour * np.float32(math.sqrt(params.colour_weight)))
    if model is not None:
        rows = embed_slice(prepared, index, model, False, device, progress)
        parts.append(rows * np.float32(math.sqrt(params.embedding_weight) / 2))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
