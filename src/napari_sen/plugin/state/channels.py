"""Which axis holds channels, and which layers are channels of one image.

No Qt in here, and no napari import: layers are used by their public attributes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .placement import full_resolution

__all__ = [
    "ChannelStack",
    "channel_names",
    "fits_as_channel",
    "guess_channel_axis",
    "likely_channels",
    "matching",
]

# So many channels at most, where no label says which axis holds them; and so much longer the
# axes of the picture are at least.
_MOST, _LONGER = 5, 8


def guess_channel_axis(layer: Any) -> int | None:
    """Return the axis that holds channels, by its label or by its length; None for none."""
    if layer.rgb or layer.ndim < 3:
        return None
    labels = [str(label).lower() for label in layer.axis_labels]
    for axis, label in enumerate(labels):
        if label in ("c", "channel", "channels"):
            return axis
    shape = full_resolution(layer).shape
    is_named = any(label.isalpha() for label in labels)
    is_short = 1 < shape[0] <= _MOST and min(shape[1:]) >= _LONGER * shape[0]
    return 0 if layer.ndim == 3 and is_short and not is_named and layer.scale[0] == 1 else None


def fits_as_channel(other: Any, layer: Any) -> bool:
    """Return whether a layer can be a channel beside the image."""
    if layer is None or other is layer or type(other).__name__ != "Image":
        return False
    if layer.rgb or other.rgb:
        return False
    return bool(full_resolution(other).shape == full_resolution(layer).shape)


def likely_channels(layer: Any, offered: Sequence[Any]) -> list[Any]:
    """Return those layers that look like channels of one image.

    napari blends all but the lowest of them by adding.
    """
    if layer is None or not offered:
        return []
    everyone = [layer, *offered]
    adding = sum(each.blending == "additive" for each in everyone)
    alike = all(np.allclose(each.scale, layer.scale) for each in offered)
    return list(offered) if alike and adding >= len(everyone) - 1 else []


def channel_names(layer: Any, axis: int | None, channels: Sequence[Any]) -> tuple[str, ...]:
    """Return what the channels are called, for people."""
    if layer.rgb:
        return ("red", "green", "blue")
    if channels:
        return tuple(str(each.name) for each in (layer, *channels))
    if axis is None:
        return ("intensity",)
    return tuple(f"channel {k}" for k in range(full_resolution(layer).shape[axis]))


class ChannelStack:
    """Arrays of one shape as the channels of an image, along a new first axis."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = arrays
        self.shape = (len(arrays), *arrays[0].shape)
        self.dtype = np.result_type(*(array.dtype for array in arrays))

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Return a part of every channel, in memory."""
        return np.stack([np.asarray(array[index[1:]]) for array in self.arrays])


def matching(layer: Any, data: Any, channel_axis: int | None, channels: Sequence[Any]) -> list[Any]:
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
