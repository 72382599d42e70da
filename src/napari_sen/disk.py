"""The disk: the one module that makes, replaces and removes what lies there.

Nothing is removed that this package did not make. A folder of ours carries a mark: the file
``napari-sen.json`` in working folders, the attribute ``napari-sen`` in the ``zarr.json`` of stores.
Links are never followed, and a store that holds anything which is not of zarr is left alone.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import OutputError

__all__ = [
    "ATTRIBUTE",
    "LOCK",
    "MARK",
    "atomic",
    "check_apart",
    "check_plain",
    "check_removable",
    "discard_folder",
    "empty_folder",
    "exists",
    "is_ours",
    "left_in",
    "make_folder",
    "open_inside",
    "output_place",
    "patiently",
    "read_plain",
    "refused",
    "remove_file",
    "remove_folder",
    "remove_inside",
    "replace",
    "sweep",
    "sync",
    "temporary_folder",
    "write_durably",
]

ATTRIBUTE = "napari-sen"  # of a store: that it is ours, and how it was made
MARK = "napari-sen.json"  # file in a working folder: that it is ours
LOCK = "lock"  # file in a working folder: who is at work there
_MARKS = ("zarr.json", MARK)
_PARTIAL = ".partial"
_OWN_PARTIAL = re.compile(r"\..+\.\d+\.partial\.[^.]+")  # as `atomic` names them
_HAS_RESERVED = os.name == "nt"
# Devices, characters that mean something else, and ends that are dropped.
_RESERVED = re.compile(r"^(con|prn|aux|nul|(com|lpt)\d) *(\.|$)|[<>:\"|?*]|[ .]$", re.I)
_LONGEST = 200  # bytes of a name: temporary ones are longer
_LARGEST_MARK = 1 << 24  # bytes
_PATIENCE = 40 if os.name == "nt" else 0  # times that a name is tried again
_MOMENT = 0.05  # s

_PathLike = str | os.PathLike[str]


def output_place(path: _PathLike) -> Path:
    """Return where an output really goes: a plain name in a folder whose links are resolved.

    Raises
    ------
    OutputError
        If the path has no plain name at its end (``.``, ``..``), is a link, or is or holds the
        folder that one works in.
    """
    if not isinstance(path, str | os.PathLike):
        raise OutputError(
            f"an output is given by its path, got a value of type {type(path).__name__}"
        )
    text = os.fspath(path)
    if len(os.fsencode(os.path.basename(text))) > _LONGEST:
        raise OutputError(f"cannot write {text[:40]}...: the name is too long")
    name = os.path.basename(text.rstrip(_SEPARATORS))
    if name in ("", ".", "..") or "\0" in text:
        raise OutputError(f"cannot write {text!r}: end the path in the name of a new file or store")
    if name.endswith(_PARTIAL):
        raise OutputError(f"cannot write {text}: names that end in {_PARTIAL} are unfinished runs")
    if _HAS_RESERVED and _RESERVED.search(name):
        raise OutputError(f"cannot write {text}: Windows keeps the name {name}; choose another")
    try:
        goal = Path(os.path.realpath(os.path.dirname(text.rstrip(_SEPARATORS)) or "."), name)
    except FileNotFoundError as error:
        raise OutputError(
            f"cannot write {text}: the folder that you work in is gone; give a full path"
        ) from error
    if goal.is_symlink():
        raise OutputError(f"cannot write {text}: it is a link; give the path that it points to")
    if goal.is_dir() and _is_working_folder(goal):
        raise OutputError(f"cannot write {text}: it is or holds the folder that you work in")
    return goal


def _is_working_folder(goal: Path) -> bool:
    """Return whether a folder is, or holds, the one that one works in, if that still is."""
    try:
        return _holds(goal, Path.cwd())
    except FileNotFoundError:
        return False


_SEPARATORS = os.sep + (os.altsep or "")


def check_apart(goal: Path, inputs: Iterable[_PathLike]) -> None:
    """Raise OutputError if an output is, holds, or lies in what the work reads.

    Labels inside their own image, ``IMAGE/labels/NAME``, are the one exception.
    """
    for given in inputs:
        source = Path(os.path.realpath(given))
        inside = _holds(source, goal)
        if inside and goal.parent.name == "labels" and _same(goal.parent.parent, source):
            continue
        if inside or _holds(goal, source):
            raise OutputError(f"cannot write {goal}: it would replace or lie in the input {given}")


def _holds(folder: Path, path: Path) -> bool:
    """Return whether a folder is, or holds at any depth, a path (also where case is ignored)."""
    return any(_same(folder, each) for each in (path, *path.parents))


def _same(a: Path, b: Path) -> bool:
    try:
        return a == b or a.samefile(b)
    except OSError:
        return False


def exists(path: Path) -> OutputError:
    """Return the error for an output that is there already."""
    return OutputError(f"{path} exists: choose another name, or pass overwrite=True (--overwrite)")


def make_folder(folder: Path) -> None:
    """Make a folder that carries our mark, or mark one that holds a lock at most.

    Its parent exists.

    Raises
    ------
    OutputError
        If something is there already, or the place takes no folder.
    """
    try:
        if not _is_blank(folder):
            folder.mkdir()
        _mark(folder)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def _is_blank(folder: Path) -> bool:
    """Return whether a real folder is empty, as a kill before it was marked leaves it."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return all(
        entry.name == LOCK or _OWN_PARTIAL.fullmatch(entry.name) for entry in _entries(folder)
    )


