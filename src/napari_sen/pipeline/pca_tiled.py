"""An embedding on disk as colours, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.pca import Directions, pca_directions, sample_step
from ..disk import sync
from ..io.image_file import ImageFile
from ..progress import Progress
from ..tiles.geometry import TILE, TileGrid
from ..tiles.output import Place
from ..tiles.pyramid import Pyramid
from ..tiles.source import Source
from .run import Run, Step
from .tiled import label_grid, settled_spacing

__all__ = ["PcaRun"]


class PcaRun(Run):
    """The three main directions of an embedding as red, green and blue: see ``pca_rgb``."""

    name = "principal components"

    def __init__(self, file: ImageFile, source: Source, place: Place, **options: Any) -> None:
        super().__init__(source, None, place, None, **options)
        self.grid = label_grid(file, source, settled_spacing(file.spacing, source))
        self._tiles = TileGrid(source.spatial, TILE[source.n_spatial])

    def stages(self) -> Iterator[Step]:
        """Take a sample, find its directions, colour all, make the coarse levels."""
        folder = str(self.place.journal.resolve())
        count = len(self._tiles) * int(np.prod(self.source.leading, dtype=np.int64))
        yield from self.pieces(
            "sample", partial(_sample_tile, self.source, self._tiles, folder), count
        )
        found = self._journal.load("directions")
        if found is None:
            parts = [
                np.load(_sample_file(folder, item), allow_pickle=False) for item in range(count)
            ]
            rows = np.concatenate(parts)  # the place stands first
            rows = rows[np.argsort(rows[:, 0], kind="stable"), 1:]
            self._journal.save("directions", **pca_directions(rows.astype(np.float32)).__dict__)
            found = self._journal.load("directions")
            assert found is not None
        target = Pyramid.plan(
            self.place.store.resolve(),
            self.source.shape,
            np.uint8,
            self.grid.axes,
            self._tiles.tile,
            channels=3,
            labels=False,
        )
        self.create(target, self.grid, rgb=True)
        task = partial(_colour_tile, self.source, self._tiles, target, Directions(**found))
        yield from self.pieces(
            "colours", task, count, where=lambda i: _tile(self.source, self._tiles, i)
        )
        yield from self.later_levels(target)


def _tile(source: Source, tiles: TileGrid, item: int) -> Any:
    which, number = divmod(item, len(tiles))
    index = np.unravel_index(which, source.leading) if source.leading else ()
    return tuple(int(k) for k in index), tiles.box(number)


def _sample_file(folder: str, item: int) -> Path:
    return Path(folder, f"sample-{item}.npy")


def _sample_tile(
    source: Source, tiles: TileGrid, folder: str, item: int, poll: Progress | None
) -> None:
    """Keep every n-th pixel of the whole image that lies in one tile, its place before it."""
    index, box = _tile(source, tiles, item)
    places = source.places(index, box)
    chosen = places % sample_step(int(np.prod(source.shape, dtype=np.int64))) == 0
    rows = source.read(index, box)[chosen]
    path = _sample_file(folder, item)
    np.save(path, np.column_stack([places[chosen], rows.astype(np.float64)]), allow_pickle=False)
    sync(path)


def _colour_tile(
    source: Source,
    tiles: TileGrid,
    target: Pyramid,
    directions: Directions,
    item: int,
    poll: Progress | None,
) -> None:
    """Write the colours of one tile."""
    index, box = _tile(source, tiles, item)
    target.write(index, box, directions.colours(source.read(index, box)))
