r"""Print README's headline table from what ``napari-sen evaluate`` has written.

napari-sen evaluate BSDS500 --methods snic,snic-smooth,slic,seeds,lsc,sen,... -o RESULTS
napari-sen evaluate BSDS500 --methods ... --images 10 -o TIMES
python benchmarks/headline.py RESULTS/scores.csv --times TIMES/scores.csv

Scores may have been gathered over days; times are comparable within one run only, so they come from
a short one of their own.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

SIZES = (50, 200, 500)
NAMES = {
    "slic": "scikit-image SLIC",
    "seeds": "OpenCV SEEDS",
    "lsc": "OpenCV LSC",
    "snic": "SNIC on colour",
    "snic-smooth": "SNIC on smoothed colour",
    "snic-boundary": "`segment(model=None)`",
    "sen": "**`segment`**",
    "sen-even": '**`segment(method="tree", evenness=1)`**',
    "tree": "`hierarchy(image, model=None).cut(K)`",
    "sen-tree": "**`hierarchy(image).cut(K)`**",
}


def read(path: Path) -> dict[tuple[str, int], dict[str, str]]:
    """Return the rows of a file of scores by method and K."""
    with path.open(newline="") as file:
        return {(row["method"], int(float(row["k"]))): row for row in csv.DictReader(file)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("--times", type=Path, help="scores of one short run (default: the same)")
    args = parser.parse_args()
    rows, timed = read(args.scores), read(args.times or args.scores)
    heads = [f"{score}, K = {k}" for k in SIZES for score in ("F1", "ASA")]
    print("| | " + " | ".join([*heads, "s / image"]) + " |\n|" + "---|" * (len(heads) + 2))
    for method, name in NAMES.items():
        if (method, SIZES[0]) not in rows:
            continue
        found = [rows[method, k] for k in SIZES]
        cells = [f"{float(row[key]):.4f}".lstrip("0") for row in found for key in ("f1", "asa")]
        seconds = sum(float(timed[method, k]["seconds"]) for k in SIZES) / len(SIZES)
        print(f"| {name} | " + " | ".join([*cells, f"{seconds:.2f}"]) + " |")


if __name__ == "__main__":
    main()
