"""An image as the API reads it, and the way back to its place in the viewer; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from ...io.memory import available_memory, working_set
from ...options import Reading
from ...params import Kind
from .control import Control
from .placement import Placement
from .region import LayerMask
from .sizes import Extent

__all__ = ["STACKS", "LayerImage", "Stack", "is_scaled"]

Stack = Literal["slice", "each", "volume"]
STACKS: dict[Stack, str] = {
    "slice": "Current slice",
    "each": "Every slice, one by one",
    "volume": "Whole volume (3-D)",
}


@dataclass(frozen=True)
class LayerImage:
    """An image as the API wants it, and the way back to its place in the viewer.

    ``spacing`` is the pixel size of the last two (``slices="volume"``: three) axes in ``unit``;
    ``kind`` is what it shows, and ``why`` it is thought so; ``where`` says which part of a stack
    it is, and ``size_from`` where the pixel size is from, for people. ``finite_only`` leaves pixels
    out that are no numbers.
    """

    name: str
    data: Any
    index: tuple[int | slice, ...]
    rgb: bool
    channel_axis: int | None
    slices: Literal["each", "volume"] | None
    spacing: tuple[float, ...]
    unit: str
    placement: Placement = field(default_factory=Placement)
    masks: tuple[Callable[[], NDArray[np.bool_]], ...] = ()
    kind: Kind = "microscopy"
    why: str = ""
    channel_names: tuple[str, ...] = ("intensity",)
    where: str = ""
    size_from: str = "the layer's scale"
    finite_only: bool = False

    @property
    def image(self) -> Any:
        """Return ``data[index]``: reads from disk where the layer is lazy, so not for the GUI."""
        return self.data[self.index] if self.index else self.data

    def load(self, control: Control) -> NDArray[np.generic]:
        """Return ``image`` in memory; Cancel is heard meanwhile, however slow the disk is."""
        if isinstance(self.data, np.ndarray):
            return np.asarray(self.image)
        return control.wait_for(lambda: np.asarray(self.image))

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Return which pixels of the label map are meant; None for all. Reads as ``image``."""
        if not self.masks and not self.finite_only:
            return None
        inside = self.finite if self.finite_only else np.ones(self.shape, bool)
        for mask in self.masks:
            inside &= mask()
        if not inside.any():
            raise ImageError(
                "the mask leaves nothing of the image: choose another, or another region"
            )
        return inside

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Return which pixels are numbers in all channels. Reads as ``image``."""
        values = np.asarray(self.image)
        if values.dtype.kind != "f":
            return np.ones(self.shape, bool)
        found: NDArray[np.bool_] = np.isfinite(values)
        axis = -1 if self.rgb else self.channel_axis
        return found if axis is None else np.asarray(found.all(axis=axis))

    def load_mask(self, control: Control) -> NDArray[np.bool_] | None:
        """Return ``mask``, as :meth:`load` does the image."""
        has_mask = self.masks or self.finite_only
        return control.wait_for(lambda: self.mask) if has_mask else None

    @property
    def lazy_mask(self) -> Any:
        """Return the mask unread where a label map alone says it: inside is not 0."""
        if len(self.masks) == 1 and not self.finite_only and isinstance(self.masks[0], LayerMask):
            return self.masks[0].lazy()
        return self.mask

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a label map of ``image``, without reading that."""
        shape = []
        for axis, length in enumerate(self.data.shape):
            part = self.index[axis] if axis < len(self.index) else slice(None)
            if isinstance(part, slice):
                shape.append(len(range(*part.indices(length))))
        if self.rgb:
            shape.pop()
        elif self.channel_axis is not None:
            del shape[self.channel_axis]
        return tuple(shape)

    @property
    def reading(self) -> dict[str, Any]:
        """Return the keyword arguments that tell the API how to read ``image``."""
        return {"rgb": self.rgb, "channel_axis": self.channel_axis, "slices": self.slices}

    def fits(self, product: str, with_model: bool) -> bool:
        """Return whether the work on the image fits in the memory that is free."""
        return self.needs(product, with_model) <= available_memory()

    def needs(self, product: str, with_model: bool) -> int:
        """Return how many bytes of memory the work on the image needs."""
        n = 3 if self.slices == "volume" else 2
        channels = len(self.channel_names)
        return working_set(
            prod(self.shape[-n:]),
            prod(self.shape[:-n]),
            channels=channels,
            itemsize=np.dtype(self.data.dtype).itemsize,
            is_read=not isinstance(self.data, np.ndarray),
            product=product,
            with_model=with_model,
        )

    @property
    def asked(self) -> Reading:
        """Return how the API is to understand the image, but for its mask."""
        spacing = self.spacing if self.is_scaled else None
        return Reading(self.rgb, self.channel_axis, self.slices, spacing, self.kind)

    @property
    def is_scaled(self) -> bool:
        """Return whether the pixel size says more than "one pixel"."""
        return is_scaled(self.unit, self.spacing)

    @property
    def extent(self) -> Extent:
        """How much of it one tree cuts."""
        return Extent(self.shape[-len(self.spacing) :], self.spacing, self.unit)


def is_scaled(unit: str, spacing: Sequence[float]) -> bool:
    """Return whether a pixel size says more than "one pixel"."""
    return unit != "px" or any(not np.isclose(step, 1.0) for step in spacing)
