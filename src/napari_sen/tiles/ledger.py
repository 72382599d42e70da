"""Which files a piece of work has written, and whether they still are as they were.

Tasks run in threads and on other machines: what a thread writes is noted for that thread, and
whoever ends a piece takes the notes, with a seal of every file.
"""

from __future__ import annotations

import stat
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Seal", "broken", "sealed", "taken", "wrote"]

Seal = list[int]  # bytes, CRC-32
_BLOCK = 1 << 20
_of_thread = threading.local()


def wrote(path: Path) -> None:
    """Note that this thread has written a file for good; one that is not there was not needed."""
    _notes().add(path)


def taken() -> dict[str, Seal]:
    """Return the files written by this thread since this was asked last, by path."""
    paths = sorted(_notes())
    _notes().clear()
    seals = {str(path): sealed(path) for path in paths}
    return {path: seal for path, seal in seals.items() if seal is not None}


def _notes() -> set[Path]:
    if not hasattr(_of_thread, "paths"):
        _of_thread.paths = set()
    found: set[Path] = _of_thread.paths
    return found


def sealed(path: Path) -> Seal | None:
    """Return size and checksum of a plain file, None where there is none."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        size = checksum = 0
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                size += len(block)
                checksum = zlib.crc32(block, checksum)
    except FileNotFoundError:
        return None
    return [size, checksum]


def broken(folder: Path, seals: Mapping[str, Seal]) -> set[str]:
    """Return those files of a folder that are gone or are not as they were sealed."""
    return {name for name, seal in seals.items() if sealed(folder / name) != seal}
