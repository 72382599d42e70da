"""Memory of work on an image in memory, as Markdown: what a process gains at its peak (Linux).

    python benchmarks/memory.py [--sides 1024 2048 4096] [--products snic tree ...] [--models]

A photograph, mirrored to fill the size, RGB uint8. Every figure is a process of its own, which has
loaded its code and its model on a small image before it is measured; the image is not counted, the
result is. ``--models`` adds the bundled model to colour alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

PRODUCTS = ("snic", "tree", "hierarchy", "contours", "embedding")
SMALL = 96  # px, side of the image that loads the code


def photograph(side: int) -> np.ndarray:
    """Return a uint8 RGB photograph, mirrored until it fills a square."""
    from napari_sen.data import load_sample

    picture = load_sample("coffee")[0]
    missing = [(0, max(0, side - length)) for length in picture.shape[:2]]
    filled = np.pad(picture, [*missing, (0, 0)], mode="symmetric")
    return np.ascontiguousarray(filled[:side, :side])


def make(product: str, image: np.ndarray, model: Any) -> None:
    """Make a product with the defaults."""
    import napari_sen

    if product in ("snic", "tree"):
        napari_sen.segment(image, size=20, method=product, model=model)
    elif product == "embedding":
        napari_sen.embed(image, model=model)
    else:
        getattr(napari_sen, product)(image, model=model)


def memory_line(key: str) -> int:
    """Return an entry of this process's account of its memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def measure(product: str, side: int, name: str | None) -> None:
    """Print the bytes that this process gains at its peak."""
    from napari_sen import load_model

    model = None if name is None else load_model(name)
    make(product, photograph(SMALL), model)
    image = photograph(side)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = memory_line("VmRSS")
    make(product, image, model)
    print(memory_line("VmHWM") - before)


def measured(product: str, side: int, name: str | None) -> int:
    """Return what a process of its own measures."""
    words = [sys.executable, __file__, "--measure", product, "--sides", str(side)]
    words += [] if name is None else ["--name", name]
    result = subprocess.run(words, check=True, capture_output=True, text=True)
    return int(result.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, default=PRODUCTS)
    parser.add_argument("--models", action="store_true", help="with the bundled model as well")
    parser.add_argument("--name", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=PRODUCTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.sides[0], options.name)
        return
    print("| product | compared by | side, px | GB | bytes a pixel |")
    print("|---|---|---|---|---|")
    for product in options.products:
        names = [None, "natural"] if options.models else [None]
        for name in ["natural"] if product == "embedding" else names:
            for side in options.sides:
                peak = measured(product, side, name)
                compared = "colour" if name is None else f"model {name}"
                print(
                    f"| {product} | {compared} | {side} | {peak / 1e9:.2f} "
                    f"| {peak / side**2:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
