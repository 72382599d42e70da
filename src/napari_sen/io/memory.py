"""Does an array fit in this machine's memory? Asked before it is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import DTypeLike

from ..errors import ImageError
from ..params import shown
from ..processors import GROUPS, GROUPS_ROOT, own_groups

__all__ = [
    "NETWORK_BLOCK",
    "ONE_PASS",
    "available_memory",
    "check_fits",
    "group_memory",
    "require_memory",
    "working_set",
]


ONE_PASS = 1 << 22  # px that the network sees at once, with up to 2 GB; more go in blocks

# Bytes a pixel of a slice at the peak of the work on it in memory, beside the image, its colour
# (8 a channel), the result and the network, without and with a model. A little above what
# `python benchmarks/memory.py --models` measures from 1024 x 1024 pixels on.
_PER_PIXEL = {
    "superpixels": (95, 135),
    "hierarchy": (95, 140),
    "contours": (195, 195),
    "embedding": (40, 40),
    "scenes": (40, 150),
}
_RESULT = {"superpixels": 4, "hierarchy": 4, "contours": 4, "embedding": 64, "scenes": 8}
# Of a control group, by version: its limit, its use, and the entry of droppable cache.
_GROUP_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
_MOST = 1 << 62  # bytes that a machine can count
_NETWORK_PIXEL = 420  # bytes a pixel of one pass
NETWORK_BLOCK = 700_000_000  # bytes of one block


def working_set(
    slice_pixels: int,
    n_slices: int,
    *,
    channels: int,
    itemsize: int,
    is_read: bool,
    product: str,
    with_model: bool,
) -> int:
    """Return about how many bytes the work on an image in memory takes beyond what is there.

    Parameters
    ----------
    slice_pixels, n_slices : int
        Pixels of one slice (or volume), and how many there are.
    channels, itemsize : int
        Of the image.
    is_read : bool
        Whether the image has to be read into memory first.
    product : str
        "superpixels", "hierarchy", "contours", "embedding", or "scenes" for anything else.
    with_model : bool
        Whether a network looks at it.
    """
    pixels = slice_pixels * n_slices
    image = pixels * channels * itemsize if is_read else 0
    network = 0
    if with_model:
        is_one_pass = slice_pixels <= ONE_PASS
        network = slice_pixels * _NETWORK_PIXEL if is_one_pass else NETWORK_BLOCK
    work = slice_pixels * (_PER_PIXEL[product][with_model] + 8 * channels) + network
    return image + pixels * _RESULT[product] + work


def check_fits(
    slice_pixels: int,
    n_slices: int,
    *,
    channels: int,
    itemsize: int,
    is_read: bool,
    product: str,
    with_model: bool,
) -> None:
    """Raise ImageError if the work on an image in memory would not fit; see :func:`working_set`."""
    needed = working_set(
        slice_pixels, n_slices, channels=channels, itemsize=itemsize, is_read=is_read,
        product=product, with_model=with_model,
    )  # fmt: skip
    there = available_memory()
    if needed > there:
        raise ImageError(
            f"{slice_pixels * n_slices / 1e6:.1f} million pixels take {needed / 1e9:.1f} GB of "
            f"memory to work on, and {there / 1e9:.1f} GB are free: give out=NAME.zarr "
            "(-o NAME.zarr --tile 768) to work in tiles, or cut out a part"
        )


def available_memory() -> int:
    """Return the bytes that a process may still take.

    Limits of a container or a batch job (control groups) count as those of the machine.
    """
    machine: int = psutil.virtual_memory().available
    group = group_memory()
    return machine if group is None else min(machine, group)


def group_memory(root: Path = GROUPS_ROOT, groups: Path = GROUPS) -> int | None:
    """Return the bytes that the control groups of this process have left, None without a limit.

    Parameters
    ----------
    root : Path
        Where the control groups are mounted.
    groups : Path
        The file that names those of this process.
    """
    left = []
    for folder, version in own_groups("memory", root, groups):
        limit, used, cache = _GROUP_FILES[version]
        try:
            most = int((folder / limit).read_text())  # "max" is none
            taken = int((folder / used).read_text())
            about = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        left.append(max(0, most - taken + int(about.get(cache, 0))))
    return min(left, default=None)


def require_memory(shape: Sequence[int], dtype: DTypeLike, what: str) -> None:
    """Raise ImageError if an array of this shape and dtype is larger than the free memory."""
    wanted, there = math.prod(shape) * np.dtype(dtype).itemsize, available_memory()
    if wanted >= _MOST:
        raise ImageError(
            f"{what} claims {shown(tuple(shape))} pixels, which fit in no memory: it is damaged; "
            "get it anew"
        )
    if wanted > there:
        raise ImageError(
            f"{what} has {tuple(shape)} pixels of {np.dtype(dtype)}, {wanted / 1e9:.1f} GB, and "
            f"{there / 1e9:.1f} GB of memory are free: cut out a part, use a smaller level of it, "
            "or work in tiles where that is offered (out=NAME.zarr; -o NAME.zarr --tile 768)"
        )
