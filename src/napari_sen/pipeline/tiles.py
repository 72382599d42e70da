"""What is done to one tile: the tasks of a tiled run, on a thread or on another machine.

A task gets the whole :class:`Job`, which is small, and the number of its tile; it opens the
source, reads what it needs to see, writes what the tile owns, and returns a small record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import Statistics, colour_features, network_planes, smoothing_reach
from ..core.snic import snic
from ..core.strength import half_disc_difference
from ..errors import ImageError
from ..params import SegmentParams
from ..progress import Progress
from ..tiles.embedding import embed_box
from ..tiles.geometry import Box, TileGrid, as_slices, grow, shift
from ..tiles.percentiles import Digits, count_digits
from ..tiles.pyramid import Pyramid
from ..tiles.seams import Fragments, find_fragments
from ..tiles.seeds import Seeds, keep_seeds, masked_seeds
from ..tiles.source import Source
from .features import half_disc_box, weighted

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = [
    "Job",
    "ModelFile",
    "TileJob",
    "box_embedding",
    "box_features",
    "box_half_discs",
    "count_colour",
    "repair_tile",
    "seam_tile",
    "seed_slice",
    "segment_tile",
    "superpixel_count",
    "write_superpixels",
]


@dataclass(frozen=True)
class ModelFile:
    """A model as it travels: where its file is, and what must be in it."""

    path: str
    sha256: str

    def load(self, threads: int | None = None) -> Model:
        """Return the model, read and checked once per process."""
        return _loaded(self.path, self.sha256, threads)


@lru_cache(maxsize=2)
def _loaded(path: str, sha256: str, threads: int | None) -> Model:
    import torch

    from ..errors import ModelError
    from ..learn.model import load_model

    if threads is not None:
        torch.set_num_threads(threads)
    model = load_model(path)
    if model.sha256 != sha256:
        raise ModelError(f"the weights in {path} have changed since the run began")
    return model


@dataclass(frozen=True)
class TileJob:
    """What the tasks of any run share.

    Attributes
    ----------
    source, mask : Source
        The image, and its mask or None.
    stats : Statistics
        Of the whole image.
    model : ModelFile or None
        For the embedding.
    device : str
        Where the network runs.
    threads : int or None
        Threads of torch in a worker of a cluster; None leaves them alone.
    grid : TileGrid
        Of one slice (or volume).
    target : Pyramid
        The result that grows.
    """

    source: Source
    mask: Source | None
    stats: Statistics
    model: ModelFile | None
    device: str
    threads: int | None
    grid: TileGrid
    target: Pyramid

    @property
    def n_tiles(self) -> int:
        """Number of tiles of the whole image."""
        return len(self.grid) * max(1, int(np.prod(self.source.leading, dtype=np.int64)))

    def place(self, item: int) -> tuple[int, tuple[int, ...], Box]:
        """Return slice number, slice index and core of a tile."""
        which, number = divmod(item, len(self.grid))
        index = np.unravel_index(which, self.source.leading) if self.source.leading else ()
        return which, tuple(int(k) for k in index), self.grid.box(number)

    def origin(self, which: int) -> int:
        """Return the flat place of a slice's first pixel."""
        return which * int(np.prod(self.source.spatial, dtype=np.int64))

    def inside(self, index: tuple[int, ...], box: Box) -> NDArray[np.bool_] | None:
        """Return the mask of a box; None where there is no mask."""
        if self.mask is None:
            return None
        found: NDArray[np.bool_] = self.mask.read(index, box)[..., 0] != 0
        return found


@dataclass(frozen=True)
class Job(TileJob):
    """What the tasks of a segmentation share.

    Attributes
    ----------
    spacing : tuple of float
        Pixel size along the spatial axes.
    params : SegmentParams
        Weights, smoothing, compactness.
    halo : tuple of int
        How far, in pixels, a tile's superpixels start around its core.
    seeds : Seeds
    limits : (slices, 2, C) array or None
        Where the histograms of the boundary strength begin and end; None without its weight.
    """

    spacing: tuple[float, ...]
    params: SegmentParams
    halo: tuple[int, ...]
    seeds: Seeds
    limits: NDArray[np.float64] | None


