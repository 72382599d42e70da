r"""What does training on the very images help? Without labels, from the bundled model.

    python benchmarks/own_images.py MICROSCOPY SET ... -o RESULTS [--start MODEL] [--steps 200]

The images of each set's 'report' half are what a user has: a model trains on with them alone (no
annotation), on pairs under fine regions of its own merge tree, and both models then cut the same
images. Prints ASA and boundary recall of the model as it was, the differences, and the seconds that
the training took. How to train was chosen on 'tune' halves of three sets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import torch
from microscopy_model import pictures

from napari_sen.evaluation.datasets import open_folder
from napari_sen.evaluation.evaluate import evaluate
from napari_sen.params import LossParams, MeanShiftParams, RegionParams, TrainParams
from napari_sen.pipeline.train import train

METHODS = ("sen", "sen-tree")
K = 200


def main() -> None:
    """Train and measure, set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--start", default="microscopy", help="a model that is named microscopy")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    print("| set (images) | method | ASA | own | BR | own | training, s |\n|" + "---|" * 7)
    for name in args.sets:
        data = open_folder(args.root / name, half="report")
        start = perf_counter()
        model = train(
            [picture for item in data for picture in pictures(item)],
            start=args.start,
            # Named so, it brings the parameters that suit microscopy.
            name="microscopy",
            loss=LossParams(dilations=(1, 2, 4, 8, 16), beta_slope=0.04),
            mean_shift=MeanShiftParams(iterations=1),
            regions=RegionParams(
                counts=(100, 250, 600, 1500), exponents=(0.4, 0.7), embedding_weight=1000.0
            ),
            schedule=TrainParams(
                recipe="pairs", teacher="regions", steps=args.steps, batch=2, crop=160, noise=0.02,
                learning_rate=5e-4, ema=0.98, precision="bfloat16",
            ),
            device="cpu",
        )  # fmt: skip
        seconds = perf_counter() - start
        folder = args.output / name
        folder.mkdir(exist_ok=True)
        own = model.save(folder / "microscopy.safetensors", overwrite=True)
        found = [
            evaluate(data, methods=METHODS, n_segments=(K,), model=which, plots=False).curves
            for which in (args.start, str(own))
        ]
        for bundled, tuned in zip(*found, strict=True):
            cells = []
            for key in ("asa", "recall"):
                before, after = (curve.at(K, key).mean() for curve in (bundled, tuned))
                cells += [f"{before:.4f}", f"{after - before:+.4f}"]
            print(f"| {name} ({len(data)}) | {bundled.method} | " + " | ".join(cells)
                  + f" | {seconds:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
