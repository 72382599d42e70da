"""Run methods over a data set, image by image; a stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from ..core.metrics import score
from ..errors import ParameterError
from ..progress import Progress, report
from .datasets import Dataset
from .external import ExternalSettings, digests
from .journal import Row, RowLog, digest
from .methods import LEARNT, Method, kind_of_model, make_method
from .processes import run_tasks
from .reach import reach
from .settings import Contender, contender

__all__ = ["PROTOCOL", "check_sizes", "measure"]

PROTOCOL = (
    "thick boundaries, 5 x 5 window, recall pooled over annotators, precision against their "
    "union, means over images; ASA mean over annotators; K = connected superpixels really made"
)


def measure(
    dataset: Dataset,
    methods: Sequence[str | Contender],
    n_segments: Sequence[int],
    *,
    model: str | None = None,
    journal: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Row]:
    """Score methods on every image of a data set at several sizes.

    A method that makes another number of superpixels than asked is asked again, image by image
    (:func:`~napari_sen.evaluation.reach.reach`).

    Parameters
    ----------
    dataset : Dataset
    methods : sequence of str or Contender
        Names of :data:`~napari_sen.evaluation.methods.METHODS`, with their frozen settings, or
        methods with settings of your own.
    n_segments : sequence of int
        Numbers of superpixels wanted.
    model : str, optional
        Name or path of the model of the ``sen`` methods.
    journal : Path, optional
        File of finished rows, one JSON object a line. What it holds already, with the same
        settings and model, is not done again; it must stem from the same data set.
    workers : int
        Processes; each runs on one thread. They start afresh, so a script that uses more than
        one must guard its body by ``if __name__ == "__main__":``.
    progress : callable, optional
        Called after every method on every image; may raise Cancelled.

    Returns
    -------
    list of Row
        Ordered by method, size wanted, image.

    Raises
    ------
    DataError
        The journal belongs to another run; a method cannot take an image.
    ParameterError
        A method is unknown, lacks its model or its package; ``workers`` is below 1; a size is
        no whole number of at least 1, or is given twice.
    """
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}")
    sizes = check_sizes(n_segments)
    chosen = [contender(which) if isinstance(which, str) else which for which in methods]
    labels = [which.label for which in chosen]
    if not labels or len(set(labels)) < len(labels):
        raise ParameterError(f"methods must be at least one, none of them twice; got {labels}")
    if model is not None and any(which.method in LEARNT for which in chosen):
        from ..learn.registry import find_model

        model = str(find_model("natural" if model == "auto" else model))
    for which in chosen:
        make_method(which, model)
    settings = {which.label: _fingerprint(which, model) for which in chosen}
    head = {"dataset": dataset.name, "protocol": PROTOCOL}
    with RowLog(journal, head, settings, Row) as book:
        tasks: list[Task] = [
            (dataset[place : place + 1], which, missing, model, settings[which.label])
            for place, name in enumerate(dataset.names)
            for which in chosen
            if (missing := [k for k in sizes if (which.label, k, name) not in book.rows])
        ]
        report(progress, 0, len(tasks), "measuring")
        learnt = any(which.method in LEARNT for _, which, *_ in tasks)
        results = run_tasks(_measure_image, tasks, workers, torch=learnt)
        for count, rows in enumerate(results, start=1):
            for row in rows:
                book.add(row)
            report(progress, count, len(tasks), "measuring")
        return [book.rows[m, k, name] for m in labels for k in sizes for name in dataset.names]


def check_sizes(n_segments: Sequence[int]) -> list[int]:
    """Return the sizes in rising order, or raise ParameterError."""
    sizes = list(n_segments)
    whole = all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
    if not sizes or not whole or min(sizes) < 1 or len(set(sizes)) < len(sizes):
        raise ParameterError(
            f"n_segments must be whole numbers of at least 1, none of them twice; got {sizes}"
        )
    return sorted(sizes)


# What a process needs; the fingerprint tells models apart that bear one name.
Task = tuple[Dataset, Contender, Sequence[int], str | None, str]


@lru_cache(maxsize=8)
def _method(which: Contender, model: str | None, fingerprint: str) -> Method:
    """Return a method; its model is loaded once in a process."""
    return make_method(which, model)


def _measure_image(task: Task) -> list[Row]:
    """Return the rows of one method on one image."""
    dataset, which, sizes, model, fingerprint = task
    item = dataset[0]
    method = _method(which, model, fingerprint)
    start = perf_counter()
    cut = method(item)
    prepared = perf_counter() - start
    known: dict[float, int] = {}
    rows = []
    for wanted in sizes:
        found = reach(cut, wanted, known)
        scores = score(found.labels, item.ground_truths, slicewise=found.labels.ndim == 3)
        rows.append(
            Row(
                which.label,
                item.name,
                wanted,
                found.request,
                found.tries,
                prepared,
                found.seconds,
                scores,
            )
        )
    return rows


def _fingerprint(which: Contender, model: str | None) -> str:
    """Return a digest of a method's settings, and of its model's or its program's files."""
    about: dict[str, object] = {"method": which.method, "settings": which.settings.to_dict()}
    if isinstance(which.settings, ExternalSettings):
        return digest(about | {"files": digests(which.settings)})
    if (kind := kind_of_model(model)) is not None:
        about["kind"] = kind
    if which.method in LEARNT:
        assert model is not None  # make_method has seen to it
        about["model"] = sha256(Path(model).read_bytes()).hexdigest()
    return digest(about)
