"""Outputs: checked before the work, written beside their goal, renamed at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

__all__ = ["atomic", "check_folder", "check_output", "exists", "replace_path"]

_PathLike = str | os.PathLike[str]


def check_output(
    path: _PathLike,
    *,
    suffixes: Sequence[str],
    inputs: Iterable[_PathLike] = (),
    overwrite: bool = False,
) -> Path:
    """Return ``path`` if a result may be written there; ask before the work starts.

    Parameters
    ----------
    path : path
        The output.
    suffixes : sequence of str
        Suffixes that can hold the result, in lower case, with their dot.
    inputs : iterable of path
        Files or folders that the work reads; none of them may be, hold, or lie in ``path``.
    overwrite : bool
        Whether an output that exists may be replaced.

    Raises
    ------
    OutputError
        For another suffix, a folder that is missing or read-only, an output that exists (unless
        ``overwrite``), is an input, or is a folder that is no zarr store.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"cannot write {path}: its name has to end in {' or '.join(suffixes)}")
    goal = path.resolve()
    for given in inputs:
        source = Path(given).resolve()
        if goal == source or goal in source.parents or source in goal.parents:
            raise OutputError(f"cannot write {path}: it would replace or lie in the input {given}")
    if not goal.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if goal.exists():
        _check_replaceable(path, goal, overwrite)
    _check_takes_files(path, goal.parent)
    return path


def check_folder(path: _PathLike) -> Path:
    """Return ``path`` if it is a folder for results, or one can be made there.

    Raises
    ------
    OutputError
        If a file of this name exists, or its parent is missing or read-only.
    """
    path = Path(path)
    goal = path.resolve()
    if goal.exists() and not goal.is_dir():
        raise OutputError(f"cannot make the folder {path}: a file of this name exists")
    if not goal.parent.is_dir():
        raise OutputError(f"cannot make the folder {path}: there is no folder {path.parent}")
    _check_takes_files(path, goal if goal.is_dir() else goal.parent)
    return path


def _check_takes_files(path: Path, folder: Path) -> None:
    try:  # the one sure way to know, whatever the permissions say
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: the folder takes no files ({error.strerror}); choose another"
        ) from error


def _check_replaceable(path: Path, goal: Path, overwrite: bool) -> None:
    if not overwrite:
        raise exists(path)
    if goal.is_dir() != (path.suffix.lower() == ".zarr"):
        kind = "folder" if goal.is_dir() else "file"
        raise OutputError(f"cannot write {path}: a {kind} of this name exists; remove it first")
    if goal.is_dir() and not _is_zarr(goal):
        raise OutputError(
            f"cannot replace {path}: it is a folder, but no zarr store; remove it first"
        )
    if not os.access(goal, os.W_OK):
        raise OutputError(f"cannot replace {path}: it is read-only; choose another name")


def exists(path: Path) -> OutputError:
    """Return the error for an output that is there already."""
    return OutputError(f"{path} exists: choose another name, or pass overwrite=True (--overwrite)")


def _is_zarr(folder: Path) -> bool:
    names = ("zarr.json", ".zgroup", ".zarray")
    return any((folder / name).exists() for name in names) or not any(folder.iterdir())


@contextmanager
def atomic(path: _PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    The temporary name keeps the suffix. If the block fails, what it wrote is removed and an
    output that was there before is untouched.

    Raises
    ------
    OutputError
        If ``path`` came into being meanwhile and ``overwrite`` is False.
    OSError
        If the disk refuses: full, gone, or read-only by now.
    """
    goal = Path(path)
    partial = goal.with_name(f".{goal.stem}.{os.getpid()}.partial{goal.suffix}")
    try:
        yield partial
        if goal.exists() and not overwrite:
            raise exists(goal)
        replace_path(partial, goal)
    finally:
        _remove(partial)


def replace_path(partial: Path, goal: Path) -> None:
    """Rename; a folder in the way steps aside first, since no call swaps two folders."""
    if not goal.is_dir():
        os.replace(partial, goal)
        return
    aside = goal.with_name(f".{goal.stem}.{os.getpid()}.replaced{goal.suffix}")
    os.replace(goal, aside)
    try:
        os.replace(partial, goal)
    except OSError:
        os.replace(aside, goal)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(FileNotFoundError):
        path.unlink()
