r"""Train on the very images: what does it help, and can that be told without labels.

    python benchmarks/own_images.py MICROSCOPY -o own.jsonl [--half report] [--start MODEL]

Of each set up to four images (the middle, 384 x 384 px) of one half are what a user has: a model
trains on with them alone, without annotations. Before and after, the merge tree cuts the same
images into 200. What is true is told by the annotations: ASA and F1. What could be known without
any is how much the cuts change where they should not: when the image is turned upside down
("flip"), or when its brightness is changed by a power of 1.25 ("gamma"). Such an agreement is the
mean of both cuts' ASA of each other. OUT keeps a line of JSON for each set, and sets that it holds
are not done again; the table, and the rank correlations of what is true with what could be known,
are of all its lines.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from microscopy_model import RECIPE, SETS, pictures
from numpy.typing import NDArray
from scipy.stats import spearmanr

from napari_sen.core.metrics import score
from napari_sen.errors import DataError
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.evaluation.methods import scene_of
from napari_sen.learn.model import Model, load_model
from napari_sen.params import HierarchyParams, TrainParams
from napari_sen.pipeline.train import train
from napari_sen.pipeline.trees import scene_tree

K = 200
SIDE = 384  # px
MOST = 4  # images of a set
GAMMA = 1.25
TRUE, KNOWN = ("asa", "f1"), ("flip", "gamma")

Labels = NDArray[np.int32]


def middles(root: Path, half: str) -> list[Item]:
    """Return the middles of up to MOST 2-D images."""
    found: list[Item] = []
    for item in open_folder(root, half=half):
        truth = item.ground_truths[0]
        if truth.ndim != 2 or len(found) == MOST:
            break
        starts = [max(0, (size - SIDE) // 2) for size in truth.shape]
        window = [slice(start, start + SIDE) for start in starts]
        whole = list(window)
        if item.channel_axis is not None:
            whole.insert(item.channel_axis % item.image.ndim, slice(None))
        part = item.image[tuple(whole)]
        found.append(Item(item.name, part, [truth[tuple(window)]], item.channel_axis))
    return found


def rows_axis(item: Item) -> int:
    """Return the image's axis of rows."""
    first = item.channel_axis is not None and item.channel_axis % item.image.ndim == 0
    return int(first)


def flipped(item: Item) -> Item:
    """Return the image upside down."""
    image = np.ascontiguousarray(np.flip(item.image, rows_axis(item)))
    return Item(item.name, image, item.ground_truths, item.channel_axis)


def darker(item: Item) -> Item:
    """Return the image with another gamma, in the same range and type."""
    values = item.image.astype(np.float32)
    low, high = values.min(), values.max()
    values = (values - low) / max(high - low, 1e-6)
    changed = np.round(values**GAMMA * (high - low) + low).astype(item.image.dtype)
    return Item(item.name, changed, item.ground_truths, item.channel_axis)


def cut(item: Item, model: Model) -> Labels:
    """Return the default tree's cut."""
    tree = scene_tree(scene_of(item, model), HierarchyParams().tree("microscopy"))
    return tree.cut(K)


def agreement(one: Labels, other: Labels) -> float:
    """Return the mean ASA of two cuts, each taken for the other's truth."""
    counts = np.zeros((one.max() + 1, other.max() + 1), np.int64)
    np.add.at(counts, (one, other), 1)
    return float(counts.max(0).sum() + counts.max(1).sum()) / (2 * one.size)


def judged(model: Model, items: list[Item]) -> dict[str, float]:
    """Return the means over images of what is true and of what could be known."""
    rows = []
    for item in items:
        labels = cut(item, model)
        true = score(labels, item.ground_truths)
        upside_down = np.flip(cut(flipped(item), model), 0)
        rows.append(
            (true.asa, true.f1, agreement(labels, upside_down),
             agreement(labels, cut(darker(item), model)))
        )  # fmt: skip
    return dict(zip((*TRUE, *KNOWN), np.mean(rows, axis=0).tolist(), strict=True))


def trained(model: Model, items: list[Item], steps: int) -> Model:
    """Return the model after some steps on these images, by the recipe of the bundled ones."""
    return train(
        [picture for item in items for picture in pictures(item)],
        start=model,
        name="microscopy",
        **RECIPE,
        schedule=TrainParams(
            recipe="regions", steps=steps, batch=2, crop=160, noise=0.02, learning_rate=1e-3,
            ema=0.98, precision="bfloat16",
        ),
        device="cpu",
    )  # fmt: skip


def row_of(root: Path, half: str, model: Model, steps: int) -> dict[str, Any] | None:
    """Return what a set shows; None without 2-D images."""
    try:
        items = middles(root, half)
    except DataError:  # this half is empty
        return None
    if not items:
        return None
    before = judged(model, items)
    begin = perf_counter()
    own = trained(model, items, steps)
    seconds = perf_counter() - begin
    return {
        "set": root.name, "half": half, "images": len(items), "seconds": seconds,
        "before": before, "after": judged(own, items),
    }  # fmt: skip


def change(row: dict[str, Any], key: str) -> float:
    """Return by how much a figure has changed."""
    return float(row["after"][key] - row["before"][key])


def tell(rows: list[dict[str, Any]]) -> None:
    """Print the table and the correlations."""
    print("| set, half (images) | ASA | own | F1 | own | flip | gamma | s |\n|" + "---|" * 8)
    for row in rows:
        true = " | ".join(f"{row['before'][key]:.4f} | {change(row, key):+.4f}" for key in TRUE)
        known = " | ".join(f"{change(row, key):+.4f}" for key in KNOWN)
        print(f"| {row['set']}, {row['half']} ({row['images']}) | {true} | {known} "
              f"| {row['seconds']:.0f} |")  # fmt: skip
    for key in TRUE:
        values = [change(row, key) for row in rows]
        fallen = sum(value < 0 for value in values)
        print(f"\n{key}: {np.mean(values):+.4f} on average, {min(values):+.4f} to "
              f"{max(values):+.4f}, lower than before in {fallen} of {len(rows)}")  # fmt: skip
        for check in KNOWN:
            found = spearmanr(values, [change(row, check) for row in rows])
            print(f"rank correlation with {check}: {found.statistic:+.2f}, p = {found.pvalue:.2f}")


def main() -> None:
    """Train and judge set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=sorted(SETS), choices=sorted(SETS))
    parser.add_argument("--half", nargs="+", default=["tune", "report"])
    parser.add_argument("--start", default="microscopy", help="a model for microscopy")
    parser.add_argument("--steps", type=int, default=150)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.start)
    lines = args.output.read_text().splitlines() if args.output.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["set"], row["half"]) for row in rows}
    for half in args.half:
        for name in args.sets:
            if (name, half) in done:
                continue
            row = row_of(args.root / name, half, model, args.steps)
            if row is not None:
                rows.append(row)
                with args.output.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    tell(rows)


if __name__ == "__main__":
    main()
