"""The tables of a comparison, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..errors import ParameterError
from .journal import Row
from .summary import SCORES, Curve, Point, compare_at

__all__ = [
    "differences_markdown",
    "images_csv",
    "scores_csv",
    "scores_markdown",
    "time_markdown",
]

# Gaur and Manjunath's Table I: BSDS500 test at K = 50. Of these two no kept package exists.
PUBLISHED_AT = 50
PUBLISHED = {"ERS": (0.534, 0.504), "reSEEDS": (0.532, 0.171)}


def scores_csv(curves: Iterable[Curve]) -> str:
    """Return one line a method and size: means over images, intervals, how K was reached."""
    heads = ["method", "k", "k_made", "k_near", "tries", "read", "seconds"]
    heads += [f"{name}{end}" for name in SCORES for end in ("", "_low", "_high")]
    lines = []
    for curve in curves:
        for point in curve.points():
            about = [curve.method, point.wanted, point.made, point.near, point.tries, point.read]
            scores = [value for name in SCORES for value in point.scores[name]]
            lines.append([*about, point.seconds, *scores])
    return csv_text(heads, lines)


def images_csv(rows: Iterable[Row]) -> str:
    """Return one line a method, size and image."""
    flat = [asdict(row) for row in rows]
    flat = [line | line.pop("scores") for line in flat]
    return csv_text(list(flat[0]), [list(line.values()) for line in flat])


def scores_markdown(curves: Iterable[Curve]) -> str:
    """Return the means over images as a table."""
    heads = (
        "K", "method", "K made", "within 3 %", "read", "F1", "95 % interval", "BR", "BP",
        "F1 mean", "F1 best", "ASA", "95 % interval", "ASA best", "CUSE", "s",
    )  # fmt: skip
    points = [(curve.method, point) for curve in curves for point in curve.points()]
    points.sort(key=lambda pair: pair[1].wanted)  # stable: methods stay in order
    return markdown(heads, [_line(method, point) for method, point in points])


def differences_markdown(curves: Sequence[Curve], baseline: Curve) -> str:
    """Return F1 and ASA of every method minus the baseline's, paired, at equal real K."""
    heads = ("K", "method", "F1", "95 % interval", "ASA", "95 % interval")
    lines = []
    for k in baseline.sizes:
        for curve in curves:
            if curve.method == baseline.method:
                continue
            cells = [str(k), curve.method]
            for name in ("f1", "asa"):
                try:
                    mean, low, high = compare_at(curve, baseline, k, name)
                    cells += [f"{mean:+.4f}", f"{low:+.4f} to {high:+.4f}"]
                except ParameterError:
                    cells += ["off", ""]
            lines.append(cells)
    return markdown(heads, lines)


def time_markdown(curves: Sequence[Curve], *, published: bool) -> str:
    """Return seconds and F1 at one size, the best first: Table I of the paper.

    Parameters
    ----------
    curves : sequence of Curve
    published : bool
        Whether the paper's values may stand beside (the data are BSDS test); they do if
        K = 50 was measured.
    """
    sizes = curves[0].sizes
    k = PUBLISHED_AT if PUBLISHED_AT in sizes else sizes[0]
    lines: list[tuple[float, str, float, str]] = []
    for curve in curves:
        point = curve.points()[curve.sizes.index(k)]
        note = "" if point.read == "made" else point.read
        if point.read == "off":
            note = f"K made is {point.made:.1f}"
        lines.append((point.scores["f1"].mean, curve.method, point.seconds, note))
    if published and k == PUBLISHED_AT:
        note = "the paper's values: its machine, its protocol"
        lines += [(f1, f"{name} *", seconds, note) for name, (f1, seconds) in PUBLISHED.items()]
    lines.sort(key=lambda line: -line[0])
    return markdown(
        ("method", f"F1 at K = {k}", "s", "note"),
        [[name, f"{f1:.3f}", f"{seconds:.3f}", note] for f1, name, seconds, note in lines],
    )


def _line(method: str, point: Point) -> list[str]:
    f1, asa = point.scores["f1"], point.scores["asa"]
    mean = {name: f"{interval.mean:.4f}" for name, interval in point.scores.items()}
    return [
        str(point.wanted),
        method,
        f"{point.made:.1f}",
        f"{point.near:.0%}",
        point.read,
        mean["f1"],
        f"{f1.low:.4f}-{f1.high:.4f}",
        mean["recall"],
        mean["precision"],
        mean["f1_mean"],
        mean["f1_best"],
        mean["asa"],
        f"{asa.low:.4f}-{asa.high:.4f}",
        mean["asa_best"],
        f"{1 - asa.mean:.4f}",
        f"{point.seconds:.3f}",
    ]


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def csv_text(heads: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()
