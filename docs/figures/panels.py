"""Pictures side by side and below each other."""

from __future__ import annotations

import io

import imageio.v3 as iio
import numpy as np
from matplotlib.figure import Figure
from skimage.transform import resize

__all__ = ["column", "grey", "rendered", "row", "shown", "titled"]

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


def rendered(figure: Figure) -> np.ndarray:
    """Return a matplotlib figure as an RGB image."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi)
    return np.asarray(iio.imread(file.getvalue())[..., :3])


def titled(picture: np.ndarray, *titles: str) -> np.ndarray:
    """Return a row of equally wide pictures with a line of text above each.

    The text is as large as it can be, and readable on a page that is narrower than the picture;
    a tenth of each place stays free, so that two titles do not touch.
    """
    width = picture.shape[1]
    longest = max(map(len, titles))
    size = min(0.025 * width, 0.9 * width / len(titles) / longest / 0.6)  # px
    figure = Figure(figsize=(width / 100, 2 * size / 100), dpi=100)
    for place, title in enumerate(titles):
        middle = (place + 0.5) / len(titles)
        figure.text(middle, 0.45, title, ha="center", va="center", size=size * 0.72)
    head = rendered(figure)
    head = resize(head, (head.shape[0], width), preserve_range=True).astype(np.uint8)
    return np.concatenate([head, picture])
