"""Between napari's layers and the API: what a layer is, and where its results belong.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ParameterError

__all__ = [
    "PYRAMID_ABOVE",
    "STACKS",
    "Placement",
    "Source",
    "Stack",
    "for_display",
    "full_resolution",
    "guess_channel_axis",
    "pixel_size",
    "placement_of",
    "pyramid",
    "source_of",
    "transform_of",
]

Stack = Literal["slice", "each", "volume"]
STACKS: dict[Stack, str] = {
    "slice": "Current slice",
    "each": "Every slice, one by one",
    "volume": "Whole volume (3-D)",
}

# napari computes contours on the GUI thread: above this side it gets a pyramid to draw from.
PYRAMID_ABOVE = 4096


@dataclass(frozen=True)
class Placement:
    """Where a result lies: the axes to insert, and the keyword arguments of its layer."""

    expand: tuple[int, ...] = ()
    transform: dict[str, Any] = field(default_factory=dict)

    def shape(self, data: NDArray) -> NDArray:
        """Return ``data`` with the length-1 axes that stand for a slice or for all channels."""
        return np.expand_dims(data, self.expand) if self.expand else data


@dataclass(frozen=True)
class Source:
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

    @property
    def image(self) -> Any:
        """Return ``data[index]``: reads from disk where the layer is lazy, so not for the GUI."""
        return self.data[self.index] if self.index else self.data

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a label map of ``image``, without reading that."""
        shape = [
            length
            for axis, length in enumerate(self.data.shape)
            if axis >= len(self.index) or not isinstance(self.index[axis], int)
        ]
        axis = -1 if self.rgb else self.channel_axis
        if axis is not None:
            del shape[axis]
        return tuple(shape)

    @property
    def reading(self) -> dict[str, Any]:
        """Return the keyword arguments that tell the API how to read ``image``."""
        return {"rgb": self.rgb, "channel_axis": self.channel_axis, "slices": self.slices}

    @property
    def is_scaled(self) -> bool:
        """Return whether the pixel size says more than "one pixel"."""
        return self.unit != "px" or any(not np.isclose(step, 1.0) for step in self.spacing)


def full_resolution(layer: Any) -> Any:
    """Return the layer's array; of a multiscale layer, its level 0."""
    return layer.data[0] if layer.multiscale else layer.data


def _linear(layer: Any) -> NDArray:
    """Return rotate @ shear @ diag(scale), napari's order."""
    shear = np.eye(layer.ndim)
    if layer.ndim > 1:
        values = np.asarray(layer.shear, dtype=float)
        if values.ndim == 2:
            shear = values
        else:
            shear[np.triu_indices(layer.ndim, 1)] = values
    return np.asarray(layer.rotate) @ shear @ np.diag(layer.scale)


def transform_of(
    layer: Any,
    axes: tuple[int, ...] | None = None,
    *,
    offset: NDArray | None = None,
    stretch: NDArray | None = None,
) -> dict[str, Any]:
    """Return the layer's whole transform as keyword arguments for a new layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer with ``ndim`` axes (the RGB axis is none of them).
    axes : tuple of int, optional
        The axes that the new layer keeps, in order; all of them by default.
    offset : (ndim,) array, optional
        Place of the new layer's origin, in pixels of ``layer``.
    stretch : (ndim,) array, optional
        Pixels of ``layer`` that one pixel of the new layer spans; 1 by default.

    Returns
    -------
    dict
        ``scale, translate, rotate, shear, affine, units`` and, where set, ``axis_labels``.
    """
    keep = list(range(layer.ndim) if axes is None else axes)
    scale = np.asarray(layer.scale, dtype=float)
    translate = np.asarray(layer.translate, dtype=float)
    if offset is not None:
        translate = translate + _linear(layer) @ offset
    if stretch is not None:
        scale = scale * stretch
    shear = np.eye(layer.ndim)
    shear[np.triu_indices(layer.ndim, 1)] = np.asarray(layer.shear, dtype=float)
    square = np.ix_(keep, keep)
    with_offset = np.ix_([*keep, layer.ndim], [*keep, layer.ndim])
    transform = {
        "scale": scale[keep],
        "translate": translate[keep],
        "rotate": np.asarray(layer.rotate)[square],
        "shear": shear[square],
        "affine": np.asarray(layer.affine.affine_matrix)[with_offset],
        "units": tuple(layer.units[axis] for axis in keep),
    }
    default = tuple(str(axis) for axis in range(-layer.ndim, 0))
    if tuple(layer.axis_labels) != default:
        transform["axis_labels"] = tuple(layer.axis_labels[axis] for axis in keep)
    return transform


