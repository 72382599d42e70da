"""Superpixel quality on a BSDS split, as a Markdown table.

    python benchmarks/quality.py ../shared/data/bsds500 --split val --n-segments 50,100,200 \
        --methods snic,snic-smooth,slic,sen --model MODEL --journal runs/quality.jsonl

A run that was stopped goes on where it was if it is given the same journal.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_sen.errors import SenError
from napari_sen.evaluation.compare import compare_at, measure, table
from napari_sen.evaluation.datasets import open_bsds
from napari_sen.evaluation.methods import METHODS


def show(done: int, total: int, stage: str) -> None:
    if done % 10 == 0 or done == total:
        print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)


def differences(rows: list, methods: list[str], sizes: list[int], baseline: str) -> None:
    """Print what each method gains over the baseline at equal real K."""
    print(f"\nAgainst {baseline} at equal real K (paired bootstrap over images, 95 %):")
    for method in methods:
        for size in sizes:
            for name in ("f1", "asa") if method != baseline else ():
                try:
                    gain = compare_at(rows, method, baseline, size, name)
                except SenError as error:
                    print(f"- {method}, K = {size}, {name}: {error}")
                    continue
                low, high = f"{gain.low:+.4f}", f"{gain.high:+.4f}"
                print(f"- {method}, K = {size}, {name}: {gain.mean:+.4f} ({low} to {high})")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="methods: " + "; ".join(f"{name}: {what}" for name, what in METHODS.items()),
    )
    parser.add_argument("root", type=Path, help="folder with images/ and groundTruth/")
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, help="only the first so many")
    parser.add_argument("--n-segments", default="50,100,200")
    parser.add_argument("--methods", default="snic,snic-smooth,slic")
    parser.add_argument("--baseline", default="snic-smooth")
    parser.add_argument("--model", help="name or path, for the sen methods")
    parser.add_argument("--journal", type=Path, help="file of finished rows")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    methods = options.methods.split(",")
    sizes = [int(part) for part in options.n_segments.split(",")]
    try:
        data = open_bsds(options.root, options.split)[: options.images]
        rows = measure(
            data,
            methods,
            sizes,
            model=options.model,
            journal=options.journal,
            workers=options.workers,
            progress=show,
        )
    except SenError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{data.name}, {len(data)} images. {table(rows)}")
    if options.baseline in methods:
        differences(rows, methods, sizes, options.baseline)
    return 0


if __name__ == "__main__":
    sys.exit(main())
