"""Methods side by side over a data set with annotations: tables, plots, differences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import atomic, refused
from ..errors import DiskError, OutputError, ParameterError
from ..params import shown
from ..progress import Progress
from .compare import PROTOCOL, measure
from .datasets import Dataset, open_dataset
from .journal import Row
from .plots import check_matplotlib, write_plots
from .settings import BASELINE, DEFAULT_METHODS, SIZES, Contender, contender, grid
from .summary import Curve, curves
from .tables import (
    differences_markdown,
    images_csv,
    scores_csv,
    scores_markdown,
    time_markdown,
)

__all__ = ["Evaluation", "evaluate", "tune"]

READING = (
    "K made = mean number of superpixels; within 3 % = share of the images on which it is that "
    "near to K; read: made = as measured, interpolated = read off the method's curve over "
    "log K, off = its curve does not reach K and the values are those at K made; "
    "95 % intervals by 1,000 bootstrap resamples of the images"
)


@dataclass(frozen=True)
class Evaluation:
    """What :func:`napari_sen.evaluate` measured.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    n_images : int
        Number of its images that were used.
    rows : list of Row
        One per method, image and number of superpixels.
    curves : list of Curve
        One per method: its scores on every image, over the numbers of superpixels.
    baseline : str or None
        The method that the others are compared with.
    published : bool
        Whether the paper's values can stand beside these, as they can for BSDS500's test set.
    """

    dataset: str
    n_images: int
    rows: list[Row]
    curves: list[Curve]
    baseline: str | None
    published: bool = False

    def to_csv(self) -> str:
        """Return means over images with intervals, one line per method and size."""
        return scores_csv(self.curves)

    def to_markdown(self) -> str:
        """Return the tables: scores, differences from the baseline, time."""
        parts = [
            f"# {self.title}",
            f"Protocol: {PROTOCOL}.",
            f"{READING}.",
            scores_markdown(self.curves),
        ]
        for curve in self.curves:
            if curve.method == self.baseline and len(self.curves) > 1:
                parts += [
                    f"## Against {self.baseline}",
                    "Differences at equal real K, paired over the images.",
                    differences_markdown(self.curves, curve),
                ]
        parts += [
            "## Time",
            "Seconds from an image to one label map, one thread.",
            time_markdown(self.curves, published=self.published),
        ]
        return "\n\n".join(parts) + "\n"

    @property
    def title(self) -> str:
        """The data set and the number of its images."""
        return f"{self.dataset}, {self.n_images} image{'s' * (self.n_images > 1)}"

    def write(self, folder: str | PathLike[str], *, plots: bool = True) -> list[Path]:
        """Write the tables and plots into a folder that exists; old ones are replaced.

        Returns
        -------
        list of Path
            ``table.md``, ``scores.csv``, ``images.csv`` and, with plots, ``f1.png``,
            ``asa.png``, ``cuse.png``.
        """
        if plots:
            check_matplotlib()
        texts = {
            "table.md": self.to_markdown(),
            "scores.csv": self.to_csv(),
            "images.csv": images_csv(self.rows),
        }
        paths = [write_text(Path(folder) / name, text) for name, text in texts.items()]
        return paths + (write_plots(self.curves, Path(folder), self.title) if plots else [])


def evaluate(
    dataset: str | PathLike[str] | Dataset,
    *,
    methods: Sequence[str | Contender] = DEFAULT_METHODS,
    n_segments: Sequence[int] = SIZES,
    split: str | None = None,
    half: str | None = None,
    labels: Sequence[str] = ("labels",),
    images: int | None = None,
    model: str | PathLike[str] | None = "auto",
    baseline: str | None = None,
    out: str | PathLike[str] | None = None,
    plots: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare methods on images with human annotations, at equal numbers of superpixels.

    Parameters
    ----------
    dataset : path or Dataset
        A folder in the BSDS layout (``images/<split>``, ``groundTruth/<split>``), or one with
        the folders ``images`` and ``labels``, whose files have the same names but for the suffix.
    methods : sequence of str or Contender
        Names of methods, which ``napari-sen evaluate --help`` lists, each with settings that were
        chosen once on validation images; or external programs
        (:func:`napari_sen.evaluation.external.external`). By default "snic", "snic-smooth",
        "slic", "tree" and "sen-tree".
    n_segments : sequence of int
        Numbers of superpixels, each at least 1. A method that makes another number is asked
        again.
    split : str, optional
        For the BSDS layout: "train", "val" or "test" (the default).
    half : {"tune", "report"}, optional
        For a plain folder: which half of its images, every other one; by default all.
    labels : sequence of str
        For a plain folder: the names of its folders of label maps, one for each annotator.
    images : int, optional
        Use only this many images, evenly spaced over the sorted names.
    model : name or path
        The model of the "sen" methods; "auto" is the bundled model "natural".
    baseline : str, optional
        The method that the others are compared with; by default "snic-smooth" if it takes
        part, else none.
    out : path, optional
        Folder for tables and plots, created if it does not exist. Its ``journal.jsonl`` keeps
        every finished image: a run that was stopped continues where it was, and adding methods,
        sizes or images takes only the time for these.
    plots : bool
        Whether plots are written to ``out``; they need matplotlib (extra ``bench``).
    workers : int
        Number of processes. A script that uses more than one must guard its body with
        ``if __name__ == "__main__":``.
    progress : callable, optional
        Called as ``progress(done, total, stage)``; it may raise
        :class:`~napari_sen.Cancelled` to stop the work.

    Returns
    -------
    Evaluation
        ``rows`` and ``curves`` hold the scores; ``to_markdown()``, ``to_csv()`` and
        ``write(folder)`` make tables of them.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used: DataError if the parts of a data set do
        not match, ParameterError if a method is unknown or lacks its package or model.
    """
    names = [which if isinstance(which, str) else which.label for which in methods]
    if baseline is not None and baseline not in names:
        raise ParameterError(
            f"baseline must be one of the methods {', '.join(names)}; got {shown(baseline)}"
        )
    data, published = open_dataset(dataset, split=split, half=half, labels=labels, images=images)
    folder = folder_of(out, plots=plots)
    rows = measure(
        data,
        methods,
        n_segments,
        model=None if model is None else str(model),
        journal=None if folder is None else folder / "journal.jsonl",
        workers=workers,
        progress=progress,
    )
    if baseline is None and BASELINE in names:
        baseline = BASELINE
    found = Evaluation(data.name, len(data), rows, curves(rows), baseline, published)
    if folder is not None:
        found.write(folder, plots=plots)
    return found


