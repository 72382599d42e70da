"""One run at a place: a lock file with the host and process that hold it.

The operating system lets go of the lock when its process ends, however it ends, so a stale file
is simply taken over. Whoever finds the lock held touches nothing.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

from ..disk import (
    LOCK,
    check_plain,
    check_removable,
    empty_folder,
    is_ours,
    left_in,
    make_folder,
    open_inside,
    remove_folder,
)
from ..errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Lock", "check_free", "held"]

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # of this file system
_TRIES = 6
_PATIENCE = 400  # tries, 50 ms each
_FAR = 1 << 30  # a byte behind the text, which stays readable


class Lock:
    """A working folder that is this run's alone until the lock is closed.

    Parameters
    ----------
    folder : Path
        Made and marked as ours if it is missing.

    Attributes
    ----------
    is_fresh : bool
        Whether nothing was in the folder.

    Raises
    ------
    OutputError
        If another run holds it, or the folder is not ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        while not self._is_opened():
            pass
        try:
            if not is_ours(folder):  # the run before was removing it: its mark went first
                make_folder(folder)
            self._file.truncate(0)
            self._file.write(json.dumps(_this()).encode())
            self._file.flush()
            self.is_fresh = not left_in(folder)
        except BaseException:
            self._file.close()
            raise

    def _is_opened(self) -> bool:
        """Open and lock the file; return False if another run removed it meanwhile."""
        if not os.path.lexists(self.folder):
            try:
                make_folder(self.folder)
            except OutputError:
                if not os.path.lexists(self.folder):  # else another run was quicker
                    raise
        try:
            check_removable(self.folder)
            self._file: IO[Any] = open_inside(self.folder / LOCK, "ab")
        except FileNotFoundError:
            return False
        except OutputError:
            if os.path.lexists(self.folder):
                raise
            return False
        except OSError as error:  # a pipe, a folder, or a device in its place
            raise OutputError(
                f"cannot lock {self.folder} ({error.strerror}): remove its file {LOCK}, or choose "
                "another output"
            ) from error
        if self._is_taken():
            return True
        self._file.close()
        return False

    def _is_taken(self) -> bool:
        """Take the lock; return False if the file that was locked is not the one that is there."""
        try:
            held = not _lock(self._file, self.folder)
        except OSError:
            self._file.close()
            raise
        if held:
            self._file.close()
            raise _is_held(self.folder)
        try:
            there = os.stat(self.folder / LOCK)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._file.fileno()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def empty(self) -> None:
        """Remove what an earlier run left in the folder."""
        empty_folder(self.folder)
        self.is_fresh = True

    def drop(self) -> None:
        """Remove the folder, the lock last."""
        if fcntl is None:  # Windows removes no file that is open
            self.close()
        remove_folder(self.folder)
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()


def check_free(folder: Path) -> None:
    """Raise OutputError if a run holds the lock of a folder; nothing is touched."""
    path = folder / LOCK
    if path.is_symlink() or not path.is_file():
        return
    with open_inside(path, "ab") as file:
        if not _lock(file, folder):
            raise _is_held(folder)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file for a moment, which others that would hold it wait for.

    Raises
    ------
    OutputError
        If another process does not let go of it.
    """
    check_plain(path)
    with path.open("rb") as file:
        for _ in range(_PATIENCE):
            if _lock_now(file, path.parent):
                break
            time.sleep(0.05)
        else:
            raise OutputError(f"another process holds {path}: wait for it, then resume")
        yield


def _this() -> dict[str, Any]:
    """Return who this is."""
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"host": socket.gethostname(), "process": os.getpid(), "since": began}


def _holder(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / LOCK).read_bytes()[:4096])
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_held(folder: Path) -> OutputError:
    who = _holder(folder)
    name = "another process"
    if who:
        name = f"process {who.get('process')} on {who.get('host')} (since {who.get('since')})"
    return OutputError(
        f"{name} is working on {folder}: nothing was touched; wait for it, or choose another output"
    )


def _lock(file: IO[Any], folder: Path) -> bool:
    """Lock an open file of a folder unless another run has; return whether that was possible.

    Who only looks whether it is free holds it for a moment, too: so it is tried more than once.
    """
    for _ in range(_TRIES - 1):
        if _lock_now(file, folder):
            return True
        time.sleep(0.05)
    return _lock_now(file, folder)


def _lock_now(file: IO[Any], folder: Path) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_byte(file)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return not _is_alive(_holder(folder))
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _lock_byte(file: IO[Any]) -> None:
    import msvcrt

    file.seek(_FAR)
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


def _is_alive(who: dict[str, Any]) -> bool:
    """Return whether the process that wrote a lock still runs, as far as this host can tell."""
    process = who.get("process")
    if not isinstance(process, int) or process == os.getpid():
        return False
    if who.get("host") != socket.gethostname():
        return True
    is_there: bool = psutil.pid_exists(process)  # os.kill(process, 0) interrupts it on Windows
    return is_there
