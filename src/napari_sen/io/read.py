"""Images from wherever they are: a path, a lazy array, a multiscale list, or memory."""

from __future__ import annotations

import logging
import math
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageError, SenError, said
from ..needs import need
from ..npy import open_npy
from ..params import shown
from .arrays import of_array
from .image_file import ImageFile
from .memory import require_memory
from .place import is_remote

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageFile",
    "images_in",
    "in_memory",
    "open_image",
    "read_image",
    "resolve",
    "to_array",
]

log = logging.getLogger("napari_sen")

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
# Slide scanners, microscopes and OME call TIFFs by names of their own.
_TIFF = (
    ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".svs", ".ndpi", ".scn", ".qptiff", ".bif", ".lsm"
)  # fmt: skip
IMAGE_SUFFIXES = (*_PICTURES, *_TIFF, ".npy", ".zarr")


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder, sorted by name; hidden ones are left out, with a line."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    hidden = [path.name for path in found if path.name.startswith(".")]
    if hidden:  # such as macOS puts beside every file of a copied folder
        log.warning("hidden files of %s are left out: %s", folder, ", ".join(hidden[:3]))
    return [path for path in found if not path.name.startswith(".")]


def read_image(
    path: str | os.PathLike[str],
    *,
    lazy: bool = False,
    series: int | None = None,
    labels: bool = False,
) -> ImageFile:
    """Read an image file, or open a zarr folder, with what it says of itself.

    Parameters
    ----------
    path : path
        PNG, JPEG, BMP, TIFF (OME, ImageJ and slide scanners' metadata are used), ``.npy``, the
        folder of a zarr array or of an OME-Zarr 0.4 or 0.5 image, also at an address such as
        ``https://`` or ``s3://``. Pixels of zarr folders stay where they are, those of ``.npy``
        files are mapped into memory.
    lazy : bool
        Leave the pixels of TIFF files on disk, too.
    series : int, optional
        Which image, where a TIFF or an OME-Zarr holds several; by default the first.
    labels : bool
        Whether it holds a mask or labels: a palette's indices are then what counts.

    Returns
    -------
    ImageFile
        Pixels as stored, apart from palettes and other interpretations of a TIFF (resolved to
        grey or RGB), alpha beside grey (then ``inside``), and axes of length 1 other than y and
        x that the file names (dropped).

    Raises
    ------
    ImageError
        If the path is missing, of an unknown kind, damaged, or too large for the memory.
    """
    if is_remote(path):
        return _read_address(str(path), series)
    path = Path(path)
    if not _exists(path):
        text = str(path)
        text = text if text.isprintable() and len(text) < _LONG else shown(text)
        raise ImageError(f"there is no file {text}: check the path")
    if not (path.is_dir() or path.is_file()):
        raise ImageError(f"{path} is a device or a pipe, not a file: copy its content to a file")
    suffix = path.suffix.lower()
    if series and not (path.is_dir() or suffix in _TIFF):
        raise ImageError(f"{path} holds one image: leave series out")
    try:
        if path.is_dir():
            from .zarr import read_zarr

            return read_zarr(str(path), series=series)
        if suffix in _TIFF:
            from .tiff import read_tiff

            return read_tiff(path, lazy=lazy, series=series, labels=labels)
        if suffix == ".npy":
            data = open_npy(path)
            return ImageFile(data, name=path.stem)
        if suffix in _PICTURES:
            from .picture import read_picture

            return read_picture(path, labels=labels)
    except (SenError, MemoryError):
        raise
    except _DAMAGE as error:
        if "imagecodecs" in str(error):  # as tifffile asks for it
            need("imagecodecs", what=f"the compression of {path}", install="imagecodecs")
        raise ImageError(
            f"cannot read {path}: it is damaged, cut off, or not what its name says ({said(error)})"
        ) from error
    known = " ".join(IMAGE_SUFFIXES)
    raise ImageError(f"cannot read {path}: images are read from files ending in {known}")


def _read_address(address: str, series: int | None) -> ImageFile:
    from .zarr import read_zarr

    try:
        return read_zarr(address, series=series)
    except (SenError, MemoryError):
        raise
    except _DAMAGE as error:
        raise ImageError(
            f"cannot read {address}: check the address and the network ({said(error)})"
        ) from error


