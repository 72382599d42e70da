"""An OME-Zarr 0.5 multiscale image that grows tile by tile, safely from many writers.

Writers of one shard lose each other's data without an error, so a shard of the finest level is
exactly one tile. Coarser levels whose part of a tile is not too small are sharded likewise and
grow with it; the rest is made at the end, level by level.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray

from ..disk import patiently, remove_file, sync
from ..errors import OutputError
from ..io.grid import Grid
from ..io.ome_zarr import (
    SMALLEST,
    VERSION,
    halve_by_mean,
    halve_by_stride,
    multiscale,
    omero_rgb,
    place,
)
from .geometry import Box, TileGrid
from .ledger import wrote

__all__ = ["Pyramid", "check_aligned", "n_levels"]

_CHUNK = 256
_LIVE = 128  # px: a tile's part of a level that is written with it has at least this side
_LATE = 1024  # px: side of a shard of the levels made at the end

Region = tuple[slice, ...]


@dataclass(frozen=True)
class Pyramid:
    """A multiscale image on disk; small enough to travel to every worker.

    Attributes
    ----------
    path : str
        Folder of the zarr group.
    axes : str
        One letter per stored axis, as in ``tczyx``.
    shape : tuple of int
        Stored shape of the finest level.
    tile : tuple of int
        Sides of a tile in stored axes: 1 along axes that are looped over, all channels.
    levels : int
        Number of levels.
    labels : bool
        Labels are made coarser by stride, other images by the mean.
    dtype : str
        Of the pixels.
    """

    path: str
    axes: str
    shape: tuple[int, ...]
    tile: tuple[int, ...]
    levels: int
    labels: bool
    dtype: str

    @classmethod
    def plan(
        cls,
        path: Path,
        shape: Sequence[int],
        dtype: DTypeLike,
        axes: str,
        tile: Sequence[int],
        *,
        channels: int | None = None,
        labels: bool = True,
        levels: int | None = None,
    ) -> Pyramid:
        """Return what :meth:`create` makes.

        Parameters
        ----------
        path : Path
            Of the group.
        shape : sequence of int
            Without channels.
        dtype : dtype
            Of the pixels.
        axes : str
            One letter per axis of ``shape``.
        tile : sequence of int
            Sides along the spatial axes, which are the last ones.
        channels : int, optional
            For an axis of channels.
        labels : bool
            Whether it is a label map.
        levels : int, optional
            Number of levels; by default halved until no side along y and x is above 256.
        """
        whole = tuple(shape)
        sides = (1,) * (len(whole) - len(tile)) + tuple(tile)
        if channels is not None:
            at = int(axes.startswith("t"))
            axes = axes[:at] + "c" + axes[at:]
            whole = (*whole[:at], channels, *whole[at:])
            sides = (*sides[:at], channels, *sides[at:])
        count = n_levels(whole[-2:]) if levels is None else levels
        return cls(str(path), axes, whole, sides, count, labels, np.dtype(dtype).name)

    def create(
        self,
        grid: Grid,
        name: str,
        *,
        source: str | None = None,
        rgb: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the group, its empty arrays and its metadata.

        Parameters
        ----------
        grid : Grid
            Where the pixels lie.
        name : str
            Of the image.
        source : str, optional
            Where the labels' image is, relative to their group.
        rgb : bool
            Whether the channels are red, green and blue.
        about : mapping, optional
            Further attributes of the group.
        """
        group = zarr.create_group(self.path, zarr_format=3)
        datasets = []
        for level in range(self.levels):
            shards = self.shards(level)
            group.create_array(
                str(level),
                shape=self.level_shape(level),
                chunks=tuple(_chunk(side) for side in shards),
                shards=shards,
                dtype=self.dtype,
                fill_value=0,
                dimension_names=list(self.axes),
            )
            there = place(self.axes, grid, 1 << level, centred=not self.labels)
            datasets.append({"path": str(level), "coordinateTransformations": there})
        ome: dict[str, Any] = {
            "version": VERSION,
            "multiscales": [multiscale(name, self.axes, grid, datasets)],
        }
        if self.labels:
            ome["image-label"] = {"version": VERSION}
            if source is not None:
                ome["image-label"]["source"] = {"image": source}
        if rgb:
            ome["omero"] = omero_rgb(np.dtype(self.dtype))
        group.attrs.update({"ome": ome, **(about or {})})
        for path in Path(self.path).rglob("zarr.json"):
            wrote(path)

    @property
    def live(self) -> int:
        """Number of levels that are written with each tile."""
        sides = self.tile[-2:]
        level = 0
        while level < self.levels and all(
            side % (1 << level) == 0 and (level == 0 or side >> level >= _LIVE) for side in sides
        ):
            level += 1
        return level

    def level_shape(self, level: int) -> tuple[int, ...]:
        """Return the stored shape of a level."""
        return (*self.shape[:-2], *(-(-n >> level) for n in self.shape[-2:]))

    def shards(self, level: int) -> tuple[int, ...]:
        """Return the stored sides of a shard of a level."""
        if level < self.live:
            return (*self.tile[:-2], *(side >> level for side in self.tile[-2:]))
        return (*self.tile[:-2], _LATE, _LATE)

    def array(self, level: int = 0) -> Any:
        """Open the array of a level."""
        return zarr.open_array(f"{self.path}/{level}", mode="r+")

    def read(self, index: Sequence[int], box: Box) -> NDArray[Any]:
        """Return the finest pixels of a box of one slice (or volume), channels last."""
        values = np.asarray(self.array()[self._region(index, box)])
        if "c" in self.axes:
            values = np.moveaxis(values, self.axes.index("c"), -1)
        return values.reshape(values.shape[len(index) :])

    def write(
        self, index: Sequence[int], box: Box, block: NDArray[Any], *, again: bool = False
    ) -> None:
        """Write a whole tile to all levels that grow with it, through to the disk.

        Parameters
        ----------
        index : sequence of int
            The slice (or volume).
        box : Box
            The tile's core.
        block : (*spatial[, C]) array
            Its pixels.
        again : bool
            Whether the tile was finished before. What lies there of one that was not may be
            damaged, and zarr reads it even where all is replaced; so it is removed first.

        Raises
        ------
        OutputError
            If the box is no whole tile: its shards would then have several writers.
        """
        region = self._region(index, box)
        values = block[(None,) * len(index)]
        if "c" in self.axes:
            values = np.moveaxis(values, -1, self.axes.index("c"))
        for level in range(self.live):
            if level:
                values = self._halve(values)
                region = (
                    *region[:-2],
                    *(slice(r.start >> 1, -(-r.stop >> 1)) for r in region[-2:]),
                )
            self._put(level, region, values, again=again)

    def late_pieces(self, level: int) -> int:
        """Return into how many pieces the making of a later level is cut."""
        return len(TileGrid(self.level_shape(level), self.shards(level)))

    def make_late(self, level: int, piece: int) -> None:
        """Make one piece of a level from the level below it."""
        box = TileGrid(self.level_shape(level), self.shards(level)).box(piece)
        below = self.level_shape(level - 1)
        region = (
            *(slice(*edges) for edges in box[:-2]),
            *(
                slice(2 * start, min(2 * stop, n))
                for (start, stop), n in zip(box[-2:], below[-2:], strict=True)
            ),
        )
        values = self._halve(np.asarray(self.array(level - 1)[region]))
        self._put(level, tuple(slice(*edges) for edges in box), values)

    def _halve(self, values: NDArray[Any]) -> NDArray[Any]:
        return (halve_by_stride if self.labels else halve_by_mean)(values, self.axes)

    def _region(self, index: Sequence[int], box: Box) -> Region:
        region = [*(slice(k, k + 1) for k in index), *(slice(*edges) for edges in box)]
        if "c" in self.axes:
            at = self.axes.index("c")
            region.insert(at, slice(0, self.shape[at]))
        return tuple(region)

    def _put(
        self, level: int, region: Region, values: NDArray[Any], *, again: bool = False
    ) -> None:
        array = self.array(level)
        check_aligned(region, array.shards, array.shape)
        ranges = [
            range(part.start // side, -(-part.stop // side))
            for part, side in zip(region, array.shards, strict=True)
        ]
        shards = [
            Path(self.path, str(level), array.metadata.encode_chunk_key(key))
            for key in itertools.product(*ranges)
        ]
        if not again:
            for shard in shards:
                remove_file(shard)
        pixels = values.astype(array.dtype, copy=False)
        patiently(lambda: array.__setitem__(region, pixels))  # a viewer may show them meanwhile
        for shard in shards:
            sync(shard)
            sync(shard.parent)
            wrote(shard)


def check_aligned(region: Region, shards: Sequence[int], shape: Sequence[int]) -> None:
    """Raise OutputError unless a region is made of whole shards: others may write the rest."""
    for part, side, n in zip(region, shards, shape, strict=True):
        if part.start % side or (part.stop % side and part.stop != n):
            raise OutputError(
                f"a tile must be a multiple of the shard ({side}), but one spans "
                f"{part.start}...{part.stop}: two writers of one shard lose data"
            )


def n_levels(sides: Sequence[int]) -> int:
    """Return how many levels it takes until no side along y and x is above 256."""
    return 1 + max(0, math.ceil(math.log2(max(sides) / SMALLEST)))


def _chunk(side: int) -> int:
    """Return the largest divisor of a shard's side that is at most 256."""
    return next(part for part in range(min(side, _CHUNK), 0, -1) if side % part == 0)
