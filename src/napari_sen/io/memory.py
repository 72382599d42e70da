"""Does an array fit in this machine's memory? Asked before it is read."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ImageError

__all__ = ["available_memory", "require_memory"]


def available_memory() -> int | None:
    """Return the bytes that a process may still take, or None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        values = {line.split(":")[0]: line.split()[1] for line in lines}
        return int(values["MemAvailable"]) * 1024
    except (OSError, KeyError, IndexError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require_memory(shape: Sequence[int], dtype: DTypeLike, what: str) -> None:
    """Raise ImageError if an array of this shape and dtype is larger than the free memory."""
    wanted, there = math.prod(shape) * np.dtype(dtype).itemsize, available_memory()
    if there is not None and wanted > there:
        raise ImageError(
            f"{what} has {tuple(shape)} pixels of {np.dtype(dtype)}, {wanted / 1e9:.1f} GB, and "
            f"{there / 1e9:.1f} GB of memory are free: cut out a part or use a smaller level of it"
        )
