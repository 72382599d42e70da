"""What of a long run is done: a folder that survives being killed at any moment.

``run.json`` holds the parameters and is written once, under a temporary name and renamed.
``done.txt`` gets one line per finished piece, with a checksum, and is flushed to the disk before
the next step; a line that was cut off by a kill is dropped when the run is resumed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..disk import open_inside, write_durably
from ..errors import OutputError
from .shelf import FolderShelf

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not told apart there
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal", "difference"]


class Journal:
    """The record of one run, open for as long as it works.

    Parameters
    ----------
    folder : Path
        Of the journal; made new or found from an earlier run.
    run : mapping
        The parameters of the run, JSON values only: what its result depends on.
    retry : str
        The remedy named where another run is found.

    Raises
    ------
    OutputError
        If the folder holds the journal of other parameters, or another process works on it.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any], *, retry: str) -> None:
        self.folder = folder
        self.shelf = FolderShelf(str(folder.resolve()))
        folder.mkdir(parents=True, exist_ok=True)
        self.done: dict[str, dict[int, Any]] = {}
        self._lock = open_inside(folder / "lock", "w")
        try:
            self._claim(json.loads(json.dumps(run)), retry)
            self._log = self._reopened(folder / "done.txt")
        except BaseException:
            self._lock.close()
            raise

    def _claim(self, run: dict[str, Any], retry: str) -> None:
        """Keep other processes out; see that the folder is of this run, or make it so."""
        work = self.folder.parent
        try:
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"another process is working on {work}: wait for it") from error
        known = _read_run(self.folder / "run.json")
        if known is None:
            write_durably(self.folder / "run.json", json.dumps(run, indent=1).encode())
        elif known != run:
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
        """Let go of the files; the journal stays."""
        self._log.close()
        self._lock.close()

    def add(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece of a stage, with a small record of JSON values, for good."""
        text = json.dumps([stage, piece, record])
        self._log.write(f"{zlib.crc32(text.encode()):08x} {text}\n".encode())
        self._log.flush()
        os.fsync(self._log.fileno())
        self.done.setdefault(stage, {})[piece] = record

    def has(self, stage: str, piece: int = 0) -> bool:
        """Return whether a piece was finished."""
        return piece in self.done.get(stage, {})

    def left(self, stage: str, count: int) -> list[int]:
        """Return the pieces 0...count - 1 of a stage that are not finished."""
        done = self.done.get(stage, {})
        return [piece for piece in range(count) if piece not in done]

    def _reopened(self, path: Path) -> Any:
        """Read the lines that are whole, cut off the rest, and go on behind them."""
        good = 0
        content = path.read_bytes() if path.exists() else b""
        for line in content.splitlines(keepends=True):
            text = line[9:-1]
            if not line.endswith(b"\n") or line[:9] != f"{zlib.crc32(text):08x} ".encode():
                break
            stage, piece, record = json.loads(text)
            self.done.setdefault(stage, {})[piece] = record
            good += len(line)
        file = open_inside(path, "ab")
        file.truncate(good)
        return file


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
        found: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise OutputError(f"{path} is damaged: remove {path.parent.parent}") from error
    return found