def tune(
    dataset: str | PathLike[str] | Dataset,
    *,
    methods: Sequence[str],
    n_segments: Sequence[int] = (50, 200),
    split: str | None = None,
    half: str | None = None,
    labels: Sequence[str] = ("labels",),
    images: int | None = None,
    model: str | PathLike[str] | None = "auto",
    out: str | PathLike[str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Try a small grid of settings of each method, to choose them on validation images.

    The parameters are those of :func:`evaluate`; the split is "val" by default. Methods of the
    result are labelled by their settings and sorted, method by method, the best first: by the
    mean over the sizes of (F1 + ASA) / 2 at equal real K. ``out`` gets ``tune.csv`` and
    ``tune.md``.
    """
    for name in methods:
        contender(name)
    data, _ = open_dataset(
        dataset, split=split, half=half, labels=labels, images=images, default="val"
    )
    folder = folder_of(out, plots=False)
    rows = measure(
        data,
        [which for name in methods for which in grid(name)],
        n_segments,
        model=None if model is None else str(model),
        journal=None if folder is None else folder / "journal.jsonl",
        workers=workers,
        progress=progress,
    )
    order = {name: place for place, name in enumerate(methods)}
    ranked = sorted(curves(rows), key=lambda curve: (order[_method(curve)], -_merit(curve)))
    found = Evaluation(data.name, len(data), rows, ranked, None)
    if folder is not None:
        write_text(folder / "tune.csv", found.to_csv())
        best = "\n".join(f"{_merit(curve):.4f}  {curve.method}" for curve in ranked)
        head = f"# Settings of {', '.join(methods)} on {found.title}"
        text = "\n\n".join(
            [
                head,
                f"Protocol: {PROTOCOL}.",
                "Mean of (F1 + ASA) / 2 over the sizes, best first:",
                f"```\n{best}\n```",
                scores_markdown(ranked),
            ]
        )
        write_text(folder / "tune.md", text + "\n")
    return found


# What evaluations write beside their journal.
_OUTPUTS = ("table.md", "scores.csv", "images.csv", "f1.png", "asa.png", "cuse.png", "tune.md",
            "tune.csv", "contours.md", "curves.csv", "curves.png")  # fmt: skip
_JOURNALS = ("journal.jsonl", "contours.jsonl")


def folder_of(out: str | PathLike[str] | None, *, plots: bool) -> Path | None:
    """Return the folder of the results, made; check what can be checked before the work."""
    if out is None:
        return None
    if plots:
        check_matplotlib()
    folder = Path(out)
    taken = next((name for name in _OUTPUTS if os.path.lexists(folder / name)), None)
    if taken is not None and not any((folder / name).is_file() for name in _JOURNALS):
        raise OutputError(
            f"{folder} holds a {taken} that no evaluation wrote: choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    return folder


def write_text(path: Path, text: str) -> Path:
    try:
        with atomic(path, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiskError(refused(path, error)) from error
    return path


def _method(curve: Curve) -> str:
    return curve.method.partition(" ")[0]


def _merit(curve: Curve) -> float:
    points: list[Any] = curve.points()
    return float(np.mean([(p.scores["f1"].mean + p.scores["asa"].mean) / 2 for p in points]))
