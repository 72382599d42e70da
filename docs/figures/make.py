"""Make the pictures of the documentation: python docs/figures/make.py [NAME ...]."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from matplotlib.figure import Figure
from panels import column, grey, rendered, row, shown, titled

import napari_sen
from napari_sen.core.boundaries import mark_boundaries
from napari_sen.core.pca import pca_rgb
from napari_sen.data import load_sample
from napari_sen.evaluation.datasets import Item
from napari_sen.evaluation.methods import make_method

IMAGES = Path(__file__).resolve().parent.parent / "images"
# The paper's figure 12, and the methods of its rows.
SIDE_BY_SIDE = {
    "slic": "SLIC",
    "snic": "SNIC on colour",
    "sen-paper": "SNIC on the embedding",
    "sen": 'segment(method="snic")',
    "sen-tree": "segment",
}


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


def partitions() -> np.ndarray:
    """Show one photograph as three partitions (the paper's figure 2)."""
    image, _ = load_sample("coffee")
    maps = (
        napari_sen.segment(
            image, 100, method="snic", model=None, boundary_weight=0, compactness=10
        ),
        napari_sen.segment(image, 100, evenness=1),
        napari_sen.segment(image, 100),
    )
    return titled(
        row(*(mark_boundaries(image, labels) for labels in maps)),
        "SNIC on colour", "segment(evenness=1)", "segment",
    )  # fmt: skip


def methods() -> np.ndarray:
    """Show methods side by side, 100 superpixels each (the paper's figure 12)."""
    rows = []
    for name in ("coffee", "tissue", "phase"):
        image, _ = load_sample(name)
        image = image[:256, :256] if name != "coffee" else image[60:316, 150:406]
        truth = np.ones(image.shape[:2], int)
        item = Item(name, image, [truth], -1 if image.ndim == 3 else None)
        model = "natural" if name == "coffee" else "microscopy"
        cuts = (make_method(method, model)(item)(100) for method in SIDE_BY_SIDE)
        rows.append(row(*(mark_boundaries(shown(image), labels) for labels in cuts)))
    rows[0] = titled(rows[0], *SIDE_BY_SIDE.values())
    return column(*rows)


def sphere() -> np.ndarray:
    """Show an image's embedding on the sphere before and after the mean shift (figure 6)."""
    image, _ = load_sample("coffee")
    before = napari_sen.embed(image)
    after = napari_sen.embed(image, clustered=True)
    points = (slice(None, None, 6), slice(None, None, 6))
    colours = image[points].reshape(-1, 3) / 255
    rows = after.reshape(-1, after.shape[-1])
    _, _, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    figure = Figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    for place, (title, rows) in enumerate((("before", before), ("after", after))):
        shadow = rows[points].reshape(-1, rows.shape[-1]) @ axes[:3].T
        shadow /= np.linalg.norm(shadow, axis=1, keepdims=True)
        plot = figure.add_subplot(1, 2, place + 1, projection="3d")
        plot.scatter(*shadow.T, c=colours, s=3, depthshade=False)
        plot.set(title=f"{title} the mean shift", xticks=[], yticks=[], zticks=[])
        plot.set_box_aspect((1, 1, 1))
        plot.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    pictures = titled(row(image, pca_rgb(before), pca_rgb(after)), "image", "before", "after")
    drawn = rendered(figure)
    return column(pictures, _fit(drawn, pictures.shape[1]))


def _fit(picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture centred on white of that width."""
    left = (width - picture.shape[1]) // 2
    right = width - picture.shape[1] - left
    return np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)


FIGURES: dict[str, Callable[[], np.ndarray]] = {
    "chain": chain,
    "samples": samples,
    "cuts": cuts,
    "partitions": partitions,
    "methods": methods,
    "sphere": sphere,
}


def main() -> None:
    """Make the figures named on the command line, or all."""
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIGURES:
        path = IMAGES / f"{name}.jpg"
        iio.imwrite(path, FIGURES[name](), quality=88)
        print(path)


if __name__ == "__main__":
    main()
