"""How large tiles are, and how far beyond their cores they look."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import ParameterError
from ..params import SegmentParams
from ..tiles.geometry import TileGrid, tile_sides
from ..tiles.seeds import Seeds
from .counts import wanted_count

__all__ = ["HALO", "LEAF_HALO", "check_tiles", "planned_tiles", "settle_tiles"]

# Seed spacings that a tile sees around its core, by number of spatial axes: with 6 (5 in 3-D) at
# least 99.9 % of the labels are those of the whole (decision 010).
HALO = {2: 6.0, 3: 5.0}
# The same of leaves, whose trees turn on single ones: mosaics of photographs need 20 for 99.9 % of
# the superpixels (decision 045).
LEAF_HALO = {2: 20.0, 3: 8.0}

_LARGEST = 1 << 25  # px of a tile with its halo that no one asked for by name


def settle_tiles(
    seeds: Seeds, tile: int | Sequence[int] | None, halo: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the sides of tiles and their halo in px, or raise where they are too large."""
    spatial = seeds.shape
    reach = seeds.reach(halo)
    sides = tile_sides(tile, spatial, n_spatial=len(spatial))
    if tile is None:
        # A tile should not be small beside its halo.
        sides = tuple(
            max(side, -(-2 * far // side) * side) if axis >= len(sides) - 2 else side
            for axis, (side, far) in enumerate(zip(sides, reach, strict=True))
        )
    return sides, reach


def check_tiles(seeds: Seeds, tile: int | Sequence[int] | None, halo: float) -> None:
    """Raise ParameterError where tiles that no one asked for would be too large for the memory."""
    sides, reach = settle_tiles(seeds, tile, halo)
    zipped = zip(seeds.shape, sides, reach, strict=True)
    seen = math.prod(min(n, side + 2 * far) for n, side, far in zipped)
    if tile is None and seen > _LARGEST:
        raise ParameterError(
            f"tiles with a halo of {max(reach)} px would have {seen / 1e6:.0f} million pixels: "
            "ask for smaller ones (size=20, or a larger n_segments), or set "
            "tile= if the memory is there"
        )


def planned_tiles(
    params: SegmentParams,
    shape: Sequence[int],
    spacing: Sequence[float],
    tile: int | Sequence[int] | None = None,
) -> TileGrid:
    """Return the tiles of a slice (or volume) of this shape, as a run without a mask cuts it.

    Raises
    ------
    SenError
        If there can be no such run.
    """
    size, pixels = tuple(spacing), math.prod(shape)
    seeds = Seeds(tuple(shape), size, (wanted_count(params, size, pixels),), (pixels,))
    halo = HALO[len(size)]
    check_tiles(seeds, tile, halo)
    return TileGrid(tuple(shape), settle_tiles(seeds, tile, halo)[0])
