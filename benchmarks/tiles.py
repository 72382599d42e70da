"""How far results in tiles are those in memory, by the side of the tiles, as Markdown.

    python benchmarks/tiles.py shared/data/bsds500/images/val

Photographs at the default size, with the model and without one. Of superpixels: the share of
pixels with the same label, and of those whose superpixel is the same set of pixels. Of contours:
the share of pixels with the same value, and of those within 0.01. A tile as large as the image
is the work in memory. Every figure is the lowest of the images, rounded down: 100 is all of them.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import imageio.v3 as iio
import numpy as np
from large import in_equal_sets

import napari_sen

SIDES = (96, 128, 192, 256, 384, 512)
CLOSE = 0.01  # of contours, which are 0...1


def superpixels(image: np.ndarray, **how: Any) -> np.ndarray:
    """Return the labels, of a store as well."""
    return np.asarray(napari_sen.segment(image, **how))


def contours(image: np.ndarray, **how: Any) -> np.ndarray:
    """Return the contour map, of a store as well."""
    return np.asarray(napari_sen.contours(image, **how))


def as_labels(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the shares of equal labels and of equal sets."""
    return float((found == expected).mean()), in_equal_sets(found, expected)


def as_values(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the shares of equal values and of close ones."""
    apart = np.abs(found.astype(float) - expected)
    return float((apart == 0).mean()), float((apart <= CLOSE).mean())


PRODUCTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]] = {
    "tree": (superpixels, as_labels, {"method": "tree", "model": None}),
    "tree, model": (superpixels, as_labels, {"method": "tree", "model": "auto"}),
    "flat": (superpixels, as_labels, {"method": "snic", "model": None}),
    "flat, model": (superpixels, as_labels, {"method": "snic", "model": "auto"}),
    "contours": (contours, as_values, {"model": None}),
    "contours, model": (contours, as_values, {"model": "auto"}),
}


def compared(image: np.ndarray, product: str, folder: Path) -> np.ndarray:
    """Return both measures for every side of a tile."""
    make, measure, how = PRODUCTS[product]
    expected = make(image, **how)
    found = []
    for side in SIDES:
        out = folder / "result.zarr"
        found.append(measure(make(image, tile=side, out=out, overwrite=True, **how), expected))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of photographs")
    parser.add_argument("--images", type=int, default=5, help="how many, the first by name")
    parser.add_argument("--only", choices=PRODUCTS, nargs="+", default=list(PRODUCTS))
    args = parser.parse_args()
    paths = sorted(path for path in args.folder.iterdir() if path.suffix in (".jpg", ".png"))
    images = [iio.imread(path) for path in paths[: args.images]]
    shapes = ", ".join(sorted({" x ".join(map(str, image.shape[1::-1])) for image in images}))
    print(f"{len(images)} photographs of {shapes} pixels; lowest of them, in %\n")
    print(f"| | {' | '.join(f'{side} px' for side in SIDES)} |")
    print("| --- |" + " --- |" * len(SIDES))
    with tempfile.TemporaryDirectory() as folder:
        for product in args.only:
            lowest = np.min([compared(image, product, Path(folder)) for image in images], axis=0)
            is_map = PRODUCTS[product][1] is as_values
            for what, column in zip(
                ("equal", "within 0.01") if is_map else ("labels", "sets"), lowest.T, strict=True
            ):
                figures = " | ".join(f"{np.floor(share * 1e4) / 100:.2f}" for share in column)
                print(f"| {product}: {what} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
