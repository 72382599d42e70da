"""The methods that tables compare: each cuts an annotated image into superpixels of many sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.snic import snic
from ..errors import ParameterError
from ..params import SegmentParams
from ..pipeline.choose import choose_model
from ..pipeline.embed import embed_slice
from ..pipeline.prepare import Prepared, prepare
from ..pipeline.segment import slice_features
from .datasets import Item

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["METHODS", "Method", "make_method", "parameters_of", "prepare_item"]

Method = Callable[[Item, Sequence[int]], Iterator[NDArray[Any]]]

# Weight of the embedding where it stands alone. No default of the package, which keeps colour:
# the paper leaves the scale of eq. 7 open, and this suits the default compactness.
WEIGHT_ALONE = 1000.0

METHODS = {
    "snic": "SNIC on colour as it is",
    "snic-smooth": "SNIC on smoothed colour: the baseline to beat",
    "sen": "SNIC on smoothed colour beside the embedding, as napari_sen.segment does",
    "sen-paper": "SNIC on the embedding alone (eq. 7 of the paper)",
    "sen-paper-clustered": "SNIC on the embedding after the mean shift, alone",
    "slic": "scikit-image's SLIC on the colour of snic",
}


def parameters_of(name: str) -> SegmentParams:
    """Return the parameters that a method runs with, or raise ParameterError for a wrong name."""
    if name not in METHODS:
        raise ParameterError(f"method must be one of {', '.join(METHODS)}; got {name!r}")
    params = SegmentParams()
    if name in ("snic", "slic"):
        return replace(params, smoothing=0.0, embedding_weight=0.0)
    if name == "snic-smooth":
        return replace(params, embedding_weight=0.0)
    if name == "sen":
        return params
    return replace(params, colour_weight=0.0, embedding_weight=WEIGHT_ALONE)


def make_method(name: str, model: str | None = None) -> Method:
    """Return a method by its name.

    Parameters
    ----------
    name : str
        One of :data:`METHODS`.
    model : str, optional
        Name or path of the model; the ``sen`` methods need one.

    Returns
    -------
    callable
        Takes an item and the sizes asked for, yields a label map for each size, in their order.
        What all sizes share, such as the embedding, is computed once.

    Raises
    ------
    ParameterError
        The name is unknown, or the model is missing.
    ModelError
        The model is unknown or damaged.
    """
    params = parameters_of(name)
    if not name.startswith("sen"):
        return partial(_slic if name == "slic" else _snic, params, None, False)
    if model is None:
        raise ParameterError(f"method {name!r} needs a model: give its name or path")
    return partial(_snic, params, choose_model(model, required=True), name.endswith("clustered"))


def prepare_item(item: Item) -> Prepared:
    """Return an item's image ready for the chain; the annotations settle what its axes are."""
    axis = item.channel_axis
    rgb = axis == -1 and item.image.shape[-1] in (3, 4)
    volume = item.ground_truths[0].ndim == 3
    return prepare(
        item.image,
        rgb=rgb,
        channel_axis=None if rgb else axis,
        slices="volume" if volume else None,
    )


def _snic(
    params: SegmentParams, model: Model | None, clustered: bool, item: Item, sizes: Sequence[int]
) -> Iterator[NDArray[Any]]:
    prepared = prepare_item(item)
    if model is not None and clustered:
        rows = embed_slice(prepared, (), model, True, "cpu")
        features = rows * np.float32(np.sqrt(params.embedding_weight) / 2)
    else:
        features = slice_features(prepared, (), params, model, "cpu")
    for size in sizes:
        yield snic(features, size, compactness=params.compactness)


def _slic(
    params: SegmentParams, model: None, clustered: bool, item: Item, sizes: Sequence[int]
) -> Iterator[NDArray[Any]]:
    from skimage.segmentation import slic

    colour = slice_features(prepare_item(item), (), params, model, "cpu")
    # It rescales its input to 0...1, so the compactness must shrink alike.
    compactness = params.compactness / max(float(np.ptp(colour)), 1e-6)
    for size in sizes:
        yield slic(colour, size, compactness=compactness, convert2lab=False, start_label=1)
