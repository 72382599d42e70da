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
    """Return the colour superpixels that a network learns from.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`.
    spacings : sequence of float, optional
        Seed spacings in pixels, at least 2. By default 6, 9, 13, 19, 28 and 40.
    compactnesses : sequence of float, optional
        Compactness values, above 0. By default 5, 10, 20 and 40.
    smoothing : float, optional
        Sigma of the Gaussian on the colour features, in pixels, at least 0. By default 1.
    channel_axis, rgb
        As for :func:`napari_sen.segment`.
    slices : {"each", "volume"}, optional
        Whether a stack is processed slice by slice, as by default, or as one volume.
    progress : callable, optional
        As for :func:`napari_sen.segment`.

    Returns
    -------
    dict
        An int32 label map for each (spacing, compactness), in the image's shape without its
        channels. The labels of a stack are unique over its slices.

    Raises
    ------
    SenError
        If an argument cannot be used. The message names the remedy.
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
