"""Choose by what superpixels are described and classified, from a few strokes.

    python benchmarks/click_features.py ../shared/data/microscopy [--images 2] [--seeds 2]

Images, strokes and superpixels (half the proposed diameter) are those of clicks.py, of the halves
"tune". Printed as Markdown: mean intersection over union of the classes, over sets, for what is
chosen and for what differs from it in one thing.
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
from clicks import COUNTS, SEMANTIC, SETS, Picture, Stroke, overlap, picture, strokes
from numpy.typing import NDArray
from scipy.sparse import coo_array
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import napari_sen
from napari_sen.core.regions import Borders
from napari_sen.evaluation.datasets import open_folder
from napari_sen.learn.classes import smoothed
from napari_sen.pipeline.describe import Description, describe
from napari_sen.plugin.state.sizes import Extent, suited_diameter

Table = NDArray[np.float64]
CHOSEN = ("colour", "quartiles", "embedding")
FEATURES = {
    "without quartiles": ("colour", "embedding"),
    "without mean and spread": ("quartiles", "embedding"),
    "without the embedding": ("colour", "quartiles"),
    "with the spread of the embedding": (*CHOSEN, "variety"),
    "with the means of the neighbours": (*CHOSEN, "neighbours"),
    "with size and roundness": (*CHOSEN, "shape"),
    "with superpixels twice and four times as wide around": (*CHOSEN, "around"),
}


def logistic(inverse_penalty: float) -> Any:
    return LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=1000)


def trees() -> Any:
    return ExtraTreesClassifier(100, class_weight="balanced", random_state=0)


def neighbours_means(features: Table, borders: Borders) -> Table:
    """Return the mean features of each superpixel's neighbours, by length of border."""
    n = len(features)
    a, b = borders.edges.T
    ends = np.concatenate([a, b]), np.concatenate([b, a])
    graph = coo_array((np.concatenate([borders.length] * 2), ends), shape=(n, n)).tocsr()
    total = np.asarray(graph.sum(axis=1)).ravel()
    found: Table = (graph @ features) / np.maximum(total, 1e-12)[:, None]
    return found


def around(each: Picture, labels: NDArray[Any], size: float, model: Any) -> Table:
    """Return the features of the larger superpixels in which most of each one lies."""
    found = []
    for factor in (2, 4):
        wide = napari_sen.segment(each.image, size=factor * size, model=model, **each.reading)
        pairs = np.zeros((labels.max(), wide.max()), np.int64)
        np.add.at(pairs, (labels - 1, wide - 1), 1)
        features = describe(each.image, wide, model=model, **each.reading).features()
        found.append(features[pairs.argmax(axis=1)])
    return np.concatenate(found, axis=1)


def parts(each: Picture, description: Description, wide: Table) -> dict[str, Table]:
    """Return all features by what they are."""
    features, borders = description.features(), description.borders()
    kind = np.array([name.rsplit("-", 1)[0] for name in description.names])
    sizes = description.colour.sizes
    edge = np.bincount(borders.edges.ravel(), np.repeat(borders.length, 2), len(sizes))
    assert description.embedding is not None
    return {
        "colour": features[:, np.isin(kind, ["colour", "spread"])],
        "embedding": features[:, kind == "embedding"],
        "quartiles": features[:, ~np.isin(kind, ["colour", "spread", "embedding"])],
        "variety": description.embedding.deviations,
        "neighbours": neighbours_means(features, borders),
        "shape": np.log(np.stack([sizes, np.maximum(edge, 1) ** 2 / sizes], axis=1)),
        "around": wide,
    }


def classified(
    which: NDArray[Any], classes: NDArray[Any], features: Table, borders: Borders | None, model: Any
) -> NDArray[np.int64]:
    """Return the class of every superpixel."""
    if len(np.unique(classes)) < 2:
        return np.full(len(features), classes[0])
    scaled = np.clip(StandardScaler().fit_transform(features), -5, 5)
    model.fit(scaled[which], classes)
    found = model.predict_proba(scaled)
    if borders is not None:
        found = smoothed(found, scaled, borders)
    result: NDArray[np.int64] = model.classes_[found.argmax(axis=1)]
    return result


def results(each: Picture, seeds: int, model: Any) -> Iterator[tuple[tuple[str, int], float]]:
    """Yield (choice, strokes a class) and the overlap."""
    size = suited_diameter(Extent(each.truth.shape, (1.0, 1.0))) / 2
    labels = napari_sen.segment(each.image, size=size, model=model, **each.reading)
    description = describe(each.image, labels, model=model, **each.reading)
    found = parts(each, description, around(each, labels, size, model))
    borders = description.borders()
    chosen = np.concatenate([found[part] for part in CHOSEN], axis=1)
    choices: dict[str, tuple[Table, Borders | None, Any]] = {
        "chosen": (chosen, borders, logistic(0.01)),
        "penalty 1 instead of 100": (chosen, borders, logistic(1)),
        "penalty 10": (chosen, borders, logistic(0.1)),
        "penalty 1,000": (chosen, borders, logistic(0.001)),
        "extremely randomised trees": (chosen, borders, trees()),
        "neighbours have no say": (chosen, None, logistic(0.01)),
        "before: none of it": (
            np.concatenate([found["colour"], found["embedding"]], axis=1), None, logistic(1),
        ),
    }  # fmt: skip
    for name, wanted in FEATURES.items():
        columns = np.concatenate([found[part] for part in wanted], axis=1)
        choices[name] = (columns, borders, logistic(0.01))
    for seed in range(seeds):
        drawn: list[Stroke] = strokes(each.truth, seed)
        for count in COUNTS:
            some = drawn[: count * len(np.unique(each.truth))]
            touched = {int(k): c for c, line in some for k in labels[tuple(line.T)]}
            which, classes = np.array(list(touched)) - 1, np.array(list(touched.values()))
            for name, (features, along, classifier) in choices.items():
                guess = classified(which, classes, features, along, classifier)
                yield (name, count), overlap(guess[labels - 1], each.truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the microscopy sets")
    parser.add_argument("--images", type=int, default=2, help="of each set, at most")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one set, one image, one seed")
    arguments = parser.parse_args()
    images, seeds = (1, 1) if arguments.quick else (arguments.images, arguments.seeds)
    model = napari_sen.load_model("microscopy")
    table: dict[tuple[str, int], list[float]] = defaultdict(list)
    for name in SETS[5:6] if arguments.quick else SETS:
        here: dict[tuple[str, int], list[float]] = defaultdict(list)
        for item in open_folder(arguments.data / name, half="tune")[:images]:
            for key, value in results(picture(item, name in SEMANTIC), seeds, model):
                here[key].append(value)
        for key, values in here.items():
            table[key].append(float(np.mean(values)))
    print("| |", " | ".join(f"{count} a class" for count in COUNTS), "|")
    print("|---|" + "---|" * len(COUNTS))
    for choice in dict.fromkeys(choice for choice, _ in table):
        print(f"| {choice} |", " | ".join(f"{np.mean(table[choice, n]):.3f}" for n in COUNTS), "|")


if __name__ == "__main__":
    main()
