"""Images from wherever they are: a path, a lazy array, a multiscale list, or memory."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageError, SenError
from .image_file import ImageFile
from .memory import require_memory

__all__ = ["IMAGE_SUFFIXES", "ImageFile", "open_image", "read_image", "resolve", "to_array"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_TIFF = (".tif", ".tiff")
IMAGE_SUFFIXES = (*_PICTURES, *_TIFF, ".npy", ".zarr")


def read_image(path: str | os.PathLike[str], *, lazy: bool = False) -> ImageFile:
    """Read an image file, or open a zarr folder, with what it says of itself.

    Parameters
    ----------
    path : path
        PNG, JPEG, BMP, TIFF (OME and ImageJ metadata are used), ``.npy``, the folder of a zarr
        array or of an OME-Zarr 0.4 or 0.5 image. Pixels of zarr folders stay on disk, those of
        ``.npy`` files are mapped into memory.
    lazy : bool
        Leave the pixels of TIFF files on disk, too.

    Returns
    -------
    ImageFile
        Pixels as stored, apart from palettes (resolved), alpha beside grey (dropped), and axes
        of length 1 other than y and x that the file names (dropped).

    Raises
    ------
    ImageError
        If the path is missing, of an unknown kind, damaged, or too large for the memory.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"there is no file {path}: check the path")
    try:
        if path.is_dir():
            from .zarr import read_zarr

            return read_zarr(path)
        suffix = path.suffix.lower()
        if suffix in _TIFF:
            from .tiff import read_tiff

            return read_tiff(path, lazy=lazy)
        if suffix == ".npy":
            data = np.load(path, mmap_mode="r", allow_pickle=False)
            return ImageFile(data, name=path.stem)
        if suffix in _PICTURES:
            return _read_picture(path)
    except (SenError, MemoryError):
        raise
    except _DAMAGE as error:
        raise ImageError(
            f"cannot read {path}: it is damaged, cut off, or not what its name says "
            f"({_one_line(error)})"
        ) from error
    known = " ".join(IMAGE_SUFFIXES)
    raise ImageError(f"cannot read {path}: images are read from files ending in {known}")


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
    RuntimeError,  # tifffile, imagecodecs, numcodecs
    zlib.error,
)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def _read_picture(path: Path) -> ImageFile:
    """Read a PNG, JPEG or BMP with Pillow, which resolves palettes."""
    deep = _read_deep_png(path)
    if deep is not None:
        return deep
    import imageio.v3 as iio

    properties = iio.improps(path, plugin="pillow")
    require_memory(properties.shape, properties.dtype, str(path))
    opened: Any
    with iio.imopen(path, "r", plugin="pillow") as opened:
        mode = opened.metadata(exclude_applied=False).get("mode")
        data = opened.read(index=0, mode="RGB" if mode in ("CMYK", "YCbCr", "LAB", "HSV") else None)
    if data.ndim == 3 and data.shape[-1] == 2:  # grey and alpha
        data = data[..., 0]
    rgb = data.ndim == 3
    return ImageFile(data, "yxs" if rgb else "yx", rgb, name=path.stem)


def _read_deep_png(path: Path) -> ImageFile | None:
    """Read a PNG of 16 bits, whose colours Pillow would cut to 8; None for any other picture."""
    with path.open("rb") as file:
        head = file.read(26)
    is_png = head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) == 26
    if not is_png or head[24] != 16:
        return None
    import imagecodecs

    channels = {0: 1, 2: 3, 4: 2}.get(head[25], 4)
    width, height = (int.from_bytes(head[k : k + 4], "big") for k in (16, 20))
    require_memory((height, width, channels), np.uint16, str(path))
    data = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    if channels == 2:  # grey and alpha
        data = data[..., 0]
    rgb = data.ndim == 3
    return ImageFile(data, "yxs" if rgb else "yx", rgb, name=path.stem)


def resolve(image: Any, *, what: str = "the image") -> ImageFile:
    """Return any image that the package accepts, in memory, with what is known of it.

    Parameters
    ----------
    image : array-like, path, list of arrays, or ImageFile
        NumPy, dask, zarr or xarray array; a napari multiscale list or another list of arrays
        of falling size (its level 0 is taken); a path for :func:`read_image`.
    what : str
        What it is, for messages.

    Returns
    -------
    ImageFile
        ``data`` is a NumPy array; it is the caller's own array where one was given.

    Raises
    ------
    ImageError
        If it is none of these, cannot be read, does not fit in memory, or is a masked array
        (whose mask would be lost).
    """
    found = _found(image, what, lazy=False)
    return replace(found, data=_in_memory(found.data, found.name or what))


def open_image(image: Any, *, what: str = "the image") -> ImageFile:
    """Return any image that the package accepts without reading its pixels where they lie on disk.

    As :func:`resolve`, but ``data`` is whatever has a shape, a dtype and pixels on indexing.
    """
    found = _found(image, what, lazy=True)
    if hasattr(found.data, "shape") and hasattr(found.data, "dtype"):
        _refuse_masked(found.data, found.name or what)
        return found
    return replace(found, data=_in_memory(found.data, found.name or what))


def _found(image: Any, what: str, *, lazy: bool) -> ImageFile:
    if isinstance(image, ImageFile):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(image, lazy=lazy)
    return _describe(_level_zero(image, what))


def to_array(image: Any) -> np.ndarray:
    """Return the pixels of any image that the package accepts; see :func:`resolve`."""
    return np.asarray(resolve(image).data)


def _level_zero(image: Any, what: str) -> Any:
    """Return the first level of a multiscale list; anything else as it is."""
    is_levels = isinstance(image, list | tuple) or type(image).__name__ == "MultiScaleData"
    if not is_levels:
        return image
    levels = list(image)
    if not levels:
        raise ImageError(f"{what} is an empty list: give an array, a path, or a list of levels")
    if all(hasattr(level, "shape") and len(level.shape) >= 2 for level in levels):
        return levels[0]
    return image


def _describe(image: Any) -> ImageFile:
    """Return a bare array with the axes that an xarray.DataArray names, else without."""
    dims = getattr(image, "dims", None)
    if dims is None or not hasattr(image, "data"):
        return ImageFile(image)
    axes = "".join(str(dim).lower() if len(str(dim)) == 1 else "?" for dim in dims)
    if not set(axes) <= set("tczyxs") or len(set(axes)) != len(axes):
        return ImageFile(image.data, name=str(image.name or ""))
    rgb = axes.endswith("s") and image.shape[-1] in (3, 4)
    channel = axes.index("c") if "c" in axes else None
    return ImageFile(image.data, axes, rgb, channel, name=str(image.name or ""))


def _refuse_masked(data: Any, name: str) -> None:
    if isinstance(data, np.ma.MaskedArray):
        raise ImageError(
            f"{name} is a masked array: pass its .data and, where a mask is taken, mask=~image.mask"
        )


def _in_memory(data: Any, name: str) -> np.ndarray:
    _refuse_masked(data, name)
    if isinstance(data, np.ndarray):
        return data
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        try:
            require_memory(data.shape, np.dtype(data.dtype), name)
        except TypeError as error:
            raise ImageError(f"{name} has the dtype {data.dtype}, which is not numeric") from error
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
            f"the pixels of {name} cannot be read: give an array, or a whole file "
            f"({_one_line(error)})"
        ) from error
