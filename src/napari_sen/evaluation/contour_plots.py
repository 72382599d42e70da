"""The precision-recall curves of boundary detectors, on lines of equal F1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..io.atomic import atomic
from .contour_scores import ContourScores
from .plots import check_matplotlib

__all__ = ["write_curves"]

LEVELS = np.arange(1, 10) / 10


def write_curves(scores: Mapping[str, ContourScores], folder: Path, title: str) -> Path:
    """Draw precision over recall; a dot marks ODS, and a method without a curve is a dot alone.

    Returns
    -------
    Path
        ``curves.png``.
    """
    check_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 6), layout="constrained")
    axes = figure.add_subplot()
    _iso_lines(axes)
    ordered = sorted(scores.items(), key=lambda pair: -pair[1].ods)
    for place, (name, score) in enumerate(ordered):
        shown = score.recalls > 0
        dashes = ("-", "--", ":")[place // 10 % 3]  # the colours repeat after ten
        (line,) = axes.plot(
            score.recalls[shown],
            score.precisions[shown],
            dashes,
            linewidth=1.4,
            label=f"{score.ods:.3f}  {name}",
        )
        axes.plot(score.recall, score.precision, "o", markersize=5, color=line.get_color())
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="recall", ylabel="precision", title=title, aspect="equal"
    )
    axes.legend(fontsize="small", title="ODS", loc="upper left", bbox_to_anchor=(1.02, 1))
    path = folder / "curves.png"
    with atomic(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
    return path


def _iso_lines(axes: Any) -> None:
    """Draw where F1 is 0.1, 0.2, ... 0.9."""
    for f1 in LEVELS:
        recall = np.linspace(f1 / (2 - f1), 1, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color="0.85", linewidth=0.8, zorder=0)
        axes.annotate(
            f"{f1:.1f}", (0.985, f1 / (2 - f1)), fontsize=7, color="0.5", ha="right", va="bottom"
        )
