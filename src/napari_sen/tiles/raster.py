"""A lazy image whose axes are settled, read box by box; it travels to other processes."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.image import interpret
from ..errors import ImageError, SenError, WorkError, said
from ..io.image_file import ImageFile, as_colour
from ..io.place import is_remote, resolved
from .geometry import Box, as_slices

__all__ = ["Opening", "Raster", "Source", "open_raster", "stamp"]


@dataclass(frozen=True)
class Opening:
    """How a file is opened again as it was before.

    Attributes
    ----------
    series : int or None
        Which of several images in the file.
    labels : bool
        Whether it is a mask.
    as_colour : bool
        Whether its axis of channels is moved last, as red, green and blue.
    part : {"data", "inside"}
        The pixels, or the file's own mask.
    """

    series: int | None = None
    labels: bool = False
    as_colour: bool = False
    part: str = "data"


@dataclass(frozen=True)
class Source:
    """Where pixels are read from; it travels to other processes.

    Attributes
    ----------
    path : str or None
        Where it is opened anew by every process; None for an array, which then travels itself.
    array : array or None
        The lazy array; None once the source has travelled by its path.
    opening : Opening
        How it is opened there.
    """

    path: str | None
    array: Any
    opening: Opening = Opening()

    def __getstate__(self) -> dict[str, Any]:
        """Travel by path where there is one: open files do not."""
        state = dict(self.__dict__)
        if self.path is not None:
            state["array"] = None
        return state

    def read(self, keys: Sequence[int | slice]) -> NDArray[Any]:
        """Return a part.

        Raises
        ------
        WorkError
            If it cannot be read, or the source is gone.
        """
        array = self.array
        if array is None and self.path is not None:
            array = _opened(self.path, _changed(self.path), self.opening)
        try:
            values = _pixels(array, tuple(keys))
            self._check_there()
        except (SenError, MemoryError):
            raise
        except Exception as error:  # readers promise no common class
            raise WorkError(
                f"cannot read {self.path or 'the image'} at {tuple(keys)} "
                f"({type(error).__name__}: {said(error)}): make it readable again, then resume"
            ) from error
        return values

    def _check_there(self) -> None:
        """Raise WorkError if the folder is gone: zarr takes missing chunks for empty ones."""
        if self.path is not None and not _is_there(self.path):
            raise WorkError(f"the image {self.path} is gone: bring it back, then resume")


@dataclass(frozen=True)
class Raster:
    """An image on disk, or a lazy array, understood as the in-memory path would.

    Attributes
    ----------
    source : Source
        Where its pixels are.
    leading, spatial : tuple of int
        Shape of the axes that are looped over, and of one slice or volume.
    channels : int
        Number of channels, at least 1.
    dtype : numpy dtype
        Of the values.
    rgb : bool
        Whether the channels are red, green and blue (alpha is dropped).
    channel_axis : int or None
        The stored axis of the channels.
    has_alpha : bool
        Whether one more channel says how opaque the colours are.
    nodata : float or None
        The value of pixels without data: of any channel, or of all three colours.
    """

    source: Source
    leading: tuple[int, ...]
    spatial: tuple[int, ...]
    channels: int
    dtype: np.dtype
    rgb: bool
    channel_axis: int | None
    has_alpha: bool = False
    nodata: float | None = None

    @property
    def path(self) -> str | None:
        """Where it is opened anew by every process; None for an array."""
        return self.source.path

    @property
    def array(self) -> Any:
        """The lazy array; None once the source has travelled by its path."""
        return self.source.array

    @property
    def n_spatial(self) -> int:
        """2 or 3."""
        return len(self.spatial)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a label image of the whole."""
        return self.leading + self.spatial

    def read(self, index: Sequence[int], box: Box) -> NDArray[Any]:
        """Return the pixels of a box of one slice (or volume), channels last.

        Raises
        ------
        WorkError
            If they cannot be read, or the source is gone.
        """
        values = self._stored(index, box, self.channels)
        if self.nodata is None:
            return values
        return np.where(self._is_void(values)[..., None], values.dtype.type(0), values)

    def counts(self, index: Sequence[int], box: Box, *, finite: bool = False) -> NDArray[np.bool_]:
        """Return where a box holds pixels that count: with data, not transparent.

        With ``finite`` those that are NaN or infinite do not count either.
        """
        values = self._stored(index, box, self.channels + self.has_alpha)
        found = np.ones(values.shape[:-1], bool)
        if self.has_alpha:
            found &= values[..., -1] != 0
        values = values[..., : self.channels]
        if self.nodata is not None:
            found &= ~self._is_void(values)
        if finite and self.dtype.kind == "f":
            found &= np.isfinite(values).all(axis=-1)
        return found

    def _is_void(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        assert self.nodata is not None
        wanted: Any = self.nodata
        if values.dtype.kind == "f":  # as float32 has it, a value of float64 is another one
            with np.errstate(over="ignore"):
                wanted = values.dtype.type(wanted)
        if math.isinf(wanted) and not math.isinf(self.nodata):  # no pixel can have it
            return np.zeros(values.shape[:-1], bool)
        equal = np.isnan(values) if math.isnan(self.nodata) else values == wanted
        found: NDArray[np.bool_] = equal.all(axis=-1) if self.rgb else equal.any(axis=-1)
        return found

    def _stored(self, index: Sequence[int], box: Box, channels: int) -> NDArray[Any]:
        """Return so many channels of a box, last."""
        keys: list[int | slice] = [*index, *as_slices(box)]
        if self.channel_axis is None:
            return self.source.read(keys)[..., None]
        keys.insert(self.channel_axis, slice(0, channels))
        place = sum(isinstance(key, slice) for key in keys[: self.channel_axis])
        return np.moveaxis(self.source.read(keys), place, -1)

    def places(self, index: Sequence[int], box: Box) -> NDArray[np.int64]:
        """Return the flat place in the whole image of every pixel of a box."""
        origin = np.ravel_multi_index(tuple(index), self.leading) if self.leading else 0
        result = np.asarray(origin, np.int64)
        for (start, stop), n in zip(box, self.spatial, strict=True):
            result = result[..., None] * n + np.arange(start, stop)
        return result

    @property
    def name(self) -> str:
        """Name of the file or store, without its folders; empty for an array."""
        return "" if self.path is None else Path(self.path).name

    def fingerprint(self) -> int:
        """Return a checksum of shape, dtype and the values of boxes spread over the image.

        They lie along the diagonals of the slices, the first and the last slice among them.
        """
        found = zlib.crc32(repr((self.shape, self.channels, str(self.dtype), self.rgb)).encode())
        for k in range(_SAMPLES):
            index = tuple(k * (n - 1) // (_SAMPLES - 1) for n in self.leading)
            for direction in (k, _SAMPLES - 1 - k):
                steps = [k] * (len(self.spatial) - 1) + [direction]
                box = tuple(_sample(n, step) for n, step in zip(self.spatial, steps, strict=True))
                found = zlib.crc32(np.ascontiguousarray(self.read(index, box)).tobytes(), found)
        return found


_SAMPLES = 7  # boxes of a fingerprint along each diagonal


def _sample(length: int, step: int) -> tuple[int, int]:
    """Return one of :data:`_SAMPLES` intervals of up to 64 px spread over an axis."""
    start = step * max(0, length - 64) // (_SAMPLES - 1)
    return start, min(length, start + 64)


def _is_there(path: str) -> bool:
    if is_remote(path):
        from ..io.zarr import is_there

        return is_there(path)
    if not Path(path).is_dir():
        return Path(path).exists()
    return any(Path(path, mark).exists() for mark in _MARKS)


def stamp(path: str) -> int:
    """Return a checksum of sizes and times of a file, or of all files of a store.

    A store's labels are left out: they may be made meanwhile.
    """
    return zlib.crc32("\n".join(_files(path)).encode())


def _files(root: str) -> list[str]:
    """Return name, size and time of a file, or of every file of a store; names within it."""
    if not os.path.isdir(root):
        about = os.stat(root)
        return [f"{about.st_size} {about.st_mtime_ns}"]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - {"labels"})
        within = os.path.relpath(folder, root)
        for name in sorted(names):
            try:
                about = os.stat(os.path.join(folder, name))
            except FileNotFoundError:  # a link to nothing
                continue
            found.append(f"{within!a} {name!a} {about.st_size} {about.st_mtime_ns}")
    return found


_MARKS = ("zarr.json", ".zarray", ".zgroup")


def _changed(path: str) -> int:
    """Return when a file, or the head of a zarr folder, was last written; 0 of an address."""
    if is_remote(path):
        return 0
    heads = [Path(path), *(Path(path, mark) for mark in _MARKS)]
    return max((head.stat().st_mtime_ns for head in heads if head.is_file()), default=0)


@lru_cache(maxsize=8)
def _opened(path: str, changed: int, opening: Opening) -> Any:
    """Return the lazy array of a path, opened once per process and version."""
    from ..io.read import open_image

    file = open_image(path, series=opening.series, labels=opening.labels)
    return getattr(as_colour(file) if opening.as_colour else file, opening.part)


def _pixels(array: Any, keys: tuple[int | slice, ...]) -> NDArray[Any]:
    part = array[keys]
    if hasattr(part, "compute"):  # dask: a tile's task is itself run in parallel
        part = part.compute(scheduler="synchronous")
    return np.asarray(part)


def open_raster(
    image: ImageFile,
    *,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    slices: str | None = None,
    path: str | None = None,
    series: int | None = None,
) -> Raster:
    """Return an image as a raster; arguments as for :func:`napari_sen.core.image.interpret`.

    Parameters
    ----------
    image : ImageFile
        Its ``data`` may be lazy.
    path : str, optional
        Where it can be opened again.
    series : int, optional
        Which image of that file it is.

    Raises
    ------
    ImageError, ParameterError
        If the image cannot be used, or can be read in two ways.
    """
    moved = bool(rgb) and channel_axis is None and image.channel_axis is not None
    if moved:
        image = as_colour(image)
    if rgb is None and channel_axis is None:
        rgb, channel_axis = image.rgb, image.channel_axis
    try:
        dtype = np.dtype(image.data.dtype)
    except TypeError as error:
        raise ImageError(
            f"the image has the dtype {image.data.dtype}, not a numeric one"
        ) from error
    shape = tuple(int(n) for n in image.data.shape)
    # Of the right shape and dtype, but of one pixel's memory.
    stand_in = np.broadcast_to(np.zeros((), dtype), shape)
    canvas = interpret(stand_in, rgb=rgb, channel_axis=channel_axis, slices=slices)
    if canvas.rgb:
        axis: int | None = len(shape) - 1
    else:
        axis = None if channel_axis is None else channel_axis % len(shape)
    place = None if path is None else resolved(path)
    return Raster(
        Source(place, image.data, Opening(series, as_colour=moved)),
        canvas.leading,
        canvas.spatial,
        canvas.data.shape[-1],
        dtype,
        canvas.rgb,
        axis,
        canvas.rgb and shape[-1] == 4,
        image.nodata,
    )
