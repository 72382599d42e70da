"""Which model an image gets."""

from __future__ import annotations

import logging
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

from ..errors import ModelError, ParameterError
from ..params import KINDS, HierarchyParams, Params, SegmentParams

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["choose_compared", "choose_model", "kind_for", "suit"]

log = logging.getLogger("napari_sen")

_P = TypeVar("_P", bound=Params)


def choose_model(
    model: Model | str | PathLike[str] | None,
    device: str = "auto",
    *,
    kind: str = "natural",
    required: bool = False,
) -> Model | None:
    """Return the model meant, loaded, once the device is known to be there.

    Parameters
    ----------
    model : Model, str, path or None
        "auto": the bundled model for this kind of image, which is logged. None: no model.
    device : str
        Where it will run.
    kind : {"natural", "microscopy"}
        See :func:`~napari_sen.pipeline.prepare.image_kind`.
    required : bool
        Whether None is an error.

    Returns
    -------
    Model or None

    Raises
    ------
    DeviceError
        If the device is unknown or not there.
    ModelError
        If the model is unknown or damaged, or missing where one is required.
    """
    if model is None and required:
        raise ModelError("an embedding needs a model: pass model='auto', a name or a file")
    if model is None and device in ("auto", "cpu"):
        return None  # without torch, which takes a second to import
    from ..learn.model import Model, load_model, resolve_device

    resolve_device(device)
    if model is None:
        return None
    if isinstance(model, Model):
        return model
    if model == "auto":
        log.info("model: %s (chosen by model='auto')", kind)
        model = kind
    return load_model(model)


def choose_compared(
    model: Model | str | PathLike[str] | None,
    params: SegmentParams | HierarchyParams,
    device: str,
    kind: str,
) -> Model | None:
    """Return the model whose embedding is compared beside colour; None where it has no weight.

    Raises
    ------
    ParameterError
        If neither colour nor an embedding is left to compare.
    """
    chosen = choose_model(None if params.embedding_weight == 0 else model, device, kind=kind)
    if chosen is None and params.colour_weight == 0:
        raise ParameterError("colour_weight and embedding_weight are both 0, or there is no model")
    return chosen


def kind_for(model: Model | None, kind: str) -> str:
    """Return the kind of image that a bundled model is for, else the image's."""
    return model.name if model is not None and model.name in KINDS else kind


def suit(params: _P, model: Model | None, kind: str) -> _P:
    """Return parameters with what suits :func:`kind_for`."""
    return params.settled(kind_for(model, kind))
