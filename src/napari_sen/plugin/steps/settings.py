"""What a step needs beside the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...options import Execution
from ...params import Params
from ..layers.pieces import Picked
from ..layers.results import Finished, Trees
from ..state.choices import SizeBy
from ..state.control import Control
from ..state.layer_image import LayerImage
from ..state.shelf import ModelShelf
from ..state.storage import Storage

__all__ = ["Settings", "TrainingChoice"]


@dataclass(frozen=True)
class TrainingChoice:
    """What a model is trained on.

    Attributes
    ----------
    sources : tuple of LayerImage
        The layers; empty where ``folder`` is given.
    folder : Path or None
        A folder of images.
    preview : LayerImage or None
        The part of an image whose embedding is shown while the training goes on.
    start : str or None
        The model to go on from.
    resume : bool
        Go on with the unfinished training of this name.
    """

    sources: tuple[LayerImage, ...] = ()
    folder: Path | None = None
    preview: LayerImage | None = None
    start: str | None = None
    resume: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything a step needs beside the image; a copy that later edits do not reach.

    ``classify`` is what carries the classes of painted superpixels to the others, ``trees`` what
    the superpixels shown are a cut of.
    """

    model: str | None
    device: str
    new_model: str
    params: Mapping[type[Params], Any] = field(repr=False)
    models: ModelShelf = field(repr=False)
    classify: Callable[[LayerImage, Settings, Control], Finished] = field(repr=False)
    picked: Picked | None = field(repr=False)
    training: TrainingChoice = field(repr=False)
    all_channels: bool = False
    storage: Mapping[str, Storage] = field(default_factory=dict)
    size_by: SizeBy = "image"
    number: int = 500
    diameter: float = 20.0
    evenness: float | None = None
    image: Any = field(default=None, repr=False)
    trees: Trees | None = field(default=None, repr=False)

    def __getitem__(self, kind: type[Params]) -> Any:
        """Return the parameters of one class."""
        return self.params[kind]

    def model_of(self, source: LayerImage) -> Any:
        """Return the model, loaded, that is used for an image; None for colour alone."""
        return self.models.get(self.model, source)

    def reading(self, source: LayerImage) -> dict[str, Any]:
        """Return the keyword arguments that tell the API how to read an image, and the model."""
        model = self.model_of(source)
        spacing = source.spacing if source.is_scaled else None
        return {
            **source.reading, "spacing": spacing, "kind": source.kind, "model": model,
            "device": self.device,
        }  # fmt: skip

    def execution(self, step: str) -> Execution:
        """Return where a run goes: it goes on with what is at its goal, or overwrites it."""
        storage = self.storage[step]
        return Execution(
            self.device, storage.tile, out=Path(storage.path), resume=not storage.overwrite,
            overwrite=storage.overwrite,
        )  # fmt: skip

    def model_note(self, source: LayerImage) -> str:
        """Return which model is used, for people."""
        model = self.model_of(source)
        return "colour alone, no model" if model is None else f"model {model.name}"
