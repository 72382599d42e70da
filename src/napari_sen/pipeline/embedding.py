"""The embedding of one slice of an image that is prepared."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, part
from .prepare import Prepared

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["embed_slice", "warn_of_mean_shift"]

log = logging.getLogger("napari_sen")


def warn_of_mean_shift(model: Model, clustered: bool) -> None:
    """Log it where a mean shift is asked for that was never trained."""
    if clustered and not model.mean_shift_trained:
        log.warning(
            "the mean shift of model %s was not trained: its clustered embedding tells regions "
            "apart worse than the plain one", model.name,
        )  # fmt: skip


def embed_slice(
    prepared: Prepared,
    index: tuple[int, ...],
    model: Model,
    clustered: bool,
    device: str,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the embedding of one slice, or of one volume plane by plane."""
    planes = prepared.planes(index, model.planes)
    if prepared.canvas.n_spatial == 2:
        return model.embed(planes, clustered=clustered, device=device, progress=progress)
    count = len(planes)
    return np.stack(
        [
            model.embed(
                plane, clustered=clustered, device=device, progress=part(progress, z, count)
            )
            for z, plane in enumerate(planes)
        ]
    )
