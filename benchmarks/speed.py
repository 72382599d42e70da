"""Time of work on an image in memory, stage by stage, beside scikit-image's slic, as Markdown.

    python benchmarks/speed.py [--quick] [--threads 1] [--models none natural] [--repeats 5]

A photograph, mirrored to fill the larger size, RGB uint8, superpixels of 20 px. In each round
every product is made once and slic runs first, so that a busy machine disturbs all of them alike.
Seconds are those of the fastest round; the ratio to slic's seconds is the median over the rounds.
On Linux the process keeps to as many cores as ``--threads`` says.
Stages are those that a run tells of, of the fastest round. ``--models`` may name files too.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any


def asked_threads(arguments: list[str]) -> str:
    """Return the number of threads, which libraries read once, when they are loaded."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--threads", default="1")
    return str(early.parse_known_args(arguments)[0].threads)


for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = asked_threads(sys.argv[1:])
if hasattr(os, "sched_setaffinity"):  # the package takes as many threads as it has cores
    free = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, free[: int(asked_threads(sys.argv[1:]))])

import numpy as np
from memory import photograph
from skimage.segmentation import slic

from napari_sen.options import Execution, Reading
from napari_sen.params import ContourParams, HierarchyParams, SegmentParams
from napari_sen.pipeline.model_choice import choose_model
from napari_sen.pipeline.plan import contour_run, superpixel_run, tree_run

PRODUCTS = ("tree", "snic", "hierarchy", "contours", "embed")
SHAPES = ((321, 481), (2048, 2048))
SIZE = 20.0  # px, of superpixels

Stages = dict[str, float]


def run_of(product: str, image: np.ndarray, model: Any) -> Any:
    """Return the run of a product, checked."""
    how: dict[str, Any] = {"model": model, "reading": Reading(), "execution": Execution("cpu")}
    if product == "hierarchy":
        return tree_run(image, HierarchyParams(), **how)
    if product == "contours":
        return contour_run(image, ContourParams(), **how)
    return superpixel_run(image, SegmentParams(size=SIZE, method=product), **how)


def timed(product: str, image: np.ndarray, model: Any) -> Stages:
    """Return the seconds of every stage; those before the first are of the checks."""
    begin = last = time.perf_counter()
    if product == "embed":
        model.embed(image / np.float32(255))
        return {"all": time.perf_counter() - begin}
    run = run_of(product, image, model)
    stages = {"checks": time.perf_counter() - begin}
    last = time.perf_counter()
    for step in run.steps():
        now = time.perf_counter()
        stages[step.stage] = stages.get(step.stage, 0.0) + now - last
        last = now
    return stages | {"all": time.perf_counter() - begin}


def timed_slic(image: np.ndarray) -> float:
    """Return the seconds of scikit-image's slic with as many superpixels."""
    begin = time.perf_counter()
    slic(image, n_segments=round(image.shape[0] * image.shape[1] / SIZE**2))
    return time.perf_counter() - begin


def rounds(
    image: np.ndarray, products: list[str], models: dict[str, Any], repeats: int
) -> tuple[list[float], dict[tuple[str, str], list[Stages]]]:
    """Return slic's seconds and the stages of every product and model, round by round."""
    cases = [(product, name) for product in products for name, model in models.items()
             if model is not None or product != "embed"]  # fmt: skip
    found: dict[tuple[str, str], list[Stages]] = {case: [] for case in cases}
    beside = []
    for number in range(repeats + 1):
        seconds = timed_slic(image)
        stages = {(product, name): timed(product, image, models[name]) for product, name in cases}
        if number:  # the first loads the code
            beside.append(seconds)
            for case, times in stages.items():
                found[case].append(times)
    return beside, found


def line(case: tuple[str, str], pixels: int, times: list[Stages], beside: list[float]) -> str:
    """Return a line of the table."""
    ratio = np.median([each["all"] / other for each, other in zip(times, beside, strict=True)])
    best = min(times, key=lambda each: each["all"])
    stages = ", ".join(f"{stage} {spent:.3f}" for stage, spent in best.items() if stage != "all")
    return (
        f"| {case[0]} | {case[1]} | {best['all']:.3f} | {pixels / best['all'] / 1e6:.2f} "
        f"| {ratio:.2f} | {stages} |"
    )


def about(name: str, model: Any) -> str:
    """Return what a network does for each pixel."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    side = 512
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.network(torch.zeros(1, model.planes, side, side))
    work = counter.get_total_flops() / 2 / side**2
    return f"- {name}: {work:,.0f} multiply-adds a pixel, {model.receptive_field} px seen around it"


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smaller size alone")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="and cores of the process")
    parser.add_argument("--models", nargs="+", default=["none", "natural"], help="none: colour")
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, default=list(PRODUCTS))
    options = parser.parse_args()
    shapes = SHAPES[:1] if options.quick else SHAPES
    models = {
        Path(name).name: None if name == "none" else choose_model(name) for name in options.models
    }
    for name, model in models.items():
        if model is not None:
            print(about(name, model))
    for height, width in shapes:
        image = np.ascontiguousarray(photograph(max(height, width))[:height, :width])
        beside, found = rounds(image, options.products, models, options.repeats)
        threads = f"{options.threads} thread" + "s" * (options.threads > 1)
        print(f"\n{height} x {width} px, {threads}: slic {min(beside):.3f} s\n")
        print("| product | model | seconds | million px / s | times slic's | stages, seconds |")
        print("|---|---|---|---|---|---|")
        for case, times in found.items():
            print(line(case, height * width, times, beside), flush=True)


if __name__ == "__main__":
    main()
