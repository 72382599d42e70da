"""The file of a hierarchy: a compressed npz of three plain arrays."""

from __future__ import annotations

import os
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OutputError

__all__ = ["read_tree", "write_tree"]

FORMAT = "napari-sen hierarchy 1"


def write_tree(
    path: str | PathLike[str], labels: NDArray[np.int32], linkage: NDArray[np.float64]
) -> None:
    """Write beside ``path`` and rename; raise OutputError if that fails."""
    goal = Path(path)
    if goal.suffix != ".npz":
        raise OutputError(f"cannot write {path}: the name of a hierarchy has to end in .npz")
    partial = goal.with_name(f".{goal.stem}.{os.getpid()}.partial.npz")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, format=np.array(FORMAT), labels=labels, linkage=linkage)
        os.replace(partial, goal)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another") from error
    finally:
        partial.unlink(missing_ok=True)


def read_tree(path: str | PathLike[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and linkage as they are in the file; raise ImageError if it is no such."""
    try:
        with Path(path).open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise ImageError("it is no npz file")
            with found:
                if "format" not in found or str(found["format"]) != FORMAT:
                    raise ImageError(f"it is not of the format {FORMAT!r}")
                return found["labels"], found["linkage"]
    except FileNotFoundError as error:
        raise ImageError("there is no such file") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"it is damaged ({error}); build it again") from error
