"""Where the histograms of the boundary strength begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..core.features import Statistics, colour_features
from ..core.strength import PERCENTILES
from ..progress import Progress
from ..tiles.geometry import TILE, Box, TileGrid
from ..tiles.image import Image
from ..tiles.percentiles import Digits, Percentiles, count_digits
from .work import Step, Steps, Work

__all__ = ["find_limits"]

# Tiles of which the limits of histograms are taken: beyond, more change them by less than a bin.
_SAMPLED = 1024


def find_limits(work: Work, stats: Statistics) -> Steps:
    """Find where the histograms of each slice's boundary strength begin and end.

    They are those of the whole slice up to a thousand tiles (600 million pixels); beyond, of a
    thousand tiles spread evenly over it.
    """
    image = work.image
    grid = TileGrid(image.spatial, TILE[image.n_spatial])
    chosen = sorted({k * len(grid) // _SAMPLED for k in range(_SAMPLED)})
    if len(grid) <= _SAMPLED:
        chosen = list(range(len(grid)))
    for which in range(image.n_slices):
        if which in work.done("histograms"):
            continue
        tiles = [(image.index(which), grid.box(k)) for k in chosen]
        found = Percentiles(image.raster.channels, np.dtype(np.float32), PERCENTILES)
        for level in range(found.passes):
            task = partial(_count_colour, image, stats, found.prefixes, level)
            for _, digits in work.run(task, tiles):
                found.add(digits)
                yield Step(which, image.n_slices, "histograms")
            found.end_pass()
        work.note("histograms", which, [side.tolist() for side in found.result()])
    yield Step(image.n_slices, image.n_slices, "histograms")
    done = work.done("histograms")
    return np.array([done[which] for which in range(image.n_slices)])


def _count_colour(
    image: Image,
    stats: Statistics,
    prefixes: Sequence[tuple[int, int]],
    level: int,
    tile: tuple[tuple[int, ...], Box],
    poll: Progress | None,
) -> Digits:
    """Count the colour features of one tile, towards the limits of their histograms."""
    index, box = tile
    colour = colour_features(image.raster.read(index, box), image.raster.rgb, stats)
    inside = image.inside(index, box)
    rows = colour.reshape(-1, colour.shape[-1]) if inside is None else colour[inside]
    return count_digits(rows, prefixes, level)
