"""TIFF, OME-TIFF, ImageJ TIFF and the TIFFs of slide scanners: pixels, axes, pixel size."""

from __future__ import annotations

import logging
import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from ..errors import ImageError
from .image_file import ImageFile, drop_singletons
from .memory import require_memory
from .ome_claims import check_claims
from .photometry import interpreted
from .picture import ORIENTATION, rotation_note
from .pixel_size import spatial_scale
from .tiff_size import tiff_size
from .view import View

__all__ = ["read_tiff"]

# tifffile's letters for axes whose meaning the file does not state.
_UNKNOWN = set("IQ")
_GDAL_NODATA = 42113


log = logging.getLogger("napari_sen")
# What is wrong with a file is said once, by us; who listens to tifffile still hears it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_LARGE_PIECE = 256 * 2**20  # bytes that one read of a tile may cost without a word


def read_tiff(
    path: Path, *, lazy: bool = False, series: int | None = None, labels: bool = False
) -> ImageFile:
    """Read a series of a TIFF file, by default the first; the largest level of a pyramid.

    With ``lazy`` the pixels stay on disk, seen through tifffile's zarr store. They are read in
    the file's own pieces: tiles, or strips, of which an uncompressed page has only one.

    Parameters
    ----------
    path : Path
    lazy : bool
    series : int, optional
        Which series; where there are several and none is chosen, ``notes`` say so.
    labels : bool
        Whether it holds a mask or labels: a palette's indices are then what counts.

    Raises
    ------
    ImageError
        If a part of the file is missing, the series is not there, or the pixels would not fit in
        memory. What tifffile raises on damaged files is passed on for the caller to phrase.
    """
    with tifffile.TiffFile(path) as tiff:
        check_claims(tiff, path)
        number = _chosen(tiff, path, series)
        chosen = tiff.series[number]
        if not lazy:
            require_memory(chosen.shape, chosen.dtype, str(path))
        _check_whole(tiff, chosen, path)
        axes = chosen.axes.lower()
        page: Any = chosen.keyframe
        turn = page.tags[ORIENTATION].value if ORIENTATION in page.tags else 1
        notes = rotation_note(path, turn)
        if series is None and len(tiff.series) > 1:
            other = "the first is read (series=N, --series N for another)"
            notes += (f"{path} holds {len(tiff.series)} series: {_listed(tiff)}; {other}",)
        data: Any
        if lazy:
            data = View(_stored(path, number))
        else:
            data = chosen.asarray()
        if data.shape != chosen.shape:
            raise ValueError(f"expected {chosen.shape} pixels, found {data.shape}")
        scale, units, source = tiff_size(tiff, number)
        nodata = _nodata(page)
        data, axes = _samples_last(data, axes)
        data, axes = drop_singletons(data, axes)
        data, axes, is_colour, inside = interpreted(data, axes, page, str(path), labels=labels)
    known = not _UNKNOWN & set(axes.upper()) and len(set(axes)) == len(axes)
    rgb: bool | None = None
    channel = axes.find("c") if "c" in axes else None
    if axes.endswith("s"):
        rgb = is_colour
        channel = None if rgb else data.ndim - 1
    elif known:
        rgb = False
    spacing, unit_names = spatial_scale(axes, scale, units) if known else (None, None)
    return ImageFile(
        data, axes if known else None, rgb, channel, spacing, unit_names, _stem(path),
        source if spacing else "", inside, nodata, notes=notes,
    )  # fmt: skip


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _chosen(tiff: tifffile.TiffFile, path: Path, series: int | None) -> int:
    """Return the number of the series that is read: the first, where nobody chose."""
    count = len(tiff.series)
    if series is not None and not 0 <= series < count:
        raise ImageError(f"{path} has no series {series}: it has {_listed(tiff)}")
    return series or 0


def _listed(tiff: tifffile.TiffFile) -> str:
    found = [
        f"{number} ({' x '.join(map(str, each.shape))})" for number, each in enumerate(tiff.series)
    ]
    return ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")


def _check_whole(tiff: tifffile.TiffFile, series: Any, path: Path) -> None:
    """Raise ImageError if pages or pixels are missing: tifffile takes them for black."""
    if not tiff.is_ndpi and not _is_closed(tiff):
        raise ImageError(f"cannot read {path}: it is cut off after {len(tiff.pages)} pages")
    claimed = (tiff.imagej_metadata or {}).get("images", 1) if tiff.is_imagej else 1
    if claimed > 1 and series.kind != "imagej":
        raise ImageError(
            f"cannot read {path}: it is cut off or damaged (ImageJ wrote {claimed} planes)"
        )
    missing = sum(page is None for page in series.pages)
    if missing:
        raise ImageError(
            f"{path} is incomplete: {missing} of its {len(series.pages)} planes are in files that "
            "are not beside it; bring all files of the set together"
        )
    end = tiff.filehandle.size
    if series.dataoffset is not None:
        needed = series.dataoffset + series.nbytes
    else:
        own = (page for page in series.pages if page.parent is tiff)
        needed = max(map(_end_of, own), default=0)
    if needed > end:
        raise ImageError(
            f"cannot read {path}: it is damaged or cut off (its pixels go on to byte {needed}, it "
            f"ends at {end}); get it anew"
        )


def _end_of(page: Any) -> int:
    pairs = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((start + count for start, count in pairs if start and count), default=0)


def _is_closed(tiff: tifffile.TiffFile) -> bool:
    """Return whether the chain of pages ends with an end, not beyond the file."""
    form, file = tiff.tiff, tiff.filehandle
    file.seek(8 if form.version == 43 else 4)
    seen: set[int] = set()
    while True:
        raw = file.read(form.offsetsize)
        if len(raw) < form.offsetsize:
            return False
        offset = int.from_bytes(raw, "little" if form.byteorder == "<" else "big")
        if offset == 0 or offset in seen:
            return True
        seen.add(offset)
        file.seek(offset)
        raw = file.read(form.tagnosize)
        if len(raw) < form.tagnosize:
            return False
        count = int.from_bytes(raw, "little" if form.byteorder == "<" else "big")
        file.seek(offset + form.tagnosize + count * form.tagsize)


def _nodata(page: Any) -> float | None:
    """Return the value of pixels without data that GDAL notes, None where there is none."""
    if _GDAL_NODATA not in page.tags:
        return None
    try:
        return float(str(page.tags[_GDAL_NODATA].value).strip("\x00 "))
    except ValueError:
        return None


def _stored(path: Path, series: int) -> Any:
    """Return the finest level as a zarr array that opens the file for itself."""
    store: Any = tifffile.imread(path, aszarr=True, series=series, level=0)
    array: Any = zarr.open(store, mode="r")
    weakref.finalize(array, store.close)
    piece = math.prod(array.chunks) * array.dtype.itemsize
    if piece > _LARGE_PIECE:
        log.warning(
            "%s is stored in pieces of %.1f GB, and every tile reads a whole one: a tiled TIFF or "
            "a zarr copy of it would be much faster", path, piece / 1e9,
        )  # fmt: skip
    return array


def _samples_last(data: Any, axes: str) -> tuple[Any, str]:
    """Move the samples of planar RGB behind the pixels."""
    if "s" not in axes or axes.endswith("s"):
        return data, axes
    place = axes.index("s")
    if isinstance(data, View):
        return data.moved_last(place), axes[:place] + axes[place + 1 :] + "s"
    return np.moveaxis(data, place, -1), axes[:place] + axes[place + 1 :] + "s"
