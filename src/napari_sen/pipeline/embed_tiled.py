"""The embedding of an image that need not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import check_planes
from ..core.snic import checked_mask
from ..disk import sync
from ..io.image_file import ImageFile
from ..progress import Progress
from ..tiles.geometry import TILE, Box, TileGrid, tile_sides
from ..tiles.output import Place
from ..tiles.pyramid import Pyramid
from ..tiles.source import Source
from .run import Run, Step
from .tiled import label_grid, settled_spacing
from .tiles import TileJob, box_embedding

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["EmbedRun"]


class EmbedRun(Run):
    """Embedding, tile by tile; see :class:`~napari_sen.pipeline.run.Run`.

    The mean shift needs landmarks of each plane's density. They are those of the whole plane, and
    found before: the network sees no more than a window around each of them, so that of a plane of
    any size it sees at most 180 million pixels (for 1024 landmarks).

    Attributes
    ----------
    dim : int
        Length D of a pixel's embedding.
    """

    name = "embedding"

    def __init__(
        self,
        file: ImageFile,
        source: Source,
        mask: Source | None,
        place: Place,
        model: Model,
        *,
        clustered: bool = False,
        spacing: Sequence[float] | None = None,
        tile: int | Sequence[int] | None = None,
        device: str = "auto",
        scheduler: Any = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(source, mask, place, model, scheduler=scheduler, overwrite=overwrite)
        check_planes(source.channels, model.planes)
        if mask is not None and (mask.shape != source.shape or mask.dtype.kind not in "biu"):
            checked_mask(np.broadcast_to(np.ones((), mask.dtype), mask.shape), source.shape)
        self._clustered, self._device = clustered, device
        size = settled_spacing(file.spacing if spacing is None else spacing, source)
        self.grid = label_grid(file, source, size)
        sides = tile_sides(tile, source.spatial, n_spatial=source.n_spatial)
        self._tiles = TileGrid(source.spatial, sides)
        self.dim, self._landmarks = model.dim, model.mean_shift.params.landmarks

    def identity(self) -> dict[str, Any]:
        """Return all that the embedding depends on."""
        mine = {"clustered": self._clustered, "tile": list(self._tiles.tile)}
        return super().identity() | mine

    def stages(self) -> Iterator[Step]:
        """Measure, find landmarks, embed, make the coarse levels."""
        yield from self.measure()
        target = Pyramid.plan(
            self.place.store.resolve(),
            self.source.shape,
            np.float32,
            self.grid.axes,
            self._tiles.tile,
            channels=self.dim,
            labels=False,
        )
        job = TileJob(
            source=self.source,
            mask=self.mask,
            stats=self.statistics(),
            model=self.model_file(),
            device=self._device,
            threads=None if self._pool.local else 1,
            grid=self._tiles,
            target=target,
        )
        if self._clustered:
            yield from self._find_landmarks(job)
        self.create(target, self.grid)
        task = partial(_embed_tile, job, str(self.place.journal.resolve()), self._clustered)
        yield from self.pieces("embedding", task, job.n_tiles, where=lambda i: job.place(i)[1:])
        yield from self.later_levels(target)

    def _find_landmarks(self, job: TileJob) -> Iterator[Step]:
        """Find the landmarks of every plane, piece by piece, then let them shift."""
        assert self._model is not None
        plans = plan_landmarks(self.source.spatial[-2:], self._landmarks)
        planes = math.prod(self.source.leading) * math.prod(self.source.spatial[:-2])
        folder = self.place.journal.resolve()
        task = partial(_embed_landmarks, job, plans, str(folder))
        yield from self.pieces("landmarks", task, planes * len(plans))
        for plane in self._journal.left("series", planes):
            parts = [
                np.load(_landmark_file(str(folder), plane * len(plans) + k), allow_pickle=False)
                for k in range(len(plans))
            ]
            order = np.argsort(np.concatenate([plan.numbers for plan in plans]))
            series = self._model.landmark_series(np.concatenate(parts)[order])
            path = _series_file(str(folder), plane)
            np.save(path, series, allow_pickle=False)
            sync(path)
            self._journal.add("series", plane)


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

    box: Box
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


def _landmark_file(folder: str, piece: int) -> Path:
    return Path(folder, f"landmarks-{piece}.npy")


def _series_file(folder: str, plane: int) -> Path:
    return Path(folder, f"series-{plane}.npy")


def _embed_landmarks(
    job: TileJob, plans: list[LandmarkPlan], folder: str, piece: int, poll: Progress | None
) -> None:
    """Keep the embeddings of one box's landmarks."""
    plane, which = divmod(piece, len(plans))
    plan = plans[which]
    axes = job.source.leading + job.source.spatial[:-2]
    at = tuple(int(k) for k in np.unravel_index(plane, axes)) if axes else ()
    index, depth = at[: len(job.source.leading)], at[len(job.source.leading) :]
    box = (*((z, z + 1) for z in depth), *plan.box)
    rows = box_embedding(job, index, box, poll)
    rows = rows.reshape(rows.shape[-3:])
    corner = np.array([start for start, _ in plan.box])
    path = _landmark_file(folder, piece)
    np.save(path, rows[tuple((plan.points - corner).T)], allow_pickle=False)
    sync(path)


def _embed_tile(
    job: TileJob, folder: str, clustered: bool, item: int, poll: Progress | None
) -> None:
    """Write the embedding of one tile."""
    which, index, core = job.place(item)
    rows = box_embedding(job, index, core, poll)
    if clustered:
        assert job.model is not None
        model = job.model.load(job.threads)
        depths = range(*core[0]) if len(core) == 3 else [0]
        per_slice = math.prod(job.source.spatial[:-2])
        for z, plane in zip(depths, rows.reshape(-1, *rows.shape[-3:]), strict=True):
            series = np.load(_series_file(folder, which * per_slice + z), allow_pickle=False)
            plane[...] = model.shift(plane, series, device=job.device, progress=poll)
    job.target.write(index, core, rows)
