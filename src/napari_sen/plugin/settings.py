"""What a step needs beside the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..params import Params
from .picking import Picked
from .shelf import ModelShelf
from .storage import Storage

if TYPE_CHECKING:
    from .classing import Classifying
    from .training import TrainingChoice

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Everything a step needs beside the image; a copy that later edits do not reach."""

    model: str | None
    device: str
    new_model: str
    params: Mapping[type[Params], Any] = field(repr=False)
    models: ModelShelf = field(repr=False)
    classifying: Classifying = field(repr=False)
    picked: Picked | None = field(repr=False)
    training: TrainingChoice = field(repr=False)
    all_channels: bool = False
    storage: Mapping[str, Storage] = field(default_factory=dict)

    def __getitem__(self, kind: type[Params]) -> Any:
        """Return the parameters of one class."""
        return self.params[kind]
