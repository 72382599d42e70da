"""Make the pictures of the gallery and the tutorial: python docs/figures/gallery.py [NAME ...]."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from panels import grey, row, shown, titled
from skimage.transform import resize

import napari_sen
from napari_sen.core.boundaries import mark_boundaries
from napari_sen.core.pca import pca_rgb
from napari_sen.data import load_sample, sample_names

IMAGES = Path(__file__).resolve().parent.parent / "images"


def sample(name: str) -> np.ndarray:
    """Show one sample: superpixels, a coarse cut, embedding and contours."""
    image, about = load_sample(name)
    if image.ndim == 3 and not about["rgb"]:  # a volume: its middle slice
        image = image[len(image) // 2]
    options = {"rgb": about["rgb"] or None}
    picture = shown(image)
    tree = napari_sen.hierarchy(image, **options)
    edges = napari_sen.contours(image, **options)
    pictures = (
        mark_boundaries(picture, napari_sen.segment(image, 250, **options)),
        mark_boundaries(picture, tree.cut(max(tree.n_parts, 25))),
        pca_rgb(napari_sen.embed(image, **options)),
        grey(edges / edges.max()),
    )
    names = ("image", "250 superpixels", "a cut of the tree", "embedding", "contours")
    return titled(row(*(scaled(one) for one in (picture, *pictures))), *names)


def scaled(picture: np.ndarray) -> np.ndarray:
    """Return a picture 320 px wide."""
    height = round(picture.shape[0] * 320 / picture.shape[1])
    return resize(picture, (height, 320), preserve_range=True, anti_aliasing=True).astype(np.uint8)


def tutorial() -> np.ndarray:
    """Show the superpixels of the tutorial: 300, 60, and 300 rounder ones."""
    image, _ = load_sample("coffee")
    maps = (
        napari_sen.segment(image, n_segments=300),
        napari_sen.segment(image, n_segments=60),
        napari_sen.segment(image, n_segments=300, evenness=1),
    )
    return titled(
        row(*(mark_boundaries(image, labels) for labels in maps)),
        "n_segments=300", "n_segments=60", "compactness=40",
    )  # fmt: skip


def tutorial_mean() -> np.ndarray:
    """Show the photograph with each superpixel in its mean colour, and a tree's 12 regions."""
    from skimage.color import label2rgb

    image, _ = load_sample("coffee")
    labels = napari_sen.segment(image, n_segments=300)
    means = label2rgb(labels, image, kind="avg")
    regions = napari_sen.hierarchy(image).cut(12)
    return titled(row(means, mark_boundaries(image, regions)), "mean colours", "tree.cut(12)")


FIGURES: dict[str, Callable[[], np.ndarray]] = {
    "tutorial": tutorial,
    "tutorial-mean": tutorial_mean,
    **{f"gallery-{name}": lambda name=name: sample(name) for name in sample_names()},
}


def main() -> None:
    """Make the pictures named on the command line, or all."""
    for name in sys.argv[1:] or FIGURES:
        path = IMAGES / f"{name}.jpg"
        iio.imwrite(path, FIGURES[name](), quality=86)
        print(path)


if __name__ == "__main__":
    main()
