"""The merge tree of an image that need not fit in memory: its leaves' graph, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import colour_features, smoothing_reach
from ..core.graph import Regions
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.strength import gradient_magnitude
from ..errors import ParameterError
from ..io.memory import available_memory
from ..params import HierarchyParams, SegmentParams
from ..progress import Progress
from ..tiles.geometry import Box, as_slices, grow, shift
from ..tiles.region_graph import PartialGraph, add_up, tile_graph
from .tiles import Job, box_features, box_half_discs

__all__ = ["box_strength", "check_memory", "fine_params", "keep_graphs", "merged"]

_PER_LEAF = 400  # bytes, beside its features: measured by benchmarks/large.py --tree


def fine_params(tree: HierarchyParams, count: int) -> SegmentParams:
    """Return how the leaves of a tree are made."""
    return SegmentParams(
        n_segments=count,
        compactness=tree.fine_compactness,
        smoothing=tree.smoothing,
        colour_weight=tree.colour_weight,
        embedding_weight=tree.embedding_weight or 0.0,  # settled before
        boundary_weight=0.0,
    )


def check_memory(leaves: int, channels: int, remedy: str) -> None:
    """Raise ParameterError if a tree does not fit in the free memory."""
    needed, there = leaves * (_PER_LEAF + 24 * channels), available_memory()
    if (there is not None and needed > there) or leaves > np.iinfo(np.int32).max:
        raise ParameterError(
            f"the tree of {leaves / 1e6:.0f} million leaves takes {needed / 1e9:.1f} GB: {remedy}"
        )


def keep_graphs(
    jobs: Sequence[Job], tree: HierarchyParams, folder: str, item: int, poll: Progress | None
) -> None:
    """Keep the region graphs of one tile, one for each label map of the same features."""
    job = jobs[0]
    which, index, core = job.place(item)
    window = _and_next(core, job.source.spatial)
    strength = None
    if tree.boundary_weight:
        strength = box_strength(job, tree, which, index, window, poll)
    features = box_features(job, index, core, poll)
    for part, other in enumerate(jobs):
        labels = other.target.read(index, window)
        found = tile_graph(labels, features, strength, window, core, job.spacing)
        found.save(_graph_file(folder, part, item))


def _and_next(core: Box, shape: Sequence[int]) -> Box:
    """Return a box with the next pixel at the end of each axis, where there is image."""
    return tuple((start, min(stop + 1, n)) for (start, stop), n in zip(core, shape, strict=True))


def box_strength(
    job: Job,
    tree: HierarchyParams,
    which: int,
    index: tuple[int, ...],
    box: Box,
    poll: Progress | None,
) -> NDArray[np.float32]:
    """Return the boundary strength of a box, as it is in the whole slice (or volume)."""
    n = job.source.n_spatial
    reach = [1 + far for far in smoothing_reach(tree.boundary_smoothing, n, job.spacing)]
    seen = grow(box, reach, job.source.spatial)
    inside = job.inside(index, seen)
    smooth = colour_features(
        job.source.read(index, seen),
        job.source.rgb,
        job.stats,
        tree.boundary_smoothing,
        n,
        spacing=job.spacing,
        mask=inside,
    )
    strength = gradient_magnitude(smooth, spacing=job.spacing, mask=inside)
    strength = strength[as_slices(shift(box, seen))]
    if tree.texture:
        strength = strength + np.float32(tree.texture) * box_half_discs(
            job, which, index, box, poll
        )
    return strength


def merged(
    job: Job, part: int, tree: HierarchyParams, folder: str, which: int
) -> tuple[Regions, Hierarchy]:
    """Return the graph and the tree of a slice with leaves; each leaf stands as one pixel."""
    tiles = range(which * len(job.grid), (which + 1) * len(job.grid))
    parts = (PartialGraph.load(_graph_file(folder, part, item)) for item in tiles)
    channels = PartialGraph.load(_graph_file(folder, part, tiles[0])).sums.shape[1]
    leaves = job.seeds.counts[which]
    regions = add_up(parts, job.seeds.first(which), leaves, channels)
    # The tree does not ask where leaves lie.
    each: NDArray[Any] = np.arange(1, leaves + 1, dtype=np.int32)[None]
    return regions, Hierarchy(each, merge_regions(regions, tree))


def _graph_file(folder: str, part: int, item: int) -> Path:
    return Path(folder, f"graph-{part}-{item}.npz")
