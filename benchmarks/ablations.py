"""What each part of the paper's recipe is worth: one change at a time, at equal steps.

Every case trains on BSDS500 train from the same seed and is scored on every third image of val,
where nothing is reported for; embedding alone in SNIC, before ("raw") and after the mean shift
("clustered"). Finished cases are read from the folder of --out, so that the command can be broken
off and given again.

    python benchmarks/ablations.py PATH_TO_BSDS500 --out ablations --steps 400
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_sen.core.metrics import score
from napari_sen.evaluation.datasets import open_bsds
from napari_sen.evaluation.methods import make_method
from napari_sen.learn.model import Model, load_model
from napari_sen.learn.replacing import replacing
from napari_sen.learn.training import run
from napari_sen.params import (
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    RegionParams,
    TrainParams,
)
from napari_sen.pipeline.train import sources

COUNTS = (50, 200)
EVERY = 3
FAR = (1, 2, 4, 8, 16)
TEXTURED = RegionParams(
    counts=(20, 40, 80, 160, 320), exponents=(0.1, 0.4), texture=30.0, embedding_weight=4000.0
)


@dataclass(frozen=True)
class Case:
    """A training: what differs from the paper's recipe."""

    name: str
    start: str | None = None
    steps: float = 1.0  # times the common number
    loss: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    mean_shift: dict[str, Any] = field(default_factory=dict)
    labels: PseudoLabelParams = field(default_factory=PseudoLabelParams)
    regions: RegionParams = field(default_factory=RegionParams)


REGIONS = {"teacher": "regions"}
CASES = (
    Case("the paper's recipe"),
    Case("no mean shift", mean_shift={"iterations": 0}),
    Case("margin the same for all colours", loss={"beta_slope": 1000.0}),
    Case("margin twice as steep", loss={"beta_slope": 0.04}),
    Case("fine superpixels only", labels=PseudoLabelParams(spacings=(6.0, 9.0, 13.0))),
    Case("coarse superpixels only", labels=PseudoLabelParams(spacings=(19.0, 28.0, 40.0))),
    Case("teacher: regions of the colour tree", train=REGIONS),
    Case("pairs to 16 px", loss={"dilations": FAR}),
    Case("3 of 8 directions", loss={"pairs": "paper"}),
    Case("no noise", train={"noise": 0.0}),
    Case("all pixels sampled", loss={"sampled": 1.0}),
    Case("D = 8", network={"dim": 8}),
    Case("D = 32", network={"dim": 32}),
    Case("three times the steps", steps=3.0),
    Case("from the contrast of regions", start="natural"),
    Case("the same, teacher: its own regions", start="natural", train=REGIONS, regions=TEXTURED),
    Case("the same, pairs to 16 px", start="natural", train=REGIONS, regions=TEXTURED,
         loss={"dilations": FAR}),
    Case("the same, margin twice as steep", start="natural", train=REGIONS, regions=TEXTURED,
         loss={"dilations": FAR, "beta_slope": 0.04}),
    Case("the same, no mean shift", start="natural", train=REGIONS, regions=TEXTURED,
         loss={"dilations": FAR, "beta_slope": 0.04}, mean_shift={"iterations": 0}),
)  # fmt: skip


def train_case(case: Case, images: Path, steps: int, cache: Path, seed: int) -> Model:
    """Return the model of a case."""
    schedule = TrainParams(
        steps=round(case.steps * steps), precision="bfloat16", seed=seed,
        learning_rate=1e-3 if case.start else 2e-3, **case.train,
    )  # fmt: skip
    has_regions = schedule.teacher == "regions"
    labels = case.regions if has_regions else case.labels
    part = json.dumps([labels.to_dict(), has_regions and case.start], sort_keys=True)
    made = run(
        sources(images, 3, labels.smoothing, {"rgb": True, "slices": "each"}),
        start=None if case.start is None else load_model(case.start),
        network=None if case.start else NetworkParams(**case.network),
        mean_shift=MeanShiftParams(**case.mean_shift),
        loss=LossParams(**case.loss),
        pseudo_labels=case.labels,
        regions=case.regions,
        train=schedule,
        cache=cache / hashlib.sha256(part.encode()).hexdigest()[:12],
        device="cpu",
    )
    return next(item for item in made if isinstance(item, Model))


def score_model(model: Model, root: Path) -> dict[str, list[float]]:
    """Return mean F1 and ASA at each count, before and after the mean shift."""
    methods = {"raw": "sen-paper-raw"}
    if model.mean_shift.params.iterations:
        methods["clustered"] = "sen-paper"
    found: dict[str, list[tuple[float, float]]] = {}
    for item in list(open_bsds(root, "val"))[::EVERY]:
        for name, method in methods.items():
            cut = make_method(method, model)(item)
            for count in COUNTS:
                scores = score(cut(count), item.ground_truths)
                found.setdefault(f"{name} {count}", []).append((scores.f1, scores.asa))
    return {key: np.mean(values, axis=0).tolist() for key, values in found.items()}


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder with images/ and groundTruth/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    columns = [f"{name} {count}" for count in COUNTS for name in ("raw", "clustered")]
    print(f"steps {args.steps}, seed {args.seed}\n")
    print("| | kappa | " + " | ".join(f"{column}: F1 / ASA" for column in columns) + " |")
    print("|---" * (2 + len(columns)) + "|")
    for case in CASES:
        kept = args.out / f"{case.name.replace(' ', '-').replace(':', '')}-{args.seed}.json"
        if not kept.exists():
            images = args.root / "images" / "train"
            model = train_case(case, images, args.steps, args.out / "images", args.seed)
            result = {"kappa": model.kappa, "scores": score_model(model, args.root)}
            with replacing(kept) as temporary:
                temporary.write_text(json.dumps(result), encoding="utf-8")
        result = json.loads(kept.read_text(encoding="utf-8"))
        cells = [
            "/".join(f"{value:.4f}".lstrip("0") for value in result["scores"][column])
            if column in result["scores"] else "-" for column in columns
        ]  # fmt: skip
        print(f"| {case.name} | {result['kappa']:.1f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
