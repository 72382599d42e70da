"""Where a tiled result grows, and where it goes once it is whole."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr

from ..errors import OutputError
from ..io.atomic import check_output, exists, replace_path
from ..io.ome_zarr import VERSION

__all__ = ["ATTRIBUTE", "Place", "find_place"]

ATTRIBUTE = "napari-sen"  # of the store: how it was made

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
    """

    goal: Path
    work: Path
    image: Path | None = None
    levels: int | None = None

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
        for stray in self.work.rglob("*.partial"):
            if stray.is_file():
                stray.unlink()

    def is_finished(self, run: Mapping[str, Any], *, overwrite: bool) -> bool:
        """Return whether the goal is the finished result of this very run.

        Raises
        ------
        OutputError
            If it is something else, and must not be replaced.
        """
        if not self.goal.exists() or self.store.exists():
            return False
        try:
            about: Any = zarr.open_group(str(self.goal), mode="r").attrs.asdict()
            found = about.get(ATTRIBUTE, {}).get("run")
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            found = None
        if found == json.loads(json.dumps(run)):
            return True
        if not overwrite:
            raise exists(self.goal)
        return False

    def finish(self, *, overwrite: bool) -> None:
        """Move the finished store to its goal and remove the working folder."""
        if self.store.exists():
            if self.goal.exists() and not overwrite:
                raise OutputError(f"{self.goal} came into being meanwhile: move it, then resume")
            self.goal.parent.mkdir(exist_ok=True)
            replace_path(self.store, self.goal)
        if self.image is not None:
            _register(self.image, self.goal.name)
        shutil.rmtree(self.work, ignore_errors=True)


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
        folder = Path(tempfile.mkdtemp(prefix="napari-sen-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        goal = folder / f"{name}.zarr"
        log.info("the result is in %s until Python ends; out= keeps it", goal)
        return Place(goal, _work(goal))
    goal = Path(out)
    image, levels = _labelled_image(goal)
    if image is None:
        place = Place(goal, _work(goal))
        # With `resume` the run judges what is there: it may be its own finished result.
        check_output(goal, suffixes=(".zarr",), inputs=inputs, overwrite=overwrite or resume)
    else:
        place = Place(goal, image.with_name(f"{image.name}.{goal.name}.partial"), image, levels)
        check_output(image.parent / f"{goal.name}.zarr", suffixes=(".zarr",), overwrite=True)
        if goal.exists() and not (overwrite or resume):
            raise exists(goal)
    if place.work.exists() and not resume:
        if not overwrite:
            raise OutputError(
                f"{place.work} is an unfinished run: pass resume=True (--resume) to go on with it, "
                "or overwrite=True (--overwrite) to start anew"
            )
        shutil.rmtree(place.work)
    return place


def _work(goal: Path) -> Path:
    return goal.with_name(f"{goal.name}.partial")


def _labelled_image(goal: Path) -> tuple[Path | None, int | None]:
    """Return the image whose labels ``goal`` would be one of, and its number of levels."""
    image = goal.parent.parent
    if goal.parent.name != "labels":
        return None, None
    try:
        group = zarr.open_group(str(image), mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
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
    """Name a label map in its image's list of labels."""
    group = zarr.open_group(str(image), mode="r+")
    shelf = group.require_group("labels")
    about: Any = shelf.attrs.get("ome", {"version": VERSION})
    names = [*about.get("labels", [])]
    if name not in names:
        shelf.attrs["ome"] = {**about, "version": VERSION, "labels": [*names, name]}
