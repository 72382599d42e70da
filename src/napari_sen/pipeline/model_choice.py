"""Which model an image gets, and how a model travels to where tiles are worked on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import ModelError, ParameterError
from ..params import MODEL_KINDS, Kind

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["HeldModel", "ModelFile", "TravellingModel", "choose_model", "kind_for", "loaded"]

log = logging.getLogger("napari_sen")


def choose_model(
    model: Model | str | PathLike[str] | None,
    device: str = "auto",
    *,
    kind: Kind = "natural",
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
        See :func:`~napari_sen.tiles.image.kind_of`.
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
    from ..learn.model import Model, resolve_device

    resolve_device(device)
    if model is None:
        return None
    if isinstance(model, Model):
        return model
    if model == "auto":
        log.info("model: %s (chosen by model='auto')", kind)
        model = kind
    return loaded(model)


def loaded(name_or_path: str | PathLike[str]) -> Model:
    """Return a model by name or from a file, read once; see ``load_model`` for what it raises."""
    from ..learn.registry import find_model

    path = find_model(name_or_path)
    about = path.stat()
    return _remembered(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4)
def _remembered(path: Path, _changed: int, _size: int) -> Model:
    """Return the model in a file, read once; another file of this name is another model."""
    from ..learn.model import load_model

    return load_model(path)


def choose_compared(
    model: Model | str | PathLike[str] | None,
    *,
    colour_weight: float,
    embedding_weight: float | None,
    device: str,
    kind: Kind,
) -> Model | None:
    """Return the model whose embedding is compared beside colour; None where it has no weight.

    Raises
    ------
    ParameterError
        If neither colour nor an embedding is left to compare.
    """
    chosen = choose_model(None if embedding_weight == 0 else model, device, kind=kind)
    if chosen is None and colour_weight == 0:
        raise ParameterError(
            "nothing is left to compare, since colour_weight and embedding_weight are both 0 (or "
            "there is no model): raise one of them"
        )
    return chosen


def kind_for(model: Model | None, kind: Kind) -> Kind:
    """Return the kind of image that a bundled model is for, else the image's."""
    return kind if model is None else MODEL_KINDS.get(model.name, kind)


class TravellingModel(Protocol):
    """A model as tasks get it."""

    def load(self, threads: int | None = None) -> Model:
        """Return the model; ``threads`` of torch where it is given."""


@dataclass(frozen=True)
class HeldModel:
    """A model in this process."""

    model: Model

    def load(self, threads: int | None = None) -> Model:
        """Return the model."""
        return self.model


@dataclass(frozen=True)
class ModelFile:
    """A model as it travels to other processes: where its file is, and what must be in it."""

    path: str
    sha256: str

    def load(self, threads: int | None = None) -> Model:
        """Return the model, read and checked once per process."""
        return _loaded(self.path, self.sha256, threads)


@lru_cache(maxsize=2)
def _loaded(path: str, sha256: str, threads: int | None) -> Model:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    model = loaded(path)
    if model.sha256 != sha256:
        raise ModelError(f"the weights in {path} have changed since the run began")
    return model
