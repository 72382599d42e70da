"""A recipe applied: to one image, or to a folder of them, with a journal and a summary."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..disk import output_place, refused, sweep
from ..disk import replace as move
from ..errors import Cancelled, ModelError, OutputError, ParameterError, SenError
from ..io.atomic import check_folder
from ..io.image_file import ImageFile
from ..io.objects import OBJECTS_OUT, Objects, check_objects_out
from ..io.read import IMAGE_SUFFIXES, resolve
from ..io.recipe_file import Recipe
from ..io.table_file import save_table
from ..learn.classes import Examples, propagate
from ..options import Execution
from ..params import Kind, require_texts, shown
from ..progress import Progress, check_progress, report
from ..tiles.image import settle
from ..tiles.journal import Journal
from ..tiles.lock import Lock
from ..tiles.raster import stamp
from .describe import Description, describe
from .model_choice import choose_model
from .objects import measured_on, objects_of, read_classes
from .plan import superpixel_run

if TYPE_CHECKING:
    from ..learn.remember import RememberingModel

__all__ = ["FORMATS", "Applied", "apply", "apply_to", "images_of", "teach"]

FORMATS = ("csv", "geojson", "tif")
SUMMARY = "summary.csv"
WORK = ".napari-sen"  # where the journal lies
REMEMBERED = 1_000_000_000  # bytes of embeddings that are not computed twice
RETRY = "give the same recipe and formats, or overwrite=True (--overwrite), or another folder"

log = logging.getLogger("napari_sen")


class Cook:
    """A recipe with its models at hand.

    Parameters
    ----------
    recipe : Recipe
    device : str

    Raises
    ------
    DeviceError, ModelError
        If its device or model is not there, or the model is another one by now.
    """

    def __init__(self, recipe: Recipe, device: str = "auto") -> None:
        if not isinstance(recipe, Recipe):
            raise ParameterError(f"give a Recipe (Recipe.load reads a file), got {shown(recipe)}")
        self.recipe, self.device = recipe, device
        self._models: dict[str, RememberingModel] = {}
        choose_model(None, device)  # refuses one that is not there
        if recipe.model not in (None, "auto"):
            self.model("natural")

    def model(self, kind: Kind) -> RememberingModel | None:
        """Return the model for a kind of image, loaded once."""
        name = self.recipe.model
        if name is None:
            return None
        name = kind if name == "auto" else name
        if name not in self._models:
            from ..learn.model import load_model
            from ..learn.remember import RememberingModel

            model = load_model(name)
            if self.recipe.sha256 not in ("", model.sha256):
                raise ModelError(
                    f"the recipe was made with another model named {name!r}: give the file of "
                    "that one, or make the recipe anew"
                )
            self._models[name] = RememberingModel(model, REMEMBERED)
        return self._models[name]

    def superpixels(
        self, file: ImageFile, progress: Progress | None
    ) -> tuple[NDArray[np.int32], RememberingModel | None]:
        """Return the superpixels of an image in memory, and the model that it was shown to."""
        recipe = self.recipe
        model = self.model(settle(file, recipe.reading).kind)
        run = superpixel_run(
            file, recipe.superpixels, model=model, reading=recipe.reading,
            execution=Execution(self.device),
        )  # fmt: skip
        run.run(progress)
        return run.result(), model

    def describe(
        self,
        file: ImageFile,
        labels: NDArray[np.int32],
        model: RememberingModel | None,
        progress: Progress | None,
    ) -> Description:
        """Return what the superpixels look like."""
        how = self.recipe.reading
        return describe(
            file, labels, model=model, spacing=how.spacing, channel_axis=how.channel_axis,
            rgb=how.rgb, slices=how.slices, kind=how.kind, device=self.device, progress=progress,
        )  # fmt: skip

    def objects(self, image: Any, progress: Progress | None = None) -> tuple[Objects, int]:
        """Return the objects of an image, and the number of its superpixels."""
        try:
            return self._objects(image, progress)
        finally:
            for model in self._models.values():
                model.forget()

    def _objects(self, image: Any, progress: Progress | None) -> tuple[Objects, int]:
        recipe = self.recipe
        file = resolve(image)
        labels, model = self.superpixels(file, progress)
        classes = None
        if recipe.has_classes:
            features = self.describe(file, labels, model, progress)
            examples = recipe.examples
            if features.names != examples.names:
                raise ParameterError(
                    f"the recipe's examples are described by {len(examples.names)} numbers, this "
                    f"image's superpixels by {len(features.names)}: it has other channels, or "
                    "another version made the recipe; make it anew from the painted image"
                )
            numbers, probability = propagate(examples, features.features(), features.borders())
            classes = np.concatenate([[0], numbers[probability.argmax(axis=1)]])
        report(progress, 0, 1, "measuring")
        on = measured_on(file, recipe.reading)
        return objects_of(labels, classes, recipe.class_names, on), int(labels.max(initial=0))


def apply_to(
    recipe: Recipe, image: Any, *, device: str = "auto", progress: Progress | None = None
) -> Objects:
    """Follow a recipe on one image.

    Parameters
    ----------
    recipe : Recipe
    image : array or path
    device : str
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled.

    Returns
    -------
    Objects
        Without a classifier, the superpixels.
    """
    check_progress(progress)
    return Cook(recipe, device).objects(image, progress)[0]


def teach(
    recipe: Recipe,
    image: Any,
    annotation: Any,
    *,
    share: float = 0.5,
    device: str = "auto",
    progress: Progress | None = None,
) -> Recipe:
    """Return a recipe with the superpixels of an annotated image as further examples.

    Parameters
    ----------
    recipe : Recipe
        Its model is settled with the first image.
    image : array or path
    annotation : array or path
        Outlines (``.geojson``) or a label image of classes, on that image; see
        :func:`napari_sen.read_classes`. Classes of the same name are the same.
    share : float
        The share of a superpixel that has to be annotated.
    device : str
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled.

    Returns
    -------
    Recipe

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import Recipe, apply_to, teach
    >>> from napari_sen.params import SegmentParams
    >>> image = np.zeros((40, 60), np.uint8)
    >>> image[10:30, 10:30] = 200
    >>> recipe = Recipe(SegmentParams(n_segments=60), model=None)
    >>> recipe = teach(recipe, image, (image > 0) + np.uint8(1))
    >>> apply_to(recipe, image).counts()
    {'class 1': 1, 'class 2': 1}
    """
    check_progress(progress)
    cook, file = Cook(recipe, device), resolve(image)
    labels, model = cook.superpixels(file, progress)
    classes, names = read_classes(labels, annotation, share=share)
    known = list(recipe.class_names)
    known += [name for name in names if name not in known]
    painted = np.flatnonzero(classes)
    if len(painted) == 0:
        raise ParameterError(
            f"the annotation fills no superpixel to {share:.0%}: annotate more, make smaller "
            "superpixels, or lower share (--share)"
        )
    description = cook.describe(file, labels, model, progress)
    numbers = np.array([known.index(names[value - 1]) + 1 for value in classes[painted]], np.int64)
    new = Examples(description.features()[painted - 1], numbers, description.names)
    settled = recipe
    if model is not None:
        name = model.name if recipe.model == "auto" else recipe.model
        settled = replace(recipe, model=name, sha256=model.sha256)
    return replace(settled, class_names=tuple(known), examples=recipe.examples + new)


@dataclass(frozen=True)
class Applied:
    """What came of a folder.

    Attributes
    ----------
    rows : list of dict
        One an image: "image", "status" ("done", "failed"), numbers and areas of its objects.
    failures : dict of str to str
        Why, by the name of the image.
    resumed : int
        Images that were done already.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    resumed: int = 0

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The rows as columns; empty where a failed image has no value."""
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
    found = sorted(
        path
        for path in place.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
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
    """Follow a recipe on a folder of images; a run that was stopped goes on where it was.

    An image that fails is noted, and the others go on. ``summary.csv`` in the folder of results
    has one line for each.

    Parameters
    ----------
    recipe : Recipe or path
    images : path or iterable of paths
        A folder, whose image files are taken by name, or the files.
    out : path
        Folder for ``NAME.objects.csv``, ...; made new, or that of a run with the same recipe:
        images that are done and unchanged are passed over.
    formats : sequence of str
        Of "csv", "geojson", "zip" (ImageJ ROIs), "tif", "png", "npy", "zarr".
    device : str
    overwrite : bool
        Do all images again.
    progress : callable, optional
        Called as ``progress(done, total, "images")``; may raise Cancelled to stop the work.

    Returns
    -------
    Applied

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.
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
    goals = {path: _goals(path, paths, folder, what, suffixes) for path in paths}
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


def _goals(
    path: Path, paths: Sequence[Path], folder: Path, what: str, suffixes: Sequence[str]
) -> list[Path]:
    """Return what is made of an image: named by its stem, by all of its name where two share it."""
    same = sum(other.stem == path.stem for other in paths) > 1
    name = path.name if same else path.stem
    if same and sum(other.name == path.name for other in paths) > 1:
        raise ParameterError(f"two images are named {path.name}: give them folders of their own")
    return [folder / f"{name}.{what}{suffix}" for suffix in suffixes]


def _check_absent(goal: Path) -> None:
    if goal.exists():
        raise OutputError(
            f"{goal} exists, and is of no run that can go on: choose another folder, or pass "
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
                    "%s: %s%s", path.name, _told(row), f", about {_time(left)} left" if left else ""
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


def _time(seconds: float) -> str:
    return f"{max(round(seconds), 1)} s" if seconds < 90 else f"{round(seconds / 60)} min"
