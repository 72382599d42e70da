"""Compare classifiers and features that carry a few painted superpixels to all others.

    python benchmarks/propagate.py ../shared/data/microscopy [--half report] [--images 4]

Superpixels of every image get the class that most of their pixels have in the annotation; a few
of each class, at random, are the painted ones. Printed as Markdown: mean intersection over union
of the classes, over data sets. Choices are made on the half "tune".
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import napari_sen
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.pipeline.describe import describe

SEGMENTS, DRAWS, PAINTED = 600, 3, (3, 10)
SETS = (
    "dsb2018_fluo", "dsb2018_stained", "wbc_stained", "tcga_he", "usiigaci_phase",
    "deepliif_ihc", "plant_chloroplast_em", "vnc_em", "codex_tissue", "omnipose_bacteria",
)  # fmt: skip
SEMANTIC = {"wbc_stained"}  # classes rather than instances
CLASSIFIERS = {
    "extremely randomised trees": lambda: ExtraTreesClassifier(
        200, random_state=0, class_weight="balanced"
    ),
    "random forest": lambda: RandomForestClassifier(200, random_state=0, class_weight="balanced"),
    "support vector machine": lambda: SVC(class_weight="balanced"),
    "logistic regression": lambda: LogisticRegression(class_weight="balanced", max_iter=1000),
}


def reading(item: Item) -> dict[str, Any]:
    """Return how the image is to be read."""
    image = item.image
    colour = image.ndim == 3 and image.shape[-1] in (3, 4) and image.dtype == np.uint8
    return {"rgb": True} if colour else {"channel_axis": item.channel_axis}


def features_of(item: Item, labels: np.ndarray, model: Any) -> dict[str, np.ndarray]:
    """Return the features of all superpixels: colour, embedding, both."""
    description = describe(item.image, labels, model=model, **reading(item))
    both = description.features()
    of_embedding = np.array([name.startswith("embedding") for name in description.names])
    return {"colour": both[:, ~of_embedding], "embedding": both[:, of_embedding], "both": both}


def painted(classes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return superpixels to paint: so many of each class, at random."""
    generator = np.random.default_rng(seed)
    picks = [generator.permutation(np.flatnonzero(classes == c))[:count] for c in set(classes)]
    return np.concatenate(picks)


def overlap(found: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean intersection over union of the classes."""
    return float(
        np.mean(
            [
                ((found == c) & (truth == c)).sum() / max(((found == c) | (truth == c)).sum(), 1)
                for c in np.unique(classes)
            ]
        )
    )


def results(item: Item, semantic: bool, model: Any) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield (painted, features, classifier) and the overlap, for one image."""
    truth = item.ground_truths[0]
    truth = truth if semantic else (truth > 0).astype(int)
    labels = napari_sen.segment(item.image, SEGMENTS, model=model, **reading(item))
    count = int(labels.max())
    votes = [np.bincount(labels[truth == c] - 1, minlength=count) for c in range(truth.max() + 1)]
    classes = np.argmax(votes, axis=0)
    if len(np.unique(classes)) < 2:
        return
    for kind, values in features_of(item, labels, model).items():
        scaled = StandardScaler().fit_transform(values)
        for number in PAINTED:
            for draw in range(DRAWS):
                chosen = painted(classes, number, draw)
                for name, make in CLASSIFIERS.items():
                    guess = make().fit(scaled[chosen], classes[chosen]).predict(scaled)
                    yield (number, kind, name), overlap(guess[labels - 1], truth, classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the microscopy sets")
    parser.add_argument("--half", default="tune", choices=("tune", "report"))
    parser.add_argument("--images", type=int, default=4, help="of each set, at most")
    parser.add_argument("--quick", action="store_true", help="two sets, one image each")
    arguments = parser.parse_args()
    sets = SETS[1:3] if arguments.quick else SETS
    images = 1 if arguments.quick else arguments.images
    model = napari_sen.load_model("microscopy")
    table: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for name in sets:
        here: dict[tuple[Any, ...], list[float]] = defaultdict(list)
        for item in open_folder(arguments.data / name, half=arguments.half)[:images]:
            for key, value in results(item, name in SEMANTIC, model):
                here[key].append(value)
        for key, values in here.items():
            table[key].append(float(np.mean(values)))
    kinds = ("colour", "embedding", "both")
    print("| |", " | ".join(f"{n} painted, {kind}" for n in PAINTED for kind in kinds), "|")
    print("| --- |", " | ".join("---" for _ in range(len(PAINTED) * len(kinds))), "|")
    for name in CLASSIFIERS:
        cells = [f"{np.mean(table[n, kind, name]):.3f}" for n in PAINTED for kind in kinds]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
