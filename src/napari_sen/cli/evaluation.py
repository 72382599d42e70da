"""Compare methods on images with human annotations."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, OutputError, ParameterError
from .console import Reporter

__all__ = ["evaluate"]


def evaluate(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Turn a data set into tables and plots."""
    if args.contours:
        return _contours(args, reporter)
    from ..evaluation.evaluate import evaluate as run
    from ..evaluation.evaluate import tune
    from ..evaluation.external import external
    from ..evaluation.settings import DEFAULT_METHODS, SIZES

    if args.tune and args.external:
        raise ParameterError("--tune takes no --external: write its settings into the command")
    programs = [external(command, timeout=args.timeout) for command in args.external]
    folder = _folder(args)
    choice: dict[str, Any] = {
        "methods": [*(args.methods or DEFAULT_METHODS), *programs],
        "half": args.half,
        "labels": args.labels,
        "images": args.images,
        "model": None if args.model == "none" else args.model,
        "out": folder,
        "workers": args.workers,
        "progress": reporter,
    }
    if args.n_segments is not None:
        choice["n_segments"] = args.n_segments
    elif not args.tune:
        choice["n_segments"] = SIZES
    try:
        if args.tune:
            found = tune(args.dataset, split=args.split, **choice)
        else:
            found = run(
                args.dataset, split=args.split, baseline=args.baseline, plots=args.plots, **choice
            )
    except KeyboardInterrupt as stop:
        raise Cancelled(_kept(folder)) from stop
    if args.tune:
        outputs = [folder / "tune.md", folder / "tune.csv"]
    else:
        names = ["table.md", "scores.csv", "images.csv"]
        names += ["f1.png", "asa.png", "cuse.png"] if args.plots else []
        outputs = [folder / name for name in names]
    reporter.stage_done()
    scores = {
        curve.method: {
            f"K = {point.wanted}": {
                "made": round(point.made, 2),
                "read": point.read,
                "f1": round(point.scores["f1"].mean, 4),
                "asa": round(point.scores["asa"].mean, 4),
            }
            for point in curve.points()
        }
        for curve in found.curves
    }
    about: dict[str, Any] = {"dataset": found.dataset, "images": found.n_images}
    if args.json:
        about["scores"] = scores
    else:
        about["baseline"] = found.baseline
        about |= {f"{method} (F1, ASA)": _line(points) for method, points in scores.items()}
    return about | {"outputs": [str(path) for path in outputs]}


def _line(points: dict[str, dict[str, Any]]) -> str:
    """Return a method's F1 and ASA over the sizes, in short."""
    return "; ".join(f"{k}: {at['f1']:.3f} {at['asa']:.4f}" for k, at in points.items())


def _contours(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Turn a data set into the table and curves of the boundary benchmark."""
    from ..evaluation.boundary_benchmark import HUMAN, evaluate_contours
    from ..evaluation.detector_settings import DEFAULT_DETECTORS

    if args.tune or args.external or args.n_segments is not None or args.baseline is not None:
        raise ParameterError(
            "--contours takes no --tune, --external, --n-segments or --baseline: leave it out"
        )
    folder = _folder(args)
    try:
        found = evaluate_contours(
            args.dataset,
            methods=args.methods or list(DEFAULT_DETECTORS),
            split=args.split,
            half=args.half,
            labels=args.labels,
            images=args.images,
            model=args.model,
            out=folder,
            plots=args.plots,
            workers=args.workers,
            progress=reporter,
        )
    except KeyboardInterrupt as stop:
        raise Cancelled(_kept(folder)) from stop
    reporter.stage_done()
    scores = {
        name: {"ods": round(score.ods, 4)}
        | ({} if name == HUMAN else {"ois": round(score.ois, 4), "ap": round(score.ap, 4)})
        for name, score in found.scores.items()
    }
    about: dict[str, Any] = {"dataset": found.dataset, "images": found.n_images}
    if args.json:
        about["scores"] = scores
    else:
        about |= {
            f"{name} ({', '.join(at).upper()})": " ".join(f"{value:.3f}" for value in at.values())
            for name, at in scores.items()
        }
    names = ["contours.md", "curves.csv", *(["curves.png"] if args.plots else [])]
    return about | {"outputs": [str(folder / name) for name in names]}


def _folder(args: Namespace) -> Path:
    folder = Path(args.output)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot make {folder}: a file of this name exists")
    return folder


def _kept(folder: Path) -> str:
    return f"finished images are kept in {folder}; go on with the same command"
