"""An image as the API reads it, from napari's layers and what a person chose of them.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError, ParameterError
from ...io.memory import available_memory, working_set
from ...io.pixel_size import equal_units, unit_name
from ...options import Reading
from ...tiles.image import kind_of
from .control import Control
from .cut import check_finished
from .placement import Placement, full_resolution, pixel_size, placement_of
from .region import (
    LayerMask,
    Window,
    inside_shapes,
    middle_window,
    shapes_window,
    view_window,
)

__all__ = ["STACKS", "LayerImage", "Stack", "guess_channel_axis", "source_of"]

Stack = Literal["slice", "each", "volume"]
STACKS: dict[Stack, str] = {
    "slice": "Current slice",
    "each": "Every slice, one by one",
    "volume": "Whole volume (3-D)",
}


@dataclass(frozen=True)
class LayerImage:
    """An image as the API wants it, and the way back to its place in the viewer.

    ``spacing`` is the pixel size of the last two (``slices="volume"``: three) axes in ``unit``.
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
        if not self.masks:
            return None
        inside = np.ones(self.shape, bool)
        for mask in self.masks:
            inside &= mask()
        if not inside.any():
            raise ImageError(
                "the mask leaves nothing of the image: choose another, or another region"
            )
        return inside

    def load_mask(self, control: Control) -> NDArray[np.bool_] | None:
        """Return ``mask``, as :meth:`load` does the image."""
        return control.wait_for(lambda: self.mask) if self.masks else None

    @property
    def lazy_mask(self) -> Any:
        """Return the mask unread where a label map alone says it: inside is not 0."""
        if len(self.masks) == 1 and isinstance(self.masks[0], LayerMask):
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
        n = 3 if self.slices == "volume" else 2
        channels = 3 if self.rgb else self.data.shape[self.channel_axis] if self.channel_axis else 1
        needed = working_set(
            prod(self.shape[-n:]),
            prod(self.shape[:-n]),
            channels=channels,
            itemsize=np.dtype(self.data.dtype).itemsize,
            is_read=not isinstance(self.data, np.ndarray),
            product=product,
            with_model=with_model,
        )
        free = available_memory()
        return free is None or needed <= free

    @property
    def asked(self) -> Reading:
        """Return how the API is to understand the image, but for its mask."""
        spacing = self.spacing if self.is_scaled else None
        return Reading(self.rgb, self.channel_axis, self.slices, spacing, self.kind)

    @property
    def kind(self) -> str:
        """What the image shows: "natural" or "microscopy"."""
        return kind_of(self.rgb, self.spacing, () if self.unit == "px" else (self.unit,))

    @property
    def is_scaled(self) -> bool:
        """Return whether the pixel size says more than "one pixel"."""
        return self.unit != "px" or any(not np.isclose(step, 1.0) for step in self.spacing)


def guess_channel_axis(layer: Any) -> int | None:
    """Return the axis that is called a channel axis by its label, if there is one."""
    if layer.rgb or layer.ndim < 3:
        return None
    labels = [str(label).lower() for label in layer.axis_labels]
    return next((axis for axis, label in enumerate(labels) if label in ("c", "channel")), None)


