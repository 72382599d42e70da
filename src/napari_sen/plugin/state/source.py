"""From layers to images: what the API reads, from napari's layers and what a person chose of them.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError, ParameterError
from ...io.pixel_size import equal_units, unit_name
from ...params import Kind
from .channels import ChannelStack, channel_names, matching
from .cut import check_finished
from .kinds import guess_kind
from .layer_image import STACKS, LayerImage, Stack, is_scaled
from .placement import full_resolution, pixel_size, placement_of
from .region import (
    LayerMask,
    Window,
    inside_shapes,
    middle_window,
    shapes_window,
    view_window,
)
from .storage import image_path

__all__ = ["source_of"]


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
    kind: Kind | None = None,
    finite_only: bool = False,
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
    kind : {"natural", "microscopy"}, optional
        What the image shows; by default what is likely.
    finite_only : bool
        Leave out pixels that are NaN or infinite.

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
    found, why = guess_kind(layer, unit, is_scaled(unit, spacing))
    inside = channel_axis
    if channel_axis is not None:
        inside = channel_axis - sum(axis < channel_axis for axis in position)
    if channels:
        data = ChannelStack(matching(layer, data, channel_axis, channels))
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
        kind=kind or found,
        why="chosen" if kind else why,
        channel_names=channel_names(layer, channel_axis, channels),
        where=_where(layer, position),
        size_from=_size_from(layer),
        finite_only=finite_only,
    )


def _size_from(layer: Any) -> str:
    """Return where the pixel size of a layer is from, for people."""
    path = image_path(layer)
    return "the layer's scale" + ("" if path is None else f" (opened from {path.name})")


def _where(layer: Any, position: dict[int, int]) -> str:
    """Return which slice of a stack is meant: "slice 3", "t 2, z 5"; empty where it is all."""
    labels = [str(label) for label in layer.axis_labels]
    if len(position) == 1:
        (axis,) = position
        name = labels[axis] if labels[axis].isalpha() else "slice"
        return f"{name} {position[axis]}"
    return ", ".join(
        f"{labels[axis] if labels[axis].isalpha() else f'axis {axis}'} {index}"
        for axis, index in position.items()
    )


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
