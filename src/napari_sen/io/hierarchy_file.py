"""A hierarchy that can be kept: a compressed npz of three plain arrays."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import hierarchy as core
from ..disk import atomic
from ..errors import ImageError, OutputError
from .atomic import check_output

__all__ = ["Hierarchy"]

FORMAT = "napari-sen hierarchy 1"


class Hierarchy(core.Hierarchy):
    """The merge tree of an image, with the way to its file and back.

    See :class:`napari_sen.core.hierarchy.Hierarchy`, which knows no files, for all the rest.
    """

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write labels and linkage to an ``.npz`` file, under a temporary name until complete.

        Parameters
        ----------
        path : path
            Must end in ``.npz``; the folder must exist.
        overwrite : bool
            Replace an existing file.

        Raises
        ------
        OutputError
            If the file exists or cannot be written there.
        """
        check_output(path, suffixes=(".npz",), overwrite=overwrite)
        parts = {"format": np.array(FORMAT), "labels": self.labels, "linkage": self.linkage}
        try:
            with atomic(path, overwrite=overwrite) as partial:
                np.savez_compressed(partial, allow_pickle=False, **parts)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; choose another") from error

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Hierarchy:
        """Read a hierarchy that :meth:`save` wrote, and check it.

        Raises
        ------
        ImageError
            If the file is missing, damaged, or no hierarchy.
        """
        try:
            return cls(*_read(Path(path)))
        except ImageError as error:
            raise ImageError(f"cannot read the hierarchy {path}: {error}") from error


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and linkage as they are in the file; raise ImageError if it is no such."""
    try:
        with path.open("rb") as file:
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