def _mark(folder: Path) -> None:
    write_durably(folder / MARK, json.dumps({"made by": ATTRIBUTE}).encode())


def is_ours(folder: Path) -> bool:
    """Return whether a path is a real folder (no link) that carries our mark."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    mark = _read_json(folder / MARK)
    if isinstance(mark, dict) and mark.get("made by") == ATTRIBUTE:
        return True
    about = _read_json(folder / "zarr.json")
    attributes = about.get("attributes") if isinstance(about, dict) else None
    return isinstance(attributes, dict) and ATTRIBUTE in attributes


def _read_json(path: Path) -> Any:
    try:
        return None if path.is_symlink() else json.loads(read_plain(path, _LARGEST_MARK))
    except (OSError, ValueError, RecursionError):
        return None


def check_plain(path: _PathLike, largest: int | None = None) -> None:
    """Raise OSError unless a path names a plain file (not a device, nor a pipe) up to a size."""
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    if largest is not None and about.st_size > largest:
        raise OSError(errno.EFBIG, f"it is larger than {largest} bytes", str(path))


def read_plain(path: _PathLike, largest: int) -> bytes:
    """Return the content of a plain file of at most so many bytes; raise OSError for others."""
    check_plain(path, largest)
    with open(path, "rb") as file:  # as much as it holds: so much memory is taken at once
        return file.read(min(os.fstat(file.fileno()).st_size, largest))


def check_removable(folder: Path) -> None:
    """Raise OutputError unless a folder is ours, with nothing in it that is not.

    A working folder of ours may hold what it likes but links; a store may hold arrays, groups
    that are marked likewise or have arrays only, and no other file.
    """
    if _is_blank(folder):
        return
    if not is_ours(folder):
        what = "a link" if folder.is_symlink() else "nothing that napari-sen made"
        raise OutputError(f"cannot replace {folder}: it is {what}; move it away, or choose another")
    is_store = not (folder / MARK).exists()
    found = next(_foreign(folder) if is_store else _links(folder), None)
    if found is not None:
        raise OutputError(
            f"cannot replace {folder}: it holds {found.relative_to(folder)}, which napari-sen did "
            "not write; move that away, or choose another name"
        )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return list(found)


def _links(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_symlink():
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _links(Path(entry.path))


def _foreign(folder: Path) -> Iterator[Path]:
    """Yield what a group of ours holds that we did not write."""
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            about = _read_json(path / "zarr.json")
            node = about.get("node_type") if isinstance(about, dict) else None
            if node == "array":
                yield from _foreign_chunks(path)
            elif node == "group" and (entry.name == "labels" or is_ours(path)):
                yield from _foreign(path)
            else:
                yield path
        elif not _is_file_of_zarr(entry):
            yield path


def _foreign_chunks(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yield what an array holds besides chunks: ``c/0/1/2``, named by numbers."""
    for entry in _entries(folder):
        named = entry.name.isdecimal() if depth else entry.name == "c"
        if entry.is_dir(follow_symlinks=False) and named:
            yield from _foreign_chunks(Path(entry.path), depth + 1)
        elif entry.is_dir(follow_symlinks=False) or not (
            _is_file_of_zarr(entry) or (named and entry.is_file(follow_symlinks=False))
        ):
            yield Path(entry.path)


def _is_file_of_zarr(entry: os.DirEntry[str]) -> bool:
    is_file = entry.is_file(follow_symlinks=False)
    return is_file and (entry.name == "zarr.json" or entry.name.endswith(_PARTIAL))


def remove_folder(folder: Path) -> None:
    """Remove a folder of ours; see :func:`check_removable`. What is not there is removed."""
    if os.path.lexists(folder):
        check_removable(folder)
        _remove_mark_last(folder)


