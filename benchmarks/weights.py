"""How much should the embedding weigh? SNIC and merge trees over a grid of weights.

Run on the validation images of BSDS500 (the default) or on the 'tune' half of a folder with images/
and labels/, never on images that results are reported on:

    python benchmarks/weights.py flat PATH_TO_BSDS500 --model natural --every 4
    python benchmarks/weights.py flat PATH_TO_SET --every 1 --n-segments 200
    python benchmarks/weights.py trees PATH_TO_BSDS500 --model natural --every 4
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.evaluation.datasets import open_bsds, open_folder
from napari_sen.evaluation.methods import scene_of
from napari_sen.learn.model import load_model
from napari_sen.params import HierarchyParams, SegmentParams
from napari_sen.pipeline.features import Scene
from napari_sen.pipeline.trees import scene_tree

FLAT_WEIGHTS = (300, 1000, 2000, 4000)
TREE_WEIGHTS = (300, 1000, 3000)
TREES = ((0.5, 0.0), (0.5, 30.0), (0.25, 30.0))  # size exponent, weight of texture
ALONE = 1000

Makers = dict[str, Callable[[int], NDArray[np.int32]]]


def flat(scene: Scene) -> Makers:
    """Return SNIC on colour, on the embedding, and on both."""
    params = SegmentParams(compactness=10.0)
    colour = scene.colour(scene.whole, params.smoothing)
    features = {"colour": colour}
    for name, clustered in (("raw", False), ("clustered", True)):
        rows = scene.embedding(scene.whole, clustered=clustered)
        features[f"{name} alone"] = rows * np.float32(math.sqrt(ALONE) / 2)
        for weight in FLAT_WEIGHTS:
            beside = rows * np.float32(math.sqrt(weight) / 2)
            features[f"colour + {weight} {name}"] = np.concatenate([colour, beside], axis=-1)
    return {
        name: partial(snic, values, compactness=params.compactness)
        for name, values in features.items()
    }


def trees(scene: Scene) -> Makers:
    """Return cuts of merge trees on colour, and on colour and embedding."""
    makers: Makers = {}
    for exponent, texture in TREES:
        for weight in (0, *TREE_WEIGHTS):
            params = HierarchyParams(evenness=exponent, texture=texture, embedding_weight=weight)
            tree = scene_tree(scene, params.tree(scene.image.kind))
            makers[f"tree p = {exponent}, texture {texture:g}, embedding {weight}"] = tree.cut
    return makers


def main() -> None:
    """Print mean F1 and ASA of every weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("flat", "trees"))
    parser.add_argument("root", type=Path, help="images/ and groundTruth/, or images/ and labels/")
    parser.add_argument("--model", default="natural")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=4, help="only every N-th image")
    parser.add_argument("--n-segments", default="50,200")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.model)
    make = flat if args.kind == "flat" else trees
    if (args.root / "groundTruth").is_dir():
        title, items = args.split, list(open_bsds(args.root, args.split))[:: args.every]
    else:  # parameters are chosen on the first half of a plain folder
        title, items = args.root.name, list(open_folder(args.root, half="tune"))[:: args.every]
    found: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for item in items:
        makers = make(scene_of(item, model))
        for count in map(int, args.n_segments.split(",")):
            for name, maker in makers.items():
                scores = score(maker(count), item.ground_truths)
                found[count, name].append((scores.f1, scores.asa))
    print(f"{title}, {len(items)} images, model {args.model}\n\n| K | features | F1 | ASA |")
    print("|---|---|---|---|")
    for (count, name), values in sorted(found.items()):
        f1, asa = np.mean(values, axis=0)
        print(f"| {count} | {name} | {f1:.4f} | {asa:.4f} |")


if __name__ == "__main__":
    main()
