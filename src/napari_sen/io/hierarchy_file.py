"""A hierarchy that can be kept: a compressed npz of three plain arrays."""

from __future__ import annotations

import math
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..core import hierarchy as core
from ..disk import atomic, check_plain, refused
from ..errors import DiskError, ImageError, said
from ..npy import NPZ_DAMAGE, check_part
from .atomic import check_output
from .memory import require_memory

__all__ = ["Hierarchy"]

FORMAT = "napari-sen hierarchy 1"
_LONGEST_NAME = 1000  # bytes of the part that names the format


class Hierarchy(core.Hierarchy):
    """The merge tree of an image: superpixels of every granularity, to cut, save and load.

    Of n leaves, leaf r is label r + 1, and merge k makes node n + k (the layout of
    :func:`scipy.cluster.hierarchy.linkage`).

    Attributes
    ----------
    labels : (Y, X) or (Z, Y, X) int32 array
        The finest superpixels, 1...n; 0 outside. Read-only.
    linkage : (n - 1, 4) float64 array
        One row per merge: its two nodes (the smaller first), its height, and its number of leaves.
        Heights never fall: each is the largest cost so far. Parts of a mask that do not touch
        are joined last, in the order of their nodes' numbers, at height inf. Read-only.
    """

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write labels and linkage to an ``.npz`` file, which appears only once it is complete.

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
            raise DiskError(refused(path, error)) from error

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Hierarchy:
        """Read a hierarchy that :meth:`save` wrote, and check it.

        Raises
        ------
        ImageError
            If the file is missing, damaged, or not a hierarchy.
        """
        try:
            return cls(*_read(Path(path)))
        except ImageError as error:
            raise ImageError(f"cannot read the hierarchy {path}: {error}") from error


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and linkage as they are in the file; raise ImageError if it is no such."""
    try:
        check_plain(path)
        with zipfile.ZipFile(path) as file:
            if str(_part(file, "format", "U", largest=_LONGEST_NAME)) != FORMAT:
                raise ImageError(f"it is not of the format {FORMAT!r}")
            return _part(file, "labels", "iu"), _part(file, "linkage", "f")
    except FileNotFoundError as error:
        raise ImageError("there is no such file") from error
    except ImageError:
        raise
    except NPZ_DAMAGE as error:
        raise ImageError(f"it is damaged ({said(error)}); build it again") from error


def _part(
    file: zipfile.ZipFile, name: str, kinds: str, *, largest: int | None = None
) -> NDArray[Any]:
    """Return an array, once the size that it claims is that of the file and fits in memory."""
    try:
        about = file.getinfo(f"{name}.npy")
    except KeyError:
        raise ImageError(f"it is not of the format {FORMAT!r}: it has no {name}") from None
    check_part(about, largest)
    with file.open(about) as part:
        version = npy.read_magic(part)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, _, dtype = read(part, max_header_size=10_000)
        if dtype.kind not in kinds or part.tell() + math.prod(shape) * dtype.itemsize != (
            about.file_size
        ):
            raise ValueError(f"{name} is {dtype} of shape {shape} in {about.file_size} bytes")
    require_memory(shape, dtype, name)
    with file.open(about) as part:
        found: NDArray[Any] = npy.read_array(part, allow_pickle=False)
        part.read(1)  # at its end the checksum is compared
        return found
