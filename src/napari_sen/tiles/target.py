"""What a run writes to: an array in memory here, a pyramid on disk in :mod:`.pyramid`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .geometry import Box, as_slices

__all__ = ["ArrayTarget", "Target"]


class Target(Protocol):
    """Pixels that are written and read box by box, channels last."""

    @property
    def dtype(self) -> Any:
        """Of the pixels."""

    def read(self, index: Sequence[int], box: Box) -> NDArray[Any]:
        """Return the pixels of a box of one slice (or volume)."""

    def write(
        self, index: Sequence[int], box: Box, block: NDArray[Any], *, again: bool = False
    ) -> None:
        """Write a whole tile."""


@dataclass(frozen=True, eq=False)
class ArrayTarget:
    """A result in memory."""

    array: NDArray[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self.array.dtype

    def read(self, index: Sequence[int], box: Box) -> NDArray[Any]:
        """Return the pixels of a box of one slice (or volume)."""
        keys: Any = (*index, *as_slices(box))
        found: NDArray[Any] = self.array[keys]
        return found

    def write(
        self, index: Sequence[int], box: Box, block: NDArray[Any], *, again: bool = False
    ) -> None:
        """Write a whole tile."""
        keys: Any = (*index, *as_slices(box))
        self.array[keys] = block
