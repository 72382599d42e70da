"""Arrays in NumPy's files, opened only where what the header claims is there."""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .disk import check_plain
from .errors import said

__all__ = ["NPZ_DAMAGE", "check_part", "open_npy"]

_LARGEST_HEADER = 10_000  # characters, as NumPy's own limit
_MOST_PER_BYTE, _SPARE = 1100, 1 << 20
_MOST = 1 << 62  # bytes that NumPy can count, even where a side is 0
# What NumPy raises on damaged headers: it promises no common class.
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, EOFError,
           OverflowError, MemoryError, RecursionError, tokenize.TokenError)  # fmt: skip
# What NumPy and zipfile raise on damaged ``.npz`` files.
NPZ_DAMAGE = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError,
              NotImplementedError, RuntimeError, OverflowError, MemoryError, SyntaxError,
              zipfile.BadZipFile, zlib.error, tokenize.TokenError, struct.error)  # fmt: skip


def open_npy(path: str | os.PathLike[str]) -> NDArray[np.generic]:
    """Return the array of a file, mapped into memory.

    Raises
    ------
    OSError
        If it is no plain file, or cannot be read.
    ValueError
        If it is damaged, cut off, or holds Python objects.
    """
    check_plain(path)
    try:
        _check_size(Path(path))
        found: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise ValueError(said(error)) from error
    return found


def check_part(about: zipfile.ZipInfo, largest: int | None = None) -> None:
    """Raise ValueError for a part of an ``.npz`` that would expand too far.

    NumPy stores parts as they are or deflated, which makes them a thousand times smaller at most.

    Parameters
    ----------
    about : zipfile.ZipInfo
    largest : int, optional
        Bytes that it may have, where that is known.
    """
    if about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{about.filename} is not compressed as NumPy does it")
    most = _MOST_PER_BYTE * about.compress_size + _SPARE if largest is None else largest
    if about.file_size > most:
        raise ValueError(f"{about.filename} claims {about.file_size} bytes, {most} are possible")


def _check_size(path: Path) -> None:
    """Raise ValueError unless a file is as large as its header claims."""
    with path.open("rb") as file:
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        read = readers.get(npy.read_magic(file))
        if read is None:  # of a later version: for NumPy to judge
            return
        shape, _, dtype = read(file, max_header_size=_LARGEST_HEADER)
        wanted = file.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    sides = math.prod(max(n, 1) for n in shape)
    if min(shape, default=0) < 0 or sides * dtype.itemsize >= _MOST or wanted > path.stat().st_size:
        raise ValueError(f"{dtype} of shape {shape} take more bytes than the file has")
