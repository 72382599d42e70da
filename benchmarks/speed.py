"""Time of work on an image in memory, stage by stage, as Markdown.

    python benchmarks/speed.py [--quick] [--repeats 5] [--products tree snic ...]

A photograph, mirrored to fill the larger size, RGB uint8, colour alone, superpixels of 20 px.
Seconds are those of the fastest of the repeats; stages are those that a run tells of.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import time
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from memory import photograph

from napari_sen.options import Execution, Reading
from napari_sen.params import ContourParams, HierarchyParams, SegmentParams
from napari_sen.pipeline.plan import contour_run, superpixel_run, tree_run

PRODUCTS = ("tree", "snic", "hierarchy", "contours")
SHAPES = ((321, 481), (2048, 2048))
SIZE = 20.0  # px, of superpixels


def run_of(product: str, image: np.ndarray) -> Any:
    """Return the run of a product, checked."""
    how: dict[str, Any] = {"model": None, "reading": Reading(), "execution": Execution("cpu")}
    if product == "hierarchy":
        return tree_run(image, HierarchyParams(), **how)
    if product == "contours":
        return contour_run(image, ContourParams(), **how)
    return superpixel_run(image, SegmentParams(size=SIZE, method=product), **how)


def timed(product: str, image: np.ndarray) -> dict[str, float]:
    """Return the seconds of every stage; those before the first are of the checks."""
    begin = last = time.perf_counter()
    run = run_of(product, image)
    stages = {"checks": time.perf_counter() - begin}
    last = time.perf_counter()
    for step in run.steps():
        now = time.perf_counter()
        stages[step.stage] = stages.get(step.stage, 0.0) + now - last
        last = now
    return stages | {"all": time.perf_counter() - begin}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smaller size, twice")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, default=PRODUCTS)
    options = parser.parse_args()
    shapes, repeats = (SHAPES[:1], 2) if options.quick else (SHAPES, options.repeats)
    print("| product | px | seconds | million px / s | stages, seconds |\n|---|---|---|---|---|")
    for product in options.products:
        for height, width in shapes:
            image = np.ascontiguousarray(photograph(max(height, width))[:height, :width])
            timed(product, image)
            best = min((timed(product, image) for _ in range(repeats)), key=lambda s: s["all"])
            total = best.pop("all")
            stages = ", ".join(f"{stage} {spent:.3f}" for stage, spent in best.items())
            print(
                f"| {product} | {height} x {width} | {total:.3f} "
                f"| {height * width / total / 1e6:.2f} | {stages} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
