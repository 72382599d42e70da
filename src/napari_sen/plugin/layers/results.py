"""What a step hands back: data with its place, ready to become a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..state.catalogue import Found
from ..state.placement import Placement
from ..state.sizes import Extent

if TYPE_CHECKING:
    from ...pipeline.live import Forest

__all__ = ["Classes", "Finished", "Loss", "Preview", "Result", "Trees"]


@dataclass(frozen=True)
class Result:
    """One layer to be: its kind, name, data and place, and further options of its layer.

    ``store`` is where its pixels lie, if they lie on disk.
    """

    kind: Literal["labels", "image"]
    name: str
    data: Any
    placement: Placement = field(default_factory=Placement)
    options: dict[str, Any] = field(default_factory=dict)
    contour: int = 0
    store: Path | None = None

    @classmethod
    def stored(
        cls,
        kind: Literal["labels", "image"],
        name: str,
        levels: Sequence[Any],
        placement: Placement,
        store: Path,
        **options: Any,
    ) -> Result:
        """Return a result that lies on disk, of these levels; contours are drawn of labels."""
        several = len(levels) > 1  # napari takes a list of one for the one
        data = list(levels) if several else levels[0]
        options = {"multiscale": several, **options}
        return cls(kind, name, data, placement, options, int(kind == "labels"), store)

    def to_layer(self) -> Any:
        """Return a napari layer; result labels are drawn as outlines if ``contour`` > 0."""
        from napari.layers import Image, Labels

        options = {"name": self.name, **self.placement.transform, **self.options}
        if self.kind == "image":
            return Image(self.data, **options)
        layer = Labels(self.data, **options)
        layer.contour = self.contour
        return layer


@dataclass(frozen=True, eq=False)
class Trees:
    """The merge trees of an image: what superpixels of any number are cut from.

    Attributes
    ----------
    forest : Forest
    placement : Placement
        Of the cuts.
    name, where : str
        Of the image; which part of its stack.
    extent : Extent
        How much a tree cuts.
    table : dict of arrays
        What each leaf is like; "index" is its label.
    """

    forest: Forest
    placement: Placement
    name: str
    where: str
    extent: Extent
    table: dict[str, NDArray[Any]] = field(repr=False)

    def is_where(self, other: Trees) -> bool:
        """Return whether other trees are of the same pixels of the image."""
        mine, theirs = (each.placement.transform.get("translate", ()) for each in (self, other))
        same = self.where == other.where and np.array_equal(mine, theirs)
        return same and self.forest.leaves.shape == other.forest.leaves.shape


@dataclass(frozen=True, eq=False)
class Classes:
    """How likely each leaf of the picked superpixels is of each class.

    ``numbers`` are the classes (C,), ``probability`` is (n, C).
    """

    base: NDArray[np.int32]
    numbers: NDArray[np.int64]
    probability: NDArray[np.float32]


@dataclass(frozen=True)
class Finished:
    """The results of a step and one sentence about them.

    With them, where the step made such: the models there are now, merge trees, and the classes
    of superpixels; and the layer of the image that it worked on.
    """

    results: list[Result]
    message: str
    found: Found | None = None
    trees: Trees | None = None
    classes: Classes | None = None
    image: Any = None


@dataclass(frozen=True)
class Loss:
    """The loss of one training step, shown while training goes on.

    ``validation`` is the loss on held-out images, where it was computed.
    """

    step: int
    loss: float
    validation: float | None = None


@dataclass(frozen=True)
class Preview:
    """A picture of what the model sees after so many steps, while training goes on."""

    step: int
    result: Result
