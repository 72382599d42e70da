"""Small images made of whole numbers alone, so that they are the same everywhere."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_sen.data import load_sample


def cells(shape: tuple[int, ...], channels: int = 1, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return cells of even and of striped brightness, with noise: (*shape, channels)."""
    # RandomState, whose numbers never change; those of a Generator may, with NumPy's version.
    random = np.random.RandomState(seed)
    count = max(math.prod(shape) // 400, 6)
    centres = np.stack([random.randint(0, n, count) for n in shape], axis=-1)
    places = np.moveaxis(np.indices(shape), 0, -1)
    far = ((places[..., None, :] - centres) ** 2).sum(axis=-1)
    cell = far.argmin(axis=-1)
    brightness = random.randint(30, 200, (count, channels))[cell]
    striped = (cell % 3 == 0) & (places.sum(axis=-1) // 3 % 2 == 0)
    noise = random.randint(0, 21, (*shape, channels))
    return (brightness + 25 * striped[..., None] + noise).astype(np.uint8)


def grey(height: int = 128, width: int = 150, *, seed: int = 0) -> NDArray[np.uint8]:
    return cells((height, width), seed=seed)[..., 0]


def colour(height: int = 120, width: int = 140, *, seed: int = 1) -> NDArray[np.uint8]:
    return cells((height, width), 3, seed=seed)


def volume() -> NDArray[np.uint16]:
    return cells((8, 40, 48), seed=2)[..., 0].astype(np.uint16) * 200


def stack(slices: int = 3, height: int = 70, width: int = 90) -> NDArray[np.uint8]:
    return np.stack([grey(height, width, seed=seed) for seed in range(slices)])


def movie() -> NDArray[np.uint16]:
    """Return (T, C, Y, X) with two channels."""
    frames = [cells((60, 70), 2, seed=seed) for seed in (3, 4, 5)]
    return np.moveaxis(np.stack(frames), -1, 1).astype(np.uint16)


def islands(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of a ring, what is inside it, and two small islands in corners."""
    height, width = shape[-2:]
    y, x = np.indices((height, width))
    far = (2 * y - height) ** 2 + (2 * x - width) ** 2  # squared diameter
    size = min(height, width) ** 2
    mask = (far < size // 9) | ((far > size // 4) & (far < size))
    mask[:5, :7] = mask[-6:, -4:] = True
    return np.broadcast_to(mask, shape)


def holed() -> NDArray[np.float32]:
    """Return a grey image that is NaN outside of its islands."""
    image = grey().astype(np.float32)
    image[~islands(image.shape)] = np.nan
    return image


def sample(name: str, height: int = 128, width: int = 128) -> NDArray[np.generic]:
    """Return the middle of a sample image of the package."""
    image, about = load_sample(name)
    first = -3 if about["rgb"] else -2
    top, left = (image.shape[first] - height) // 2, (image.shape[first + 1] - width) // 2
    crop = (slice(top, top + height), slice(left, left + width))
    return image[crop] if about["rgb"] else image[..., *crop]
