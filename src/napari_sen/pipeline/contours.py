"""Image to contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.contours import average_boundaries, suppress_non_maxima
from ..core.snic import snic
from ..large.store import resolve
from ..params import ContourParams, SegmentParams
from ..progress import Progress, part
from .choose import choose_model
from .features import slice_features
from .prepare import image_kind, prepare

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contour_sizes", "contours"]


def contours(
    image: Any,
    *,
    n_sizes: int | None = None,
    smallest: int | None = None,
    largest: int | None = None,
    threshold: float | None = None,
    thin: bool | None = None,
    compactness: float | None = None,
    model: Model | str | PathLike[str] | None = "auto",
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return contour strength: the share of superpixel sizes that have a boundary (Fig. 11).

    Superpixels of ``n_sizes`` sizes, from ``smallest`` to ``largest`` many in equal ratios, are
    made of one embedding; their boundary maps are averaged, weak ones dropped, and thinned by
    oriented non-maximum suppression.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; stacks slice by slice.
    n_sizes, smallest, largest, threshold, thin
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    compactness, model, channel_axis, rgb, slices, device, progress
        As for :func:`napari_sen.segment`.

    Returns
    -------
    float32 array
        The image's shape without its channels; 0...1.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.
    """
    params = ContourParams.given(
        n_sizes=n_sizes, smallest=smallest, largest=largest, threshold=threshold, thin=thin
    )
    segmenting = SegmentParams.given(compactness=compactness)
    file = resolve(image)
    kind = image_kind(file, rgb=rgb, channel_axis=channel_axis, slices=slices or "each")
    chosen = choose_model(model, device, kind=kind)
    prepared = prepare(
        file, rgb=rgb, channel_axis=channel_axis, slices=slices or "each", model=chosen
    )
    canvas = prepared.canvas
    result = np.zeros(canvas.shape, np.float32)
    for done, index in enumerate(canvas.slices()):
        inner = part(progress, done, len(canvas))
        features = slice_features(prepared, index, segmenting, chosen, device, inner)
        sizes = contour_sizes(params, features.shape[0] * features.shape[1])
        maps = (
            snic(
                features,
                size,
                compactness=segmenting.compactness,
                progress=part(inner, k, len(sizes)),
            )
            for k, size in enumerate(sizes)
        )
        strength = average_boundaries(maps)
        if params.thin:
            strength = suppress_non_maxima(strength, threshold=params.threshold)
        else:
            strength[strength < params.threshold] = 0
        result[index] = strength
    return result


def contour_sizes(params: ContourParams, pixels: int) -> list[int]:
    """Return the numbers of superpixels, in equal ratios, none above the number of pixels."""
    ideal = np.geomspace(params.smallest, params.largest, params.n_sizes)
    return [min(round(size), pixels) for size in ideal.tolist()]
