"""What a step hands back: data with its place, ready to become a layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .catalogue import Found
from .layers import Placement

__all__ = ["Finished", "Loss", "Result"]


@dataclass(frozen=True)
class Result:
    """One layer to be: its kind, name, data and place, and further options of its layer."""

    kind: Literal["labels", "image"]
    name: str
    data: Any
    placement: Placement = field(default_factory=Placement)
    options: dict[str, Any] = field(default_factory=dict)
    contour: int = 0

    def to_layer(self) -> Any:
        """Return a napari layer; result labels are drawn as outlines if ``contour`` > 0."""
        from napari.layers import Image, Labels

        options = {"name": self.name, **self.placement.transform, **self.options}
        if self.kind == "image":
            return Image(self.data, **options)
        layer = Labels(self.data, **options)
        layer.contour = self.contour
        return layer


@dataclass(frozen=True)
class Finished:
    """The results of a step, one sentence about them, and the models there are now, if changed."""

    results: list[Result]
    message: str
    found: Found | None = None


@dataclass(frozen=True)
class Loss:
    """The loss of one training step, shown while training goes on."""

    step: int
    loss: float
