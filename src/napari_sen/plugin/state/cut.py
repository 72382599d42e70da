"""Parts of an array that are read only when their pixels are asked for; no Qt and no napari."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ...errors import ImageError

__all__ = ["Cut", "Unfinished", "check_finished", "is_finished", "lazy_cut"]

# An index, or a part, of each axis.
Keys = tuple[int | slice, ...]


class Cut:
    """A part of an array: slicing gives a smaller part, ``numpy.asarray`` reads.

    zarr reads as soon as it is sliced, dask makes a graph and is cached by napari; this does
    neither.

    Parameters
    ----------
    read : callable
        From an index or a slice with both ends for each axis to an array without the indexed axes.
    shape : sequence of int
        Of the whole.
    dtype : dtype
        Of the pixels.
    """

    def __init__(
        self,
        read: Callable[[Keys], Any],
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        keys: Keys | None = None,
    ) -> None:
        self._read = read
        self._keys: Keys = tuple(slice(0, int(n)) for n in shape) if keys is None else keys
        self._whole = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.shape = tuple(k.stop - k.start for k in self._keys if isinstance(k, slice))
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, given: Any) -> Any:
        """Return a part; an array where ``given`` is more than indices and slices of step 1."""
        keys = list(given) if isinstance(given, tuple) else [given]
        if any(key is ... for key in keys):
            at = next(i for i, key in enumerate(keys) if key is ...)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        if not all(map(_is_plain, keys)):
            return np.asarray(self)[given]
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices for {self.ndim} axes")
        left = iter(keys)
        parts = tuple(
            key if isinstance(key, int) else _within(key, next(left, slice(None)))
            for key in self._keys
        )
        return type(self)(self._read, self._whole, self.dtype, keys=parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read it."""
        values = np.asarray(self._read(self._keys))
        return values if dtype is None else values.astype(dtype)


def _is_plain(key: Any) -> bool:
    if isinstance(key, slice):
        return key.step in (None, 1)
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def _within(part: slice, key: Any) -> int | slice:
    """Return what a key means inside a part."""
    inside = range(part.start, part.stop)
    if not isinstance(key, slice):
        return inside[int(key)]
    start, stop, _ = key.indices(len(inside))
    return slice(part.start + start, part.start + max(start, stop))


class Unfinished(Cut):
    """A part of what is still being made: good to look at, not to work on."""


def is_finished(layer: Any) -> bool:
    """Return whether a layer shows no result that is still being made."""
    return not isinstance(layer.data[0] if layer.multiscale else layer.data, Unfinished)


def check_finished(layer: Any) -> None:
    """Raise ImageError if a layer shows a result that is not finished."""
    if not is_finished(layer):
        raise ImageError(
            f"layer {layer.name!r} is not finished: wait for it, or go on with what makes it"
        )


def lazy_cut(data: Any, index: Sequence[int | slice]) -> Any:
    """Return ``data[index]`` without reading it; ``data`` is any array that a layer holds."""
    if not index:
        return data
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data[tuple(index)]
    return Cut(lambda keys: data[keys], data.shape, data.dtype)[tuple(index)]
