"""The seeds of an image, with a mask or without."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from ..tiles.geometry import TILE, TileGrid
from ..tiles.image import Image
from ..tiles.mask import empty_mask
from ..tiles.mask_seeds import MaskTiles, count_inside, stream_seeds
from ..tiles.seeds import Seeds, masked_seeds, seeds_name
from ..tiles.shelf import FolderShelf, Shelf
from .counts import CountRule
from .work import Step, Steps, Work

__all__ = ["WHOLE_MASK", "find_seeds", "plain_seeds"]

WHOLE_MASK = 1 << 25  # px of a slice whose mask is looked at in one piece: 32 MB


def plain_seeds(image: Image, rule: CountRule) -> Seeds:
    """Return the seeds of an image without a mask."""
    pixels, n = image.slice_pixels, image.n_slices
    return Seeds(image.spatial, image.spacing, (rule(pixels),) * n, (pixels,) * n)


def find_seeds(
    work: Work,
    rule: CountRule,
    connectivity: int,
    *,
    largest: int = WHOLE_MASK,
    sides: Sequence[int] | None = None,
) -> Steps:
    """Find the seeds of every slice; of a masked one above ``largest`` px tile by tile.

    ``sides`` are those of these tiles, by default those of all others that no one asks for.
    """
    image, mask = work.image, work.image.mask
    if mask is None:
        yield from ()
        return plain_seeds(image, rule)
    if image.slice_pixels <= largest or not isinstance(work.shelf, FolderShelf):
        task = partial(_seed_slice, image, rule, connectivity, work.shelf)
        yield from work.pieces("mask", task, image.n_slices)
    else:
        yield from _stream_masked(work, rule, connectivity, work.shelf, sides)
    counted = work.done("mask")
    pixels, counts = zip(*(counted[k] for k in range(image.n_slices)), strict=True)
    if not any(pixels):
        raise empty_mask()
    return Seeds(image.spatial, image.spacing, counts, pixels, work.shelf)


def _seed_slice(
    image: Image,
    rule: CountRule,
    connectivity: int,
    shelf: Shelf,
    which: int,
    poll: Progress | None,
) -> tuple[int, int]:
    """Find the seeds of one masked slice; return its pixels inside, and its seeds.

    The whole slice's mask is in memory meanwhile: a seed for each of its parts needs all of it.
    """
    inside = image.inside(image.index(which), image.whole)
    assert inside is not None
    pixels = int(inside.sum())
    wanted = rule(pixels)
    points = np.empty((0, image.n_spatial), np.int64)
    if wanted:
        points = masked_seeds(inside, wanted, image.spacing, connectivity)
    shelf.keep_array(seeds_name(which), points)
    return pixels, len(points)


def _stream_masked(
    work: Work,
    rule: CountRule,
    connectivity: int,
    shelf: FolderShelf,
    sides: Sequence[int] | None,
) -> Steps:
    """Find the seeds of masked slices that are never in memory as a whole."""
    image, mask = work.image, work.image.mask
    assert mask is not None
    grid = TileGrid(image.spatial, tuple(sides or TILE[image.n_spatial]))
    total = image.n_slices
    for which in range(total):
        if which in work.done("mask"):
            continue
        tiles = MaskTiles(mask, image.index(which), grid, image.spacing, connectivity, shelf.folder)
        counted: list[Any] = [None] * len(grid)
        for number, found in work.run(partial(count_inside, tiles), range(len(grid))):
            counted[number] = found
            yield Step(which, total, "mask")
        pixels = sum(count for count, _ in counted)
        points = np.empty((0, image.n_spatial), np.int64)
        if pixels:
            steps = stream_seeds(tiles, rule(pixels), counted, work.run)
            points = yield from _each_as(steps, Step(which, total, "mask"))
        shelf.keep_array(seeds_name(which), points)
        work.note("mask", which, [pixels, len(points)])
    yield Step(total, total, "mask")


def _each_as(
    steps: Generator[None, None, NDArray[np.int64]], step: Step
) -> Generator[Step, None, NDArray[np.int64]]:
    """Yield the same step for each of a generator's, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: NDArray[np.int64] = end.value
            return found
        yield step
