r"""Put measured figures into a trained model and store it for the package.

    napari-sen evaluate BSDS500 --methods snic-smooth,sen -o RESULTS --model TRAINED.safetensors
    python benchmarks/release_model.py TRAINED.safetensors RESULTS/scores.csv \
        src/napari_sen/models/natural.safetensors --command "napari-sen train ..."

The card then carries, for each method and number of superpixels, what the table says.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from napari_sen.learn.model import load_model


def main() -> None:
    """Write the model with its figures; weights in 16 bits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("scores", type=Path, help="scores.csv of napari-sen evaluate")
    parser.add_argument("output", type=Path)
    parser.add_argument("--command", required=True, help="what the model was trained by")
    parser.add_argument("--data-set", default="BSDS500 test", help="what the scores are of")
    parser.add_argument("--methods", default="snic-smooth,sen,tree,sen-tree")
    args = parser.parse_args()
    model = load_model(str(args.model))
    figures = {"trained by": args.command}
    with args.scores.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["method"] in args.methods.split(","):
                key = f"{args.data_set}, {row['method']}, K = {row['k']}"
                figures[key] = f"F1 {float(row['f1']):.4f}, ASA {float(row['asa']):.4f}"
    model.metadata.update(name=args.output.stem, figures=figures)
    print(model.save(args.output, half=True, overwrite=True))


if __name__ == "__main__":
    main()
