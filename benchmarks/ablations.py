"""What each part of the paper's recipe is worth: one change at a time, at equal steps.

Every case trains on BSDS500 train from the same seed and is scored on every third image of val,
where nothing is reported for; embedding alone in SNIC, before ("raw") and after the mean shift
("clustered"). Cases of the second stage go on from --start, a model of the contrast of regions.
Finished cases are read from the folder of --out, so that the command can be broken off and given
again.

    python benchmarks/ablations.py PATH_TO_BSDS500 --start contrast.safetensors --out ablations
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_sen.core.metrics import score
from napari_sen.disk import atomic
from napari_sen.evaluation.datasets import open_bsds
from napari_sen.evaluation.methods import make_method
from napari_sen.learn.model import Model, load_model
from napari_sen.learn.training import run
from napari_sen.params import (
    ContrastParams,
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
    second: bool = False
    steps: float = 1.0  # times the common number
    loss: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    mean_shift: dict[str, Any] = field(default_factory=dict)
    labels: PseudoLabelParams = field(default_factory=PseudoLabelParams)
    regions: RegionParams = field(default_factory=RegionParams)
    contrast: ContrastParams = field(default_factory=ContrastParams)


def second(name: str, **changes: Any) -> Case:
    """Return a case of the second stage: contrast and pairs under the start model's regions."""
    recipe: dict[str, Any] = {
        "train": {"recipe": "regions", "batch": 2, "crop": 160, "noise": 0.02},
        "regions": TEXTURED,
        "loss": {"dilations": FAR, "beta_slope": 0.04},
        "mean_shift": {"iterations": 1},
        "contrast": ContrastParams(pair_weight=10.0),
    }
    return Case(name, second=True, **{**recipe, **changes})


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
    second("second stage: contrast and pairs under its own regions"),
    second("second stage, no mean shift", mean_shift={"iterations": 0}),
    second("second stage, three iterations", mean_shift={"iterations": 3}),
    second("second stage, pairs weigh 2", contrast=ContrastParams(pair_weight=2.0)),
    second("second stage, contrast alone", contrast=ContrastParams()),
    second("second stage, pairs alone", train={"teacher": "regions", "crop": 160, "batch": 2}),
    second("second stage, pairs alone, teacher: colour superpixels", train={"batch": 2}),
    second("second stage, pairs to 3 px", loss={"beta_slope": 0.04}),
    second("second stage, margin half as steep", loss={"dilations": FAR}),
    second("second stage, even and fine regions",
           regions=replace(TEXTURED, counts=(25, 75, 250, 800), exponents=(0.4, 1.0))),
)  # fmt: skip


def train_case(case: Case, args: argparse.Namespace) -> Model:
    """Return the model of a case."""
    schedule = TrainParams(
        steps=round(case.steps * args.steps), precision="bfloat16", seed=args.seed,
        learning_rate=1e-3 if case.second else 2e-3, **case.train,
    )  # fmt: skip
    has_regions = "regions" in (schedule.recipe, schedule.teacher)
    labels = case.regions if has_regions else case.labels
    part = json.dumps([labels.to_dict(), has_regions and case.second], sort_keys=True)
    made = run(
        sources(
            args.root / "images" / "train", 3, labels.smoothing, {"rgb": True, "slices": "each"}
        ),
        start=load_model(args.start) if case.second else None,
        network=None if case.second else NetworkParams(**case.network),
        mean_shift=MeanShiftParams(**case.mean_shift),
        loss=LossParams(**case.loss),
        pseudo_labels=case.labels,
        regions=case.regions,
        contrast=case.contrast,
        train=schedule,
        cache=args.out / "images" / hashlib.sha256(part.encode()).hexdigest()[:12],
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
    parser.add_argument("--start", help="model that the second stage goes on from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", nargs="+", metavar="NAME", help="only these; default: all")
    args = parser.parse_args()
    names = [case.name for case in CASES]
    cases = [CASES[names.index(name)] for name in args.cases or names]
    if args.start is None and any(case.second for case in cases):
        parser.error("the second stage needs --start")
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    columns = [f"{name} {count}" for count in COUNTS for name in ("raw", "clustered")]
    print(f"steps {args.steps}, seed {args.seed}\n")
    print("| | kappa | " + " | ".join(f"{column}: F1 / ASA" for column in columns) + " |")
    print("|---" * (2 + len(columns)) + "|")
    for case in cases:
        kept = args.out / f"{case.name.replace(' ', '-').replace(':', '')}-{args.seed}.json"
        if not kept.exists():
            model = train_case(case, args)
            result = {"kappa": model.kappa, "scores": score_model(model, args.root)}
            with atomic(kept, overwrite=True) as temporary:
                temporary.write_text(json.dumps(result), encoding="utf-8")
        result = json.loads(kept.read_text(encoding="utf-8"))
        cells = [
            "/".join(f"{value:.4f}".lstrip("0") for value in result["scores"][column])
            if column in result["scores"] else "-" for column in columns
        ]  # fmt: skip
        print(f"| {case.name} | {result['kappa']:.1f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
