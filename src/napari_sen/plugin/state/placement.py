"""Where the result of a layer belongs: the layer's whole transform, copied to the axes kept.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Placement",
    "full_resolution",
    "pixel_size",
    "placement_of",
    "transform_of",
    "with_axis",
]


@dataclass(frozen=True)
class Placement:
    """Where a result lies: the axes to insert, and the keyword arguments of its layer."""

    expand: tuple[int, ...] = ()
    transform: dict[str, Any] = field(default_factory=dict)

    def shape(self, data: NDArray) -> NDArray:
        """Return ``data`` with the length-1 axes that stand for a slice or for all channels."""
        return np.expand_dims(data, self.expand) if self.expand else data


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


def with_axis(transform: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the transform of a layer that has one axis more, in front, of unit pixels."""
    scale, n = transform["scale"], len(transform["scale"])
    grown = dict(transform)
    grown["scale"] = np.concatenate([[1.0], scale])
    grown["translate"] = np.concatenate([[0.0], transform["translate"]])
    for key, size in (("rotate", n), ("shear", n), ("affine", n + 1)):
        matrix = np.eye(size + 1)
        matrix[1:, 1:] = transform[key]
        grown[key] = matrix
    grown["units"] = ("pixel", *transform["units"])
    labels = transform.get("axis_labels", tuple(str(axis) for axis in range(-n, 0)))
    grown["axis_labels"] = (label, *labels)
    return grown


def pixel_size(layer: Any) -> NDArray:
    """Return the world length of one pixel step along each axis, in the layer's units."""
    matrix = np.asarray(layer.affine.linear_matrix) @ _linear(layer)
    return np.asarray(np.linalg.norm(matrix, axis=0))


def placement_of(
    layer: Any,
    channel_axis: int | None = None,
    position: dict[int, int] | None = None,
    corner: dict[int, int] | None = None,
) -> Placement:
    """Return where a result without channels, and at ``position`` (axis -> index), belongs.

    ``corner`` tells the first pixel (axis -> index) of axes of which only a part is there.

    napari lines layers up by their last axes. So a leading channel axis is dropped, while one
    between or after other axes stays as a single pixel as wide as all channels.
    """
    position = position or {}
    axes = tuple(axis for axis in range(layer.ndim) if axis != channel_axis or axis != 0)
    offset, stretch = np.zeros(layer.ndim), np.ones(layer.ndim)
    for axis, index in (position | (corner or {})).items():
        offset[axis] = index
    single = set(position)
    if channel_axis:
        channels = full_resolution(layer).shape[channel_axis]
        offset[channel_axis], stretch[channel_axis] = (channels - 1) / 2, channels
        single.add(channel_axis)
    expand = tuple(axes.index(axis) for axis in sorted(single))
    return Placement(expand, transform_of(layer, axes, offset=offset, stretch=stretch))
