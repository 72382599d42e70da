"""Where the pieces of a run leave arrays for each other: in a folder, or in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic, open_inside, sync
from ..npy import open_npy
from .ledger import wrote

__all__ = ["FolderShelf", "MemoryShelf", "Shelf"]


class Shelf(Protocol):
    """Arrays by name."""

    def keep(self, name: str, **arrays: NDArray[Any]) -> None:
        """Keep arrays under a name, whole or not at all."""

    def kept(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under a name, None if nothing was."""

    def keep_array(self, name: str, array: NDArray[Any]) -> None:
        """Keep one array under a name."""

    def kept_array(self, name: str) -> NDArray[Any]:
        """Return the array kept under a name; from a folder it is mapped, not read."""

    def drop(self, name: str) -> None:
        """Forget what is no longer needed, where that saves memory."""


@dataclass(frozen=True)
class FolderShelf:
    """Arrays in files; travels to other processes, which see the same folder."""

    folder: str

    def keep(self, name: str, **arrays: NDArray[Any]) -> None:
        """Keep arrays under a name, whole or not at all."""
        goal = Path(self.folder, f"{name}.npz")
        with atomic(goal, overwrite=True) as partial, partial.open("xb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        sync(goal.parent)
        wrote(goal)

    def kept(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under a name, None if nothing was."""
        path = Path(self.folder, f"{name}.npz")
        if not path.exists():
            return None
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            return dict(found)

    def keep_array(self, name: str, array: NDArray[Any]) -> None:
        """Keep one array under a name."""
        path = self._array_file(name)
        with open_inside(path, "wb") as file:
            np.save(file, array, allow_pickle=False)
        sync(path)
        wrote(path)

    def kept_array(self, name: str) -> NDArray[Any]:
        """Return the array kept under a name, mapped into memory."""
        found: NDArray[Any] = open_npy(self._array_file(name))
        return found

    def drop(self, name: str) -> None:
        """Leave the file: the folder goes with the run, which may have to be resumed."""

    def _array_file(self, name: str) -> Path:
        return Path(self.folder, f"{name}.npy")


@dataclass(frozen=True)
class MemoryShelf:
    """Arrays in a dictionary."""

    arrays: dict[str, Any] = field(default_factory=dict)

    def keep(self, name: str, **arrays: NDArray[Any]) -> None:
        """Keep arrays under a name."""
        self.arrays[name] = arrays

    def kept(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under a name, None if nothing was."""
        return self.arrays.get(name)

    def keep_array(self, name: str, array: NDArray[Any]) -> None:
        """Keep one array under a name."""
        self.arrays[name] = array

    def kept_array(self, name: str) -> NDArray[Any]:
        """Return the array kept under a name."""
        found: NDArray[Any] = self.arrays[name]
        return found

    def drop(self, name: str) -> None:
        """Forget what is no longer needed."""
        self.arrays.pop(name, None)
