"""Outputs are checked before the work: whether they may be written, and where they really go."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..disk import check_apart, check_removable, exists, output_place
from ..errors import OutputError

__all__ = ["check_folder", "check_output"]

_PathLike = str | os.PathLike[str]


def check_output(
    path: _PathLike,
    *,
    suffixes: Sequence[str],
    inputs: Iterable[_PathLike] = (),
    overwrite: bool = False,
) -> Path:
    """Return the place of a result, its links resolved, if it may be written there.

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
        ``overwrite``), is, holds or lies in an input, or is a folder that napari-sen did not write.
    """
    goal = output_place(path)
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"cannot write {path}: its name has to end in {' or '.join(suffixes)}")
    check_apart(goal, inputs)
    if not goal.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if goal.exists():
        _check_replaceable(path, goal, overwrite)
    _check_takes_files(path, goal.parent)
    return goal


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
    if goal.is_dir():
        check_removable(goal)
    if not os.access(goal, os.W_OK):
        raise OutputError(f"cannot replace {path}: it is read-only; choose another name")