def source_of(
    layer: Any,
    *,
    channel_axis: int | None = None,
    stack: Stack = "slice",
    point: tuple[float, ...] | None = None,
    region: Any = None,
    middle: int | None = None,
    mask: Any = None,
    channels: Sequence[Any] = (),
) -> LayerImage:
    """Return what the API needs to know of an Image layer.

    Parameters
    ----------
    layer : napari.layers.Image
        RGB(A), grey or multi-channel; 2-D or a stack; multiscale or lazy.
    channel_axis : int, optional
        The axis that holds channels (not for RGB layers, whose colours are no axis of theirs).
    stack : {"slice", "each", "volume"}
        What to do with more than two axes beside the channels.
    point : tuple of float, optional
        The viewer's ``dims.point`` in world units; says which slice is the current one.
    region : "view" or napari.layers.Shapes, optional
        Only what the viewer shows, or what lies in the shapes.
    middle : int, optional
        Only the square of this side in the middle.
    mask : napari.layers.Labels, optional
        Only where its labels are not 0.
    channels : sequence of napari.layers.Image, optional
        Further layers of the same shape: each is a channel, ``layer`` is the first.

    Raises
    ------
    ImageError
        If the layer has fewer axes than the choice needs.
    ParameterError
        If ``channel_axis`` is not an axis of the layer, or ``stack`` is unknown.
    """
    if stack not in STACKS:
        raise ParameterError(f"stack must be one of {', '.join(STACKS)}; got {stack!r}")
    if channel_axis is not None:
        if layer.rgb:
            raise ParameterError(f"layer {layer.name!r} is RGB: its colours need no channel axis")
        if not 0 <= channel_axis < layer.ndim:
            raise ParameterError(
                f"channel axis {channel_axis} is not an axis of layer {layer.name!r}, "
                f"which has axes 0 to {layer.ndim - 1}"
            )
    space = [axis for axis in range(layer.ndim) if axis != channel_axis]
    if len(space) < 2:
        raise ImageError(
            f"layer {layer.name!r} has {len(space)} axis beside its channels, but an image needs "
            "at least 2: choose 'none' as its channel axis"
        )
    for each in (layer, *channels, *(() if mask is None else (mask,))):
        check_finished(each)
    data = full_resolution(layer)
    spatial = tuple(data.shape[axis] for axis in space)
    position: dict[int, int] = {}
    index: tuple[int | slice, ...] = ()
    slices: Literal["each", "volume"] | None = None
    if len(space) > 2:
        if stack == "slice":
            position = _current(layer, data.shape, space[:-2], point)
            index = tuple(position.get(axis, slice(None)) for axis in range(layer.ndim))
        else:
            slices = stack
    window, masks = _part(layer, space[-2:], spatial[-2:], region, middle)
    corner = {}
    if window is not None:
        index = index or (slice(None),) * layer.ndim
        corner = {axis: part.start for axis, part in zip(space[-2:], window, strict=True)}
        parts = dict(zip(space[-2:], window, strict=True))
        index = tuple(parts.get(axis, part) for axis, part in enumerate(index))
    if mask is not None:
        places = tuple(index[axis] if index else slice(None) for axis in space)
        masks += (LayerMask(full_resolution(mask), places, spatial),)
    n_spatial = 3 if slices == "volume" else 2
    near = space[-n_spatial:]
    names = [f"{layer.units[axis]:~}" for axis in near]
    spacing, _ = equal_units(pixel_size(layer)[near].tolist(), names)
    unit = next((name for name in reversed(names) if unit_name(name)), "px")
    inside = channel_axis
    if channel_axis is not None:
        inside = channel_axis - sum(axis < channel_axis for axis in position)
    if channels:
        data = ChannelStack(_matching(layer, data, channel_axis, channels))
        index, inside = (slice(None), *index), 0
    return LayerImage(
        name=layer.name,
        data=data,
        index=index,
        rgb=bool(layer.rgb),
        channel_axis=inside,
        slices=slices,
        spacing=spacing,
        unit=unit,
        placement=placement_of(layer, channel_axis, position, corner),
        masks=masks,
    )


class ChannelStack:
    """Arrays of one shape as the channels of an image, along a new first axis."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = arrays
        self.shape = (len(arrays), *arrays[0].shape)
        self.dtype = np.result_type(*(array.dtype for array in arrays))

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Return a part of every channel, in memory."""
        return np.stack([np.asarray(array[index[1:]]) for array in self.arrays])


def _matching(
    layer: Any, data: Any, channel_axis: int | None, channels: Sequence[Any]
) -> list[Any]:
    """Return the arrays of the layers that are channels; ImageError if they do not match."""
    if layer.rgb or channel_axis is not None:
        raise ImageError(f"layer {layer.name!r} has channels already: choose no further layers")
    for other in channels:
        if other.rgb or full_resolution(other).shape != data.shape:
            raise ImageError(
                f"layer {other.name!r} cannot be a channel beside {layer.name!r}: it is RGB or of "
                "another shape"
            )
    return [data, *(full_resolution(other) for other in channels)]


def _part(
    layer: Any,
    axes: list[int],
    shape: tuple[int, ...],
    region: Any,
    middle: int | None,
) -> tuple[Window | None, tuple[Callable[[], NDArray[np.bool_]], ...]]:
    """Return the part of the image that a region means, and which of its pixels."""
    plane, sides = (axes[0], axes[1]), (shape[0], shape[1])
    if middle is not None:
        return middle_window(sides, middle), ()
    if region is None:
        return None, ()
    if isinstance(region, str):
        return view_window(layer, plane, sides), ()
    window, outlines = shapes_window(region, layer, plane, sides)
    return window, (partial(inside_shapes, outlines, window),)


def _current(
    layer: Any, shape: tuple[int, ...], axes: list[int], point: tuple[float, ...] | None
) -> dict[int, int]:
    """Return the index of the slice shown, for each of ``axes``."""
    if point is None:
        return {axis: shape[axis] // 2 for axis in axes}
    place = layer.world_to_data(point[-layer.ndim :])
    return {axis: int(np.clip(np.rint(place[axis]), 0, shape[axis] - 1)) for axis in axes}
