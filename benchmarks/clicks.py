"""Compare classes from a few strokes: superpixels beside pixels, on microscopy sets.

    python benchmarks/clicks.py ../shared/data/microscopy [--half report] [--images 2] [--seeds 2]

Strokes are short straight lines inside a random object of a class, drawn with the seeds 0, 1, ...;
all methods get the same ones, of two classes (object or not; three in blood smears). Superpixels:
those of ``segment`` at the diameter that the dock proposes for the image, and at half of it, each
touched one an example of ``propagate``. Pixels: ``fit_segmenter`` and ``predict_segmenter`` of
scikit-image with what its TrainableSegmenter takes by default, multiscale basic features and a
random forest of 100 trees.

Images are the windows of 256 px in the middle, of volumes the middle plane. Printed as Markdown:
mean intersection over union of the classes, over images, seeds and sets, and seconds of one
processor. Choices are made on the half "tune". With ``--results FILE`` each set is kept there when
it is done, and not done again.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from skimage.future import fit_segmenter, predict_segmenter
from sklearn.ensemble import RandomForestClassifier

import napari_sen
from napari_sen.errors import DataError
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.learn.classes import Examples, propagate
from napari_sen.pipeline.describe import describe
from napari_sen.plugin.state.sizes import Extent, suited_diameter

COUNTS = (1, 3, 10, 30)  # strokes a class
SIDE = 256  # px
LENGTH = 20  # px of a stroke, at most
SMALLEST = 20  # px: objects below get no stroke
SETS = (
    "codex_tissue", "deepliif_if", "deepliif_ihc", "dsb2018_brightfield", "dsb2018_fluo",
    "dsb2018_stained", "embryo_nuclei_3d", "glas_he", "he_patches", "omnipose_bacteria",
    "plant_chloroplast_em", "stardist_demo_3d", "tcga_he", "usiigaci_phase", "vnc_em",
    "wbc_stained",
)  # fmt: skip
SEMANTIC = {"wbc_stained"}  # classes rather than instances

Truth = NDArray[np.int64]
Stroke = tuple[int, NDArray[np.int64]]  # class, pixels
Predict = Callable[[list[Stroke], int], Truth]


@dataclass(frozen=True)
class Picture:
    """A window of an image with the class of every pixel, and how it is to be read."""

    image: NDArray[Any]
    truth: Truth
    reading: dict[str, Any]


def picture(item: Item, semantic: bool) -> Picture:
    """Return the window in the middle of an image (of a volume, of its middle plane)."""
    image, truth = item.image, item.ground_truths[0]
    if truth.ndim == 3:
        image, truth = image[len(image) // 2], truth[len(truth) // 2]
    if item.channel_axis == 0:
        image = np.moveaxis(image, 0, -1)
    window = tuple(
        slice(max(0, (n - SIDE) // 2), max(0, (n - SIDE) // 2) + SIDE) for n in truth.shape
    )
    image, truth = image[window], truth[window]
    image = image[..., :3] if image.ndim == 3 else image  # without alpha
    rgb = image.ndim == 3 and image.shape[-1] == 3 and image.dtype == np.uint8
    axis = None if rgb or image.ndim == 2 else -1
    classes = truth.astype(np.int64) if semantic else (truth > 0).astype(np.int64)
    return Picture(image, classes, {"rgb": rgb, "channel_axis": axis, "kind": "microscopy"})


def strokes(truth: Truth, seed: int) -> list[Stroke]:
    """Return strokes of all classes in turn, as many a class as the most that are asked for."""
    generator = np.random.default_rng(seed)
    each = [list(of_class(truth, int(c), generator)) for c in np.unique(truth)]
    return [stroke for turn in zip(*each, strict=True) for stroke in turn]


def of_class(truth: Truth, number: int, generator: np.random.Generator) -> Iterator[Stroke]:
    """Yield strokes of one class: lines through the inner half of a random object."""
    objects, _ = ndimage.label(truth == number)
    sizes = np.bincount(objects.ravel())
    large = np.flatnonzero(sizes[1:] >= SMALLEST) + 1
    depth = ndimage.distance_transform_edt(truth == number)
    for _ in range(COUNTS[-1]):
        inside = objects == generator.choice(large)
        inner = np.argwhere(inside & (depth >= np.median(depth[inside])))
        middle = inner[generator.integers(len(inner))]
        angle = generator.uniform(0, 2 * np.pi)
        way = np.array([np.sin(angle), np.cos(angle)])
        yield number, np.unique([*arm(inside, middle, way), *arm(inside, middle, -way)], axis=0)


def arm(
    inside: NDArray[np.bool_], start: NDArray[Any], way: NDArray[Any]
) -> Iterator[NDArray[np.int64]]:
    """Yield the pixels of half a stroke, to where it leaves the object."""
    for step in range(LENGTH // 2):
        place = np.rint(start + step * way).astype(np.int64)
        if (place < 0).any() or (place >= inside.shape).any() or not inside[tuple(place)]:
            return
        yield place


def superpixels(finer: float, model: Any) -> Callable[[Picture], Predict]:
    """Return the method that classifies superpixels, so many times finer than proposed."""

    def prepare(picture: Picture) -> Predict:
        image, reading = picture.image, picture.reading
        size = suited_diameter(Extent(picture.truth.shape, (1.0, 1.0))) / finer
        labels = napari_sen.segment(image, size=size, model=model, **reading)
        description = describe(image, labels, model=model, **reading)

        def predict(drawn: list[Stroke], seed: int) -> Truth:
            touched = {int(k): c for c, line in drawn for k in labels[tuple(line.T)]}
            which = np.array(list(touched)) - 1
            classes = np.array(list(touched.values())) + 1
            features = description.features()
            examples = Examples(features[which], classes, description.names)
            if len(np.unique(classes)) < 2:  # one superpixel was all
                return np.full(labels.shape, classes[0] - 1)
            numbers, probability = propagate(examples, features, description.borders())
            found: Truth = numbers[probability.argmax(axis=1)][labels - 1] - 1
            return found

        return predict

    return prepare


def pixels(picture: Picture) -> Predict:
    """Classify pixels, as scikit-image's TrainableSegmenter does."""
    axis = -1 if picture.image.ndim == 3 else None
    features = multiscale_basic_features(picture.image, channel_axis=axis)

    def predict(drawn: list[Stroke], seed: int) -> Truth:
        known = np.zeros(picture.truth.shape, np.int64)
        for number, line in drawn:
            known[tuple(line.T)] = number + 1
        forest = RandomForestClassifier(100, random_state=seed, n_jobs=1)
        found: Truth = predict_segmenter(features, fit_segmenter(known, features, forest)) - 1
        return found

    return predict