def seed_slice(
    mask: Source,
    count: Callable[[int], int],
    spacing: tuple[float, ...],
    connectivity: int,
    folder: str,
    which: int,
    poll: Progress | None,
) -> tuple[int, int]:
    """Find the seeds of one masked slice; return its pixels inside, and its seeds.

    ``count`` says how many superpixels so many pixels get.

    The whole slice's mask is in memory meanwhile: a seed for each of its parts needs all of it.
    """
    index = np.unravel_index(which, mask.leading) if mask.leading else ()
    whole = tuple((0, n) for n in mask.spatial)
    inside = mask.read(tuple(int(k) for k in index), whole)[..., 0] != 0
    pixels = int(inside.sum())
    wanted = count(pixels)
    points = np.empty((0, mask.n_spatial), np.int64)
    if wanted:
        points = masked_seeds(inside, wanted, spacing, connectivity)
    keep_seeds(Path(folder), which, points)
    return pixels, len(points)


def superpixel_count(
    params: SegmentParams, n_spatial: int, spacing: Sequence[float], pixels: int
) -> int:
    """Return how many superpixels a slice with so many pixels inside gets."""
    if pixels == 0:
        return 0
    if params.size is None:
        if params.n_segments > pixels:
            raise ImageError(
                f"n_segments is {params.n_segments}, but a slice has only {pixels} pixels: "
                "ask for fewer superpixels"
            )
        return params.n_segments
    # A superpixel has at least one pixel, however small the size.
    cell = max(params.size**n_spatial / math.prod(spacing), 1.0)
    return min(max(int(np.rint(pixels / cell)), 1), pixels)


def segment_tile(job: Job, item: int, poll: Progress | None) -> list[int]:
    """Write the superpixels of one tile; return how far, per axis, they reach from their seeds."""
    which, index, core = job.place(item)
    region = grow(core, job.halo, job.source.spatial)
    inside = job.inside(index, region)
    points, _ = job.seeds.window(which, region)
    if len(points) == 0 or (inside is not None and not inside.any()):
        return [0] * len(core)
    features = box_features(job, index, region, poll)
    boundary = box_boundary(job, which, index, region, poll)
    return write_superpixels(job, item, features, inside, boundary, poll)


def write_superpixels(
    job: Job,
    item: int,
    features: NDArray[np.float32],
    inside: NDArray[np.bool_] | None,
    boundary: NDArray[np.float32] | None,
    poll: Progress | None,
) -> list[int]:
    """Write the superpixels of one tile, whose features with the halo around are known.

    Returns how far, per axis, they reach from their seeds.
    """
    which, index, core = job.place(item)
    region = grow(core, job.halo, job.source.spatial)
    points, numbers = job.seeds.window(which, region)
    points = points - np.array([start for start, _ in region])
    local = snic(
        features,
        seeds=points,
        compactness=job.params.compactness or 0.0,  # settled before
        spacing=job.spacing,
        mask=inside,
        connectivity=job.params.connectivity,
        boundary=boundary,
        boundary_weight=job.params.boundary_weight or 0.0,
        step=job.seeds.step(which),
        progress=poll,
    )
    here = shift(core, region)
    kept = local[as_slices(here)]
    table = np.concatenate([[0], numbers]).astype(job.target.dtype)
    job.target.write(index, core, table[kept])
    return _reach(kept, points, here)


def _reach(labels: NDArray[np.int32], points: NDArray[np.int64], here: Box) -> list[int]:
    """Return the largest distance of a pixel from its seed along each axis."""
    result = []
    for axis, (start, stop) in enumerate(here):
        place = np.arange(start, stop).reshape([-1 if a == axis else 1 for a in range(len(here))])
        far = np.abs(np.append(points[:, axis], 0)[labels - 1] - place)
        result.append(int(np.where(labels > 0, far, 0).max(initial=0)))
    return result


def box_features(
    job: Job, index: tuple[int, ...], box: Box, poll: Progress | None
) -> NDArray[np.float32]:
    """Return what the pixels of a box are compared by, as it is in the whole image."""
    colour = rows = None
    if job.params.colour_weight > 0:
        colour = _box_colour(job, index, box)
    if job.model is not None and job.params.embedding_weight:
        rows = box_embedding(job, index, box, poll)
    return weighted(colour, rows, job.params)


