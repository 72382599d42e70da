r"""Print README's headline table from what ``napari-sen evaluate`` has written.

napari-sen evaluate BSDS500 --methods snic,snic-smooth,slic,seeds,lsc,sen,... -o RESULTS
napari-sen evaluate BSDS500 --methods ... --images 10 -o TIMES
python benchmarks/headline.py RESULTS/scores.csv [...] [--times TIMES/scores.csv]

Scores may have been gathered over days, and lie in several files; times are comparable within one
run only, so they come from a short one of their own, and there are none without it.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

SIZES = (25, 50, 100, 200, 500, 1000)
NAMES = {
    "slic": "scikit-image SLIC",
    "seeds": "OpenCV SEEDS",
    "lsc": "OpenCV LSC",
    "higra-area": "higra, watershed by area",
    "higra-volume": "higra, watershed by volume",
    "snic": "SNIC on colour",
    "snic-smooth": "SNIC on smoothed colour",
    "snic-boundary": '`segment(method="snic", model=None)`',
    "sen": '`segment(method="snic")`',
    "sen-even": "`segment(evenness=1)`",
    "tree": "`segment(model=None)`",
    "sen-tree": "**`segment`**",
}


def read(paths: list[Path]) -> dict[tuple[str, int], dict[str, str]]:
    """Return the rows of files of scores by method and K."""
    rows = {}
    for path in paths:
        with path.open(newline="") as file:
            rows |= {(row["method"], int(float(row["k"]))): row for row in csv.DictReader(file)}
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path, nargs="+")
    parser.add_argument("--times", type=Path, help="scores of one short run")
    args = parser.parse_args()
    rows, timed = read(args.scores), read([args.times]) if args.times else {}
    sizes = [k for k in SIZES if any(size == k for _, size in rows)]
    heads = [f"{score}, K = {k}" for k in sizes for score in ("F1", "ASA")]
    heads += ["s / image"] if timed else []
    print("| | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
    for method, name in NAMES.items():
        if all((method, k) not in rows for k in sizes):
            continue
        found = [rows.get((method, k)) for k in sizes]
        cells = [
            f"{float(row[key]):.4f}".lstrip("0") if row else ""
            for row in found
            for key in ("f1", "asa")
        ]
        if timed:
            spent = [float(row["seconds"]) for (who, _), row in timed.items() if who == method]
            cells.append(f"{sum(spent) / len(spent):.2f}" if spent else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
