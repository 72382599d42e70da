"""Where one label ends and the next begins: boundary maps, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, ParameterError
from ..params import shown

__all__ = ["find_boundaries", "mark_boundaries"]

# Yellow stands out on dark ground, the darkened rim beside it on bright ground.
LINE_COLOUR = (255, 214, 10)
LINE_OPACITY = 0.9
RIM_BRIGHTNESS = 0.7


def find_boundaries(
    labels: Any, mode: str = "thick", *, axes: Sequence[int] | None = None
) -> NDArray[np.bool_]:
    """Return the pixels whose label differs from that of a neighbour along an axis.

    Parameters
    ----------
    labels : (*spatial) array of int or bool
        Label map of any number of dimensions.
    mode : {"thick", "thin"}
        With ``"thick"`` all 4 neighbours count (6 in 3-D), so a border is two pixels wide. With
        ``"thin"`` only the next pixel along each axis counts (in 2-D the right and the lower
        neighbour), so a straight border is one pixel wide.
    axes : sequence of int, optional
        Axes along which neighbours count; all by default. ``(-2, -1)`` makes the boundaries of
        a stack slice by slice.

    Returns
    -------
    (*spatial) array of bool
        True on boundaries.

    Raises
    ------
    ImageError
        If ``labels`` is not an array of whole numbers, or has no dimension.
    ParameterError
        If ``mode`` or ``axes`` is unknown.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub" or labels.ndim == 0:
        raise ImageError(
            f"a label map must be an array of whole numbers, got {labels.ndim} dimensions of "
            f"{labels.dtype}; convert it with .astype(int)"
        )
    if mode not in ("thick", "thin"):
        raise ParameterError(f"mode must be 'thick' or 'thin', got {shown(mode)}")
    if axes is not None and any(not -labels.ndim <= axis < labels.ndim for axis in axes):
        raise ParameterError(
            f"axes must lie in {-labels.ndim}...{labels.ndim - 1} for labels of shape "
            f"{labels.shape}, got {tuple(axes)}"
        )
    found = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim) if axes is None else axes:
        near, ahead = np.moveaxis(labels, axis, 0), np.moveaxis(found, axis, 0)
        differs = near[1:] != near[:-1]
        ahead[:-1] |= differs
        if mode == "thick":
            ahead[1:] |= differs
    return found


def mark_boundaries(
    image: Any,
    labels: Any,
    colour: Sequence[int] = LINE_COLOUR,
    *,
    scale: int = 1,
) -> NDArray[np.uint8]:
    """Draw the boundaries of a label map over an image.

    A line is one pixel wide, with a slightly darkened rim on one side, so that it can be read
    on dark and on bright ground without covering small superpixels.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) array
        uint8, or float in 0...1 (values beyond are clipped). Grey becomes colour, and alpha is
        ignored.
    labels : (H, W) array of int
        The label map.
    colour : 3 whole numbers in 0...255
        Red, green, blue of the line.
    scale : int
        At least 1. Every pixel becomes ``scale`` x ``scale`` pixels, while a line stays one pixel
        wide: 2 or 3 shows small superpixels with less clutter.

    Returns
    -------
    (scale H, scale W, 3) array of uint8
        The picture, in colour.

    Raises
    ------
    ImageError
        If the image is not a 2-D picture in uint8 or float, or the labels have another shape.
    ParameterError
        If ``colour`` or ``scale`` is out of range.
    """
    picture, labels = _as_rgb(image), np.asarray(labels)
    if labels.shape != picture.shape[:2]:
        raise ImageError(
            f"labels of shape {labels.shape} do not fit an image of {picture.shape[:2]} pixels"
        )
    line = np.asarray(colour)
    if line.shape != (3,) or line.dtype.kind not in "iu" or line.min() < 0 or line.max() > 255:
        raise ParameterError(f"colour must be 3 whole numbers in 0...255, got {shown(colour)}")
    if not isinstance(scale, int | np.integer) or scale < 1:
        raise ParameterError(f"scale must be a whole number of at least 1, got {shown(scale)}")
    if scale > 1:
        picture = picture.repeat(scale, 0).repeat(scale, 1)
        labels = labels.repeat(scale, 0).repeat(scale, 1)
    core = find_boundaries(labels, "thin")
    rim = find_boundaries(labels, "thick") & ~core
    picture[rim] *= RIM_BRIGHTNESS
    picture[core] += LINE_OPACITY * (line - picture[core])
    return np.rint(picture).astype(np.uint8)


def _as_rgb(image: Any) -> NDArray[np.float32]:
    """Return an own copy of a picture as (H, W, 3) float32 in 0...255."""
    image = np.asarray(image)
    flat = image.ndim == 2
    if not flat and not (image.ndim == 3 and image.shape[-1] in (3, 4)):
        raise ImageError(f"the image must be (H, W), (H, W, 3) or (H, W, 4), got {image.shape}")
    if image.dtype == np.uint8:
        values = image.astype(np.float32)
    elif image.dtype.kind == "f":
        values = np.clip(image, 0, 1).astype(np.float32) * 255
    else:
        raise ImageError(
            f"the image must be uint8 or float in 0...1, got {image.dtype}; rescale it first"
        )
    return np.repeat(values[..., None], 3, axis=2) if flat else values[..., :3].copy()
