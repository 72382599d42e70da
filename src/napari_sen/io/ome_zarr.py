"""OME-Zarr 0.5, written with zarr directly: an image group, and labels beside it.

ome-zarr-py's writer leaves the version out of the ``labels`` group, which other readers refuse,
and goes through a dask graph; the metadata is a small dictionary, so it is written here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.sync import sync

from ..disk import ATTRIBUTE
from .grid import Grid

__all__ = [
    "GRANULARITY",
    "SMALLEST",
    "VERSION",
    "halve_by_mean",
    "halve_by_stride",
    "is_omero_rgb",
    "multiscale",
    "omero_rgb",
    "place",
    "write_image_group",
    "write_label_group",
]

VERSION = "0.5"
_CHUNK = {"t": 1, "c": 1, "z": 32, "y": 256, "x": 256}
_RGB = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
GRANULARITY = "g"  # letter of the axis along which superpixels of one image become coarser
SMALLEST = 256  # halved in y and x until no side is longer
_PATIENCE = 60.0  # s


@contextmanager
def _settled() -> Iterator[None]:
    """Come back from a failure only when nobody writes any more.

    zarr raises what the first of its chunks says, while it still writes the others: files that
    would come into being after the folder was removed.
    """
    try:
        yield
    except BaseException:
        with suppress(TimeoutError):
            sync(_rest(), timeout=_PATIENCE)
        raise


async def _rest() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


@_settled()
def write_image_group(
    path: Path,
    image: np.ndarray,
    grid: Grid,
    channel_axis: int | None,
    *,
    name: str,
    rgb: bool = False,
) -> None:
    """Write an image as an OME-Zarr group with a pyramid of means.

    ``image`` has the axes of ``grid`` and, if ``channel_axis`` is given, one of channels, which
    is put where the format wants it: behind t, before z. If they are ``rgb``, the metadata say so.
    """
    axes = grid.axes
    if channel_axis is not None:
        at = int(axes.startswith("t"))
        image = np.moveaxis(image, channel_axis, at)
        axes = axes[:at] + "c" + axes[at:]
    # The format knows no complex, object or half-open kinds; bool is widely unreadable.
    pixels = image.astype(np.uint8) if image.dtype == bool else image
    group = zarr.create_group(str(path), zarr_format=3)
    datasets = _write_levels(group, pixels, axes, grid, halve_by_mean, centred=True)
    about: dict[str, Any] = {
        "version": VERSION,
        "multiscales": [multiscale(name, axes, grid, datasets)],
    }
    if rgb:
        about["omero"] = omero_rgb(pixels.dtype)
    group.attrs.update({"ome": about, ATTRIBUTE: {}})


@_settled()
def write_label_group(path: Path, labels: np.ndarray, grid: Grid, name: str) -> None:
    """Write labels into an image group, with as many levels as the image, by stride."""
    image = zarr.open_group(str(path), mode="r+", zarr_format=3)
    shelf = image.require_group("labels")
    shelf.attrs["ome"] = {"version": VERSION, "labels": [name]}
    group = shelf.create_group(name)
    datasets = _write_levels(group, labels, grid.axes, grid, halve_by_stride, centred=False)
    ome: dict[str, Any] = {
        "version": VERSION,
        "multiscales": [multiscale(name, grid.axes, grid, datasets)],
        "image-label": {"version": VERSION, "source": {"image": "../../"}},
    }
    group.attrs.update({"ome": ome, ATTRIBUTE: {}})


def _write_levels(
    group: zarr.Group,
    pixels: np.ndarray,
    axes: str,
    grid: Grid,
    halve: Callable[[np.ndarray, str], np.ndarray],
    *,
    centred: bool,
) -> list[dict[str, Any]]:
    """Write the pyramid; return its ``datasets`` metadata."""
    datasets: list[dict[str, Any]] = []
    factor = 1
    while True:
        key = str(len(datasets))
        chunks = tuple(min(_CHUNK[a], n) for a, n in zip(axes, pixels.shape, strict=True))
        little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
        array = group.create_array(
            key, shape=pixels.shape, chunks=chunks, dtype=little.dtype, dimension_names=list(axes)
        )
        array[...] = little
        datasets.append(
            {"path": key, "coordinateTransformations": place(axes, grid, factor, centred)}
        )
        sides = [n for axis, n in zip(axes, pixels.shape, strict=True) if axis in "yx"]
        if max(sides) <= SMALLEST:
            return datasets
        pixels, factor = halve(pixels, axes), factor * 2


def place(axes: str, grid: Grid, factor: int, centred: bool) -> list[dict[str, Any]]:
    """Return scale and translation of a level.

    The first pixel of a mean of ``factor`` pixels sits at their middle, (factor - 1) / 2; the
    first pixel taken by stride stays where it was.
    """
    scale, translation = [], []
    known = dict(zip(grid.axes, zip(grid.spacing, grid.translation, strict=True), strict=True))
    for axis in axes:
        size, start = known.get(axis, (1.0, 0.0))
        grow = factor if axis in "yx" else 1
        scale.append(size * grow)
        translation.append(start + (size * (grow - 1) / 2 if centred else 0.0))
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}]


def multiscale(name: str, axes: str, grid: Grid, datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the metadata of one multiscale image."""
    kinds = {"t": "time", "c": "channel", GRANULARITY: "granularity"}
    units = dict(zip(grid.axes, grid.units, strict=True))
    described = []
    for axis in axes:
        entry = {"name": axis, "type": kinds.get(axis, "space")}
        if units.get(axis):
            entry["unit"] = units[axis]
        described.append(entry)
    return {"name": name, "axes": described, "datasets": datasets}


