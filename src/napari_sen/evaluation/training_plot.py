"""The picture of a training: its log as curves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic, read_plain
from ..errors import DataError, said
from .plots import check_matplotlib

__all__ = ["read_log", "write_training_plot"]

LARGEST = 1 << 30  # bytes of a log
WINDOW = 50  # steps over which the loss is averaged: single batches differ by half


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the records of a training's ``log.jsonl``, one for each step.

    Raises
    ------
    DataError
        There is no such file, no step in it, or a line that is no record.
    """
    try:
        lines = read_plain(path, LARGEST).decode().splitlines()
        records = [json.loads(line) for line in lines]
        if not all(math.isfinite(record["step"] + record["loss"]) for record in records):
            raise ValueError("a loss that is not a number")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} is not the log of a training ({said(error)})") from error
    if not records:
        raise DataError(f"{path} holds no step yet")
    return records


def smoothed(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean of the last ``window`` values (of fewer at the start)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - window, 0)
    means: NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return means


def write_training_plot(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw loss, validation loss, violated pairs or found regions, kappa and learning rate.

    Parameters
    ----------
    records : sequence of mapping
        As :func:`read_log` returns them.
    path : Path
        A PNG file; replaced as a whole.
    """
    check_matplotlib()
    from matplotlib.figure import Figure

    steps = np.array([record["step"] for record in records])
    figure = Figure(figsize=(9, 6), layout="constrained")
    (losses, shares), (kappas, rates) = figure.subplots(2, 2, sharex=True)
    loss = np.array([record["loss"] for record in records])
    losses.plot(steps, loss, color="0.8", linewidth=0.7)
    losses.plot(steps, smoothed(loss, WINDOW), label=f"training, mean of {WINDOW}")
    checked = [(r["step"], r["validation"]) for r in records if r.get("validation") is not None]
    if checked:
        losses.plot(*zip(*checked, strict=True), marker="o", markersize=3, label="validation")
    losses.set(ylabel="loss", ylim=(0, float(np.quantile(loss, 0.99)) * 1.1))
    for name, values in _shares(records).items():
        shares.plot(steps, smoothed(values, WINDOW), label=name)
    shares.set(ylabel="share", ylim=(0, 1))
    kappas.plot(steps, [record["kappa"] for record in records])
    kappas.set(xlabel="step", ylabel="bandwidth kappa")
    rates.plot(steps, [record["learning_rate"] for record in records])
    rates.set(xlabel="step", ylabel="learning rate")
    for axes in (losses, shares, kappas, rates):
        axes.grid(alpha=0.3)
    for axes in (losses, shares):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    with atomic(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=120, format="png")


def _shares(records: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """Return what the recipe tells beside the loss, as shares of pairs or of pixels."""
    first = records[0]
    found = {}
    if first.get("found") is not None:
        found["pixels nearest to their region"] = np.array([r["found"] for r in records])
    for place, _ in enumerate(first.get("outputs", ())):
        name = "raw" if place == 0 else f"iterate {place}"
        if place in (0, len(first["outputs"]) - 1):
            for key, words in (("pull_violated", "matching"), ("push_violated", "other")):
                values = np.array([r["outputs"][place][key] for r in records])
                found[f"{words} pairs violated, {name}"] = values
    return found
