"""Boundary detectors on images that people have segmented: the benchmark of BSDS500."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np

from ..core.boundary_matching import THRESHOLDS, BoundaryCounts, boundary_counts, boundary_map
from ..errors import DataError, ParameterError
from ..progress import Progress, report
from .contour_plots import write_curves
from .contour_scores import ContourScores, contour_scores
from .datasets import Dataset, Item, open_dataset
from .detector_settings import DEFAULT_DETECTORS, DETECTORS, LEARNT
from .detectors import CLASSICAL, Detector, make_detector
from .evaluate import folder_of, write_text
from .journal import RowLog, digest
from .methods import kind_of_model
from .processes import run_tasks
from .tables import csv_text, markdown

__all__ = ["ContourEvaluation", "ContourRow", "evaluate_contours", "measure_contours"]

PROTOCOL = (
    "BSDS boundary benchmark: each map is thinned at 99 thresholds and matched one to one with "
    "the boundaries of each annotator within 0.0075 of the image's diagonal, as many pairs and "
    "as near ones as possible; counts summed over the images"
)
READING = (
    "Recall, precision and threshold are those at ODS; s = seconds from an image to its contours"
)
HUMAN = "human"
ROUNDED = 1e-9  # so that 0.55 reaches the threshold 0.55


@dataclass(frozen=True)
class ContourRow:
    """What a detector found in one image: counts at :data:`THRESHOLDS`, and seconds it took.

    ``found`` ... ``true_total`` are those of
    :class:`~napari_sen.core.boundary_matching.BoundaryCounts`.
    """

    method: str
    image: str
    seconds: float
    found: list[int]
    found_total: list[int]
    true: list[int]
    true_total: list[int]

    @property
    def key(self) -> tuple[str, str]:
        """Method and image."""
        return self.method, self.image

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the row that ``dataclasses.asdict`` took apart."""
        return cls(**values)

    @property
    def counts(self) -> BoundaryCounts:
        """The counts as arrays."""
        return BoundaryCounts(
            *(
                np.array(values, np.int64)
                for values in (self.found, self.found_total, self.true, self.true_total)
            )
        )


@dataclass(frozen=True)
class ContourEvaluation:
    """What :func:`napari_sen.evaluate_contours` measured.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    n_images : int
        Number of its images that were used.
    rows : list of ContourRow
        One per method and image.
    scores : dict from str to ContourScores
        The scores of each method, in the order asked for.
    seconds : dict from str to float
        Time from an image to its contours, the mean over the images.
    """

    dataset: str
    n_images: int
    rows: list[ContourRow]
    scores: dict[str, ContourScores]
    seconds: dict[str, float]

    @property
    def title(self) -> str:
        """The data set and the number of its images."""
        return f"{self.dataset}, {self.n_images} image{'s' * (self.n_images > 1)}"

    def to_markdown(self) -> str:
        """Return the table: ODS, OIS, AP, and where the best threshold lies."""
        heads = ("method", "ODS", "OIS", "AP", "recall", "precision", "threshold", "s")
        lines = []
        for name, score in self.scores.items():
            single = name == HUMAN  # no strength: one point, no curve
            lines.append(
                [
                    name,
                    f"{score.ods:.3f}",
                    "" if single else f"{score.ois:.3f}",
                    "" if single else f"{score.ap:.3f}",
                    f"{score.recall:.3f}",
                    f"{score.precision:.3f}",
                    "" if single else f"{score.threshold:.3f}",
                    "" if single else f"{self.seconds[name]:.2f}",
                ]
            )
        words = [f"- `{name}`: {DETECTORS[name].about}" for name in self.scores]
        parts = [
            f"# Contours, {self.title}",
            f"{PROTOCOL}. {READING}.",
            markdown(heads, lines),
            "\n".join(words),
        ]
        return "\n\n".join(parts) + "\n"

    def to_csv(self) -> str:
        """Return the precision-recall curves, one line per method and threshold."""
        lines = [
            [name, threshold, recall, precision]
            for name, score in self.scores.items()
            for threshold, recall, precision in zip(
                THRESHOLDS, score.recalls, score.precisions, strict=True
            )
        ]
        return csv_text(["method", "threshold", "recall", "precision"], lines)

    def write(self, folder: str | PathLike[str], *, plots: bool = True) -> list[Path]:
        """Write the table and the curves into a folder that exists; old ones are replaced.

        Returns
        -------
        list of Path
            ``contours.md``, ``curves.csv`` and, with plots, ``curves.png``.
        """
        place = Path(folder)
        paths = [
            write_text(place / "contours.md", self.to_markdown()),
            write_text(place / "curves.csv", self.to_csv()),
        ]
        return paths + ([write_curves(self.scores, place, self.title)] if plots else [])


