"""Compare methods on images with human annotations."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, OutputError
from .console import Reporter

__all__ = ["evaluate"]


def evaluate(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Turn a data set into tables and plots."""
    from ..evaluation.evaluate import METHODS, SIZES, tune
    from ..evaluation.evaluate import evaluate as run

    folder = Path(args.output)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot make {folder}: a file of this name exists")
    choice: dict[str, Any] = {
        "methods": args.methods or list(METHODS),
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
        kept = f"finished images are kept in {folder}; go on with the same command"
        raise Cancelled(kept) from stop
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