def overlap(found: Truth, truth: Truth) -> float:
    """Return the mean intersection over union of the classes."""
    pairs = [(found == c, truth == c) for c in np.unique(truth)]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))


def rows(
    pictures: list[Picture], methods: dict[str, Callable[[Picture], Predict]], seeds: int
) -> Iterator[dict[str, Any]]:
    """Yield overlap and seconds of each method, picture, seed and number of strokes."""
    for number, each in enumerate(pictures):
        classes = len(np.unique(each.truth))
        drawn = [strokes(each.truth, seed) for seed in range(seeds)]
        for method, prepare in methods.items():
            start = time.process_time()
            predict = prepare(each)
            ready = time.process_time() - start
            for seed in range(seeds):
                for count in COUNTS:
                    start = time.process_time()
                    found = predict(drawn[seed][: count * classes], seed)
                    took = time.process_time() - start
                    yield {
                        "method": method, "image": number, "count": count, "prepare": ready,
                        "predict": took, "overlap": overlap(found, each.truth),
                    }  # fmt: skip


def mean(found: list[dict[str, Any]], what: str, **wanted: Any) -> float:
    """Return the mean over the rows of a set that are as wanted."""
    return float(np.mean([r[what] for r in found if all(r[k] == v for k, v in wanted.items())]))


def print_tables(results: dict[str, list[dict[str, Any]]], methods: list[str]) -> None:
    """Print the means over sets, and what each set gave."""
    counts = [f"{count} a class" for count in COUNTS]
    print("| |", " | ".join(counts), "| prepare, s | predict, s |")
    print("|---|" + "---|" * (len(counts) + 2))
    for method in methods:
        over = [
            np.mean([mean(r, "overlap", method=method, count=n) for r in results.values()])
            for n in COUNTS
        ]
        spent = [
            np.mean([mean(r, what, method=method) for r in results.values()])
            for what in ("prepare", "predict")
        ]
        cells = [f"{x:.3f}" for x in over] + [f"{x:.2f}" for x in spent]
        print(f"| {method} |", " | ".join(cells), "|")
    later = COUNTS[1:]
    print(
        "\n| set | images |", " | ".join(f"{m}: {', '.join(map(str, later))}" for m in methods), "|"
    )
    print("|---|---|" + "---|" * len(methods))
    for name, found in results.items():
        cells = [
            " ".join(f"{mean(found, 'overlap', method=m, count=n):.3f}" for n in later)
            for m in methods
        ]
        print(f"| {name} | {len({r['image'] for r in found})} |", " | ".join(cells), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the microscopy sets")
    parser.add_argument("--half", default="tune", choices=("tune", "report"))
    parser.add_argument("--images", type=int, default=2, help="of each set, at most")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--results", type=Path, help="JSON lines: a set that is there is not redone"
    )
    parser.add_argument("--sets", nargs="*", default=SETS, choices=SETS, metavar="SET")
    parser.add_argument("--quick", action="store_true", help="one set, one image, one seed")
    arguments = parser.parse_args()
    images, seeds = (1, 1) if arguments.quick else (arguments.images, arguments.seeds)
    model = napari_sen.load_model("microscopy")
    methods = {
        "superpixels, half the proposed diameter": superpixels(2, model),
        "superpixels, proposed diameter": superpixels(1, model),
        "pixels, random forest": pixels,
    }
    results: dict[str, list[dict[str, Any]]] = {}
    if arguments.results is not None and arguments.results.exists():
        lines = arguments.results.read_text().splitlines()
        results = dict(json.loads(line) for line in lines)
    for name in SETS[5:6] if arguments.quick else arguments.sets:
        if name in results:
            continue
        try:
            items = open_folder(arguments.data / name, half=arguments.half)[:images]
        except DataError as error:  # of one image the report half has none
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        pictures = [picture(item, name in SEMANTIC) for item in items]
        results[name] = list(rows(pictures, methods, seeds))
        if arguments.results is not None:
            with arguments.results.open("a") as file:
                file.write(json.dumps([name, results[name]]) + "\n")
    print_tables(results, list(methods))


if __name__ == "__main__":
    main()