def evaluate_contours(
    dataset: str | PathLike[str] | Dataset,
    *,
    methods: Sequence[str] = DEFAULT_DETECTORS,
    split: str | None = None,
    half: str | None = None,
    labels: Sequence[str] = ("labels",),
    images: int | None = None,
    model: str | PathLike[str] = "auto",
    out: str | PathLike[str] | None = None,
    plots: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> ContourEvaluation:
    """Compare boundary detectors by the boundary benchmark of BSDS500: ODS, OIS and AP.

    ODS is the best F1 at one threshold for all images, OIS the F1 with the best threshold of each
    image, AP the area under the precision-recall curve.

    Parameters
    ----------
    dataset, split, half, labels, images, plots, workers, progress
        As for :func:`napari_sen.evaluate`.
    methods : sequence of str
        Names of boundary detectors, which ``napari-sen evaluate --help`` lists, each with settings
        that were chosen once on validation images; by default all. "human" measures each
        annotator against the others.
    model : name or path
        The model of methods with an embedding; "auto" is the bundled model "natural".
    out : path, optional
        Folder for the table and the curves, created if it does not exist. Its ``contours.jsonl``
        keeps every finished image, so a run that was stopped continues where it was.

    Returns
    -------
    ContourEvaluation
        ``scores`` and ``rows`` hold the figures; ``to_markdown()``, ``to_csv()`` and
        ``write(folder)`` make tables of them.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used: DataError if the images are volumes, or
        if "human" finds only one annotator.
    """
    data, _ = open_dataset(dataset, split=split, half=half, labels=labels, images=images)
    folder = folder_of(out, plots=plots)
    rows = measure_contours(
        data,
        methods,
        model=str(model),
        journal=None if folder is None else folder / "contours.jsonl",
        workers=workers,
        progress=progress,
    )
    of_method = {name: [row for row in rows if row.method == name] for name in methods}
    scores = {
        name: contour_scores([row.counts for row in some], THRESHOLDS)
        for name, some in of_method.items()
    }
    seconds = {
        name: float(np.mean([row.seconds for row in some])) for name, some in of_method.items()
    }
    found = ContourEvaluation(data.name, len(data), rows, scores, seconds)
    if folder is not None:
        found.write(folder, plots=plots)
    return found


def measure_contours(
    dataset: Dataset,
    methods: Sequence[str],
    *,
    model: str = "auto",
    journal: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[ContourRow]:
    """Run detectors on every image of a data set and match what they find.

    The parameters are those of :func:`evaluate_contours`; ``journal`` is the file of finished
    rows. The result is ordered by method and image.
    """
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}")
    if not methods or len(set(methods)) < len(methods):
        raise ParameterError(f"methods must be at least one, none of them twice; got {methods}")
    path = _model_path(model) if any(name in LEARNT for name in methods) else None
    settings = {name: _fingerprint(name, path) for name in methods}
    for name in methods:
        if name != HUMAN:
            make_detector(name, path)
    head = {"dataset": dataset.name, "protocol": PROTOCOL}
    with RowLog(journal, head, settings, ContourRow) as book:
        tasks: list[Task] = [
            (dataset[place : place + 1], name, path, settings[name])
            for place, image in enumerate(dataset.names)
            for name in methods
            if (name, image) not in book.rows
        ]
        report(progress, 0, len(tasks), "measuring")
        learnt = any(name in LEARNT for _, name, *_ in tasks)
        for count, row in enumerate(run_tasks(_measure, tasks, workers, torch=learnt), start=1):
            book.add(row)
            report(progress, count, len(tasks), "measuring")
        return [book.rows[name, image] for name in methods for image in dataset.names]


# What a process needs; the fingerprint tells models apart that bear one name.
Task = tuple[Dataset, str, str | None, str]


@lru_cache(maxsize=16)
def _detector(name: str, model: str | None, fingerprint: str) -> Detector:
    """Return a detector; its model is loaded once in a process."""
    return make_detector(name, model)


def _measure(task: Task) -> ContourRow:
    """Return the row of one method on one image."""
    dataset, name, model, fingerprint = task
    item: Item = dataset[0]
    boundaries = [boundary_map(labels) for labels in item.ground_truths]
    seconds = 0.0
    if name == HUMAN:
        counts = _one_against_the_others(item.name, boundaries)
    else:
        detect = _detector(name, model, fingerprint)
        start = perf_counter()
        strength = detect(item)
        seconds = perf_counter() - start
        counts = boundary_counts(strength + ROUNDED, boundaries)
    return ContourRow(
        name,
        item.name,
        seconds,
        counts.found.tolist(),
        counts.found_total.tolist(),
        counts.true.tolist(),
        counts.true_total.tolist(),
    )


def _one_against_the_others(name: str, boundaries: Sequence[Any]) -> BoundaryCounts:
    """Return the summed counts of each annotator's boundaries matched with all others'."""
    if len(boundaries) < 2:
        raise DataError(f"image {name!r} has one annotator: leave the method 'human' out")
    total = None
    for place, own in enumerate(boundaries):
        others = [*boundaries[:place], *boundaries[place + 1 :]]
        # A map of 0 and 1 is the same at every threshold.
        counts = boundary_counts(own, others, [0.5])
        total = counts if total is None else total + counts
    assert total is not None
    return BoundaryCounts(
        *(
            np.repeat(values, len(THRESHOLDS))
            for values in (total.found, total.found_total, total.true, total.true_total)
        )
    )


def _model_path(model: str) -> str:
    from ..learn.registry import find_model

    return str(find_model("natural" if model == "auto" else model))


def _fingerprint(name: str, model: str | None) -> str:
    """Return a digest of a detector's settings, of their kind, and of its model's file."""
    if name not in DETECTORS:
        raise ParameterError(f"unknown method {name!r}; choose among {', '.join(DETECTORS)}")
    about: dict[str, object] = {"method": name, "settings": DETECTORS[name].settings}
    kind = kind_of_model(model)
    if kind is not None and name not in (HUMAN, *CLASSICAL):
        about["kind"] = kind
    if name in LEARNT:
        assert model is not None
        about["model"] = hashlib.sha256(Path(model).read_bytes()).hexdigest()
    return digest(about)
