"""Which part of an image is worked on: the current view, the shapes of a layer, a mask.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from ...errors import ImageError
from .cut import lazy_cut

__all__ = ["LayerMask", "Window", "inside_shapes", "middle_window", "shapes_window", "view_window"]

# Rows and columns of an image.
Window = tuple[slice, slice]

# Points of the polygon that stands for an ellipse.
ELLIPSE = 64


def middle_window(shape: tuple[int, int], side: int) -> Window:
    """Return the square of ``side`` in the middle of an image, or as much as there is."""
    starts = [max(0, (length - side) // 2) for length in shape]
    return (slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side))


def view_window(layer: Any, axes: tuple[int, int], shape: tuple[int, int]) -> Window:
    """Return the part of a layer that the viewer shows.

    Raises
    ------
    ImageError
        If it shows nothing of it.
    """
    corners = np.asarray(layer.corner_pixels, float)[:, list(axes)]
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level, list(axes)]
    # The last corner is a pixel that is still seen.
    low, high = np.floor(corners[0]), np.ceil(corners[1]) + 1
    return _window(low, high, shape, f"nothing of {layer.name!r} is in view: move it there")


def shapes_window(
    shapes: Any, layer: Any, axes: tuple[int, int], shape: tuple[int, int]
) -> tuple[Window, list[NDArray[np.float64]]]:
    """Return the smallest part of an image that holds all shapes of a layer, and their outlines.

    Outlines are in pixels of the image, in its rows and columns.

    Raises
    ------
    ImageError
        If there is no shape with an area, or none lies on the image.
    """
    outlines = []
    for kind, points in zip(shapes.shape_type, shapes.data, strict=True):
        if kind in ("rectangle", "polygon", "ellipse"):
            corners = _ellipse(points) if kind == "ellipse" else np.asarray(points)
            outlines.append(_to_pixels(shapes, corners, layer)[:, list(axes)])
    if not outlines:
        raise ImageError(
            f"layer {shapes.name!r} has no rectangle, ellipse or polygon: draw one around the part "
            "that you want"
        )
    points = np.concatenate(outlines)
    message = f"no shape of {shapes.name!r} lies on {layer.name!r}: draw one on the image"
    window = _window(np.floor(points.min(0)), np.ceil(points.max(0)) + 1, shape, message)
    return window, outlines


def inside_shapes(outlines: list[NDArray[np.float64]], window: Window) -> NDArray[np.bool_]:
    """Return which pixels of a window lie in any of the outlines."""
    shape = tuple(part.stop - part.start for part in window)
    corner = [part.start for part in window]
    masks = [np.asarray(polygon2mask(shape, outline - corner)) for outline in outlines]
    inside: NDArray[np.bool_] = np.any(masks, axis=0)
    if not inside.any():
        raise ImageError("the shapes hold no whole pixel: draw larger ones")
    return inside


@dataclass(frozen=True, eq=False)
class LayerMask:
    """The part of a label map that belongs to a part of an image; where it is 0 is outside.

    Attributes
    ----------
    labels : (*leading, Y, X) array
        Of the image's shape, or of one slice of it.
    index : tuple of int and slice
        One entry for each axis of the image but its channels.
    spatial : tuple of int
        The image's shape without channels.
    """

    labels: Any
    index: tuple[int | slice, ...]
    spatial: tuple[int, ...]

    def lazy(self) -> Any:
        """Return that part, read when it is asked for.

        Raises
        ------
        ImageError
            If the labels fit neither the image nor a slice.
        """
        labels, shape = self.labels, tuple(self.labels.shape)
        spatial, index = self.spatial, self.index
        front = 0
        while len(shape) > 2 and shape[0] == 1 and len(shape) >= len(spatial) and shape != spatial:
            front, shape = front + 1, shape[1:]
        if shape not in (spatial, spatial[-2:]):
            raise ImageError(
                f"the mask has shape {shape}, but the image {spatial}: choose a Labels layer of "
                "the image's shape"
            )
        return lazy_cut(labels, (0,) * front + (index if shape == spatial else index[-2:]))

    def __call__(self) -> NDArray[np.bool_]:
        """Return which pixels are inside."""
        inside: NDArray[np.bool_] = np.asarray(self.lazy()) != 0
        return inside


def _window(low: Any, high: Any, shape: tuple[int, int], message: str) -> Window:
    starts = np.clip(low, 0, shape).astype(int).tolist()
    stops = np.clip(high, 0, shape).astype(int).tolist()
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        raise ImageError(message)
    return (slice(starts[0], stops[0]), slice(starts[1], stops[1]))


def _ellipse(corners: Any) -> NDArray[np.float64]:
    """Return a polygon in the place of an ellipse given by the corners of its box."""
    corners = np.asarray(corners, float)
    turn = np.linspace(0, 2 * np.pi, ELLIPSE, endpoint=False)[:, None]
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    centre = corners.mean(axis=0)
    return np.asarray(centre + np.cos(turn) * first + np.sin(turn) * second)


def _to_pixels(shapes: Any, points: Any, layer: Any) -> NDArray[np.float64]:
    """Return points of a shapes layer in pixels of another layer; missing axes are 0."""
    result = []
    for point in points:
        world = np.asarray(shapes.data_to_world(tuple(point)))
        full = np.zeros(layer.ndim)
        common = min(layer.ndim, len(world))
        full[layer.ndim - common :] = world[len(world) - common :]
        result.append(layer.world_to_data(tuple(full)))
    return np.asarray(result, float)