def left_in(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder of ours holds beside its marks and its lock."""
    return [entry for entry in _entries(folder) if entry.name not in (*_MARKS, LOCK)]


def empty_folder(folder: Path) -> None:
    """Remove what a folder of ours holds, but its marks and its lock; see `check_removable`."""
    check_removable(folder)
    for entry in left_in(folder):
        _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    patiently(lambda: shutil.rmtree(entry.path) if is_folder else os.unlink(entry.path))


def _remove_mark_last(folder: Path) -> None:
    """Remove a folder so that one that is left half removed by a kill is still known as ours.

    The lock goes last of all: whoever finds none may begin here anew, and then keeps the folder.
    """
    empty_folder(folder)
    for name in _MARKS:
        (folder / name).unlink(missing_ok=True)
    try:
        (folder / LOCK).unlink(missing_ok=True)  # Windows keeps one that another run has open
        folder.rmdir()
    except OSError:
        if not (folder / LOCK).exists():
            raise


def remove_inside(owner: Path, path: Path) -> None:
    """Remove a file or folder that lies in a working folder of ours, reached by no link.

    Raises
    ------
    OutputError
        If it lies elsewhere.
    """
    if not os.path.lexists(path):
        return
    within = path.relative_to(owner) if path.is_relative_to(owner) else None
    parts = () if within is None else within.parts
    on_the_way = [owner.joinpath(*parts[:k]) for k in range(len(parts))]
    if not parts or ".." in parts or not is_ours(owner) or any(p.is_symlink() for p in on_the_way):
        raise OutputError(f"cannot remove {path}: it is not in a folder that napari-sen made")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def remove_file(path: Path) -> None:
    """Remove a file that we wrote and that is named by us; a link itself, never what it names."""
    with suppress(FileNotFoundError):
        path.unlink()


def sweep(folder: Path) -> None:
    """Remove, in a working folder of ours, the temporary files of writers that were killed."""
    for place, _, names in os.walk(folder, followlinks=False):
        for name in names:
            if name.endswith(_PARTIAL) or _OWN_PARTIAL.fullmatch(name):
                remove_inside(folder, Path(place, name))


def temporary_folder() -> Path:
    """Return a new folder for passing files, marked as ours and removed when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="napari-sen-")).resolve()
    _mark(folder)
    atexit.register(discard_folder, folder)
    return folder


def discard_folder(folder: Path) -> None:
    """Remove a folder of ours as far as it can be; anything else stays as it is."""
    with suppress(OSError, OutputError):
        remove_folder(folder)


def open_inside(path: Path, mode: str) -> IO[Any]:
    """Open a file of ours for writing or appending; never through a link at its end, or a pipe."""
    flags = {"w": os.O_TRUNC, "a": os.O_APPEND}[mode[0]] | os.O_WRONLY | os.O_CREAT
    flags |= getattr(os, "O_NONBLOCK", 0)  # else a pipe would wait for its reader
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), mode)


@contextmanager
def atomic(path: _PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    The temporary name keeps the suffix. If the block fails, what it wrote is removed and an
    output that was there before is untouched.

    Raises
    ------
    OutputError
        If ``path`` came into being meanwhile and ``overwrite`` is False, or is a folder that is
        not ours.
    OSError
        If the disk refuses: full, gone, or read-only by now.
    """
    goal = Path(path)
    partial = goal.with_name(f".{goal.stem}.{os.getpid()}.partial{goal.suffix}")
    if partial.is_symlink() or partial.is_file():
        partial.unlink()
    elif partial.exists():
        remove_folder(partial)
    try:
        yield partial
        if goal.exists() and not overwrite:
            raise exists(goal)
        replace(partial, goal)
    finally:
        _clear(partial)


def _clear(partial: Path) -> None:
    """Remove what a block that failed has made."""
    if not partial.is_dir() or partial.is_symlink():
        remove_file(partial)
    else:
        shutil.rmtree(partial, ignore_errors=True)


def refused(path: _PathLike, error: OSError) -> str:
    """Return why a file could not be written, as one sentence with its remedy."""
    reason = error.strerror or " ".join(str(error).split())
    is_room = not isinstance(error, PermissionError)
    remedy = "make room there" if is_room else "see that nothing has it open and it may be written"
    return f"cannot write {path} ({reason}): {remedy}, or choose another place"


def replace(partial: Path, goal: Path) -> None:
    """Rename; a folder of ours in the way steps aside first, since no call swaps two folders."""
    if goal.is_symlink() or not goal.is_dir():
        _rename(partial, goal)
        return
    check_removable(goal)
    aside = goal.with_name(f".{goal.stem}.{os.getpid()}.replaced{goal.suffix}")
    _rename(goal, aside)
    try:
        _rename(partial, goal)
    except OSError:
        _rename(aside, goal)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _rename(source: Path, goal: Path) -> None:
    patiently(lambda: os.replace(source, goal))


def patiently(change: Callable[[], None]) -> None:
    """Make a change to files; on Windows, which changes none that is open, wait for who reads it.

    What is half done must be good to be done again.
    """
    for _ in range(_PATIENCE):
        try:
            return change()
        except PermissionError:
            time.sleep(_MOMENT)
    return change()


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even if the power fails."""
    with atomic(path, overwrite=True) as partial, partial.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the system write a file or a folder's entries to the disk; absent files are none."""
    try:
        # Windows writes through what is open for writing alone, and opens no folder.
        handle = os.open(path, os.O_RDONLY if os.path.isdir(path) else os.O_RDWR)
    except (FileNotFoundError, PermissionError):  # no such shard
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
