"""How even superpixels of the tree are, and what that costs, by size exponent, as Markdown.

    python benchmarks/evenness.py PATH_TO_BSDS500 [--images 100] [--border-exponent 0]
    python benchmarks/evenness.py PATH_TO_MICROSCOPY

The validation images of BSDS500, or the 'tune' halves of all microscopy sets of at least four
images; never images that results are reported on. Leaves are those of ``segment``: of the default
size, or five for each superpixel wanted where that is more. Every line gives two disjoint halves of
the images (every other one), so that a difference counts where both agree.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from walk import open_sets

from napari_sen.core.graph import region_graph
from napari_sen.core.hierarchy import Hierarchy, merge_regions
from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.evaluation.datasets import Item
from napari_sen.evaluation.methods import make_method, scene_of
from napari_sen.evaluation.reach import reach
from napari_sen.learn.model import Model, load_model
from napari_sen.params import HierarchyParams

FLAT = ("snic", "snic-smooth")
SIZES = (50, 100, 200, 600)
EXPONENTS = (0.4, 0.55, 0.7, 1.0)
WEIGHTS = (0.0, 0.3)
FINE_PER_SEGMENT = 5
SCORES = {
    "f1": "F1",
    "asa": "ASA",
    "asa_best": "best ASA",
    "recall": "BR",
    "size_variation": "size variation",
}

Array: TypeAlias = np.ndarray[Any, Any]


def cuts(
    item: Item, kind: str, model: Model, border_exponent: float | None
) -> Iterator[tuple[str, int, Array]]:
    """Yield a name, a number of superpixels, and the label map."""
    for name in FLAT:
        cut = make_method(name, kind)(item)
        known: dict[float, int] = {}
        for size in SIZES:
            yield name, size, reach(cut, size, known).labels
    start = HierarchyParams(border_exponent=border_exponent).tree(kind)
    leaves = start.leaves
    scene = scene_of(item, model)
    features = scene.features(scene.whole, leaves.features)
    strength = scene.strength(scene.whole, start.merging)
    fewest = round(scene.image.slice_pixels / start.fine_size**2)
    graphs = {}
    for n_fine in sorted({max(fewest, FINE_PER_SEGMENT * size) for size in SIZES}):
        labels = snic(features, n_fine, compactness=leaves.compactness)
        graphs[n_fine] = labels, region_graph(labels, features, strength)
    for weight in WEIGHTS:
        for p in EXPONENTS:
            merging = replace(start.merging, evenness=p, walk_weight=weight)
            trees = {}
            for n_fine, (labels, graph) in graphs.items():
                trees[n_fine] = Hierarchy(labels, merge_regions(graph, merging))
            name = f"tree, p = {p:g}" + (f", walk {weight:g}" if weight else "")
            for size in SIZES:
                tree = trees[max(fewest, FINE_PER_SEGMENT * size)]
                yield name, size, tree.cut(size)


def table(found: dict[str, list[list[list[float]]]], kind: str, which: slice) -> str:
    """Return the mean scores of some images: a line a method, numbers of superpixels in a cell."""
    shown = [place for place, key in enumerate(SCORES) if kind == "natural" or key != "asa_best"]
    titles = list(SCORES.values())
    lines = ["| K = " + " / ".join(map(str, SIZES)), *(titles[place] for place in shown)]
    rows = [" | ".join(lines) + " |", "|" + "---|" * len(lines)]
    for name, values in found.items():
        means = np.array(values)[which].mean(axis=0)
        cells = [
            " / ".join(f"{v:.{2 if place == shown[-1] else 4}f}" for v in means[:, place])
            for place in shown
        ]
        rows.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(rows)


def main() -> None:
    """Measure all images, then print the tables: of all images, and of each half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--images", type=int, default=100, help="of BSDS500's 100")
    parser.add_argument("--border-exponent", type=float, help="instead of the kind's")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kind, sets = open_sets(args.root, args.images)
    model = load_model(kind)
    items = [data[i] for _, data in sets for i in range(len(data.names))]
    found: dict[str, list[list[list[float]]]] = {}
    for item in items:
        rows: dict[str, list[list[float]]] = {}
        for name, _, labels in cuts(item, kind, model, args.border_exponent):
            scores = score(labels, item.ground_truths)
            rows.setdefault(name, []).append([getattr(scores, key) for key in SCORES])
        for name, values in rows.items():
            found.setdefault(name, []).append(values)
    print(f"{kind}, {len(items)} images\n\n" + table(found, kind, slice(None)))
    for half in (0, 1):
        print(f"\nHalf {half + 1}, {len(items[half::2])} images:\n")
        print(table(found, kind, slice(half, None, 2)))


if __name__ == "__main__":
    main()
