"""A recipe on a folder of images, with a journal and a summary."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..disk import output_place, refused, sweep
from ..disk import replace as move
from ..errors import Cancelled, OutputError, ParameterError, SenError
from ..io.atomic import check_folder
from ..io.objects import OBJECTS_OUT, Objects, check_objects_out
from ..io.read import IMAGE_SUFFIXES, images_in
from ..io.recipe_file import Recipe
from ..io.table_file import save_table
from ..params import require_texts, shown
from ..progress import Progress, check_progress, duration, report
from ..tiles.journal import Journal
from ..tiles.lock import Lock
from ..tiles.raster import stamp
from .cooking import Cook

__all__ = ["FORMATS", "SUMMARY", "Applied", "apply", "images_of"]

FORMATS = ("csv", "geojson", "tif")
SUMMARY = "summary.csv"
WORK = ".napari-sen"  # where the journal lies
RETRY = "give the same recipe and formats, or overwrite=True (--overwrite), or another folder"

log = logging.getLogger("napari_sen")


@dataclass(frozen=True)
class Applied:
    """What became of the images of a folder.

    Attributes
    ----------
    rows : list of dict
        One per image: "image", "status" ("done" or "failed"), then the numbers and areas of its
        objects or, if it failed, the "message".
    failures : dict of str to str
        Why images failed, by the names of these.
    resumed : int
        Number of images that an earlier run had done.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    resumed: int = 0

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The rows as columns of text; empty where a failed image has no value."""
        names: dict[str, None] = {}
        for row in self.rows:
            names |= dict.fromkeys(row)
        return {name: np.array([_text(row.get(name, "")) for row in self.rows]) for name in names}


def _text(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def images_of(folder: str | PathLike[str] | Iterable[Any]) -> list[Path]:
    """Return the images of a folder (not of those in it) by name, or the paths given.

    Raises
    ------
    ParameterError
        If there is no folder, or no image in it.
    """
    if not isinstance(folder, str | os.PathLike):
        is_list = isinstance(folder, Iterable)
        paths = list(folder) if is_list else []
        if not paths or not all(isinstance(each, str | os.PathLike) for each in paths):
            raise ParameterError(f"images are a folder or a list of paths, got {shown(folder)}")
        return [Path(each) for each in paths]
    if not os.fspath(folder) or not os.path.exists(folder):
        raise ParameterError(f"there is no folder {shown(os.fspath(folder))}: check the path")
    place = Path(folder)
    if place.suffix.lower() in IMAGE_SUFFIXES and place.exists():
        return [place]
    if not place.is_dir():
        raise ParameterError(f"there is no folder {place}: check the path")
    found = images_in(place)
    if not found:
        raise ParameterError(
            f"{place} holds no image: they end in {' '.join(IMAGE_SUFFIXES)}, and folders in it "
            "are not searched"
        )
    return found


def apply(
    recipe: Recipe | str | PathLike[str],
    images: str | PathLike[str] | Iterable[Any],
    out: str | PathLike[str],
    *,
    formats: Sequence[str] = FORMATS,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Applied:
    """Follow a recipe on a folder of images; a run that was stopped continues where it was.

    If an image fails, the reason is noted and the others are still processed. ``summary.csv`` in
    the folder ``out`` has one line per image.

    Parameters
    ----------
    recipe : Recipe or path
        What to do with each image, or the ``.json`` file that says it.
    images : path or iterable of paths
        A folder, whose image files are taken in the order of their names, or the files
        themselves. Folders inside it are not searched.
    out : path
        Folder for ``NAME.objects.csv`` and the other results. It is created if it does not exist.
        If it holds an earlier run with the same recipe, images that are done and unchanged are
        skipped.
    formats : sequence of str
        Any of "csv", "geojson", "zip" (ImageJ ROIs), "tif", "png", "npy", "zarr".
    device : str
        As for :func:`napari_sen.segment`.
    overwrite : bool
        Process all images again.
    progress : callable, optional
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Applied
        What became of each image: ``rows``, ``failures``, ``resumed``, ``table``.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used. The message names the remedy. What is wrong
        with a single image raises nothing: see ``failures``.
    """
    check_progress(progress)
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    output_place(out)
    paths, folder = images_of(images), check_folder(out)
    suffixes = _suffixes(formats)
    if isinstance(images, str | os.PathLike) and folder.resolve() == Path(images).resolve():
        raise OutputError(f"{folder} holds the images: write the results to another folder")
    cook = Cook(recipe, device)
    folder.mkdir(exist_ok=True)
    what = "objects" if recipe.has_classes else "superpixels"
    goals = {
        path: [folder / f"{name}.{what}{suffix}" for suffix in suffixes]
        for path, name in zip(paths, _names(paths), strict=True)
    }
    about = {
        "format": 1, "package": version("napari-sen"), "formats": list(suffixes),
        "recipe": hashlib.sha256(json.dumps(recipe.to_dict()).encode()).hexdigest()[:16],
    }  # fmt: skip
    with Lock(folder / WORK) as lock:
        if overwrite:
            lock.empty()
        elif lock.is_fresh:
            try:
                for goal in (folder / SUMMARY, *(each for some in goals.values() for each in some)):
                    _check_absent(goal)
            except OutputError:
                lock.drop()
                raise
        sweep(folder / WORK)
        with Journal(folder / WORK / "journal", about, retry=RETRY) as journal:
            return _Batch(cook, goals, folder, journal).run(progress)


def _suffixes(formats: Sequence[str]) -> tuple[str, ...]:
    texts = require_texts("formats", formats)
    found = tuple(dict.fromkeys(f".{each.lower().lstrip('.')}" for each in texts))
    unknown = [each for each in found if each not in OBJECTS_OUT]
    if unknown or not found:
        known = ", ".join(each[1:] for each in OBJECTS_OUT)
        raise ParameterError(f"formats are {known}; got {shown(list(texts))}")
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """Return what results are named by: an image's stem, or all of its name where another has it.

    Of letters that differ in case alone many disks make no difference.
    """
    for name, count in Counter(path.name for path in paths).items():
        if count > 1:
            raise ParameterError(f"two images are named {name}: give them folders of their own")
    taken = Counter(part for path in paths for part in {path.stem.casefold(), path.name.casefold()})
    return [path.name if taken[path.stem.casefold()] > 1 else path.stem for path in paths]


def _check_absent(goal: Path) -> None:
    if goal.exists():
        raise OutputError(
            f"{goal} exists, but no run that can go on made it: choose another folder, or pass "
            "overwrite=True (--overwrite)"
        )


class _Batch:
    """One pass over the images."""

    def __init__(
        self, cook: Cook, goals: dict[Path, list[Path]], folder: Path, journal: Journal
    ) -> None:
        self.cook, self.goals, self.folder, self.journal = cook, goals, folder, journal
        self.known = {record["image"]: record for record in journal.done.get("image", {}).values()}
        self.next = max(journal.done.get("image", {-1: None})) + 1

    def run(self, progress: Progress | None) -> Applied:
        """Do what is not done; the summary is written however it ends."""
        failures: dict[str, str] = {}
        finished = {path for path in self.goals if self._is_done(path)}
        todo = [path for path in self.goals if path not in finished]
        rows = [self.known[str(path)]["row"] for path in finished]
        resumed, count = len(rows), len(self.goals)
        if resumed:
            log.info("%d of %d images are done already", resumed, count)
        began = time.monotonic()
        try:
            for done, path in enumerate(todo):
                report(progress, resumed + done, count, "images")
                row = self._do(path, _polled(progress, resumed + done, count))
                rows.append(row)
                if row["status"] == "failed":
                    failures[path.name] = row["message"]
                left = (time.monotonic() - began) / (done + 1) * (len(todo) - done - 1)
                log.info(
                    "%s: %s%s",
                    path.name,
                    _told(row),
                    f", about {duration(left)} left" if left else "",
                )
            report(progress, count, count, "images")
        finally:
            order = {path.name: k for k, path in enumerate(self.goals)}
            applied = Applied(sorted(rows, key=lambda row: order[row["image"]]), failures, resumed)
            if rows:
                save_table(self.folder / SUMMARY, applied.table, overwrite=True)
        return applied

    def _is_done(self, path: Path) -> bool:
        record = self.known.get(str(path))
        if record is None or not all(goal.exists() for goal in self.goals[path]):
            return False
        try:
            return bool(record["stamp"] == stamp(str(path)))
        except OSError:
            return False

    def _do(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        """Make and write what there is to make of an image; return its row."""
        began = time.monotonic()
        try:
            before = stamp(str(path))
            found, count = self.cook.objects(path, progress)
            for goal in self.goals[path]:
                check_objects_out(goal, overwrite=True, inputs=[path])
                # By way of our own folder: what a kill leaves half written is removed there.
                new = self.folder / WORK / goal.name
                found.save(new, overwrite=True)
                move(new, goal)
            row = _row(path.name, found, count) | {"seconds": round(time.monotonic() - began, 2)}
            record = {"image": str(path), "stamp": before, "row": row}
            self.journal.add("image", self.next, record)
            self.next += 1
            return row
        except Cancelled:
            raise
        except SenError as error:
            message = str(error)
        except OSError as error:
            message = refused(path, error)
        except MemoryError:
            message = "there is not enough memory: cut out a part, or use a smaller level"
        except Exception as error:  # noqa: BLE001  (one image never stops the rest)
            message = f"unexpected {type(error).__name__}: {error}"
        return {"image": path.name, "status": "failed", "message": " ".join(message.split())}


def _polled(progress: Progress | None, done: int, count: int) -> Progress | None:
    """Return a progress that hears whether to stop, and tells of whole images only."""
    if progress is None:
        return None
    return lambda *_: progress(done, count, "images")


def _row(name: str, found: Objects, superpixels: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image": name, "status": "done", "superpixels": superpixels, "objects": len(found)
    }  # fmt: skip
    size = next(key for key in found.table if key in ("area (px)", "volume (px)"))
    total = int(found.table[size].sum())
    for each, count in found.counts().items():
        mine = found.table["class"] == each
        pixels = int(found.table[size][mine].sum())
        row[f"{each}: objects"] = count
        row[f"{each}: {size}"] = pixels
        row[f"{each}: share"] = pixels / total
    grid = found.grid
    row["pixel size"] = " x ".join(f"{step:g}" for step in grid.spacing)
    row["unit"] = grid.units[-1] or "px"
    return row


def _told(row: dict[str, Any]) -> str:
    if row["status"] == "failed":
        return f"failed: {row['message']}"
    return f"{row['objects']} objects in {row['seconds']:.1f} s"
