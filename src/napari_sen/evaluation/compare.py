"""Run methods over a data set, image by image, and sum up; a stopped run goes on where it was."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from ..core.metrics import ImageScores, Interval, bootstrap_interval, interpolate_at, score
from ..errors import DataError, ParameterError
from ..progress import Progress, report
from .datasets import Dataset
from .methods import METHODS, make_method, parameters_of

__all__ = ["PROTOCOL", "Row", "columns", "compare_at", "measure", "table"]

PROTOCOL = (
    "thick boundaries, 5 x 5 window, recall pooled over annotators, precision against their "
    "union, means over images; ASA mean over annotators; K = connected superpixels really made"
)
COLUMNS = ("n_segments", "f1", "recall", "precision", "f1_mean", "f1_best", "asa", "asa_best")


@dataclass(frozen=True)
class Row:
    """The scores of one method on one image at one size; ``seconds`` is the share of its time."""

    method: str
    image: str
    asked: int
    seconds: float
    scores: ImageScores


def measure(
    dataset: Dataset,
    methods: Sequence[str],
    n_segments: Sequence[int],
    *,
    model: str | None = None,
    journal: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Row]:
    """Score methods on every image of a data set at several sizes.

    Parameters
    ----------
    dataset : Dataset
    methods : sequence of str
        Names of :data:`~napari_sen.evaluation.methods.METHODS`.
    n_segments : sequence of int
        Numbers of superpixels asked for.
    model : str, optional
        Name or path of the model of the ``sen`` methods.
    journal : Path, optional
        File of finished rows, one JSON object a line. What it holds already is not done again;
        it must stem from the same data set, model and parameters.
    workers : int
        Processes; each runs on one thread.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    list of Row
        Ordered by method, size asked for, image.

    Raises
    ------
    DataError
        The journal belongs to another run.
    ParameterError
        A method is unknown, lacks its model, or ``workers`` is below 1.
    """
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}")
    for method in methods:
        make_method(method, model)
    settings = {
        "dataset": dataset.name,
        "model": _fingerprint(model),
        "protocol": PROTOCOL,
        "parameters": {name: parameters_of(name).to_dict() for name in METHODS},
    }
    done = {} if journal is None else _read_journal(journal, settings)
    wanted = [(m, k, name) for m in methods for k in n_segments for name in dataset.names]
    tasks = [
        (dataset[place : place + 1], method, sizes, model)
        for place, name in enumerate(dataset.names)
        for method in methods
        if (sizes := [k for k in n_segments if (method, k, name) not in done])
    ]
    log = None
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        log = journal.open("a", encoding="utf-8")
    try:
        if log is not None and log.tell() == 0:
            _write_line(log, settings)
        for count, rows in enumerate(_run(tasks, workers), start=1):
            for row in rows:
                done[row.method, row.asked, row.image] = row
                if log is not None:
                    _write_line(log, asdict(row))
            report(progress, count, len(tasks), "measuring")
    finally:
        if log is not None:
            log.close()
    return [done[key] for key in wanted]


def columns(rows: Sequence[Row]) -> dict[tuple[str, int], dict[str, Interval]]:
    """Return means over images with bootstrap intervals, by (method, size asked for), by score."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.method, row.asked), []).append(row)
    names = [field.name for field in fields(ImageScores)]
    return {
        key: {n: bootstrap_interval([getattr(row.scores, n) for row in group]) for n in names}
        | {"seconds": bootstrap_interval([row.seconds for row in group])}
        for key, group in groups.items()
    }


