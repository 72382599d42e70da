"""Which model an image gets."""

from __future__ import annotations

import logging
from os import PathLike
from typing import TYPE_CHECKING

from ..errors import ModelError

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["ModelChoice", "choose_model"]

log = logging.getLogger("napari_sen")

ModelChoice = "Model | str | PathLike[str] | None"


def choose_model(model: Model | str | PathLike[str] | None, *, required: bool) -> Model | None:
    """Return the model meant, loaded.

    Parameters
    ----------
    model : Model, str, path or None
        "auto": the bundled model ``natural``, which is logged. None: no model.
    required : bool
        Whether None is an error.

    Returns
    -------
    Model or None

    Raises
    ------
    ModelError
        If the model is unknown or damaged, or missing where one is required.
    """
    if model is None:
        if required:
            raise ModelError("an embedding needs a model: pass model='auto', a name or a file")
        return None
    from ..learn.model import Model, load_model

    if isinstance(model, Model):
        return model
    if model == "auto":
        log.info("model: natural (chosen by model='auto')")
        model = "natural"
    return load_model(model)
