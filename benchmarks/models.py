r"""Models side by side on images that nothing was trained on: flat superpixels and trees.

    python benchmarks/models.py PATH_TO_BSDS500 --models none natural student.safetensors
    python benchmarks/models.py PATH_TO_SET [PATH_TO_SET ...] --models none microscopy \
        --kind microscopy --every 1 --n-segments 200

BSDS500: every fourth image of ``val``. A folder with ``images/`` and ``labels/``: its 'tune' half.
The table has the means, and the differences of each model to the last one named, with the half
width of their 95 % interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sen.core.lattice import mean_diameter
from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.evaluation.datasets import Item, open_bsds, open_folder
from napari_sen.evaluation.methods import scene_of
from napari_sen.learn.model import Model, load_model
from napari_sen.params import HierarchyParams, SegmentParams
from napari_sen.pipeline.features import Scene, weighted
from napari_sen.pipeline.trees import scene_tree

Cut = Callable[[int], NDArray[np.int32]]

TREES = {"tree": HierarchyParams(), "tree, no walk": HierarchyParams(walk_weight=0.0)}


def flat(scene: Scene, kind: str) -> Cut:
    """Return SNIC with the defaults for the kind of image."""
    params = SegmentParams()
    features = scene.features(scene.whole, params.growth(kind).features)
    boundary = scene.half_discs(scene.whole)
    image = scene.image

    def cut(count: int) -> NDArray[np.int32]:
        growth = params.growth(kind, mean_diameter(image.slice_pixels, count, image.spacing))
        return snic(
            features,
            count,
            compactness=growth.compactness,
            boundary=boundary if growth.boundary_weight else None,
            boundary_weight=growth.boundary_weight,
        )

    return cut


def alone(scene: Scene, kind: str) -> Cut:
    """Return SNIC on the clustered embedding alone, as in the paper."""
    params = SegmentParams(compactness=10.0).growth(kind)
    rows = weighted(scene.embedding(scene.whole, clustered=True), params.features)
    return lambda count: snic(rows, count, compactness=params.compactness)


def tree(scene: Scene, kind: str, params: HierarchyParams) -> Cut:
    """Return the cuts of a merge tree."""
    return scene_tree(scene, params.tree(kind)).cut


def makers(item: Item, model: Model | None, kind: str) -> Iterator[tuple[str, Cut]]:
    """Return every way to superpixels by name."""
    scene = scene_of(item, model)
    yield "flat", flat(scene, kind)
    for name, params in TREES.items():
        yield name, tree(scene, kind, params)
    if model is not None:
        yield "alone", alone(scene, kind)


def items_of(root: Path, every: int) -> list[Item]:
    """Return the images that may be looked at while a model is chosen."""
    is_bsds = (root / "groundTruth").is_dir()
    items = open_bsds(root, "val") if is_bsds else open_folder(root, half="tune")
    return [item for item in list(items)[::every] if item.ground_truths[0].ndim == 2]


def table(scores: dict[tuple[str, int], NDArray[np.float64]], names: list[str]) -> Iterator[str]:
    """Yield the lines of a Markdown table of scores (images, models, (F1, ASA))."""
    yield "| superpixels | K | model | F1 | ASA | F1 - last's | ASA - last's |"
    yield "|---|---|---|---|---|---|---|"
    for (way, count), values in scores.items():
        present = [k for k in range(len(names)) if not np.isnan(values[:, k]).any()]
        for k in present:
            f1, asa = values[:, k].mean(0)
            difference = values[:, k] - values[:, -1]
            means = difference.mean(0)
            half = 1.96 * difference.std(0) / np.sqrt(len(difference))
            told = [f"{m:+.4f} ± {h:.4f}" for m, h in zip(means, half, strict=True)]
            yield f"| {way} | {count} | {names[k]} | {f1:.4f} | {asa:.4f} | {' | '.join(told)} |"


def measure(
    items: list[Item], models: list[Model | None], kind: str, counts: list[int]
) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Return the scores (images, models, (F1, ASA)) of every way and number of superpixels."""
    found: dict[tuple[str, int], NDArray[np.float64]] = {}
    for i, item in enumerate(items):
        for k, model in enumerate(models):
            for way, cut in makers(item, model, kind):
                for count in counts:
                    result = score(cut(count), item.ground_truths)
                    empty = np.full((len(items), len(models), 2), np.nan)
                    found.setdefault((way, count), empty)[i, k] = result.f1, result.asa
    return found


def main() -> None:
    """Print a table for every folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roots", type=Path, nargs="+")
    parser.add_argument("--models", nargs="+", required=True, help="names or files; none: colour")
    parser.add_argument("--kind", choices=("natural", "microscopy"), default="natural")
    parser.add_argument("--every", type=int, default=4, help="only every N-th image")
    parser.add_argument("--n-segments", default="50,200")
    args = parser.parse_args()
    torch.set_num_threads(1)
    models = [None if name == "none" else load_model(name) for name in args.models]
    names = [Path(name).stem for name in args.models]
    counts = [int(count) for count in args.n_segments.split(",")]
    for root in args.roots:
        items = items_of(root, args.every)
        if not items:
            continue
        print(f"\n{root.name}, {len(items)} images\n", flush=True)
        for line in table(measure(items, models, args.kind, counts), names):
            print(line, flush=True)


if __name__ == "__main__":
    main()