def pixel_size(layer: Any) -> NDArray:
    """Return the world length of one pixel step along each axis, in the layer's units."""
    matrix = np.asarray(layer.affine.linear_matrix) @ _linear(layer)
    return np.asarray(np.linalg.norm(matrix, axis=0))


def guess_channel_axis(layer: Any) -> int | None:
    """Return the axis that is called a channel axis by its label, if there is one."""
    if layer.rgb or layer.ndim < 3:
        return None
    labels = [str(label).lower() for label in layer.axis_labels]
    return next((axis for axis, label in enumerate(labels) if label in ("c", "channel")), None)


def placement_of(
    layer: Any, channel_axis: int | None = None, position: dict[int, int] | None = None
) -> Placement:
    """Return where a result without channels, and at ``position`` (axis -> index), belongs.

    napari lines layers up by their last axes. So a leading channel axis is dropped, while one
    between or after other axes stays as a single pixel as wide as all channels.
    """
    position = position or {}
    axes = tuple(axis for axis in range(layer.ndim) if axis != channel_axis or axis != 0)
    offset, stretch = np.zeros(layer.ndim), np.ones(layer.ndim)
    for axis, index in position.items():
        offset[axis] = index
    single = set(position)
    if channel_axis:
        channels = full_resolution(layer).shape[channel_axis]
        offset[channel_axis], stretch[channel_axis] = (channels - 1) / 2, channels
        single.add(channel_axis)
    expand = tuple(axes.index(axis) for axis in sorted(single))
    return Placement(expand, transform_of(layer, axes, offset=offset, stretch=stretch))


def source_of(
    layer: Any,
    *,
    channel_axis: int | None = None,
    stack: Stack = "slice",
    point: tuple[float, ...] | None = None,
) -> Source:
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
    data = full_resolution(layer)
    position: dict[int, int] = {}
    index: tuple[int | slice, ...] = ()
    slices: Literal["each", "volume"] | None = None
    if len(space) > 2:
        if stack == "slice":
            position = _current(layer, data.shape, space[:-2], point)
            index = tuple(position.get(axis, slice(None)) for axis in range(layer.ndim))
        else:
            slices = stack
    n_spatial = 3 if slices == "volume" else 2
    spacing = pixel_size(layer)[space[-n_spatial:]]
    unit = f"{layer.units[space[-1]]:~}"
    inside = channel_axis
    if channel_axis is not None:
        inside = channel_axis - sum(axis < channel_axis for axis in position)
    return Source(
        name=layer.name,
        data=data,
        index=index,
        rgb=bool(layer.rgb),
        channel_axis=inside,
        slices=slices,
        spacing=tuple(float(step) for step in spacing),
        unit="px" if unit in ("pixel", "px", "") else unit,
        placement=placement_of(layer, channel_axis, position),
    )


def _current(
    layer: Any, shape: tuple[int, ...], axes: list[int], point: tuple[float, ...] | None
) -> dict[int, int]:
    """Return the index of the slice shown, for each of ``axes``."""
    if point is None:
        return {axis: shape[axis] // 2 for axis in axes}
    place = layer.world_to_data(point[-layer.ndim :])
    return {axis: int(np.clip(np.rint(place[axis]), 0, shape[axis] - 1)) for axis in axes}


def for_display(labels: NDArray) -> NDArray:
    """Return labels as uint16 where they fit, else int32: napari draws these fast."""
    highest = int(labels.max(initial=0))
    if highest <= np.iinfo(np.uint16).max:
        return labels.astype(np.uint16, copy=False)
    return labels.astype(np.int32, copy=False)


def pyramid(labels: NDArray) -> NDArray | list[NDArray]:
    """Return ``labels``, or levels of it by stride if it is too large to be drawn at once."""
    levels = [labels]
    while max(levels[-1].shape[-2:]) > PYRAMID_ABOVE:
        levels.append(levels[-1][..., ::2, ::2])
    return labels if len(levels) == 1 else levels
