"""From whatever the caller has to an image that is understood, checked and measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import (
    Statistics,
    check_planes,
    colour_features,
    network_planes,
    statistics,
)
from ..core.image import Canvas, check_finite, interpret
from ..core.lattice import check_spacing
from ..core.snic import checked_mask
from ..errors import ParameterError
from ..io.read import ImageFile, resolve
from ..progress import Progress

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Prepared", "image_kind", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """An image ready for the chain.

    Attributes
    ----------
    canvas : Canvas
        The image with its axes settled.
    mask : (*canvas.shape) bool array or None
        Pixels inside.
    spacing : tuple of float
        Pixel size along the spatial axes.
    stats : Statistics
        Of the whole image.
    """

    canvas: Canvas
    mask: NDArray[np.bool_] | None
    spacing: tuple[float, ...]
    stats: Statistics

    def slice_mask(self, index: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Return the mask of one slice, None where there is no mask."""
        return None if self.mask is None else self.mask[index]

    def pixels(self, index: tuple[int, ...]) -> int:
        """Return the number of pixels inside one slice (or volume)."""
        inside = self.slice_mask(index)
        return math.prod(self.canvas.spatial) if inside is None else int(inside.sum())

    def colour(
        self, index: tuple[int, ...], smoothing: float, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the colour features of one slice (or volume)."""
        return colour_features(
            self.canvas.data[index],
            self.canvas.rgb,
            self.stats,
            smoothing,
            self.canvas.n_spatial,
            spacing=self.spacing,
            mask=self.slice_mask(index),
            progress=progress,
        )

    def planes(self, index: tuple[int, ...], planes: int) -> NDArray[np.float32]:
        """Return the network's input planes of one slice (or volume)."""
        return network_planes(self.canvas.data[index], self.canvas.rgb, self.stats, planes)


def image_kind(
    image: ImageFile,
    *,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    slices: str | None = None,
    spacing: Sequence[float] | None = None,
) -> str:
    """Return "natural" for colour images without a pixel size, "microscopy" for all others."""
    canvas = _canvas(image, rgb, channel_axis, slices)
    is_scaled = spacing is not None or image.spacing is not None
    return "natural" if canvas.rgb and not is_scaled else "microscopy"


def _canvas(
    image: ImageFile, rgb: bool | None, channel_axis: int | None, slices: str | None
) -> Canvas:
    """Return the image with its axes settled; what the caller says beats what the file says."""
    if rgb is None and channel_axis is None:
        rgb, channel_axis = image.rgb, image.channel_axis
    return interpret(image.data, rgb=rgb, channel_axis=channel_axis, slices=slices)


def prepare(
    image: Any,
    *,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    slices: str | None = None,
    mask: Any = None,
    spacing: Sequence[float] | None = None,
    model: Model | None = None,
) -> Prepared:
    """Read, interpret and check an image; what the caller says beats what the file says.

    Parameters
    ----------
    image : array, path or list
        Anything that :func:`napari_sen.io.read.resolve` takes.
    rgb, channel_axis, slices
        See :func:`napari_sen.core.image.interpret`.
    mask : array or path, optional
        Of the image's shape without its channels; pixels that are 0 are outside.
    spacing : sequence of float, optional
        Pixel size along the spatial axes (those of the leading axes may stand before them).
    model : Model, optional
        The model that the image will be shown to.

    Returns
    -------
    Prepared

    Raises
    ------
    ImageError, ParameterError
        Before any work; see :func:`napari_sen.core.image.interpret`.
    """
    file = resolve(image)
    canvas = _canvas(file, rgb, channel_axis, slices)
    if model is not None:
        check_planes(canvas.data.shape[-1], model.planes)
    size = _spatial_spacing(file.spacing if spacing is None else spacing, canvas)
    inside = None
    if mask is not None:
        inside = checked_mask(resolve(mask, what="the mask").data, canvas.shape)
    check_finite(canvas.data, inside)
    return Prepared(canvas, inside, size, statistics(canvas.data, inside, rgb=canvas.rgb))


def _spatial_spacing(spacing: Sequence[float] | None, canvas: Canvas) -> tuple[float, ...]:
    """Return the pixel size of the spatial axes alone."""
    if spacing is None:
        return (1.0,) * canvas.n_spatial
    size = tuple(np.atleast_1d(np.asarray(spacing)).tolist())
    if len(size) not in (canvas.n_spatial, canvas.n_leading + canvas.n_spatial):
        raise ParameterError(
            f"spacing needs {canvas.n_spatial} numbers for this image, got {spacing!r}"
        )
    return check_spacing(size[-canvas.n_spatial :], canvas.n_spatial)
