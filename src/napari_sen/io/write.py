"""Label maps, float images and pictures to files, by suffix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import atomic, refused
from ..errors import DiskError, OutputError
from .grid import Grid
from .pixel_size import unit_symbol

__all__ = [
    "IMAGE_OUT",
    "LABELS_OUT",
    "PICTURE_OUT",
    "check_axes_fit",
    "check_labels_fit",
    "write_image",
    "write_labels",
    "write_picture",
]

LABELS_OUT = (".tif", ".tiff", ".png", ".npy", ".zarr")
IMAGE_OUT = (".tif", ".tiff", ".npy", ".zarr")
PICTURE_OUT = (".png",)

_PathLike = str | os.PathLike[str]


def check_axes_fit(path: _PathLike, ndim: int) -> None:
    """Raise OutputError if a format knows fewer axes than this; channels do not count."""
    if Path(path).suffix.lower() in (".tif", ".tiff", ".zarr") and ndim > 4:
        raise OutputError(f"{path}: the format holds 4 axes beside channels, not {ndim}; use .npy")


def check_labels_fit(path: _PathLike, ndim: int, largest: int) -> None:
    """Raise OutputError if a label map of this many axes and labels does not fit the format."""
    suffix = Path(path).suffix.lower()
    if suffix == ".png" and ndim != 2:
        raise OutputError(f"{path}: a PNG holds 2 axes, the labels have {ndim}; write a .tif")
    if suffix == ".png" and largest > 65535:
        raise OutputError(f"{path}: a PNG holds 65535 labels, there are {largest}; write a .tif")
    if suffix in (".tif", ".tiff") and largest > 2**32 - 1:
        raise OutputError(f"{path}: a TIFF holds 2^32 - 1 labels, there are {largest}; use .zarr")


@contextmanager
def _whole(path: _PathLike, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path, as :func:`atomic` does; say what to do where the disk refuses."""
    try:
        with atomic(path, overwrite=overwrite) as partial:
            yield partial
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def write_labels(
    path: _PathLike,
    labels: np.ndarray,
    *,
    grid: Grid | None = None,
    image: np.ndarray | None = None,
    channel_axis: int | None = None,
    rgb: bool = False,
    name: str = "superpixels",
    overwrite: bool = False,
) -> None:
    """Write a label map: ``.tif``, ``.png``, ``.npy`` or ``.zarr``.

    Parameters
    ----------
    path : path
        Output; see :func:`~napari_sen.io.atomic.check_output`.
    labels : (..., Y, X) ndarray of int
        Labels from 0.
    grid : Grid, optional
        Axes and pixel size.
    image : ndarray, optional
        The image, written beside the labels into ``.zarr`` (the labels' axes and, if
        ``channel_axis`` is given, one axis of channels). Needed for ``.zarr``.
    channel_axis : int, optional
        The image's axis of channels or of RGB samples.
    rgb : bool
        Whether the channels are red, green and blue.
    name : str
        Name of the label map in ``.zarr``.
    overwrite : bool
        Whether an existing output is replaced.

    Raises
    ------
    OutputError
        If the labels do not fit the format.
    WorkError
        If the disk refuses: it is full, say.
    """
    path = Path(path)
    largest = int(labels.max(initial=0))
    check_labels_fit(path, labels.ndim, largest)
    suffix = path.suffix.lower()
    with _whole(path, overwrite=overwrite) as partial:
        if suffix == ".npy":
            np.save(partial, labels, allow_pickle=False)
        elif suffix == ".png":
            _save_png(partial, labels.astype(np.uint8 if largest < 256 else np.uint16))
        elif suffix == ".zarr":
            from .ome_zarr import write_image_group, write_label_group

            if image is None:
                raise OutputError(f"{path}: OME-Zarr labels lie beside their image, none is given")
            grid = grid or Grid.of(labels.ndim)
            write_image_group(partial, image, grid, channel_axis, name=path.stem, rgb=rgb)
            write_label_group(partial, smallest_unsigned(labels), grid, name)
        else:
            grid = grid or Grid.of(labels.ndim)
            _save_tiff(partial, smallest_unsigned(labels), grid, grid.axes)


def write_image(
    path: _PathLike,
    image: np.ndarray,
    *,
    grid: Grid | None = None,
    channels_last: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a float image, such as contours or an embedding: ``.tif``, ``.npy`` or ``.zarr``.

    Parameters
    ----------
    path : path
        Output.
    image : (..., Y, X[, D]) ndarray
        Pixels.
    grid : Grid, optional
        Axes and pixel size, of the axes without D.
    channels_last : bool
        Whether the last axis is D, as in an embedding. In ``.tif`` and ``.zarr`` it is put
        before z, y, x, which is the order of those formats; ``.npy`` keeps it last.
    overwrite : bool
        Whether an existing output is replaced.
    """
    path = Path(path)
    grid = grid or Grid.of(image.ndim - channels_last)
    with _whole(path, overwrite=overwrite) as partial:
        if path.suffix.lower() == ".npy":
            np.save(partial, image, allow_pickle=False)
        elif path.suffix.lower() == ".zarr":
            from .ome_zarr import write_image_group

            channel_axis = image.ndim - 1 if channels_last else None
            write_image_group(partial, image, grid, channel_axis, name=path.stem)
        else:
            axes = grid.axes
            if channels_last:
                place = int(axes.startswith("t"))
                image = np.moveaxis(image, -1, place)
                axes = axes[:place] + "c" + axes[place:]
            _save_tiff(partial, image, grid, axes)


def write_picture(path: _PathLike, picture: np.ndarray, *, overwrite: bool = False) -> None:
    """Write an ``(Y, X, 3)`` uint8 picture as PNG."""
    with _whole(path, overwrite=overwrite) as partial:
        _save_png(partial, picture)


def smallest_unsigned(labels: np.ndarray) -> np.ndarray:
    """Return labels as uint16 where they fit, else uint32, else uint64."""
    largest = int(labels.max(initial=0))
    kinds = (np.uint16, np.uint32, np.uint64)
    kind = next(k for k in kinds if largest <= np.iinfo(k).max)
    return labels.astype(kind, copy=False)


def _save_png(partial: Path, pixels: np.ndarray) -> None:
    import imageio.v3 as iio

    with partial.open("xb") as file:  # Pillow leaves its own open where the disk refuses
        iio.imwrite(file, pixels, plugin="pillow", extension=".png")


def _save_tiff(path: Path, pixels: np.ndarray, grid: Grid, axes: str) -> None:
    """Write an OME-TIFF: plain readers see pages, others the axes and the pixel size."""
    import tifffile

    metadata: dict[str, Any] = {"axes": axes.upper()}
    for axis, size, unit in zip(grid.axes, grid.spacing, grid.units, strict=True):
        if axis in "zyx" and unit:
            metadata[f"PhysicalSize{axis.upper()}"] = size
            metadata[f"PhysicalSize{axis.upper()}Unit"] = unit_symbol(unit)
    options: dict[str, Any] = {}
    sizes = dict(zip(grid.axes, zip(grid.spacing, grid.units, strict=True), strict=True))
    if all(sizes[axis][1] == "micrometer" for axis in "yx"):
        options["resolution"] = (1e4 / sizes["x"][0], 1e4 / sizes["y"][0])
        options["resolutionunit"] = "CENTIMETER"
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels),
        ome=True,
        bigtiff=pixels.nbytes > 2**31,
        compression="zlib",
        photometric="minisblack",
        metadata=metadata,
        **options,
    )
