"""Files of prepared training images.

A folder holds ``parameters.json`` and, for each image, ``KEY.planes.npy`` (uint8 where that is
exact, else float16), ``KEY.labels.npz`` (all label maps, compressed, with mean colours) and
``KEY.json``, written last: an image without it is not there. KEY is a hash of the name.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import atomic, check_plain, read_plain, remove_file
from ..errors import DataError, said
from ..npy import NPZ_DAMAGE, check_part, open_npy
from ..params import Params, shown

__all__ = [
    "Entry",
    "LabelReader",
    "find",
    "open_folder",
    "read_planes",
    "store",
    "write_text",
]

FORMAT = 1
LARGEST_TEXT = 1 << 20  # bytes
_MOST_PER_PIXEL, _HEADER = 8, 1000  # bytes of label maps and colours in a file
LABEL_MEMORY = 256 << 20  # bytes of label maps kept decompressed


@dataclass(frozen=True)
class Entry:
    """One prepared image: sizes in px, mean and mean square of each plane."""

    name: str
    stamp: str
    key: str
    height: int
    width: int
    planes: int
    n_maps: int
    mean: list[float]
    square: list[float]

    def check(self) -> None:
        """Raise ValueError unless every entry is of its kind."""
        sizes = (self.height, self.width, self.planes, self.n_maps)
        good = all(isinstance(text, str) for text in (self.name, self.stamp, self.key))
        good = good and all(type(size) is int and 0 < size < 1 << 40 for size in sizes)
        for values in (self.mean, self.square):
            good = good and isinstance(values, list) and len(values) == self.planes
            good = good and all(type(v) is float and math.isfinite(v) for v in values)
        if not good or self.key != _key(self.name):
            raise ValueError("an entry is of another kind")


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it."""
    with atomic(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def open_folder(folder: Path, params: Params) -> None:
    """Make the folder, or check that it was made with the same parameters."""
    wanted = json.loads(json.dumps({"format": FORMAT, **params.to_dict()}))
    path = folder / "parameters.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_text(path, json.dumps(wanted, indent=1) + "\n")
        return
    try:
        found = json.loads(read_plain(path, LARGEST_TEXT))
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({said(error)}): delete the folder") from error
    if found != wanted:
        differs = next(k for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k))
        raise DataError(
            f"{folder} holds images prepared with {differs} = {shown(found.get(differs))}, "
            f"but {wanted.get(differs)!r} is wanted: choose another folder, or delete this one"
        )


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def find(folder: Path, name: str, stamp: str, n_maps: int) -> Entry | None:
    """Return the prepared image of this name and stamp, or None."""
    path = folder / f"{_key(name)}.json"
    if not path.exists():
        return None
    try:
        entry = Entry(**json.loads(read_plain(path, LARGEST_TEXT)))
        entry.check()
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({said(error)}): delete it") from error
    return entry if (entry.name, entry.stamp, entry.n_maps) == (name, stamp, n_maps) else None


def store(
    folder: Path,
    name: str,
    stamp: str,
    planes: np.ndarray,
    maps: list[np.ndarray],
    colours: list[np.ndarray],
    check: Callable[[], None] = lambda: None,
) -> Entry:
    """Write one prepared image; its description comes last, so it is whole or not there.

    ``check`` is called many times; what it raises leaves no file.
    """
    key = _key(name)
    remove_file(folder / f"{key}.json")
    arrays: dict[str, Any] = {}
    for i, (labels, means) in enumerate(zip(maps, colours, strict=True)):
        arrays[f"labels_{i}"] = labels.astype(np.uint16 if labels.max() < 1 << 16 else np.int32)
        arrays[f"colours_{i}"] = means
    packed = _pack(planes)
    _write(folder / f"{key}.labels.npz", lambda file: np.savez_compressed(file, **arrays), check)
    _write(
        folder / f"{key}.planes.npy", lambda file: np.save(file, packed, allow_pickle=False), check
    )
    flat = planes.reshape(-1, planes.shape[-1]).astype(float)
    entry = Entry(
        name,
        stamp,
        key,
        height=planes.shape[0],
        width=planes.shape[1],
        planes=planes.shape[2],
        n_maps=len(maps),
        mean=flat.mean(0).tolist(),
        square=np.square(flat).mean(0).tolist(),
    )
    write_text(folder / f"{key}.json", json.dumps(asdict(entry)) + "\n")
    return entry


class _Watched(io.BufferedWriter):
    """A file that asks before each write whether to go on."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._check = check

    def write(self, data: Any) -> int:
        """Write bytes, or raise what the check raises."""
        self._check()
        return super().write(data)


def _write(path: Path, save: Callable[[Any], None], check: Callable[[], None]) -> None:
    with atomic(path, overwrite=True) as temporary, _Watched(temporary, check) as file:
        save(file)


def _pack(planes: np.ndarray) -> np.ndarray:
    """Return planes as uint8 if they are whole 255ths, else as float16."""
    scaled = planes * 255.0
    whole = np.rint(scaled)
    if whole.min() >= 0 and whole.max() <= 255 and np.abs(scaled - whole).max() < 1e-3:
        return whole.astype(np.uint8)
    return planes.astype(np.float16)


def read_planes(folder: Path, entry: Entry, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (rows, columns, P) float32 planes of an image, reading no more than needed."""
    path = folder / f"{entry.key}.planes.npy"
    try:
        stored = open_npy(path)
        _check(stored, (entry.height, entry.width, entry.planes), (np.uint8, np.float16))
        part = stored[rows[:, None], columns]
        if not np.isfinite(part).all():
            raise ValueError("it holds something that is not a number")
    except NPZ_DAMAGE as error:
        raise DataError(
            f"{path} cannot be read ({said(error)}): delete the cache folder"
        ) from error
    scale = np.float32(1 / 255) if part.dtype == np.uint8 else np.float32(1)
    return np.asarray(part, np.float32) * scale


def _check(array: np.ndarray, shape: tuple[int, ...], kinds: tuple[type, ...]) -> None:
    if array.shape != shape or array.dtype not in kinds:
        raise ValueError(f"it holds {array.dtype} of shape {array.shape}")


class LabelReader:
    """Reads label maps and mean colours; keeps the last used ones in memory. For all threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: OrderedDict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()

    def read(self, entry: Entry, scale: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the (H, W) label map number ``scale`` and its (L + 1, C) mean colours."""
        with self._lock:
            return self._read(entry, scale)

    def _read(self, entry: Entry, scale: int) -> tuple[np.ndarray, np.ndarray]:
        key = (entry.key, scale)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        path = self.folder / f"{entry.key}.labels.npz"
        try:
            check_plain(path)
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                largest = _MOST_PER_PIXEL * entry.height * entry.width * entry.planes + _HEADER
                for name in (f"labels_{scale}", f"colours_{scale}"):
                    check_part(file.zip.getinfo(f"{name}.npy"), largest)
                found = file[f"labels_{scale}"], file[f"colours_{scale}"]
            _check(found[0], (entry.height, entry.width), (np.uint16, np.int32))
            if found[1].ndim != 2 or len(found[1]) <= found[0].max():
                raise ValueError("its colours do not fit its labels")
        except NPZ_DAMAGE as error:
            raise DataError(
                f"{path} cannot be read ({said(error)}): delete the cache folder"
            ) from error
        self._kept[key] = found
        self._bytes += sum(array.nbytes for array in found)
        while self._bytes > LABEL_MEMORY and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= sum(array.nbytes for array in old)
        return found
