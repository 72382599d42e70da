"""How much should the embedding weigh? SNIC on colour and embedding over a grid of weights.

Run on the validation images (the default), never on those that results are reported on:

    python benchmarks/weights.py ../shared/data/bsds500 --model natural --every 4
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict

import numpy as np
import torch

from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.evaluation.datasets import open_bsds
from napari_sen.learn.model import load_model
from napari_sen.params import SegmentParams
from napari_sen.pipeline.embed import embed_slice
from napari_sen.pipeline.prepare import prepare

WEIGHTS = (100, 300, 600, 1200)
ALONE = 1000


def main() -> None:
    """Print mean F1 and ASA of every weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder with images/ and groundTruth/")
    parser.add_argument("--model", default="natural")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=4, help="only every N-th image")
    parser.add_argument("--n-segments", default="50,200")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, params = load_model(args.model), SegmentParams()
    items = list(open_bsds(args.root, args.split))[:: args.every]
    found: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for item in items:
        prepared = prepare(item.image)
        colour = prepared.colour((), params.smoothing)
        features = {"colour": colour}
        for name, clustered in (("raw", False), ("clustered", True)):
            rows = embed_slice(prepared, (), model, clustered, "cpu")
            features[f"{name} alone"] = rows * np.float32(math.sqrt(ALONE) / 2)
            for weight in WEIGHTS:
                beside = rows * np.float32(math.sqrt(weight) / 2)
                features[f"colour + {weight} {name}"] = np.concatenate([colour, beside], axis=-1)
        for count in map(int, args.n_segments.split(",")):
            for name, values in features.items():
                labels = snic(values, count, compactness=params.compactness)
                scores = score(labels, item.ground_truths)
                found[count, name].append((scores.f1, scores.asa))
    print(f"{args.split}, {len(items)} images, model {args.model}\n\n| K | features | F1 | ASA |")
    print("|---|---|---|---|")
    for (count, name), values in sorted(found.items()):
        f1, asa = np.mean(values, axis=0)
        print(f"| {count} | {name} | {f1:.4f} | {asa:.4f} |")


if __name__ == "__main__":
    main()
