"""Files of prepared training images.

A folder holds ``parameters.json`` and, for each image, ``KEY.planes.npy`` (uint8 where that is
exact, else float16), ``KEY.labels.npz`` (all label maps, compressed, with mean colours) and
``KEY.json``, written last: an image without it is not there. KEY is a hash of the name.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import atomic, remove_file
from ..errors import DataError
from ..params import Params

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
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}): delete the folder") from error
    if found != wanted:
        differs = next(k for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k))
        raise DataError(
            f"{folder} holds images prepared with {differs} = {found.get(differs)!r}, wanted is "
            f"{wanted.get(differs)!r}: choose another folder or delete this one"
        )


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def find(folder: Path, name: str, stamp: str, n_maps: int) -> Entry | None:
    """Return the prepared image of this name and stamp, or None."""
    path = folder / f"{_key(name)}.json"
    if not path.exists():
        return None
    try:
        entry = Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}): delete it") from error
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
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        part = stored[rows[:, None], columns]
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{path} cannot be read ({error}): delete the cache folder") from error
    scale = np.float32(1 / 255) if part.dtype == np.uint8 else np.float32(1)
    return np.asarray(part, np.float32) * scale


class LabelReader:
    """Reads label maps and mean colours; keeps the last used ones in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: OrderedDict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._bytes = 0

    def read(self, entry: Entry, scale: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the (H, W) label map number ``scale`` and its (L + 1, C) mean colours."""
        key = (entry.key, scale)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        path = self.folder / f"{entry.key}.labels.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                found = file[f"labels_{scale}"], file[f"colours_{scale}"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} cannot be read ({error}): delete the cache folder") from error
        self._kept[key] = found
        self._bytes += sum(array.nbytes for array in found)
        while self._bytes > LABEL_MEMORY and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= sum(array.nbytes for array in old)
        return found
