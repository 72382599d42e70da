"""The finest superpixels of a tree, grown tile by tile, and their region graph.

The network sees every pixel once: with a tile's leaves its task keeps the sums of their features,
and the boundary strength, from which the borders between leaves are measured once the seams are
mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import Statistics
from ..core.graph import Regions
from ..errors import ParameterError
from ..io.memory import available_memory
from ..params import MergeSettings, SnicSettings
from ..progress import Progress
from ..tiles.geometry import Box, grow, with_next
from ..tiles.image import Image
from ..tiles.region_graph import Borders, Sums, add_up, tile_borders, tile_sums
from ..tiles.seeds import Seeds
from ..tiles.target import Target
from .features import Scene, half_disc_box
from .growth import grow_superpixels, mend
from .limits import find_limits
from .parallel import in_threads
from .tasks import Common, Growth, label_dtype
from .tiling import settle_tiles
from .work import Steps, Work

__all__ = [
    "Leaves",
    "check_tree_memory",
    "fine_count",
    "grow_leaves",
    "leaf_count",
    "region_graph_of",
]

_PER_LEAF = 400  # bytes, beside its features: measured by benchmarks/large.py --tree


def fine_count(size: float, spacing: Sequence[float], pixels: int) -> int:
    """Return how many superpixels of a diameter, in px of the finest axis, so many pixels hold."""
    if pixels == 0:
        return 0
    cell = (size * min(spacing)) ** len(spacing)
    return min(max(round(pixels * float(np.prod(spacing)) / cell), 1), pixels)


def leaf_count(size: float, image: Image) -> Callable[[int], int]:
    """Return how many leaves of a diameter a slice gets, by its number of pixels inside."""
    return partial(fine_count, size, image.spacing)


def check_tree_memory(leaves: int, channels: int, remedy: str, others: int = 0) -> None:
    """Raise ParameterError if a tree, beside so many other bytes, does not fit in free memory."""
    needed, there = leaves * (_PER_LEAF + 24 * channels) + others, available_memory()
    if needed > there or leaves > np.iinfo(np.int32).max:
        raise ParameterError(
            f"the tree of {leaves / 1e6:.0f} million leaves takes {needed / 1e9:.1f} GB: {remedy}"
        )


@dataclass(frozen=True)
class Leaves:
    """Maps of leaves that grow on the same features, with the graphs of each on the shelf.

    Attributes
    ----------
    common : Common
    growths : tuple of Growth
        One for each map.
    merging : MergeSettings
        What the boundary strength is made of.
    strength : Target or None
        The boundary strength; None where nothing needs it later.
    """

    common: Common
    growths: tuple[Growth, ...]
    merging: MergeSettings
    strength: Target | None


def grow_leaves(
    work: Work,
    stats: Statistics,
    seeds: Sequence[Seeds],
    names: Sequence[str | None],
    settings: SnicSettings,
    merging: MergeSettings,
    *,
    tile: int | Sequence[int] | None,
    halo: float,
    keep_strength: bool = False,
) -> Steps:
    """Do all stages up to the region graphs; return the Leaves.

    Parameters
    ----------
    work : Work
    stats : Statistics
    seeds : sequence of Seeds
        Of each map of leaves.
    names : sequence of str or None
        Their targets; None is the result's.
    settings : SnicSettings
    merging : MergeSettings
    tile
        As in :class:`napari_sen.pipeline.work.Product`.
    halo : float
        Seed spacings that leaves see around a tile.
    keep_strength : bool
        Whether the boundary strength is needed after the graphs are made.
    """
    settled = [settle_tiles(each, tile, halo) for each in seeds]
    grid = work.grid(tuple(max(sides) for sides in zip(*(s for s, _ in settled), strict=True)))
    limits = None
    if needs_limits(merging) and not work.is_whole:
        limits = yield from find_limits(work, stats)
    common = Common.of(work, stats, grid, limits)
    growths = tuple(
        Growth(
            settings, each, reach,
            work.target(name, label_dtype(each.total), grid, n_labels=each.total),
        )
        for each, name, (_, reach) in zip(seeds, names, settled, strict=True)
    )  # fmt: skip
    strength = None
    if merging.boundary_weight and (keep_strength or len(grid) > 1):
        strength = work.target("strength", np.float32, grid, labels=False)
    leaves = Leaves(common, growths, merging, strength)
    yield from work.pieces(
        "superpixels", partial(_grow_tile, leaves), common.n_tiles, where=common.where
    )
    reached = work.done("superpixels").values()
    for part, growth in enumerate(growths):
        yield from mend(work, common, growth, [tile[part] for tile in reached], _suffix(part))
    if len(grid) > 1:
        yield from work.pieces("graph", partial(_measure_borders, leaves), common.n_tiles)
    return leaves


def needs_limits(merging: MergeSettings) -> bool:
    """Return whether the boundary strength compares histograms."""
    return bool(merging.boundary_weight and merging.texture)


def _suffix(part: int) -> str:
    return f"-{part}" if part else ""


def _grow_tile(leaves: Leaves, item: int, poll: Progress | None) -> list[list[int]]:
    """Write the leaves of one tile, keep the sums of their features and the boundary strength.

    Returns how far, per axis, those of each map reach from their seeds.
    """
    common, growths = leaves.common, leaves.growths
    which, core = common.place(item)
    scene = common.scene(which)
    halo = [max(far) for far in zip(*(growth.halo for growth in growths), strict=True)]
    seen = grow(core, halo, common.image.spatial)
    if needs_limits(leaves.merging) or common.threads > 1:
        scene.sharp(half_disc_box(seen, common.image.whole), poll)  # all that is seen, once
    inside = scene.inside(core)
    is_wanted = inside is None or bool(inside.any())
    half = common.threads // 2

    def features(inner: Progress | None) -> None:
        if is_wanted:
            settings = growths[0].settings.features
            scene.features(seen, settings, inner, threads=common.threads - half)

    def strength(inner: Progress | None) -> NDArray[np.float32] | None:
        if not (is_wanted and leaves.merging.boundary_weight):
            return None
        return scene.strength(core, leaves.merging, inner, threads=max(half, 1))

    def grown(growth: Growth, inner: Progress | None) -> list[int]:
        return grow_superpixels(common, growth, scene, item, inner)

    def done(task: Callable[[Progress | None], Any], inner: Progress | None) -> Any:
        return task(inner)

    # Side by side, where there are two: the network gains little from a second thread.
    stage = "boundaries" if scene.model is None else "embedding"
    both = [features, strength]
    _, measured = in_threads(done, both, poll, stage, common.threads, alike=False)
    reach = in_threads(grown, growths, poll, "superpixels", common.threads)
    _measure(leaves, scene, item, measured, poll)
    return reach


def _measure(
    leaves: Leaves,
    scene: Scene,
    item: int,
    strength: NDArray[np.float32] | None,
    poll: Progress | None,
) -> None:
    """Keep what one tile's leaves are compared by; of a slice that is one tile, the borders too."""
    common = leaves.common
    _, core = common.place(item)
    maps = [growth.target.read(scene.index, core) for growth in leaves.growths]
    if not any(labels.any() for labels in maps):
        features = np.zeros((*maps[0].shape, 0), np.float32)
        strength = None
    else:
        features = scene.features(core, leaves.growths[0].settings.features, poll)
    for part, labels in enumerate(maps):
        common.shelf.keep(_name("sums", part, item), **vars(tile_sums(labels, features)))
        if len(common.grid) == 1:
            _keep_borders(leaves, part, item, labels, strength, core)
    if leaves.strength is not None and strength is not None:
        leaves.strength.write(scene.index, core, strength)


