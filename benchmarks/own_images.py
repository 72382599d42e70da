r"""What does training on the very images help? Without labels, from the bundled model.

    python benchmarks/own_images.py MICROSCOPY SET ... -o RESULTS [--steps 300]

The images of each set's 'report' half are what a user has: ``microscopy`` trains on with them alone
(recipe "regions", no annotation), and both models then cut the same images. Prints ASA and boundary
recall of the bundled model, the differences, and the seconds that the training took.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import torch
from microscopy_model import pictures

from napari_sen.evaluation.datasets import open_folder
from napari_sen.evaluation.evaluate import evaluate
from napari_sen.params import ContrastParams, RegionParams, TrainParams
from napari_sen.pipeline.train import train

METHODS = ("sen", "sen-tree")
K = 200


def main() -> None:
    """Train and measure, set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    print("| set (images) | method | ASA | own | BR | own | training, s |\n|" + "---|" * 7)
    for name in args.sets:
        data = open_folder(args.root / name, half="report")
        start = perf_counter()
        model = train(
            [picture for item in data for picture in pictures(item)],
            start="microscopy",
            # Named so, it brings the parameters that suit microscopy.
            name="microscopy",
            contrast=ContrastParams(shift=48),
            regions=RegionParams(counts=(40, 100, 250)),
            schedule=TrainParams(
                recipe="regions", steps=args.steps, crop=160, noise=0.02, learning_rate=5e-4,
                precision="bfloat16",
            ),
            device="cpu",
        )  # fmt: skip
        seconds = perf_counter() - start
        folder = args.output / name
        folder.mkdir(exist_ok=True)
        own = model.save(folder / "microscopy.safetensors", overwrite=True)
        found = [
            evaluate(data, methods=METHODS, n_segments=(K,), model=which, plots=False).curves
            for which in ("microscopy", str(own))
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
