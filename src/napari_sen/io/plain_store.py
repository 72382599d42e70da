"""Folders of zarr whose files are read only where they are files, and fit in memory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from .memory import available_memory

__all__ = ["PlainStore", "open_store"]


class PlainStore(LocalStore):
    """A folder in which a link to a device, a pipe, or a huge file is an error, not endless."""

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the content of a file."""
        check(self.root / key, is_whole=byte_range is None)
        return await super().get(key, prototype, byte_range)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> list[Any]:
        """Return parts of files."""
        wanted = list(key_ranges)
        for key, byte_range in wanted:
            check(self.root / key, is_whole=byte_range is None)
        return await super().get_partial_values(prototype, wanted)


def check(path: Path, *, is_whole: bool) -> None:
    """Raise OSError for what is there but is no plain file, or is larger than the free memory."""
    try:
        about = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return  # an empty chunk
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    if is_whole and about.st_size > _LARGE and about.st_size > available_memory():
        raise OSError(errno.EFBIG, "it does not fit in memory", str(path))


_LARGE = 1 << 28  # bytes: below that nobody asks how much memory is free


def open_store(path: Path) -> PlainStore:
    """Return a folder for reading."""
    return PlainStore(path, read_only=True)