_MOST_PIECES = 1 << 20
_LONG = 400  # characters of a path that messages show whole


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, links that lead to each other
        return False


# What the readers raise on damaged files: they promise no common class.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,  # Pillow, on broken PNG chunks
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    struct.error,
    AssertionError,  # tifffile
    RuntimeError,  # tifffile, imagecodecs, numcodecs
    zlib.error,
)


def resolve(
    image: Any, *, what: str = "the image", series: int | None = None, labels: bool = False
) -> ImageFile:
    """Return any image that the package accepts, in memory, with what is known of it.

    Parameters
    ----------
    image : array-like, path, list of arrays, or ImageFile
        NumPy, dask, zarr or xarray array; a napari multiscale list or another list of arrays,
        each smaller than the last (the largest is taken); a path for :func:`read_image`.
    what : str
        What it is, for messages.
    series, labels
        As for :func:`read_image`.

    Returns
    -------
    ImageFile
        ``data`` is a NumPy array; it is the caller's own array where one was given.

    Raises
    ------
    ImageError
        If it is none of these, cannot be read, or does not fit in memory.
    """
    return in_memory(_found(image, what, series, labels, lazy=False), what)


def open_image(
    image: Any, *, what: str = "the image", series: int | None = None, labels: bool = False
) -> ImageFile:
    """Return any image that the package accepts without reading its pixels where they lie on disk.

    As :func:`resolve`, but ``data`` is whatever has a shape, a dtype and pixels on indexing.
    """
    found = _found(image, what, series, labels, lazy=True)
    if hasattr(found.data, "shape") and hasattr(found.data, "dtype"):
        return found
    return in_memory(found, what)


def in_memory(found: ImageFile, what: str = "the image") -> ImageFile:
    """Return an image with its pixels read into memory."""
    name = found.name or what
    inside = None if found.inside is None else _read(found.inside, f"the mask of {name}")
    return replace(found, data=_read(found.data, name), inside=inside)


def _found(image: Any, what: str, series: int | None, labels: bool, *, lazy: bool) -> ImageFile:
    if isinstance(image, ImageFile):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(image, lazy=lazy, series=series, labels=labels)
    if type(image).__module__.startswith("zarr.") and hasattr(image, "group_keys"):
        from .zarr import from_group

        return from_group(image, what, series=series)
    return of_array(image, what)


def to_array(image: Any) -> np.ndarray:
    """Return the pixels of any image that the package accepts; see :func:`resolve`."""
    return np.asarray(resolve(image).data)


def _check_pieces(data: Any, name: str) -> None:
    """Raise ImageError for a zarr array of so many chunks that reading all takes minutes."""
    stored = getattr(data, "stored", data)
    chunks = getattr(stored, "chunks", None)
    if type(stored).__module__.startswith("zarr.") and chunks:
        pieces = math.prod(-(-n // max(side, 1)) for n, side in zip(stored.shape, chunks))  # noqa: B905
        if pieces > _MOST_PIECES:
            raise ImageError(
                f"{name} lies in {pieces} chunks, too many to be read at once: work in tiles "
                "(out=NAME.zarr; -o NAME.zarr --tile 768), or store it in larger chunks"
            )


def _read(data: Any, name: str) -> np.ndarray:
    if isinstance(data, np.ndarray):
        return data
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        try:
            require_memory(data.shape, np.dtype(data.dtype), name)
        except TypeError as error:
            raise ImageError(f"{name} has the dtype {data.dtype}, which is not numeric") from error
    _check_pieces(data, name)
    try:
        if type(data).__module__.startswith("zarr."):
            return np.asarray(data[...])
        array = np.asarray(data)
        if array.dtype == object and not hasattr(data, "dtype"):
            raise ImageError(
                f"{name} is of the type {type(data).__name__}: give an array, a path, or a list "
                "of levels"
            )
        return array
    except (SenError, MemoryError):
        raise
    except _DAMAGE as error:
        raise ImageError(
            f"the pixels of {name} cannot be read: give an array, or a whole file ({said(error)})"
        ) from error