def _measure_borders(leaves: Leaves, item: int, poll: Progress | None) -> None:
    """Keep the borders of one tile's leaves, once the seams are mended."""
    common = leaves.common
    which, core = common.place(item)
    index = common.image.index(which)
    window = with_next(core, common.image.spatial)
    strength = None if leaves.strength is None else leaves.strength.read(index, window)
    for part, growth in enumerate(leaves.growths):
        _keep_borders(leaves, part, item, growth.target.read(index, window), strength, window)


def _keep_borders(
    leaves: Leaves,
    part: int,
    item: int,
    labels: NDArray[np.integer],
    strength: NDArray[np.float32] | None,
    window: Box,
) -> None:
    common = leaves.common
    _, core = common.place(item)
    found = tile_borders(labels, strength, window, core, common.image.spacing)
    common.shelf.keep(_name("borders", part, item), **vars(found))


def _name(what: str, part: int, item: int) -> str:
    return f"{what}-{part}-{item}"


def region_graph_of(
    leaves: Leaves,
    which: int,
    part: int = 0,
    *,
    box: Box | None = None,
    drop: bool = False,
) -> tuple[Regions, range | NDArray[np.int64]]:
    """Return the region graph of a slice with leaves, and the leaves' labels.

    Parameters
    ----------
    leaves : Leaves
    which : int
        Number of the slice.
    part : int
        Number of the map of leaves.
    box : Box, optional
        Only the leaves whose seeds lie here; all by default.
    drop : bool
        Forget what the graph is made of.
    """
    common, seeds = leaves.common, leaves.growths[part].seeds
    first = which * len(common.grid)
    numbers: range | NDArray[np.int64]
    if box is None:
        numbers = range(seeds.first(which) + 1, seeds.first(which) + seeds.counts[which] + 1)
        items: Sequence[int] = range(first, first + len(common.grid))
    else:
        numbers = seeds.window(which, box)[1]
        items = [first + number for number in common.grid.touching(box)]

    def parts() -> Iterator[tuple[Sums, Borders]]:
        for item in items:
            names = [_name(what, part, item) for what in ("sums", "borders")]
            inner, borders = (common.shelf.kept(name) or {} for name in names)
            yield Sums(**inner), Borders(**borders)
            for name in names:
                if drop:
                    common.shelf.drop(name)

    return add_up(parts(), numbers), numbers
