"""Make the picture of contours: python docs/figures/contours.py EM_IMAGE.

EM_IMAGE is chloro_007.png of the set plant_chloroplast_em; the other three are the package's
samples.
"""

from __future__ import annotations

import sys

import imageio.v3 as iio
import numpy as np
from make import IMAGES, column, grey, row, shown

import napari_sen
from napari_sen.data import load_sample

HEIGHT, WIDTH = 256, 320


def drawn(strength: np.ndarray) -> np.ndarray:
    """Return contours as dark lines on white, the strongest of the image black."""
    return grey(strength / max(float(strength.max()), 1e-6))


def compared(image: np.ndarray, model: str, *, rgb: bool) -> np.ndarray:
    """Show a window of an image, the paper's contours of it, and the default ones."""
    window = np.s_[:HEIGHT, :WIDTH]
    hints = {"rgb": rgb or None, "model": model}
    return row(
        shown(image)[window],
        drawn(napari_sen.contours(image, method="sizes", **hints)[window]),
        drawn(napari_sen.contours(image, **hints)[window]),
    )


def main() -> None:
    """Write docs/images/contours.jpg."""
    rows = []
    for name in ("coffee", "tissue", "nuclei"):
        image, about = load_sample(name)
        is_cup = name == "coffee"
        model = "natural" if is_cup else "microscopy"
        rows.append(compared(image[50 * is_cup :, 110 * is_cup :], model, rgb=about["rgb"]))
    rows.append(compared(iio.imread(sys.argv[1])[128:, 256:], "microscopy", rgb=False))
    path = IMAGES / "contours.jpg"
    iio.imwrite(path, column(*rows), quality=88)
    print(path)


if __name__ == "__main__":
    main()
