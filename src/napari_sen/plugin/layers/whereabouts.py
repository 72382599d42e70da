"""Where superpixels lie in the full image, in its pixels; no Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...io.grid import Grid
from ...io.pixel_size import equal_units, unit_name
from ..state.channels import guess_channel_axis
from ..state.placement import full_resolution, pixel_size
from .made import made_of

__all__ = ["Whereabouts", "whereabouts"]


@dataclass(frozen=True)
class Whereabouts:
    """The axes of a layer of superpixels that are those of its image, and where it begins.

    Attributes
    ----------
    shape : tuple of int
        Of the superpixels; an axis of length 1 is a slice of a stack.
    offset : tuple of int
        Their first pixel, in pixels of the full image.
    grid : Grid
        Axes and pixel size.
    n_spatial : int
        How many of the last axes hang together.
    """

    shape: tuple[int, ...]
    offset: tuple[int, ...]
    grid: Grid
    n_spatial: int


def whereabouts(layer: Any, channel_axis: int | None = None) -> Whereabouts:
    """Return where a Labels layer lies.

    Parameters
    ----------
    layer : napari.layers.Labels
        Superpixels, of an image of the dock or of any other.
    channel_axis : int, optional
        Of their image; by default as is likely.
    """
    about = made_of(layer)
    image = None if about is None else about.source
    shape = full_resolution(layer).shape
    place = np.zeros(layer.ndim)
    channel = None
    if image is not None:
        world = np.asarray(layer.data_to_world((0,) * layer.ndim))
        there = np.zeros(image.ndim)
        there[max(image.ndim - layer.ndim, 0) :] = world[-image.ndim :]
        place = np.asarray(image.world_to_data(there))[-layer.ndim :]
        axis = guess_channel_axis(image) if channel_axis is None else channel_axis
        if axis is not None:
            channel = axis - image.ndim  # counted from the end, as napari lines layers up
    keep = [k for k in range(layer.ndim) if k - layer.ndim != channel or shape[k] != 1][-4:]
    spatial = keep[-(3 if len(keep) > 2 else 2) :]
    units = [f"{layer.units[k]:~}" for k in keep]
    size, names = equal_units(pixel_size(layer)[keep].tolist(), [unit_name(u) for u in units])
    extent = None if about is None else about.extent
    grid = Grid.of(
        len(keep), spacing=tuple(size), units=tuple(names),
        translation=tuple(np.asarray(layer.translate, float)[keep].tolist()),
    )  # fmt: skip
    return Whereabouts(
        tuple(shape[k] for k in keep),
        tuple(int(x) for x in np.rint(place[keep])),
        grid,
        len(spatial) if extent is None else len(extent.shape),
    )
