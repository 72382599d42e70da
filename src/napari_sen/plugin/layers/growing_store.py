"""A result that grows on disk, read so that a viewer never waits; no Qt and no napari in here.

A viewer asks for its pixels in the thread of its window. So what it asks for is answered from
memory alone: a coarse picture of the whole, kept up to date tile by tile, and the tiles looked at
last. A tile that is not in memory is shown coarsely, read in a thread, and announced.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ...tiles.geometry import Box, TileGrid, as_slices, box_shape, shift
from ..state.cut import Cut, Unfinished

if TYPE_CHECKING:
    from ...tiles.pyramid import Pyramid

__all__ = ["GrowingStore", "displayed"]

log = logging.getLogger("napari_sen")

COARSE = 1 << 24  # pixels of the picture of the whole, at most
KEPT = 256_000_000  # bytes of tiles kept in memory, or as many as are in view

# A piece of a tile at a level: level, number of the tile, the index along axes cut to one pixel.
_Key = tuple[int, int, tuple[int | None, ...]]


class GrowingStore:
    """The pixels of a growing store. All methods may be called from any thread.

    Parameters
    ----------
    target : Pyramid
        The store; it is there already.

    Attributes
    ----------
    grid : TileGrid
        The tiles, in the stored axes.
    step : int
        Pixels along y and x that one of the picture of the whole stands for.
    patient : bool
        Whether :meth:`read` waits for the disk: for when no one asks for news any longer.
    """

    def __init__(self, target: Pyramid) -> None:
        self.target = target
        self.grid = TileGrid(target.shape, target.tile)
        self.dtype = np.dtype(target.dtype)
        self.step = 1 << min(target.live, target.levels - 1)
        while np.prod(self._coarse_shape(), dtype=np.int64) > COARSE and self.step < max(
            target.shape[-2:]
        ):
            self.step *= 2
        self._coarse = np.zeros(self._coarse_shape(), self.dtype)
        self._arrays = [
            zarr.open_array(f"{target.path}/{level}", mode="r") for level in range(target.live)
        ]
        self._lock = Lock()
        self._there = np.zeros(len(self.grid), np.int64)  # how often each tile was noted
        self._kept: OrderedDict[_Key, NDArray[Any]] = OrderedDict()
        self._wanted: list[_Key] = []
        self._in_view = 0
        self.patient = False
        self._reading = self._closed = False
        self._arrived = self._grown = False
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="napari-sen-view")
        self._scanner = ThreadPoolExecutor(1, thread_name_prefix="napari-sen-scan")
        self.scanned = self._scanner.submit(self._scan)

    def close(self) -> None:
        """Read nothing any more; what is in memory is still shown."""
        with self._lock:
            self._closed = True
            self._wanted = []
        self._threads.shutdown(wait=False)
        self._scanner.shutdown(wait=False)

    @property
    def n_done(self) -> int:
        """Number of tiles that are there."""
        return int(np.count_nonzero(self._there))

    def add(self, index: Sequence[int], box: Box) -> None:
        """Take note of a tile that was written."""
        region = [*((k, k + 1) for k in index), *box]
        if "c" in self.target.axes:
            region.insert(self.target.axes.index("c"), (0, 1))
        at = tuple(start // side for (start, _), side in zip(region, self.grid.tile, strict=True))
        self._add(int(np.ravel_multi_index(at, self.grid.counts)))

    def has_news(self, grown: bool = True) -> bool:
        """Return, once, whether tiles in view have been read or, if asked, tiles were added."""
        with self._lock:
            found = self._arrived or (grown and self._grown)
            if found:
                self._arrived = self._grown = False
            return found

    def read(self, level: int, box: Box) -> NDArray[Any]:
        """Return a box of a level in the stored axes, as far as it is known by now."""
        whole = self._from_coarse(level, box)
        if level >= self.target.live or 1 << level >= self.step:
            return whole
        n = self.target.shape
        finest = (
            *box[:-2],
            *((a << level, min(b << level, m)) for (a, b), m in zip(box[-2:], n[-2:], strict=True)),
        )
        keys, bytes_in_view = [], 0
        with self._lock:
            for number in self.grid.touching(finest):
                if not (self._there[number] or self.patient):
                    continue
                key = self._key(level, number, box)
                piece_box = self._piece_box(key)
                keys.append((key, piece_box))
                bytes_in_view += int(np.prod(box_shape(piece_box))) * self.dtype.itemsize
            found = [(piece_box, self._kept.get(key)) for key, piece_box in keys]
            for key, _ in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)
            missing = [key for key, _ in keys if key not in self._kept]
            self._in_view = bytes_in_view
            self._evict()
            self._want([] if self.patient else missing)
        if self.patient:
            found = [(piece_box, self._load(key)) for key, piece_box in keys]
        for piece_box, piece in found:
            if piece is not None:
                common = _common(piece_box, box)
                inner = piece[as_slices(shift(common, piece_box))]
                whole[as_slices(shift(common, box))] = inner
        return whole

    def wait(self) -> None:
        """Wait until all that was asked for is in memory; for tests."""
        self.scanned.result()
        self._threads.submit(lambda: None).result()

    def _coarse_shape(self) -> tuple[int, ...]:
        shape = self.target.shape
        return (*shape[:-2], *(-(-n // self.step) for n in shape[-2:]))

    def _from_coarse(self, level: int, box: Box) -> NDArray[Any]:
        rows, columns = ((np.arange(a, b) << level) // self.step for a, b in box[-2:])
        part = self._coarse[as_slices(box[:-2])]
        return part[..., rows, :][..., columns]

    def _scan(self) -> None:
        """Take note of the tiles that an earlier run has written."""
        level = self._source_level
        array = self._arrays[level]
        for number in range(len(self.grid)):
            if self._closed:
                return
            at = np.unravel_index(number, self.grid.counts)
            key = array.metadata.encode_chunk_key(tuple(int(k) for k in at))
            if not self._there[number] and Path(self.target.path, str(level), key).exists():
                self._add(number, again=False)

    @property
    def _source_level(self) -> int:
        """The level of which the picture of the whole is taken."""
        return min(self.target.live - 1, self.step.bit_length() - 1)

    def _add(self, number: int, again: bool = True) -> None:
        """Take a tile into the picture of the whole; not ``again``: unless it is there by then."""
        level, step = self._source_level, self.step
        box = self._shard(level, number)
        block = self._load((level, number, (None,) * len(box)))
        if block is None:
            return
        core = self.grid.box(number)
        firsts = [-(-start // step) for start, _ in core[-2:]]
        inner = tuple(
            slice((first * step >> level) - start, None, step >> level)
            for first, (start, _) in zip(firsts, box[-2:], strict=True)
        )
        thin = block[..., inner[0], inner[1]]
        place = tuple(
            slice(first, first + n) for first, n in zip(firsts, thin.shape[-2:], strict=True)
        )
        with self._lock:
            if self._there[number] and not again:
                return
            self._coarse[(*as_slices(core[:-2]), *place)] = thin
            self._there[number] += 1
            for key in [key for key in self._kept if key[1] == number]:
                del self._kept[key]
            self._grown = True

    def _shard(self, level: int, number: int) -> Box:
        """Return the part of a level that a tile owns."""
        box = self.grid.box(number)
        return (*box[:-2], *((start >> level, -(-stop >> level)) for start, stop in box[-2:]))

    def _key(self, level: int, number: int, box: Box) -> _Key:
        """Return the piece of a tile that a box wants; along axes of one pixel only that one."""
        wanted = zip(box, self._shard(level, number), strict=True)
        return level, number, tuple(a if b - a == 1 < d - c else None for (a, b), (c, d) in wanted)

    def _piece_box(self, key: _Key) -> Box:
        level, number, cut = key
        return tuple(
            edges if at is None else (at, at + 1)
            for at, edges in zip(cut, self._shard(level, number), strict=True)
        )

    def _want(self, keys: list[_Key]) -> None:
        """Have these pieces read, and no others that were asked for before."""
        if self._closed:
            return
        self._wanted = keys
        if keys and not self._reading:
            self._reading = True
            self._threads.submit(self._fetch)

    def _load(self, key: _Key) -> NDArray[Any] | None:
        """Read a piece; None where the store is gone or damaged: the run tells of that."""
        try:
            return np.asarray(self._arrays[key[0]][as_slices(self._piece_box(key))])
        except Exception:
            log.debug("%s of %s cannot be shown", key, self.target.path, exc_info=True)
            return None

    def _fetch(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._reading = False
                    return
                key = self._wanted.pop(0)
                version = self._there[key[1]]
            values = self._load(key)
            with self._lock:
                if values is None or self._there[key[1]] != version:
                    continue  # it was written again meanwhile
                self._kept[key] = values
                self._arrived = True
                self._evict()

    def _evict(self) -> None:
        size = sum(piece.nbytes for piece in self._kept.values())
        while size > max(KEPT, self._in_view):
            size -= self._kept.popitem(last=False)[1].nbytes


def _common(one: Box, other: Box) -> Box:
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


def displayed(store: GrowingStore, level: int, order: Sequence[int | None]) -> Cut:
    """Return a level as an array for a viewer.

    Parameters
    ----------
    store : GrowingStore
    level : int
    order : sequence of (int or None)
        The stored axis behind each axis; None for one of length 1 that is not stored.
    """
    whole = store.target.level_shape(level)

    def read(keys: tuple[int | slice, ...]) -> NDArray[Any]:
        box = [(0, 1)] * len(whole)
        for axis, key in zip(order, keys, strict=True):
            if axis is not None:
                box[axis] = (key, key + 1) if isinstance(key, int) else (key.start, key.stop)
        values = store.read(level, tuple(box))
        values = values.transpose([axis for axis in order if axis is not None])
        values = np.expand_dims(values, [i for i, axis in enumerate(order) if axis is None])
        return values[tuple(0 if isinstance(key, int) else slice(None) for key in keys)]

    return Unfinished(read, [1 if axis is None else whole[axis] for axis in order], store.dtype)
