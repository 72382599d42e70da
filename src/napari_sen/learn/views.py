"""Two views of one image: crops that lie, face and look differently.

The crops are shifted and flipped against each other, so that a pixel's place in its crop tells
nothing about its region; their brightness, colour and sharpness change independently, so that
the network must use what survives that. Labels move with the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ..params import ContrastParams
from .dataset import TrainingSet, window

__all__ = ["Views", "draw_views", "recolour"]


@dataclass(frozen=True)
class Views:
    """Crops of one step: the first views A of B images, then their second views.

    ``planes`` (2B, P, S, S) float32, ``labels`` (2B, S, S) int32 (one label map for both views
    of an image), ``colours`` (B, L + 1, C) float32: the mean colour of each label; 0 beyond the
    image's labels and channels.
    """

    planes: np.ndarray
    labels: np.ndarray
    colours: np.ndarray


def draw_views(
    dataset: TrainingSet,
    batch: int,
    crop: int,
    params: ContrastParams,
    generator: np.random.Generator,
    noise: float = 0.0,
) -> Views:
    """Draw two views of each of ``batch`` images; depends on the generator's state alone.

    Images smaller than ``crop`` are reflected up to it, and then only flipped.
    """
    planes, labels, tables = [], [], []
    for _ in range(batch):
        entry, scale = dataset.choose(generator)
        tops = _starts(entry.height, crop, params.shift, generator)
        lefts = _starts(entry.width, crop, params.shift, generator)
        for top, left in zip(tops, lefts, strict=True):
            rows, columns = window(entry.height, top, crop), window(entry.width, left, crop)
            flips = generator.integers(2, size=2)
            rows = rows[::-1] if flips[0] else rows
            columns = columns[::-1] if flips[1] else columns
            image, found, table = dataset.part(entry, scale, rows, columns)
            planes.append(recolour(image, params, generator))
            labels.append(found)
        tables.append(table)
    stacked = np.stack(planes[::2] + planes[1::2])
    if noise > 0:
        stacked += noise * generator.standard_normal(stacked.shape, dtype=np.float32)
    shape = [max(table.shape[axis] for table in tables) for axis in (0, 1)]
    colours = np.zeros((batch, *shape), np.float32)
    for target, table in zip(colours, tables, strict=True):
        target[: table.shape[0], : table.shape[1]] = table
    return Views(stacked, np.stack(labels[::2] + labels[1::2]), colours)


def _starts(size: int, crop: int, shift: int, generator: np.random.Generator) -> tuple[int, int]:
    """Draw where two crops begin along an axis, at most ``shift`` apart, inside the image."""
    last = max(0, size - crop)
    first = int(generator.integers(last + 1))
    low, high = max(0, first - shift), min(last, first + shift)
    return first, int(generator.integers(low, high + 1))


def recolour(
    planes: np.ndarray, params: ContrastParams, generator: np.random.Generator
) -> np.ndarray:
    """Return (P, S, S) planes with gamma, each plane's gain and offset, colour, blur changed."""
    count = (len(planes), 1, 1)
    gamma = np.float32(np.exp(generator.uniform(-params.gamma, params.gamma)))
    gain = np.exp(generator.uniform(-params.gain, params.gain, count)).astype(np.float32)
    offset = generator.uniform(-params.offset, params.offset, count).astype(np.float32)
    is_grey, is_blurred = generator.random(2) < (params.grey, params.blurred)
    sigma = generator.uniform(0, params.blur)
    planes = np.maximum(planes, 0) ** gamma * gain + offset
    if is_grey:
        planes = np.broadcast_to(planes.mean(0, keepdims=True), planes.shape)
    if is_blurred:
        planes = gaussian_filter(planes, (0, sigma, sigma))
    return np.asarray(planes, np.float32)
