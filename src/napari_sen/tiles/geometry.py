"""The geometry of tiles: which part of an image a tile owns, and what it has to see of the rest.

Everything is a box: (start, stop) along each spatial axis of one slice or volume.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ..params import require, shown

__all__ = [
    "LATTICE",
    "Box",
    "TileGrid",
    "as_slices",
    "box_shape",
    "grow",
    "largest_window",
    "network_blocks",
    "network_window",
    "shift",
    "tile_sides",
    "with_next",
]

Box = tuple[tuple[int, int], ...]

LATTICE = 32  # the network's pooling lattice: five halvings
TILE = {2: (768, 768), 3: (64, 256, 256)}  # sides by number of spatial axes
BLOCK = 896  # largest side shown to the network at once beside its halo: 1 GB of memory


def tile_sides(
    tile: int | Sequence[int] | None, spatial: Sequence[int], *, n_spatial: int
) -> tuple[int, ...]:
    """Return the sides of a tile, one per spatial axis, or raise ParameterError.

    Parameters
    ----------
    tile : int or sequence of int, optional
        One side for y and x (a volume's tiles are 64 thick), or one per axis. Sides along y and
        x are multiples of 32; none need be larger than the image.
    spatial : sequence of int
        Shape of the slice or volume.
    n_spatial : int
        2 or 3.
    """
    if tile is None:
        return TILE[n_spatial]
    try:
        whole = np.atleast_1d(np.asarray(tile)).tolist()
    except ValueError as error:
        raise ParameterError(f"tile must be one or more numbers, got {shown(tile)}") from error
    if len(whole) == 1:
        whole = [*TILE[n_spatial][: n_spatial - 2], *whole * 2]
    if len(whole) != n_spatial:
        raise ParameterError(
            f"tile needs 1 or {n_spatial} numbers for this image, got {shown(tile)}"
        )
    for side in whole:
        require("tile", side, int, {"low": 1})
    if any(side % LATTICE for side in whole[-2:]):
        raise ParameterError(
            f"tile must be a multiple of {LATTICE} along y and x, got {shown(tile)}"
        )
    return tuple(int(side) for side in whole)


@dataclass(frozen=True)
class TileGrid:
    """A shape cut into tiles, numbered in row-major order; those at the end may be smaller.

    Attributes
    ----------
    shape : tuple of int
        Shape of the slice or volume.
    tile : tuple of int
        Sides of a tile.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of tiles along each axis."""
        return tuple(-(-n // side) for n, side in zip(self.shape, self.tile, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def box(self, number: int) -> Box:
        """Return the part of the image that a tile owns: its core."""
        index = np.unravel_index(number, self.counts)
        return tuple(
            (int(k) * side, min((int(k) + 1) * side, n))
            for k, side, n in zip(index, self.tile, self.shape, strict=True)
        )

    def place(self, item: int) -> tuple[int, Box]:
        """Return slice number and core of a tile of a stack, numbered through its slices."""
        which, number = divmod(item, len(self))
        return which, self.box(number)

    def touching(self, box: Box) -> Iterator[int]:
        """Yield the numbers of the tiles that share a pixel with a box, rising."""
        ranges = [
            range(start // side, -(-stop // side))
            for (start, stop), side in zip(box, self.tile, strict=True)
        ]
        for index in itertools.product(*ranges):
            yield int(np.ravel_multi_index(index, self.counts))


def grow(box: Box, halo: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box that reaches ``halo`` further on all sides, as far as there is image."""
    return tuple(
        (max(0, start - more), min(n, stop + more))
        for (start, stop), more, n in zip(box, halo, shape, strict=True)
    )


def with_next(box: Box, shape: Sequence[int]) -> Box:
    """Return a box with the next pixel at the end of each axis, where there is image."""
    return tuple((start, min(stop + 1, n)) for (start, stop), n in zip(box, shape, strict=True))


def largest_window(shape: Sequence[int], tile: Sequence[int], reach: Sequence[int]) -> int:
    """Return how many pixels a tile and what lies within some pixels of it hold at most."""
    zipped = zip(shape, tile, reach, strict=True)
    return math.prod(min(n, side + 2 * far) for n, side, far in zipped)


def shift(box: Box, origin: Box) -> Box:
    """Return a box in the coordinates of one that holds it."""
    return tuple(
        (start - begin, stop - begin) for (start, stop), (begin, _) in zip(box, origin, strict=True)
    )


def as_slices(box: Box) -> tuple[slice, ...]:
    """Return a box as an index."""
    return tuple(slice(start, stop) for start, stop in box)


def box_shape(box: Box) -> tuple[int, ...]:
    """Return the shape of a box."""
    return tuple(stop - start for start, stop in box)


def network_blocks(start: int, stop: int, largest: int = BLOCK) -> list[tuple[int, int]]:
    """Cut an interval into equal pieces that begin on the pooling lattice (but for the first)."""
    begin = start // LATTICE * LATTICE
    count = -(-(stop - begin) // largest)
    side = -(-(stop - begin) // (count * LATTICE)) * LATTICE
    edges = [start, *range(begin + side, stop, side), stop]
    return list(itertools.pairwise(edges))


def network_window(
    start: int, stop: int, size: int, radius: int, levels: int
) -> tuple[int, NDArray[np.int64]]:
    """Return what the network is shown along one axis so that an interval comes out as in whole.

    The whole image is padded by reflection at its end, up to a multiple of ``2**levels``. A
    window begins on the pooling lattice, reaches over the receptive field, and ends on the
    lattice or at the padded end, so that the layers' own borders act where they do in the whole.

    Parameters
    ----------
    start, stop : int
        The interval, px.
    size : int
        Length of the image along this axis.
    radius : int
        Receptive field of the network, px.
    levels : int
        Number of halvings, at most 5.

    Returns
    -------
    begin : int
        First position of the window.
    source : (W,) int64 array
        The image's pixel at each position of the window: reflected beyond ``size``.
    """
    step = 1 << levels
    padded = max(2, -(-size // step)) * step
    halo = -(-radius // LATTICE) * LATTICE
    begin = max(0, start // LATTICE * LATTICE - halo)
    end = min(padded, -(-stop // LATTICE) * LATTICE + halo)
    # As `napari_sen.learn.network.reflect_indices`, for a part of the axis.
    period = max(1, 2 * (size - 1))
    place = np.arange(begin, end, dtype=np.int64) % period
    return begin, np.minimum(place, period - place) if size > 1 else np.zeros_like(place)