def table(rows: Sequence[Row]) -> str:
    """Return the means over images as a Markdown table; it names its protocol."""
    heads = (
        "method", "K asked", "K real", "F1", "95 % interval", "BR", "BP", "F1 mean", "F1 best",
        "ASA", "95 % interval", "ASA best", "s",
    )  # fmt: skip
    lines = [f"Protocol: {PROTOCOL}.", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for (method, asked), sums in columns(rows).items():
        k, f1, recall, precision, mean, best, asa, asa_best = (sums[name] for name in COLUMNS)
        lines.append(
            f"| {method} | {asked} | {k.mean:.1f} | {f1.mean:.4f} | {f1.low:.3f}-{f1.high:.3f} "
            f"| {recall.mean:.3f} | {precision.mean:.3f} | {mean.mean:.4f} | {best.mean:.4f} "
            f"| {asa.mean:.4f} | {asa.low:.4f}-{asa.high:.4f} | {asa_best.mean:.4f} "
            f"| {sums['seconds'].mean:.3f} |"
        )
    return "\n".join(lines)


def compare_at(rows: Sequence[Row], first: str, second: str, k: float, name: str) -> Interval:
    """Return first minus second in one score at equal real K, paired over the images.

    Both curves are read at ``k`` superpixels (:func:`~napari_sen.core.metrics.interpolate_at`),
    image by image over the methods' mean real numbers.
    """
    at = []
    for method in (first, second):
        sizes = sorted({row.asked for row in rows if row.method == method})
        groups = [[row for row in rows if (row.method, row.asked) == (method, s)] for s in sizes]
        images = sorted({row.image for row in rows})
        if not groups or any(sorted(row.image for row in group) != images for group in groups):
            raise DataError(f"method {method!r} was not measured on every image at every size")
        values = [
            [getattr(row.scores, name) for row in sorted(group, key=lambda row: row.image)]
            for group in groups
        ]
        made = [np.mean([row.scores.n_segments for row in group]) for group in groups]
        at.append(interpolate_at(made, values, k))
    return bootstrap_interval(at[0] - at[1])


Task = tuple[Dataset, str, Sequence[int], str | None]


def _run(tasks: Sequence[Task], workers: int) -> Iterator[list[Row]]:
    """Yield the rows of each task as they are finished."""
    if workers == 1 or len(tasks) < 2:
        yield from map(_measure_image, tasks)
        return
    # A forked torch may hang, so the workers start afresh, and load it only where it is used.
    context = multiprocessing.get_context("spawn")
    learnt = any(method.startswith("sen") for _, method, _, _ in tasks)
    with ProcessPoolExecutor(workers, context, _one_thread if learnt else None) as pool:
        waiting = [pool.submit(_measure_image, task) for task in tasks]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


_method = lru_cache(make_method)


def _measure_image(task: Task) -> list[Row]:
    """Return the rows of one method on one image."""
    dataset, method, sizes, model = task
    item, rows = dataset[0], []
    start = perf_counter()
    for size, labels in zip(sizes, _method(method, model)(item, sizes), strict=True):
        seconds = perf_counter() - start
        scores = score(labels, item.ground_truths, slicewise=labels.ndim == 3)
        rows.append(Row(method, item.name, size, seconds, scores))
        start = perf_counter()
    return rows


def _fingerprint(model: str | None) -> str | None:
    """Return a model's name, with the digest of its file where it names one."""
    if model is None or not Path(model).is_file():
        return model
    return f"{model} {sha256(Path(model).read_bytes()).hexdigest()[:16]}"


def _write_line(log: TextIO, values: dict[str, Any]) -> None:
    log.write(json.dumps(values) + "\n")
    log.flush()


def _read_journal(path: Path, settings: dict[str, Any]) -> dict[tuple[str, int, str], Row]:
    """Return the finished rows of a journal; a last line cut off by a crash is removed."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    if not whole:
        return {}
    try:
        found, *lines = (json.loads(line) for line in whole.splitlines())
        rows = [Row(**line | {"scores": ImageScores(**line["scores"])}) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is no journal of measurements: {error!r}") from error
    if found != settings:
        raise DataError(f"{path} belongs to another run ({found}); name a new journal or delete it")
    return {(row.method, row.asked, row.image): row for row in rows}
