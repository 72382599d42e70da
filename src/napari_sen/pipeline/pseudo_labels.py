"""Image to pseudo-labels: colour superpixels at many scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..learn.pseudo_labels import pseudo_labels as slice_pseudo_labels
from ..options import Reading
from ..params import PseudoLabelParams
from ..progress import Progress, check_progress, part
from .plan import scenes

__all__ = ["pseudo_labels"]


def pseudo_labels(
    image: Any,
    *,
    spacings: Sequence[float] | None = None,
    compactnesses: Sequence[float] | None = None,
    smoothing: float | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    progress: Progress | None = None,
) -> dict[tuple[float, float], NDArray[np.int32]]:
    """Return the colour superpixels that a network is trained on.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; stacks slice by slice.
    spacings : sequence of float, optional
        Seed spacings in pixels.
    compactnesses : sequence of float, optional
        Compactness values.
    smoothing : float, optional
        Sigma of the Gaussian on the colour features, in pixels.
    channel_axis, rgb, slices
        As for :func:`napari_sen.segment`.
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled.

    Returns
    -------
    dict
        (spacing, compactness) to an int32 label map of the image's shape without channels;
        labels of a stack are unique over its slices.

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
    """
    params = PseudoLabelParams.given(
        spacings=spacings, compactnesses=compactnesses, smoothing=smoothing
    )
    check_progress(progress)
    opened, parts, _ = scenes(image, Reading(rgb, channel_axis, slices or "each"))
    maps: dict[tuple[float, float], NDArray[np.int32]] = {}
    for done, scene in enumerate(parts):
        inner = part(progress, done, len(parts))
        colour = scene.colour(scene.whole, params.smoothing, inner)
        for key, labels in slice_pseudo_labels(colour, params, inner).items():
            whole = maps.setdefault(key, np.zeros(opened.shape, np.int32))
            whole[scene.index] = labels + whole.max()
    return maps
