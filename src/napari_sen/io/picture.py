"""PNG, JPEG and BMP: every mode of Pillow becomes grey or colour, with what is transparent."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..needs import need
from .image_file import ImageFile
from .memory import require_memory

__all__ = ["ORIENTATION", "read_picture", "rotation_note"]

ORIENTATION = 274  # the tag of EXIF and of TIFF
# A byte of deflate, as of JPEG, holds no more than about a thousand.
_MOST_PER_BYTE, _SPARE = 1100, 1 << 20


def read_picture(path: Path, *, labels: bool = False) -> ImageFile:
    """Read a PNG, JPEG or BMP.

    Parameters
    ----------
    path : Path
    labels : bool
        Whether it holds a mask or labels: a palette's indices are then what counts.

    Raises
    ------
    ImageError
        If it would not fit in memory, or claims more pixels than its bytes can hold. What
        Pillow raises on damaged files is passed on for the caller to phrase.
    """
    deep = _read_deep_png(path)
    if deep is not None:
        return deep
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            opened = Image.open(path)
        except Image.DecompressionBombError as error:
            raise ImageError(f"{path} is too large a picture to open: write it as TIFF") from error
    with opened as picture:
        _check_size(path, (picture.height, picture.width, len(picture.getbands())), np.uint8)
        notes = rotation_note(path, picture.getexif().get(ORIENTATION, 1))
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            notes += (f"{path} holds {frames} frames: the first is read",)
        data, inside = _pixels(picture, labels)
    rgb = data.ndim == 3
    axes = "yxs" if rgb else "yx"
    return ImageFile(data, axes, rgb, name=path.stem, inside=inside, notes=notes)


def _pixels(picture: Any, labels: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return (Y, X) grey or (Y, X, 3 or 4) colour, and where grey is not transparent."""
    mode, transparent = picture.mode, picture.info.get("transparency")
    if mode == "P" and labels:
        return np.array(picture), None
    if mode in ("LA", "La"):
        grey, alpha = picture.convert("LA").split()
        return np.array(grey), np.array(alpha) != 0
    if mode in ("1", "L", "I", "F") or mode.startswith("I;"):
        data = np.array(picture)
        return data, None if not isinstance(transparent, int) else data != transparent
    has_alpha = mode in ("RGBA", "RGBa", "PA") or transparent is not None
    wanted = "RGBA" if has_alpha and mode not in ("CMYK", "YCbCr") else "RGB"
    return np.array(picture if mode == wanted else picture.convert(wanted)), None


def rotation_note(path: Path, orientation: object) -> tuple[str, ...]:
    """Return what to say where a file asks viewers to turn the image; pixels are not turned."""
    if orientation in (None, 0, 1):
        return ()
    note = (
        f"{path} asks viewers to turn or mirror it (EXIF orientation {orientation}): its pixels "
        "are taken as they are stored, and so do results lie"
    )
    return (note,)


def _check_size(path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ImageError unless so many pixels fit in memory, and can come from so many bytes."""
    require_memory(shape, dtype, str(path))
    claimed = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    there = path.stat().st_size
    if claimed > _MOST_PER_BYTE * there + _SPARE:
        raise ImageError(
            f"cannot read {path}: it is damaged (it claims {shape[0]} x {shape[1]} pixels, which "
            f"its {there} bytes cannot hold); get it anew"
        )


def _read_deep_png(path: Path) -> ImageFile | None:
    """Read a PNG of 16 bits, whose colours Pillow would cut to 8; None for any other picture."""
    with path.open("rb") as file:
        head = file.read(26)
    is_png = head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) == 26
    if not is_png or head[24] != 16:
        return None
    need("imagecodecs", what="a PNG of 16 bits", install="imagecodecs")
    import imagecodecs

    channels = {0: 1, 2: 3, 4: 2}.get(head[25], 4)
    width, height = (int.from_bytes(head[k : k + 4], "big") for k in (16, 20))
    _check_size(path, (height, width, channels), np.uint16)
    data, inside = np.asarray(imagecodecs.png_decode(path.read_bytes())), None
    if data.ndim == 3 and data.shape[-1] == 2:  # grey and alpha
        data, inside = data[..., 0], data[..., 1] != 0
    rgb = data.ndim == 3
    return ImageFile(data, "yxs" if rgb else "yx", rgb, name=path.stem, inside=inside)
