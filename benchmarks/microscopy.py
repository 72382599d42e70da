r"""Superpixels of microscopy: our methods against colour alone and SLIC, set by set.

    python benchmarks/microscopy.py MICROSCOPY -o RESULTS [--model NAME|PATH] [--sets SET ...]
        [--half report]

MICROSCOPY holds one folder for each set, with ``images/`` and ``labels/``; sets with fewer than
four images are examples, no statistics, and are left out unless they are named. The table shows
ASA and boundary recall of snic-smooth, and how far the others are above it (below: negative) at
equal numbers of superpixels, means over the images of the half that nothing was chosen on. A run
that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_sen.evaluation.evaluate import Evaluation, evaluate
from napari_sen.evaluation.summary import Curve

SCORES = (("asa", "ASA"), ("recall", "BR"))
BASE = "snic-smooth"
METHODS = (BASE, "slic", "sen", "tree", "sen-tree")
FEWEST = 4
SHOWN = (200, 600)
MEASURED = (150, *SHOWN, 800)  # methods that miss the number asked are read off between them


def sets(root: Path) -> list[str]:
    """Return the sets that are large enough, by name."""
    folders = [path for path in sorted(root.iterdir()) if (path / "labels").is_dir()]
    return [path.name for path in folders if len(list((path / "images").iterdir())) >= FEWEST]


def lines(name: str, found: Evaluation) -> list[str]:
    """Return the table's lines of one set."""
    curves: dict[str, Curve] = {curve.method: curve for curve in found.curves}
    base = curves.pop(BASE)
    result = []
    for k in SHOWN:
        cells = [f"{name} ({found.n_images})", str(k)]
        cells += [f"{base.at(k, key).mean():.4f}" for key, _ in SCORES]
        for curve in curves.values():
            cells += [
                f"{curve.at(k, key).mean() - base.at(k, key).mean():+.4f}" for key, _ in SCORES
            ]
        result.append("| " + " | ".join(cells) + " |")
    return result


def main() -> None:
    """Measure every set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="microscopy")
    parser.add_argument("--sets", nargs="+", default=None)
    parser.add_argument("--half", default="report", choices=("tune", "report"))
    args = parser.parse_args()
    names = [f"{method} {title}" for method in METHODS for _, title in SCORES]
    header = ["set (images)", "K", *names]
    print(f"{args.half} halves, model {args.model}; {BASE}, and differences from it")
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name in args.sets or sets(args.root):
        found = evaluate(
            args.root / name, methods=METHODS, n_segments=MEASURED, half=args.half,
            model=args.model, out=args.output / name, plots=False,
        )  # fmt: skip
        print("\n".join(lines(name, found)), flush=True)


if __name__ == "__main__":
    main()
