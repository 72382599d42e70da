"""Where a tiled result grows, and where it goes once it is whole."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr

from ..disk import (
    ATTRIBUTE,
    check_apart,
    check_removable,
    exists,
    output_place,
    replace,
    sweep,
    temporary_folder,
)
from ..errors import OutputError
from ..io.atomic import check_output
from ..io.ome_zarr import VERSION
from ..io.plain_store import open_store
from .lock import Lock, check_free, held

__all__ = ["Place", "find_place"]

log = logging.getLogger("napari_sen")


@dataclass(frozen=True)
class Place:
    """The goal of a tiled result, and the folder beside it in which it grows.

    Attributes
    ----------
    goal : Path
        Where the result is in the end.
    work : Path
        ``GOAL.partial``: holds the growing store and the journal; gone at the end.
    image : Path or None
        The OME-Zarr image into whose labels the result goes.
    levels : int or None
        Number of levels that the image has.
    resume : bool
        Whether an unfinished run at this place may be gone on with.
    """

    goal: Path
    work: Path
    image: Path | None = None
    levels: int | None = None
    resume: bool = False

    @property
    def store(self) -> Path:
        """The growing store: a readable OME-Zarr from the first tile on."""
        return self.work / self.goal.name

    @property
    def journal(self) -> Path:
        """Folder of the journal."""
        return self.work / "journal"

    def sweep(self) -> None:
        """Remove the temporary files of writers that were killed."""
        sweep(self.work)

    def begin(self, lock: Lock, *, overwrite: bool) -> None:
        """See to what an earlier run left in the working folder, which is ours alone by now.

        Raises
        ------
        OutputError
            If it may neither be gone on with nor replaced.
        """
        if lock.is_fresh or self.resume:
            return
        if not overwrite:
            raise self._is_unfinished()
        lock.empty()

    def _is_unfinished(self) -> OutputError:
        return OutputError(
            f"{self.work} is an unfinished run: pass resume=True (--resume) to go on with it, "
            "or overwrite=True (--overwrite) to start anew"
        )

    def check_free(self, *, overwrite: bool) -> None:
        """Raise OutputError if a run works here, or left what may not be touched."""
        if not os.path.lexists(self.work):
            return
        if not self.work.is_symlink():
            check_free(self.work)
        check_removable(self.work)
        if not (overwrite or self.resume):
            raise self._is_unfinished()

    def is_finished(self, run: Mapping[str, Any], *, overwrite: bool) -> bool:
        """Return whether the goal is the finished result of this very run, to be kept.

        Overwriting starts anew, whatever lies there.

        Raises
        ------
        OutputError
            If it is something else, and must not be replaced.
        """
        if overwrite or not self.goal.exists() or self.store.exists():
            return False
        try:
            about: Any = zarr.open_group(open_store(self.goal), mode="r").attrs.asdict()
            found = about.get(ATTRIBUTE, {}).get("run")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found = None
        if found == json.loads(json.dumps(run)):
            return True
        raise exists(self.goal)

    def finish(self, lock: Lock, *, overwrite: bool) -> None:
        """Move the finished store to its goal and remove the working folder."""
        if self.store.exists():
            if self.goal.exists() and not overwrite:
                raise OutputError(f"{self.goal} was created meanwhile: move it away, then resume")
            self.goal.parent.mkdir(exist_ok=True)
            replace(self.store, self.goal)
        if self.image is not None:
            _register(self.image, self.goal.name)
        lock.drop()


def find_place(
    out: str | os.PathLike[str] | None,
    *,
    inputs: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    name: str = "superpixels",
) -> Place:
    """Return where a tiled result goes, if it may.

    Parameters
    ----------
    out : path or None
        A new ``NAME.zarr``, or ``IMAGE.zarr/labels/NAME`` inside an OME-Zarr 0.5 image; None: a
        temporary store, which is logged and removed when Python ends.
    inputs : sequence of path
        What the work reads.
    resume : bool
        Whether an unfinished run at this place may be gone on with.
    overwrite : bool
        Whether what is there may be replaced.
    name : str
        Of a temporary store.

    Raises
    ------
    OutputError
        If it may not; the message names the remedy.
    """
    if out is None:
        goal = temporary_folder() / f"{name}.zarr"
        log.info("the result is in %s until Python ends; out= keeps it", goal)
        return Place(goal, _work(goal))
    goal = output_place(out)
    image, levels = _labelled_image(goal)
    if image is None:
        # With `resume` the run judges what is there: it may be its own finished result.
        check_output(goal, suffixes=(".zarr",), inputs=inputs, overwrite=overwrite or resume)
        place = Place(goal, _work(goal), resume=resume)
    else:
        check_apart(goal, inputs)
        work = image.with_name(f"{image.name}.{goal.name}.partial")
        place = Place(goal, work, image, levels, resume)
        if goal.exists():
            if not (overwrite or resume):
                raise exists(goal)
            check_removable(goal)
    place.check_free(overwrite=overwrite)
    return place


def _work(goal: Path) -> Path:
    return goal.with_name(f"{goal.name}.partial")


def _labelled_image(goal: Path) -> tuple[Path | None, int | None]:
    """Return the image whose labels ``goal`` would be one of, and its number of levels."""
    image = goal.parent.parent
    if goal.parent.name != "labels":
        return None, None
    try:
        group = zarr.open_group(open_store(image), mode="r")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, None
    about: Any = group.attrs.asdict()
    if "multiscales" in about:
        raise OutputError(
            f"{image} is OME-Zarr 0.4, which knows no shards: write the labels beside it, as in "
            f"-o {image.parent / goal.name}.zarr"
        )
    try:
        return image, len(about["ome"]["multiscales"][0]["datasets"])
    except (KeyError, IndexError, TypeError):
        return None, None


def _register(image: Path, name: str) -> None:
    """Name a label map in its image's list of labels, which other runs may be changing."""
    with held(image / "zarr.json"):
        group = zarr.open_group(str(image), mode="r+")
        shelf = group.require_group("labels")
        about: Any = shelf.attrs.get("ome", {"version": VERSION})
        names = [*about.get("labels", [])]
        if name not in names:
            shelf.attrs["ome"] = {**about, "version": VERSION, "labels": [*names, name]}
