"""The embedding of a part of an image, as it is in the embedding of the whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceMemoryError
from ..io.memory import NETWORK_BLOCK, available_memory
from ..processors import cores
from ..progress import Progress, part
from .geometry import BLOCK, LATTICE, Box, network_blocks, network_window

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["embed_box"]

SMALLEST = 4 * LATTICE  # px: blocks are not made smaller where the device has too little memory


@cache
def _turns(kind: str) -> BoundedSemaphore:
    """Return what tiles of this process wait for before they show the network a block.

    A block takes far more memory than the rest of a tile's work: on processors there are as many
    at once as half of the free memory holds, on another device one.
    """
    held = min(cores(), available_memory() // 2 // NETWORK_BLOCK)
    return BoundedSemaphore(max(1, held) if kind == "cpu" else 1)


def embed_box(
    read: Callable[[Box], NDArray[Any]],
    shape: tuple[int, int],
    box: Box,
    model: Model,
    device: str = "cpu",
    progress: Progress | None = None,
    *,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the raw embedding of a box of one slice.

    Parameters
    ----------
    read : callable
        Gives the network's planes of any box, (H, W, P) float32.
    shape : (int, int)
        Shape of the whole slice.
    box : Box
        What is wanted, along y and x.
    model : Model
        Its network decides how far the surroundings are read.
    device : str
        Where the network runs.
    progress : callable, optional
        Called often; may raise to stop the work.
    out : (H, W, D) float32 array, optional
        Written to and returned.

    Returns
    -------
    (H, W, D) float32 array
        That of the whole slice at this box, but for rounding (1e-6).
    """
    (top, bottom), (left, right) = box
    result = np.empty((bottom - top, right - left, model.dim), np.float32) if out is None else out
    largest = BLOCK
    while True:
        try:
            _embed_blocks(read, shape, box, model, device, progress, largest, result)
        except DeviceMemoryError:
            if largest <= SMALLEST:
                raise
            largest //= 2
        else:
            return result


def _embed_blocks(
    read: Callable[[Box], NDArray[Any]],
    shape: tuple[int, int],
    box: Box,
    model: Model,
    device: str,
    progress: Progress | None,
    largest: int,
    result: NDArray[np.float32],
) -> None:
    """Write the raw embedding of a box in blocks of at most this side."""
    from ..learn.device import resolve_device  # with torch: only where there is a model

    (top, bottom), (left, right) = box
    levels, radius = model.network.params.levels, model.receptive_field
    blocks = [
        *itertools.product(
            network_blocks(top, bottom, largest), network_blocks(left, right, largest)
        )
    ]
    turns = _turns(resolve_device(device).type)
    for k, ((y, y_stop), (x, x_stop)) in enumerate(blocks):
        y_begin, rows = network_window(y, y_stop, shape[0], radius, levels)
        x_begin, columns = network_window(x, x_stop, shape[1], radius, levels)
        seen = (_hull(rows), _hull(columns))
        planes = read(seen)[rows - seen[0][0]][:, columns - seen[1][0]]
        with turns:
            found = model.embed(planes, device=device, progress=part(progress, k, len(blocks)))
        result[y - top : y_stop - top, x - left : x_stop - left] = found[
            y - y_begin : y_stop - y_begin, x - x_begin : x_stop - x_begin
        ]


def _hull(places: NDArray[np.int64]) -> tuple[int, int]:
    return int(places.min()), int(places.max()) + 1