def _box_colour(job: Job, index: tuple[int, ...], box: Box) -> NDArray[np.float32]:
    n, smoothing = job.source.n_spatial, job.params.smoothing
    seen = grow(box, smoothing_reach(smoothing, n, job.spacing), job.source.spatial)
    colour = colour_features(
        job.source.read(index, seen),
        job.source.rgb,
        job.stats,
        smoothing,
        n,
        spacing=job.spacing,
        mask=job.inside(index, seen),
    )
    return colour[as_slices(shift(box, seen))]


def count_colour(
    source: Source,
    mask: Source | None,
    stats: Statistics,
    prefixes: Sequence[tuple[int, int]],
    level: int,
    tile: tuple[tuple[int, ...], Box],
    poll: Progress | None,
) -> Digits:
    """Count the colour features of one tile, towards the limits of their histograms."""
    index, box = tile
    colour = colour_features(source.read(index, box), source.rgb, stats, 0.0, source.n_spatial)
    rows = colour.reshape(-1, colour.shape[-1])
    if mask is not None:
        rows = colour[mask.read(index, box)[..., 0] != 0]
    return count_digits(rows, prefixes, level)


def box_boundary(
    job: Job, which: int, index: tuple[int, ...], box: Box, poll: Progress | None
) -> NDArray[np.float32] | None:
    """Return what growth enters last in a box; None without a weight."""
    if job.limits is None or not job.params.boundary_weight:
        return None
    return box_half_discs(job, which, index, box, poll)


def box_half_discs(
    job: Job, which: int, index: tuple[int, ...], box: Box, poll: Progress | None
) -> NDArray[np.float32]:
    """Return the half-disc difference of a box, as it is in the whole slice (or volume)."""
    assert job.limits is not None
    seen = half_disc_box(box, job.source.spatial)
    colour = colour_features(
        job.source.read(index, seen), job.source.rgb, job.stats, 0.0, job.source.n_spatial
    )
    strength = half_disc_difference(
        colour, mask=job.inside(index, seen), limits=job.limits[which], progress=poll
    )
    return strength[as_slices(shift(box, seen))]


def box_embedding(
    job: TileJob, index: tuple[int, ...], box: Box, poll: Progress | None
) -> NDArray[np.float32]:
    """Return the raw embedding of a box; of a volume plane by plane."""
    assert job.model is not None
    model = job.model.load(job.threads)
    height, width = job.source.spatial[-2:]

    def embedded(plane: Box) -> NDArray[np.float32]:
        def read(seen: Box) -> NDArray[Any]:
            values = job.source.read(index, (*plane, *seen))
            planes = network_planes(values, job.source.rgb, job.stats, model.planes)
            return planes.reshape(planes.shape[len(plane) :])

        return embed_box(read, (height, width), box[-2:], model, job.device, poll)

    if job.source.n_spatial == 2:
        return embedded(())
    return np.stack([embedded(((z, z + 1),)) for z in range(*box[0])])


def seam_tile(job: Job, reach: tuple[int, ...], item: int, poll: Progress | None) -> Fragments:
    """Return the pieces of one tile's labels that do not hang together with their seed."""
    which, index, core = job.place(item)
    window = grow(core, [far + 1 for far in reach], job.source.spatial)
    points, numbers = job.seeds.window(which, core)
    return find_fragments(
        job.target.read(index, window),
        window,
        core,
        points,
        numbers,
        shape=job.source.spatial,
        origin=job.origin(which),
        inside=job.inside(index, window),
        connectivity=job.params.connectivity,
    )


def repair_tile(
    job: Job, work: tuple[int, NDArray[np.int64], NDArray[np.int64]], poll: Progress | None
) -> None:
    """Give pixels of one tile, named by their flat places, other labels."""
    item, places, labels = work
    which, index, core = job.place(item)
    block = job.target.read(index, core)
    at = np.unravel_index(places - job.origin(which), job.source.spatial)
    block[tuple(a - start for a, (start, _) in zip(at, core, strict=True))] = labels
    job.target.write(index, core, block, again=True)
