"""The embedding of every pixel, and an embedding as colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.pca import Directions, pca_directions, sample_step
from ..progress import Progress
from ..tiles.geometry import TILE, TileGrid, tile_sides
from ..tiles.image import Image
from ..tiles.raster import Raster
from ..tiles.shelf import Shelf
from ..tiles.target import ArrayTarget, Target
from .tasks import Common
from .work import Product, Steps, Work, measure

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Colours", "Embedding"]


@dataclass(frozen=True)
class Embedding(Product):
    """The product of :func:`napari_sen.embed`.

    The mean shift needs landmarks of each plane's density. They are those of the whole plane, and
    in tiles found before: the network sees no more than a window around each of them, so that of a
    plane of any size it sees at most 180 million pixels (for 1024 landmarks).

    Attributes
    ----------
    dim : int
        Length D of a pixel's embedding.
    landmarks : int
        Number of landmarks of the mean shift.
    clustered : bool
        After the mean shift.
    """

    dim: int
    landmarks: int
    clustered: bool = False

    name = "embedding"

    @classmethod
    def by(cls, model: Model, clustered: bool, tile: Any = None) -> Embedding:
        """Return the embedding by a model."""
        return cls(model.dim, model.mean_shift.params.landmarks, clustered, tile=tile)

    def identity(self) -> dict[str, Any]:
        """Return all that the embedding depends on beside image and model."""
        return super().identity() | {"clustered": self.clustered}

    def stages(self, work: Work) -> Steps:
        """Measure, find landmarks, embed."""
        image = work.image
        stats = yield from measure(work)
        grid = work.grid(tile_sides(self.tile, image.spatial, n_spatial=image.n_spatial))
        common = Common.of(work, stats, grid)
        in_tiles = self.clustered and not work.is_whole
        if in_tiles:
            yield from self._find_landmarks(work, common)
        target = work.target(None, np.float32, grid, channels=self.dim, labels=False)
        task = partial(_embed_tile, common, target, self.clustered, in_tiles)
        yield from work.pieces("embedding", task, common.n_tiles, where=common.where)
        yield from work.finish(target)
        return target

    def _find_landmarks(self, work: Work, common: Common) -> Iterator[Any]:
        """Find the landmarks of every plane, piece by piece, then let them shift."""
        image, model = work.image, common.loaded()
        assert model is not None
        plans = plan_landmarks(image.spatial[-2:], self.landmarks)
        planes = image.n_slices * math.prod(image.spatial[:-2])
        task = partial(_embed_landmarks, common, plans)
        yield from work.pieces("landmarks", task, planes * len(plans))
        for plane in range(planes):
            if plane in work.done("series"):
                continue
            parts = [
                work.shelf.kept_array(_landmark_name(plane * len(plans) + k))
                for k in range(len(plans))
            ]
            order = np.argsort(np.concatenate([plan.numbers for plan in plans]))
            series = model.landmark_series(np.concatenate(parts)[order])
            work.shelf.keep_array(_series_name(plane), series)
            work.note("series", plane)

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of values a pixel."""
        return {"dimensions": self.dim}


@dataclass(frozen=True)
class LandmarkPlan:
    """Landmarks that lie in one box of a plane.

    Attributes
    ----------
    box : Box
        Along y and x.
    points : (L, 2) int64 array
        Positions in the plane.
    numbers : (L,) int64 array
        Their places in the row-major order of all.
    """

    box: tuple[tuple[int, int], ...]
    points: NDArray[np.int64]
    numbers: NDArray[np.int64]


def plan_landmarks(shape: Sequence[int], count: int) -> list[LandmarkPlan]:
    """Return the landmarks of a plane, sorted into boxes that are embedded one at a time.

    A box is what a tile's landmarks span; in huge planes a tile has one landmark at most.
    """
    from ..learn.mean_shift import landmark_indices

    grid = TileGrid(tuple(shape), TILE[2])
    flat = landmark_indices(shape[0], shape[1], count)
    points = np.column_stack(np.divmod(flat, shape[1]))
    plans = []
    for number in range(len(grid)):
        (top, bottom), (left, right) = grid.box(number)
        inside = (points >= [top, left]).all(axis=1) & (points < [bottom, right]).all(axis=1)
        if inside.any():
            mine = points[inside]
            around = tuple((int(a.min()), int(a.max()) + 1) for a in mine.T)
            plans.append(LandmarkPlan(around, mine, np.flatnonzero(inside)))
    return plans


