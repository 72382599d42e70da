r"""Train the bundled model ``microscopy`` on folders of microscopy images, without labels.

    python benchmarks/microscopy_model.py MICROSCOPY -o microscopy.safetensors \
        [--free] [--without SET ...] [--checkpoint DIR] [--resume] [--steps N] [--seed N]

MICROSCOPY holds one folder for each set, with ``images/``. Of every set the 'tune' half is
taken (even positions of the sorted names): figures are reported on the other half. Of a stack
every eighth slice is an image. Training goes on from ``natural`` as that was trained last: contrast
and pairs together, under regions of its own merge tree. ``--free`` takes only the sets that may be
redistributed; ``--without`` leaves sets out, to see how the model does on what it has not seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.io.image_file import ImageFile
from napari_sen.learn.model import Model
from napari_sen.params import ContrastParams, LossParams, MeanShiftParams, RegionParams, TrainParams
from napari_sen.pipeline.train import training_steps

# Set to (terms, may be redistributed).
SETS = {
    "codex_tissue": ("MIT repository, data not named apart", True),
    "deepliif_if": ("non-commercial academic", False),
    "deepliif_ihc": ("non-commercial academic", False),
    "dsb2018_brightfield": ("CC0", True),
    "dsb2018_fluo": ("CC0", True),
    "dsb2018_stained": ("CC0", True),
    "embryo_nuclei_3d": ("MIT", True),
    "glas_he": ("research only", False),
    "he_patches": ("origin unknown, research use", False),
    "omnipose_bacteria": ("MIT", True),
    "ovule_3d": ("MIT", True),
    "plant_chloroplast_em": ("MIT", True),
    "stardist_demo_3d": ("BSD-3-Clause", True),
    "tcga_he": ("none stated, research use", False),
    "usiigaci_phase": ("MIT", True),
    "vnc_em": ("CC BY-NC-SA 3.0", False),
    "wbc_stained": ("GPL-3.0 repository, research use", False),
}
# What the bundled model learns from, and by which losses.
RECIPE: dict[str, Any] = {
    "contrast": ContrastParams(shift=48, pair_weight=10.0),
    "loss": LossParams(dilations=(1, 2, 4, 8, 16), beta_slope=0.04),
    "mean_shift": MeanShiftParams(iterations=1),
    "regions": RegionParams(
        counts=(40, 100, 250, 600), exponents=(0.4, 0.7), embedding_weight=1000.0
    ),
}
SLICES = 8  # every so many-th slice of a stack: neighbours are nearly the same image


def pictures(item: Item) -> list[ImageFile]:
    """Return an item's 2-D images, with the axes that its annotations settle."""
    axis = item.channel_axis
    if item.ground_truths[0].ndim == 3:
        return [ImageFile(np.ascontiguousarray(plane)) for plane in item.image[::SLICES]]
    rgb = axis == -1 and item.image.shape[-1] in (3, 4)
    channel = None if rgb or axis is None else axis % item.image.ndim
    return [ImageFile(item.image, rgb=rgb, channel_axis=channel)]


def collect(root: Path, names: list[str]) -> tuple[list[ImageFile], list[dict[str, Any]]]:
    """Return the images of the 'tune' halves, and what the card says of them."""
    images, about = [], []
    for name in names:
        found = [picture for item in open_folder(root / name, half="tune")
                 for picture in pictures(item)]  # fmt: skip
        images += found
        about.append({"name": f"{name}, tune half", "licence": SETS[name][0], "images": len(found)})
    return images, about


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--start", default="natural")
    parser.add_argument("--free", action="store_true", help="freely licensed sets alone")
    parser.add_argument("--without", nargs="+", default=[], choices=sorted(SETS), metavar="SET")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name, (_, free) in SETS.items()
             if name not in args.without and (free or not args.free)]  # fmt: skip
    images, about = collect(args.root, names)
    print(f"{len(images)} images of {len(names)} sets", flush=True)
    steps = training_steps(
        images,
        start=args.start,
        name=args.output.stem,
        **RECIPE,
        schedule=TrainParams(
            recipe="regions", batch=2, steps=args.steps, crop=160, noise=0.02, precision="bfloat16",
            learning_rate=args.learning_rate, seed=args.seed,
        ),
        checkpoint=args.checkpoint,
        resume=args.resume,
        data_sets=about,
        device="cpu",
    )  # fmt: skip
    for item in steps:
        if isinstance(item, Model):
            print(item.save(args.output, half=True, overwrite=True))
        elif item.step % 100 == 0:
            print(f"step {item.step}/{item.steps}  loss {item.loss:.4f}  found {item.found:.3f}  "
                  f"{item.seconds:.2f} s  validation {item.validation}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
