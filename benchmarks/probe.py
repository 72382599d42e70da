"""How well an embedding tells annotated regions apart, beside colour, as a Markdown table.

    python benchmarks/probe.py BSDS500 MODEL|CHECKPOINT [--images 20] [--split val] [--clustered]

Area under the ROC curve for pairs of pixels 2, 8, 20 and 60 px apart (see
:mod:`napari_sen.evaluation.probe`), averaged over every so many-th image of the split: CIELAB
smoothed with sigma 1, the embedding, and both side by side with the embedding scaled by each
``--weights`` w (squared distance: colour's plus w Psi). A checkpoint folder gives the averaged
weights of its training. An embedding that was trained on the split's images (never on their
annotations) has seen them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from napari_sen.core.features import colour_features, network_planes, statistics
from napari_sen.evaluation.datasets import open_bsds
from napari_sen.evaluation.probe import pair_auc
from napari_sen.learn.learner import Learner
from napari_sen.learn.model import Model, load_model
from napari_sen.params import MeanShiftParams, NetworkParams

DISTANCES = (2, 8, 20, 60)


def averaged_model(folder: Path) -> Model:
    """Return the averaged weights of a training that may still be running."""
    with safe_open(folder / "state.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["napari-sen"])
        average = {
            name.removeprefix("average."): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if name.startswith("average.")
        }
    settings: dict[str, Any] = header["settings"]
    learner = Learner(
        NetworkParams.from_dict(settings["network"]),
        MeanShiftParams.from_dict(settings["mean_shift"]),
    )
    learner.load_state_dict(average)
    learner.eval().requires_grad_(False)
    name = f"{folder.name}, step {header['step']}"
    return Model(learner.network, learner.mean_shift, {"name": name})


def measure(model: Model, root: str, split: str, count: int, weights: list[float],
            clustered: bool) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the mean AUC at each distance, by feature."""
    images = open_bsds(root, split)
    chosen = images[:: max(1, len(images) // count)][:count]
    found: dict[str, list[list[float]]] = {}
    for item in chosen:
        known = statistics(item.image, rgb=True)
        colour = colour_features(item.image, True, known, 1.0)
        rows = model.embed(network_planes(item.image, True, known), clustered=clustered)
        features = {"Lab, sigma 1": colour, "embedding": rows}
        for weight in weights:
            scaled = rows * np.float32(np.sqrt(weight) / 2)  # |a - b|^2 / 4 is Psi
            features[f"both, w = {weight:g}"] = np.concatenate([colour, scaled], -1)
        for name, values in features.items():
            auc = pair_auc(values, item.ground_truths, DISTANCES)
            found.setdefault(name, []).append([auc[distance] for distance in DISTANCES])
    return {name: np.nanmean(rows, axis=0) for name, rows in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="BSDS500 folder")
    parser.add_argument("model", help="model, by name or file, or a training's checkpoint folder")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", type=float, nargs="+", default=[300.0, 1000.0, 3000.0])
    parser.add_argument("--clustered", action="store_true", help="after the mean shift")
    args = parser.parse_args()
    torch.set_num_threads(1)
    is_checkpoint = Path(args.model).is_dir()
    model = averaged_model(Path(args.model)) if is_checkpoint else load_model(args.model)
    table = measure(model, args.root, args.split, args.images, args.weights, args.clustered)
    print(f"{model.name}; {args.images} images of {args.split}")
    print("| AUC at | " + " | ".join(f"{distance} px" for distance in DISTANCES) + " |")
    print("|---" * (len(DISTANCES) + 1) + "|")
    for name, values in table.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")


if __name__ == "__main__":
    main()
