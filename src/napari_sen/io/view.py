"""Axes of a lazy array dropped or moved, or its values converted, without reading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Converted", "View"]


class View:
    """A lazy array with some axes fixed at an index and the others in another order.

    Indexing takes a tuple of slices and integers, as long as ``ndim`` or shorter, and reads.

    Parameters
    ----------
    array : array-like
        Has ``shape`` and ``dtype``; indexed by a tuple of slices and integers.
    order : sequence of int, optional
        The stored axes that are seen, in the order in which they are seen; all by default.
        Those left out are of length 1.
    """

    def __init__(self, array: Any, order: Sequence[int] | None = None) -> None:
        self._array = array
        self._order = tuple(range(len(array.shape)) if order is None else order)
        self.dtype = np.dtype(array.dtype)
        self.shape = tuple(int(array.shape[axis]) for axis in self._order)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))

    @property
    def stored(self) -> Any:
        """The array that is seen."""
        return self._array

    def moved_last(self, axis: int) -> View:
        """Return a view with one axis moved behind the others."""
        order = [*self._order[:axis], *self._order[axis + 1 :], self._order[axis]]
        return View(self._array, order)

    def __getitem__(self, keys: Any) -> Any:
        """Read a part; a tuple of indices that only drops axes of length 1 gives a view."""
        keys = keys if isinstance(keys, tuple) else (keys,)
        keys = tuple(
            part
            for key in keys
            for part in ([slice(None)] * (self.ndim - len(keys) + 1) if key is ... else [key])
        )
        keys += (slice(None),) * (self.ndim - len(keys))
        pairs = list(zip(self._order, keys, self.shape, strict=True))
        if all(key == slice(None) or (key == 0 and n == 1) for _, key, n in pairs):
            order = [axis for axis, key, _ in pairs if key == slice(None)]
            if len(order) < self.ndim:
                return View(self._array, order)
        stored: list[Any] = [0] * len(self._array.shape)
        for axis, key, _ in pairs:
            stored[axis] = key
        values = np.asarray(self._array[tuple(stored)])
        kept = [axis for axis, key, _ in pairs if isinstance(key, slice)]
        return values.transpose([sorted(kept).index(axis) for axis in kept])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        values: NDArray[Any] = self[...] if self.ndim else np.asarray(self._array[...])
        return values if dtype is None else values.astype(dtype)


class Converted:
    """A lazy array whose pixels pass through a function when they are read.

    Parameters
    ----------
    array : array-like
        What is read; it has ``shape`` and ``dtype``.
    function : callable
        From stored to shown values.
    takes : bool
        Whether the last axis of ``array`` holds samples that the function wants together.
    gives : int or None
        Length of the axis of samples that it returns; None: no such axis.
    """

    def __init__(
        self,
        array: Any,
        function: Callable[[NDArray[Any]], NDArray[Any]],
        *,
        takes: bool,
        gives: int | None,
    ) -> None:
        self._array, self._function, self._takes, self._gives = array, function, takes, gives
        pixels = tuple(array.shape[:-1] if takes else array.shape)
        self.shape = pixels if gives is None else (*pixels, gives)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        sample = (1,) * (len(pixels)) + tuple(array.shape[len(pixels) :])
        self.dtype = function(np.zeros(sample, array.dtype)).dtype

    def __getitem__(self, keys: Any) -> NDArray[Any]:
        """Read a part; the key of an axis of samples chooses among what the function returns."""
        keys = keys if isinstance(keys, tuple) else (keys,)
        if ... in keys:
            place = keys.index(...)
            rest = self.ndim - len(keys) + 1
            keys = (*keys[:place], *[slice(None)] * rest, *keys[place + 1 :])
        keys += (slice(None),) * (self.ndim - len(keys))
        pixels = keys if self._gives is None else keys[:-1]
        stored = (*pixels, slice(None)) if self._takes else pixels
        values = self._function(np.asarray(self._array[stored]))
        return values if self._gives is None else values[..., keys[-1]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return self[...] if dtype is None else self[...].astype(dtype)
