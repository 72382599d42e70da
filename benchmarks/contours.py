"""What contours cost, as ratios in one run: python benchmarks/contours.py [--quick].

For a photograph: contours from merge trees and from superpixels of 13 sizes, on as many threads as
there are processors, beside the embedding that all share; then the boundary benchmark's matching.
"""

from __future__ import annotations

import argparse
from functools import partial
from time import perf_counter

import numpy as np

from napari_sen.core.boundary_matching import boundary_counts, boundary_map
from napari_sen.data import load_sample
from napari_sen.evaluation.detector_settings import SIZES, TREES
from napari_sen.learn.model import load_model
from napari_sen.options import Execution, Reading
from napari_sen.pipeline.plan import contour_run, scenes


def seconds(function, repeats):
    """Return the shortest of several times."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


def draw(image, params, model):
    """Return the contours of a photograph."""
    how = Execution(device="cpu")
    run = contour_run(image, params, model=model, reading=Reading(kind="natural"), execution=how)
    run.run()
    return run.result()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once each")
    repeats = 1 if parser.parse_args().quick else 3
    image = load_sample("coffee")[0][40:361, 60:541]
    model = load_model("natural")
    scene = scenes(image, Reading(), model=model, device="cpu")[1][0]
    base = seconds(lambda: scene.embedding(scene.whole), repeats)
    print(f"{image.shape[0]} x {image.shape[1]}; times relative to the embedding, {base:.3f} s")
    strength = None
    for params in (TREES, SIZES):
        for loaded in (None, model):
            spent = seconds(partial(draw, image, params, loaded), repeats)
            words = "colour" if loaded is None else "with the embedding"
            print(f"{params.method:6} {words:20} {spent / base:6.2f}")
        if strength is None:
            strength = draw(image, params, None)
    human = boundary_map(np.kron(np.arange(35).reshape(5, 7), np.ones((65, 69), int))[:321, :481])
    spent = seconds(lambda: boundary_counts(strength, [human] * 5), repeats)
    print(f"benchmark, 5 annotators     {spent / base:6.2f}")


if __name__ == "__main__":
    main()