def halve_by_stride(pixels: np.ndarray, axes: str) -> np.ndarray:
    """Return every second pixel along y and x."""
    return pixels[tuple(slice(None, None, 2) if axis in "yx" else slice(None) for axis in axes)]


def halve_by_mean(pixels: np.ndarray, axes: str) -> np.ndarray:
    """Return the mean of 2 x 2 pixels (the last row or column of an odd side counts twice)."""
    kind = pixels.dtype
    for axis, letter in enumerate(axes):
        if letter not in "yx":
            continue
        even = [slice(None)] * pixels.ndim
        even[axis] = slice(None, None, 2)
        first = pixels[tuple(even)]
        following = np.minimum(np.arange(0, pixels.shape[axis], 2) + 1, pixels.shape[axis] - 1)
        second = np.take(pixels, following, axis=axis)
        pixels = (first.astype(np.float64) + second) / 2
    return (np.rint(pixels) if kind.kind in "iu" else pixels).astype(kind)


def is_omero_rgb(about: object) -> bool:
    """Return whether "omero" metadata name three channels red, green, blue in these colours.

    Microscopes' channels may have these colours, but not these names (or r, g, b).
    """
    try:
        found = [
            (str(c["label"]).strip().lower(), str(c["color"]).lstrip("#").upper())
            for c in about["channels"]  # type: ignore[index]
        ]
    except (KeyError, TypeError):
        return False
    named = [(name in (full, full[0]), colour == code) for (name, colour), (full, code)
             in zip(found, _RGB.items(), strict=False)]  # fmt: skip
    return len(found) == 3 and all(map(all, named))


def omero_rgb(dtype: np.dtype) -> dict[str, Any]:
    """Return the metadata of red, green and blue channels."""
    top = int(np.iinfo(dtype).max) if dtype.kind in "iu" else 1
    window = {"min": 0, "max": top, "start": 0, "end": top}
    return {
        "channels": [
            {"label": name, "color": colour, "active": True, "window": window}
            for name, colour in _RGB.items()
        ],
        "rdefs": {"model": "color"},
    }
