"""What the walk, and a spectral stage at pixels, bring to contours, as Markdown.

    python benchmarks/globalise.py walk PATH_TO_BSDS500 [--every 1]
    python benchmarks/globalise.py spectral PATH_TO_BSDS500 [--every 3]

Validation images of BSDS500 in two disjoint halves; 32 thresholds. "spectral" is what gPb does: on
a grid of half size pixels within 5 px are alike unless a contour lies between them; the gradients
of the 16 first eigenvectors of the normalised cut, each divided by the root of its eigenvalue, add
up to a second strength.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from scipy import sparse
from scipy.ndimage import gaussian_filter, zoom
from scipy.sparse.linalg import eigsh

from napari_sen.core.boundary_matching import boundary_counts, boundary_map
from napari_sen.core.contours import share_of_cuts
from napari_sen.core.graph import Regions, region_graph
from napari_sen.core.hierarchy import Hierarchy, merge_regions
from napari_sen.core.snic import snic
from napari_sen.evaluation.contour_scores import contour_scores
from napari_sen.evaluation.datasets import Item, open_bsds
from napari_sen.evaluation.methods import scene_of
from napari_sen.learn.model import Model, load_model
from napari_sen.params import ContourParams
from napari_sen.pipeline.contour_maps import thinned, tree_params, weighed

THRESHOLDS = np.geomspace(0.015, 0.6, 32)
CONTOURS = replace(ContourParams(), threshold=0.0).settled("natural")
TREE = tree_params(CONTOURS).tree("natural")
WALKS = [(0.0, 0.0), (0.3, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 0.125), (0.5, 0.25)]
BASE = WALKS[2]  # what the spectral stage is added to
RADIUS = 5  # px of the half grid
SCALE = 0.1  # contour strength that lets e^-1 through
VECTORS = 16

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """What the contours of one image are made of."""

    parts: list[tuple[Array, Regions]]  # leaves of every size and their graph
    boundary: Array
    humans: list[Array]


def case_of(item: Item, model: Model) -> Case:
    """Grow the leaves of an image."""
    scene = scene_of(item, model)
    features = scene.features(scene.whole, TREE.leaves.features)
    boundary = scene.strength(scene.whole, TREE.merging)
    parts = []
    for size in CONTOURS.fine_sizes:
        count = round(boundary.size / size**2)
        labels = snic(features, count, compactness=TREE.leaves.compactness)
        parts.append((labels, region_graph(labels, features, boundary)))
    return Case(parts, boundary, [boundary_map(truth) for truth in item.ground_truths])


def strength_of(case: Case, walk_weight: float, border_exponent: float) -> Array:
    """Return the contour strength before it is thinned."""
    merging = replace(TREE.merging, walk_weight=walk_weight, border_exponent=border_exponent)
    shares = [
        share_of_cuts(Hierarchy(labels, merge_regions(regions, merging)))
        for labels, regions in case.parts
    ]
    return weighed(shares, case.boundary, merging)


def affinity(strength: Array) -> Any:
    """Return how alike all pairs of pixels within RADIUS are: e^-(contour between) / SCALE."""
    height, width = strength.shape
    number = np.arange(height * width).reshape(height, width)
    rows, columns, values = [], [], []
    for down in range(RADIUS + 1):
        for across in range(-RADIUS, RADIUS + 1):
            far = down**2 + across**2
            if far > RADIUS**2 or (down, across) <= (0, 0):
                continue
            steps = max(down, abs(across))
            left, right = max(0, -across), min(width, width - across)
            between = np.zeros((height - down, right - left))
            for k in range(steps + 1):
                y, x = round(k * down / steps), round(k * across / steps)
                seen = strength[y : y + height - down, left + x : right + x]
                between = np.maximum(between, seen)
            rows.append(number[: height - down, left:right].ravel())
            columns.append(number[down:, left + across : right + across].ravel())
            values.append(np.exp(-between.ravel() / SCALE))
    half = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(number.size,) * 2,
    )
    return half + half.T


def spectral_strength(strength: Array) -> Array:
    """Return the strength of the eigenvectors' edges, on the grid of the image."""
    height, width = strength.shape
    even = np.pad(strength, ((0, height % 2), (0, width % 2)), mode="edge")
    coarse = even.reshape(even.shape[0] // 2, 2, -1, 2).max(axis=(1, 3))
    alike = affinity(coarse)
    root = sparse.diags(1 / np.sqrt(np.asarray(alike.sum(axis=1)).ravel()))
    matrix = (root @ alike @ root).tocsr()
    found, vectors = eigsh(
        matrix, VECTORS + 1, which="LA", tol=1e-3, ncv=3 * VECTORS, v0=np.ones(coarse.size)
    )
    order = np.argsort(-found)[1:]
    angles = np.arange(8) * np.pi / 8
    total = np.zeros((8, *coarse.shape))
    for k in order:
        vector = (root @ vectors[:, k]).reshape(coarse.shape)
        vector = vector / max(np.ptp(vector), 1e-12)
        y, x = (gaussian_filter(vector, 1.0, order=axis) for axis in ((1, 0), (0, 1)))
        weight = 1 / np.sqrt(max(1 - found[k], 1e-6))
        total += weight * np.abs(np.multiply.outer(np.cos(angles), x) +
                                 np.multiply.outer(np.sin(angles), y))  # fmt: skip
    return zoom(total.max(axis=0), 2, order=1)[:height, :width]


def line(name: str, cases: Sequence[Case], strengths: Sequence[Array]) -> str:
    """Return ODS, OIS and AP of both halves and of all images."""
    counts = [
        boundary_counts(thinned(strength, CONTOURS) + 1e-9, case.humans, THRESHOLDS)
        for case, strength in zip(cases, strengths, strict=True)
    ]
    cells = [name]
    for some in (counts[0::2], counts[1::2], counts):
        found = contour_scores(some, THRESHOLDS)
        cells.append(f"{found.ods:.4f} / {found.ois:.4f} / {found.ap:.4f}")
    return "| " + " | ".join(cells) + " |"


def walks(cases: Sequence[Case]) -> None:
    """Print what the walk and the border exponent of the trees bring."""
    for weight, exponent in WALKS:
        strengths = [strength_of(case, weight, exponent) for case in cases]
        print(line(f"walk {weight:g}, border exponent {exponent:g}", cases, strengths), flush=True)


def spectral(cases: Sequence[Case]) -> None:
    """Print what the spectral stage brings."""
    plain = [strength_of(case, *BASE) for case in cases]
    start = perf_counter()
    edges = [spectral_strength(strength) for strength in plain]
    seconds = (perf_counter() - start) / len(cases)
    scale = np.mean([s.mean() for s in plain]) / np.mean([e.mean() for e in edges])
    edges = [scale * found for found in edges]

    def added(weight: float) -> Callable[[Array, Array], Array]:
        return lambda s, e: (1 - weight) * s + weight * e

    def times(power: float) -> Callable[[Array, Array], Array]:
        def mixed(s: Array, e: Array) -> Array:
            part = np.minimum(e / max(float(np.percentile(e, 95)), 1e-12), 1)
            return s * (0.3 + 0.7 * part) ** power

        return mixed

    ways = {
        "without": added(0.0),
        "mean, a quarter spectral": added(0.25),
        "mean, half spectral": added(0.5),
        "product, power 0.25": times(0.25),
        "product, power 0.5": times(0.5),
    }
    for name, way in ways.items():
        mixed = [
            np.clip(way(s, e), 0, 1).astype(np.float32) for s, e in zip(plain, edges, strict=True)
        ]
        print(line(name, cases, mixed), flush=True)
    print(f"\n{seconds:.1f} s an image")


def main() -> None:
    """Grow the leaves of all images, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("walk", "spectral"))
    parser.add_argument("root", type=Path)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = open_bsds(args.root, "val")
    model = load_model("natural")
    cases = [case_of(data[i], model) for i in range(0, len(data.names), args.every)]
    halves = f"{len(cases[0::2])} images | {len(cases[1::2])} others | all"
    print(f"| ODS / OIS / AP | {halves} |\n|---|---|---|---|")
    {"walk": walks, "spectral": spectral}[args.task](cases)


if __name__ == "__main__":
    main()
