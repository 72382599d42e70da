"""Draw the icon, superpixels of a sample in their mean colours: python docs/figures/icon.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import napari_sen
from napari_sen.core.boundaries import mark_boundaries
from napari_sen.data import load_sample

SIDE = 128  # px
ICON = Path(__file__).parents[2] / "src" / "napari_sen" / "icon.png"
PART = (slice(0, 400), slice(130, 530))  # of the coffee sample: the cup


def main() -> None:
    """Write the icon."""
    image, _ = load_sample("coffee")
    part = Image.fromarray(np.ascontiguousarray(image[PART])).resize((SIDE, SIDE), Image.BOX)
    picture = np.asarray(part)
    labels = napari_sen.segment(picture, n_segments=24, evenness=0.5, compactness=10)
    flat = labels.ravel()
    counts = np.bincount(flat)
    means = [np.bincount(flat, picture[..., k].ravel()) / np.maximum(counts, 1) for k in range(3)]
    drawn = np.stack(means, -1)[labels].astype(np.uint8)
    Image.fromarray(mark_boundaries(drawn, labels)).quantize(64).save(ICON, optimize=True)


if __name__ == "__main__":
    main()
