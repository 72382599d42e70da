r"""Which compactness and boundary weight suit superpixels of which size? Flat ones on microscopy.

    python benchmarks/shape.py MICROSCOPY [--model microscopy]

Of every set with four images or more the 'tune' half is taken, at most four images. Each set at
each number of superpixels is one cell; cells are sorted by the superpixels' diameter. The table
shows, for each compactness m and boundary weight b, the mean difference in ASA from SNIC on
smoothed colour over the cells of a column, and that of the worst cell.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from microscopy import sets

from napari_sen.core.lattice import mean_diameter
from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.evaluation.datasets import open_folder
from napari_sen.evaluation.methods import scene_of
from napari_sen.evaluation.settings import CHOSEN
from napari_sen.learn.model import Model, load_model
from napari_sen.params import SegmentParams

COUNTS = (100, 200, 400, 600, 1000)
SHAPES = tuple(product((5.0, 7.0, 10.0, 15.0), (0.0, 200.0, 500.0)))
EDGES = (0.0, 14.0, 22.0, 30.0, np.inf)  # px
COLUMNS = ("below 14 px", "14 to 22", "22 to 30", "above 30")
BASE = CHOSEN["snic-smooth"].compactness


def measure(root: Path, model: Model) -> dict[tuple[int, tuple[float, float]], list[float]]:
    """Return, for each number and shape, diameter and ASA above smoothed colour: means of a set."""
    growth = SegmentParams().growth("microscopy")
    found = defaultdict(list)
    for item in list(open_folder(root, half="tune"))[:4]:
        scene = scene_of(item, model)
        colour = scene.colour(scene.whole, growth.features.smoothing)
        features = scene.features(scene.whole, growth.features)
        boundary = scene.half_discs(scene.whole)
        for count in COUNTS:
            plain = score(snic(colour, count, compactness=BASE), item.ground_truths).asa
            diameter = mean_diameter(scene.image.slice_pixels, count, scene.image.spacing)
            for m, b in SHAPES:
                labels = snic(features, count, compactness=m, boundary=boundary, boundary_weight=b)
                gain = score(labels, item.ground_truths).asa - plain
                found[count, (m, b)].append((diameter, gain))
    return {key: np.mean(values, axis=0).tolist() for key, values in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="microscopy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.model)
    cells = [measure(args.root / name, model) for name in sets(args.root)]
    print("| m, b | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (1 + len(COLUMNS)))
    for shape in SHAPES:
        found = [value for cell in cells for key, value in cell.items() if key[1] == shape]
        shown = []
        for low, high in pairwise(EDGES):
            gains = [gain for diameter, gain in found if low <= diameter < high]
            shown.append(f"{np.mean(gains):+.4f} ({min(gains):+.4f})")
        print(f"| {shape[0]:g}, {shape[1]:g} | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
