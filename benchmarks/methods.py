"""Seconds of every compared method from a photograph to one label map, beside scikit-image's SLIC.

    python benchmarks/methods.py [--quick] [--repeats 7] [--n-segments 200] [--methods NAME ...]

The photograph is that of the other benchmarks, 481 x 321 px, one thread. In each round every method
runs once, so that a busy machine slows all alike: seconds are those of the fastest round, the ratio
to SLIC's is the median over the rounds. Methods whose package is missing are left out.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from memory import photograph

from napari_sen.errors import ParameterError
from napari_sen.evaluation.datasets import Item
from napari_sen.evaluation.methods import LEARNT, METHODS, Method, make_method

SHAPE = (321, 481)
BESIDE = "slic"


def available(names: list[str]) -> dict[str, Method]:
    """Return those methods whose packages are installed; the learnt ones with ``natural``."""
    found = {}
    for name in names:
        try:
            found[name] = make_method(name, "natural" if name in LEARNT else None)
        except ParameterError as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def seconds(method: Method, item: Item, wanted: int) -> float:
    """Return the time from an image to one label map."""
    begin = time.perf_counter()
    method(item)(wanted)
    return time.perf_counter() - begin


def main() -> None:
    """Print the table, the fastest method first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--repeats", type=int, default=7, help="rounds")
    parser.add_argument("--n-segments", type=int, default=200)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    image = np.ascontiguousarray(photograph(max(SHAPE))[: SHAPE[0], : SHAPE[1]])
    item = Item("photograph", image, [np.ones(SHAPE, int)], -1)
    methods = available(list(dict.fromkeys([BESIDE, *options.methods])))
    for method in methods.values():  # the first run loads the code
        seconds(method, item, options.n_segments)
    rounds = [
        {name: seconds(method, item, options.n_segments) for name, method in methods.items()}
        for _ in range(2 if options.quick else options.repeats)
    ]
    print("| method | what | seconds | times slic's |")
    print("|---|---|---|---|")
    best = {name: min(each[name] for each in rounds) for name in methods}
    for name in sorted(methods, key=best.__getitem__):
        ratio = np.median([each[name] / each[BESIDE] for each in rounds])
        print(f"| `{name}` | {METHODS[name]} | {best[name]:.3f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
