"""Make the pictures of the documentation: python docs/figures/make.py [NAME ...]."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np

import napari_sen
from napari_sen.core.boundaries import mark_boundaries
from napari_sen.core.pca import pca_rgb
from napari_sen.data import load_sample

IMAGES = Path(__file__).resolve().parent.parent / "images"
GAP = 8


def row(*pictures: np.ndarray) -> np.ndarray:
    """Return pictures of one height side by side, on white."""
    parts = []
    for picture in pictures:
        colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
        parts += [colour, np.full((colour.shape[0], GAP, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def column(*rows: np.ndarray) -> np.ndarray:
    """Return rows of one width below each other, on white."""
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for picture in rows for part in (picture, gap)][:-1])


def grey(strength: np.ndarray) -> np.ndarray:
    """Return a map of 0...1 as dark lines on white."""
    return np.round(255 * (1 - np.clip(strength, 0, 1))).astype(np.uint8)


def shown(image: np.ndarray) -> np.ndarray:
    """Return intensities of any dtype stretched to 8 bits, colour as it is."""
    if image.ndim == 3:
        return image
    low, high = np.percentile(image, (1, 99.8))
    return np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def chain() -> np.ndarray:
    """Show photograph, superpixels, embedding, contours."""
    image, _ = load_sample("coffee")
    labels = napari_sen.segment(image, 300)
    embedding = pca_rgb(napari_sen.embed(image))
    edges = napari_sen.contours(image)
    return column(
        row(image, mark_boundaries(image, labels)), row(embedding, grey(edges / edges.max()))
    )


def samples() -> np.ndarray:
    """Show superpixels and embeddings of the microscopy samples."""
    rows = []
    for name in ("tissue", "nuclei", "phase"):
        image, about = load_sample(name)
        image = image[:256, :256]
        options = {"rgb": about["rgb"] or None, "model": "microscopy"}
        labels = napari_sen.segment(image, 200, **options)
        picture = shown(image)
        rows.append(
            row(
                picture,
                mark_boundaries(picture, labels),
                pca_rgb(napari_sen.embed(image, **options)),
            )
        )
    return column(*rows)


def cuts() -> np.ndarray:
    """Show one image at five cuts of its merge tree, and the ultrametric map."""
    image, _ = load_sample("coffee")
    tree = napari_sen.hierarchy(image)
    pictures = [mark_boundaries(image, tree.cut(n)) for n in (400, 150, 60, 25, 10)]
    heights = tree.ultrametric()
    pictures.append(shown_heights(heights))
    return column(row(*pictures[:3]), row(*pictures[3:]))


def shown_heights(heights: np.ndarray) -> np.ndarray:
    """Return an ultrametric map as dark lines, the strongest borders darkest."""
    ranks = np.zeros(heights.shape)
    inside = heights > 0
    ranks[inside] = np.searchsorted(np.unique(heights[inside]), heights[inside])
    return np.repeat(grey((ranks / max(ranks.max(), 1)) ** 2)[..., None], 3, axis=-1)


FIGURES: dict[str, Callable[[], np.ndarray]] = {"chain": chain, "samples": samples, "cuts": cuts}


def main() -> None:
    """Make the figures named on the command line, or all."""
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIGURES:
        path = IMAGES / f"{name}.jpg"
        iio.imwrite(path, FIGURES[name](), quality=88)
        print(path)


if __name__ == "__main__":
    main()
