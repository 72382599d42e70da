"""What of a long run is done: a folder that survives being killed at any moment.

``run.json`` holds the parameters and is written once, under a temporary name and renamed.
``done.txt`` gets one line per finished piece, with a checksum, and is flushed to the disk before
the next step; a line that was cut off by a kill is dropped when the run is resumed. A line names
the files that the piece has written, with their sizes and checksums, so that what was damaged or
removed meanwhile is found, and made again.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..disk import open_inside, read_plain, remove_inside, write_durably
from ..errors import OutputError
from .ledger import Seal, broken
from .shelf import FolderShelf

__all__ = ["Journal", "difference"]

log = logging.getLogger("napari_sen")

_OWN = ("run.json", "done.txt")
_UNDONE = "undone"  # stage of the lines that take others back
_LARGEST = 1 << 32  # bytes of a journal
_LARGEST_RUN = 1 << 26  # bytes of its parameters, which name all files of a source

Piece = tuple[str, int]


class Journal:
    """The record of one run, open for as long as it works; whoever opens it holds the lock.

    Parameters
    ----------
    folder : Path
        Of the journal, in the run's working folder; made new or found from an earlier run.
    run : mapping
        The parameters of the run, JSON values only: what its result depends on.
    retry : str
        The remedy named where another run is found.

    Raises
    ------
    OutputError
        If the folder holds the journal of other parameters.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any], *, retry: str) -> None:
        self.folder = folder
        self.shelf = FolderShelf(str(folder.resolve()))
        self.done: dict[str, dict[int, Any]] = {}
        self._files: dict[Piece, dict[str, Seal]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._claim(json.loads(json.dumps(run)), retry)
        self._log = self._reopened(folder / "done.txt")
        try:
            self._check()
        except BaseException:
            self._log.close()
            raise

    def _claim(self, run: dict[str, Any], retry: str) -> None:
        """See that the folder is of this run, or make it so."""
        work = self.folder.parent
        known = _read_run(self.folder / "run.json")
        if known is None:
            write_durably(self.folder / "run.json", json.dumps(run, indent=1).encode())
        elif known != run:
            changed = _changed_file(known.get("files"), run.get("files"))
            if changed is not None:
                raise OutputError(
                    f"{changed} was changed since {work} was begun: start anew with "
                    "overwrite=True (--overwrite), or choose another output"
                )
            raise OutputError(
                f"{work} was begun with other parameters ({difference(known, run)}): {retry}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the journal stays."""
        self._log.close()

    def add(
        self, stage: str, piece: int, record: Any = None, files: Mapping[str, Seal] | None = None
    ) -> None:
        """Note a finished piece of a stage, for good.

        Parameters
        ----------
        stage : str
        piece : int
        record
            Small; JSON values.
        files : mapping, optional
            Seals of the files that it has written, by their full path; all lie in the folder of
            the run.
        """
        work = self.folder.parent.resolve()
        named = {Path(p).relative_to(work).as_posix(): seal for p, seal in (files or {}).items()}
        self._write([stage, piece, record, named])
        self._take(stage, piece, json.loads(json.dumps(record)), named)

    def has(self, stage: str, piece: int = 0) -> bool:
        """Return whether a piece was finished."""
        return piece in self.done.get(stage, {})

    def left(self, stage: str, count: int) -> list[int]:
        """Return the pieces 0...count - 1 of a stage that are not finished."""
        done = self.done.get(stage, {})
        return [piece for piece in range(count) if piece not in done]

    def _take(self, stage: str, piece: int, record: Any, files: dict[str, Seal]) -> None:
        self.done.setdefault(stage, {})[piece] = record
        self._files.pop((stage, piece), None)  # the last one counts, and comes last
        self._files[stage, piece] = files

    def _write(self, line: Any) -> None:
        text = json.dumps(line)
        self._log.write(f"{zlib.crc32(text.encode()):08x} {text}\n".encode())
        self._log.flush()
        os.fsync(self._log.fileno())

    def _reopened(self, path: Path) -> Any:
        """Read the lines that are whole, cut off the rest, and go on behind them."""
        file = open_inside(path, "ab")
        try:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                raise _damaged(path)
            good = 0
            for line in path.read_bytes().splitlines(keepends=True):
                text = line[9:-1]
                if not line.endswith(b"\n") or line[:9] != f"{zlib.crc32(text):08x} ".encode():
                    break
                self._read(path, text)
                good += len(line)
            file.truncate(good)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, path: Path, text: bytes) -> None:
        """Take a line; its checksum holds, so only another version can have written nonsense."""
        try:
            stage, piece, record, files = json.loads(text)
            if stage == _UNDONE:
                self._drop((str(name), int(number)) for name, number in record)
            else:
                seals = {str(name): [int(n) for n in seal] for name, seal in files.items()}
                self._take(str(stage), int(piece), record, seals)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path) from error

    def _check(self) -> None:
        """Take back every piece whose files are not as it left them, and remove strays.

        A tile is then made again. Where anything else was damaged, all is.
        """
        work = self.folder.parent
        current = {name: seal for files in self._files.values() for name, seal in files.items()}
        bad = broken(work, current)
        undone: list[Piece] = []
        if all(_is_tile(name) for name in bad):
            while found := [p for p, files in self._files.items() if bad & {*files}]:
                bad |= {name for piece in found for name in self._files[piece]}
                undone += found
                self._drop(found)
        else:
            undone = [*self._files]
            self._drop(undone)
            current, bad = {}, set()
        if undone:
            log.info("%d damaged pieces of the unfinished run are made again", len(undone))
            self._write([_UNDONE, 0, undone, {}])
        whole = {_itself(work / name) for name in current.keys() - bad}
        whole |= {_itself(self.folder / name) for name in _OWN}
        for place in (self.folder, *work.glob("*.zarr")):
            for path in place.rglob("*"):
                if path.is_symlink() or not (path.is_dir() or _itself(path) in whole):
                    remove_inside(work, path)

    def _drop(self, pieces: Iterable[Piece]) -> None:
        for stage, piece in pieces:
            self.done.get(stage, {}).pop(piece, None)
            self._files.pop((stage, piece), None)


def _itself(path: Path) -> object:
    """Return what tells a file from all others, since its name can be written in several ways.

    Where case is ignored, or accents are taken apart, folders do not list it as it was given.
    """
    about = path.stat()
    return (about.st_dev, about.st_ino) if about.st_ino else path


def _is_tile(name: str) -> bool:
    """Return whether a file is one of a pyramid's, which its piece alone can make again."""
    store, _, inner = name.partition("/")
    level = inner.partition("/")[0]
    return store.endswith(".zarr") and level.isdecimal() and not name.endswith("zarr.json")


def _changed_file(known: Any, now: Any) -> str | None:
    """Return the name of the first file that has another stamp than when the run began."""
    if not (isinstance(known, list) and isinstance(now, list)) or len(known) != len(now):
        return None
    for before, after in zip(known, now, strict=True):
        if before != after and isinstance(before, list) and before[:1] == after[:1]:
            return str(after[0])
    return None


def difference(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the first parameter that two runs do not share, and both values."""
    for key in sorted({*known, *wanted}):
        a, b = known.get(key), wanted.get(key)
        if a != b:
            if isinstance(a, dict) and isinstance(b, dict):
                return difference(a, b)
            return f"{key} was {a!r}, now {b!r}"
    return "none"


def _read_run(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        found = json.loads(read_plain(path, _LARGEST_RUN))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _damaged(path: Path) -> OutputError:
    return OutputError(f"{path} is damaged: start the run anew with overwrite=True (--overwrite)")
