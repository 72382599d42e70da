r"""Put measured figures into a trained model and store it for the package.

    napari-sen evaluate BSDS500 --methods snic-smooth,sen -o RESULTS --model TRAINED.safetensors
    python benchmarks/release_model.py TRAINED.safetensors RESULTS/scores.csv \
        -o src/napari_sen/models/natural.safetensors --command "napari-sen train ..." ...

The card then carries, for each method and number of superpixels, what the table says.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from napari_sen.learn.model import load_model


def read_figures(path: Path, args: argparse.Namespace) -> dict[str, str]:
    """Return the figures of one file of scores."""
    title = args.data_set.format(path.parent.name)
    found = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["method"] in args.methods.split(",") and row["k"] in args.sizes.split(","):
                key = f"{title}, {row['method']}, K = {row['k']}"
                found[key] = (
                    f"F1 {float(row['f1']):.4f}, ASA {float(row['asa']):.4f}, "
                    f"boundary recall {float(row['recall']):.4f}"
                )
    return found


def main() -> None:
    """Write the model with its figures; weights in 16 bits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("scores", type=Path, nargs="*", help="scores.csv of napari-sen evaluate")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--command", nargs="+", required=True, help="what the model was trained by, stage by stage"
    )
    parser.add_argument("--started-from", help="name of the first stage in the last command")
    parser.add_argument(
        "--data-set", default="{}", help="what the scores are of; {} is their folder"
    )
    parser.add_argument("--sizes", default="50,100,200,300,400,500")
    parser.add_argument("--methods", default="snic-smooth,sen,tree,sen-tree,sen-paper")
    args = parser.parse_args()
    model = load_model(str(args.model))
    figures = {"trained by": "; then ".join(args.command)}
    if args.started_from:
        model.metadata["training"]["start"]["name"] = args.started_from
    for path in args.scores:
        figures |= read_figures(path, args)
    model.metadata.update(name=args.output.stem, figures=figures)
    print(model.save(args.output, half=True, overwrite=True))


if __name__ == "__main__":
    main()
