"""The growth of superpixels on one tile, and the seams between tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..core.snic import snic
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift
from ..tiles.seams import Fragments, find_fragments, joined, merge_fragments
from ..tiles.target import Target
from .features import Scene, half_disc_box
from .tasks import Common, Growth
from .work import Step, Work

__all__ = ["grow_superpixels", "mend"]


def grow_superpixels(
    common: Common, growth: Growth, scene: Scene, item: int, poll: Progress | None
) -> list[int]:
    """Write the superpixels of one tile of a scene.

    Returns how far, per axis, they reach from their seeds.
    """
    image, settings = common.image, growth.settings
    which, core = common.place(item)
    region = grow(core, growth.halo, image.spatial)
    inside = scene.inside(region)
    points, numbers = growth.seeds.window(which, region)
    if len(points) == 0 or (inside is not None and not inside.any()):
        return [0] * len(core)
    boundary = None
    if settings.boundary_weight:
        scene.sharp(half_disc_box(region, image.whole), poll)  # all that is seen, converted once
    features = scene.features(region, settings.features, poll)
    if settings.boundary_weight:
        boundary = scene.half_discs(region, poll)
    points = points - np.array([start for start, _ in region])
    local = snic(
        features,
        seeds=points,
        compactness=settings.compactness,
        spacing=image.spacing,
        mask=inside,
        connectivity=settings.connectivity,
        boundary=boundary,
        boundary_weight=settings.boundary_weight,
        step=growth.seeds.step(which),
        progress=poll,
    )
    here = shift(core, region)
    kept = local[as_slices(here)]
    table = np.concatenate([[0], numbers]).astype(growth.target.dtype)
    growth.target.write(scene.index, core, table[kept])
    return [0] * len(core) if len(common.grid) == 1 else _reach(kept, points, here)


def _reach(labels: NDArray[np.int32], points: NDArray[np.int64], here: Box) -> list[int]:
    """Return the largest distance of a pixel from its seed along each axis."""
    result = []
    for axis, (start, stop) in enumerate(here):
        place = np.arange(start, stop).reshape([-1 if a == axis else 1 for a in range(len(here))])
        far = np.abs(np.append(points[:, axis], 0)[labels - 1] - place)
        result.append(int(np.where(labels > 0, far, 0).max(initial=0)))
    return result


def mend(
    work: Work,
    common: Common,
    growth: Growth,
    reach: Sequence[Sequence[int]],
    part: str = "",
) -> Iterator[Step]:
    """Find pieces without a way to their seed in all tiles, then join them to neighbours.

    ``reach`` is what the tasks of all tiles returned; ``part`` tells the stages of several label
    maps apart. A slice that is one tile has no seams.
    """
    if len(common.grid) == 1:
        return
    farthest = tuple(np.max(reach, axis=0).tolist())
    stage = f"seams{part}"
    yield from work.pieces(
        stage, partial(_seam_tile, common, growth, farthest, part), common.n_tiles
    )
    decided = work.shelf.kept(f"joined{part}")
    if decided is None:
        tiles = sorted(item for item, count in work.done(stage).items() if count)
        found = merge_fragments(
            [Fragments(**work.shelf.kept(f"loose{part}-{item}") or {}) for item in tiles]
        )
        decided = {"pixels": found.pixels, "labels": joined(found)}
        work.shelf.keep(f"joined{part}", **decided)
    mending = _by_tile(common, decided["pixels"], decided["labels"])
    yield from work.pieces(
        f"mending{part}",
        partial(_repair_tile, common, growth.target),
        len(mending),
        work=lambda i: mending[i],
        where=lambda i: common.where(mending[i][0]),
    )


def _seam_tile(
    common: Common,
    growth: Growth,
    reach: tuple[int, ...],
    part: str,
    item: int,
    poll: Progress | None,
) -> int:
    """Keep the pieces of one tile's labels that are cut off from their seed; return how many."""
    image = common.image
    which, core = common.place(item)
    window = grow(core, [far + 1 for far in reach], image.spatial)
    points, numbers = growth.seeds.window(which, core)
    found = find_fragments(
        growth.target.read(image.index(which), window),
        window,
        core,
        points,
        numbers,
        shape=image.spatial,
        origin=which * image.slice_pixels,
        inside=image.inside(image.index(which), window),
        connectivity=growth.settings.connectivity,
    )
    if len(found):
        common.shelf.keep(f"loose{part}-{item}", **found.arrays())
    return len(found)


def _repair_tile(
    common: Common,
    target: Target,
    work: tuple[int, NDArray[np.int64], NDArray[np.int64]],
    poll: Progress | None,
) -> None:
    """Give pixels of one tile, named by their flat places, other labels."""
    item, places, labels = work
    which, core = common.place(item)
    index = common.image.index(which)
    block = target.read(index, core)
    at = np.unravel_index(places - which * common.image.slice_pixels, common.image.spatial)
    block[tuple(a - start for a, (start, _) in zip(at, core, strict=True))] = labels
    target.write(index, core, block, again=True)


def _by_tile(
    common: Common, pixels: NDArray[np.int64], labels: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Sort pixels, named by their flat places, into the tiles that own them."""
    if not len(pixels):
        return []
    of_slice = common.image.slice_pixels
    at = np.unravel_index(pixels % of_slice, common.image.spatial)
    tile = np.ravel_multi_index(
        tuple(a // side for a, side in zip(at, common.grid.tile, strict=True)), common.grid.counts
    )
    item = pixels // of_slice * len(common.grid) + tile
    order = np.argsort(item, kind="stable")
    items, first = np.unique(item[order], return_index=True)
    pieces = np.split(order, first[1:])
    return [(int(i), pixels[p], labels[p]) for i, p in zip(items, pieces, strict=True)]