def _landmark_name(piece: int) -> str:
    return f"landmarks-{piece}"


def _series_name(plane: int) -> str:
    return f"series-{plane}"


def _embed_landmarks(
    common: Common, plans: list[LandmarkPlan], piece: int, poll: Progress | None
) -> None:
    """Keep the embeddings of one box's landmarks."""
    plane, number = divmod(piece, len(plans))
    plan, image = plans[number], common.image
    which, flat = divmod(plane, math.prod(image.spatial[:-2]))
    depth = np.unravel_index(flat, image.spatial[:-2]) if image.spatial[:-2] else ()
    box = (*((int(z), int(z) + 1) for z in depth), *plan.box)
    rows = common.scene(which).embedding(box, progress=poll)
    rows = rows.reshape(rows.shape[-3:])
    corner = np.array([start for start, _ in plan.box])
    common.shelf.keep_array(_landmark_name(piece), rows[tuple((plan.points - corner).T)])


def _embed_tile(
    common: Common,
    target: Target,
    clustered: bool,
    in_tiles: bool,
    item: int,
    poll: Progress | None,
) -> None:
    """Write the embedding of one tile."""
    which, core = common.place(item)
    scene = common.scene(which)
    # In memory nothing is made beside the result: it is as large as all else together.
    out = target.read(scene.index, core) if isinstance(target, ArrayTarget) else None
    rows = scene.embedding(core, clustered=clustered and not in_tiles, out=out, progress=poll)
    if in_tiles:
        from ..learn.threads import few_threads  # with torch: only where there is a model

        model = common.loaded()
        assert model is not None
        depths = range(*core[0]) if len(core) == 3 else [0]
        per_slice = math.prod(common.image.spatial[:-2])
        for z, plane in zip(depths, rows.reshape(-1, *rows.shape[-3:]), strict=True):
            series = common.shelf.kept_array(_series_name(which * per_slice + z))
            with few_threads(common.threads):
                plane[...] = model.shift(plane, series, device=common.device, progress=poll)
    if out is None:
        target.write(scene.index, core, rows)


@dataclass(frozen=True)
class Colours(Product):
    """The three main directions of an embedding as red, green and blue: see ``pca_rgb``."""

    name = "principal components"

    def stages(self, work: Work) -> Steps:
        """Take a sample, find its directions, colour all."""
        image = work.image
        grid = work.grid(TILE[image.n_spatial])
        count = len(grid) * image.n_slices
        yield from work.pieces("sample", partial(_sample_tile, image, grid, work.shelf), count)
        kept = work.shelf.kept("directions")
        if kept is None:
            parts = [work.shelf.kept_array(f"sample-{item}") for item in range(count)]
            rows = np.concatenate(parts)  # the place stands first
            rows = rows[np.argsort(rows[:, 0], kind="stable"), 1:]
            kept = dict(pca_directions(rows.astype(np.float32)).__dict__)
            work.shelf.keep("directions", **kept)
        target = work.target(None, np.uint8, grid, channels=3, labels=False, rgb=True)
        task = partial(_colour_tile, image, grid, target, Directions(**kept))
        yield from work.pieces("colours", task, count, where=partial(_tile, image, grid))
        yield from work.finish(target)
        return target


def _tile(image: Image, grid: TileGrid, item: int) -> Any:
    which, box = grid.place(item)
    return image.index(which), box


def _sample_tile(
    image: Image, grid: TileGrid, shelf: Shelf, item: int, poll: Progress | None
) -> None:
    """Keep every n-th pixel of the whole image that lies in one tile, its place before it."""
    index, box = _tile(image, grid, item)
    raster: Raster = image.raster
    places = raster.places(index, box)
    chosen = places % sample_step(int(np.prod(raster.shape, dtype=np.int64))) == 0
    rows = raster.read(index, box)[chosen]
    shelf.keep_array(f"sample-{item}", np.column_stack([places[chosen], rows.astype(np.float64)]))


def _colour_tile(
    image: Image,
    grid: TileGrid,
    target: Target,
    directions: Directions,
    item: int,
    poll: Progress | None,
) -> None:
    """Write the colours of one tile."""
    index, box = _tile(image, grid, item)
    target.write(index, box, directions.colours(image.raster.read(index, box)))
