"""Images and their pseudo-labels on disk, and the random crops drawn from them.

Every image is prepared once: its planes, all its label maps and the mean colours of their
superpixels go to a cache folder. A later run with the same parameters uses what is there; a
cache of other parameters is refused, never overwritten.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import discard_folder, temporary_folder
from ..errors import DataError
from ..progress import Progress, report
from . import cache
from .network import reflect_indices
from .pseudo_labels import mean_colours
from .teacher import LabelParams, label_maps, n_maps

__all__ = ["Batch", "TrainingImage", "TrainingSet", "prepare", "window"]


@dataclass(frozen=True)
class TrainingImage:
    """An image to train on, read only when it has to be prepared.

    Attributes
    ----------
    name : str
        Unique within the training set; tells which image an error is about.
    load : callable
        Returns ``(planes, features)``: (H, W, P) float32 planes for the network, nominally
        0..1, and (H, W, C) float32 smoothed colour features for the pseudo-labels.
    stamp : str
        Anything that changes when the image does (size and time of a file, a checksum); a
        prepared image with another stamp is prepared again.
    """

    name: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    stamp: str = ""


@dataclass(frozen=True)
class Batch:
    """Crops of one training step: arrays with B crops of S x S px.

    ``planes`` (B, P, S, S) float32, ``labels`` (B, S, S) int32, ``colours`` (B, C, S, S)
    float32: the mean colour of each pixel's superpixel.
    """

    planes: np.ndarray
    labels: np.ndarray
    colours: np.ndarray


class TrainingSet:
    """Prepared images in a cache folder; made by :func:`prepare`."""

    def __init__(self, folder: Path, entries: Sequence[cache.Entry], keep: Any = None) -> None:
        self.folder = folder
        self.entries = list(entries)
        self._keep = keep  # a temporary folder lives as long as its data set
        self._labels = cache.LabelReader(folder)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def planes(self) -> int:
        """Number of planes of every image."""
        return self.entries[0].planes

    def subset(self, indices: Sequence[int]) -> TrainingSet:
        """Return the data set of some of the images."""
        return TrainingSet(self.folder, [self.entries[i] for i in indices], self._keep)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (P,) of all pixels; a constant plane gets 1."""
        weights = np.array([entry.height * entry.width for entry in self.entries], float)
        weights /= weights.sum()
        mean = weights @ np.array([entry.mean for entry in self.entries])
        square = weights @ np.array([entry.square for entry in self.entries])
        std = np.sqrt(np.maximum(square - mean**2, 0))
        return mean, np.where(std > 1e-6, std, 1.0)

    def draw(
        self, batch: int, crop: int, generator: np.random.Generator, noise: float = 0.0
    ) -> Batch:
        """Draw random crops, each with one random label map, half of them flipped.

        The draw depends on the generator's state alone: seeded by (seed, step), step n is the
        same in a resumed as in an uninterrupted run. Smaller images are reflected up to
        ``crop``, image and labels together. ``noise`` is the sigma of normal noise added.
        """
        drawn = [self._crop(crop, generator) for _ in range(batch)]
        planes = np.stack([item[0] for item in drawn])
        if noise > 0:
            planes += noise * generator.standard_normal(planes.shape, dtype=np.float32)
        channels = max(item[2].shape[0] for item in drawn)
        colours = np.zeros((batch, channels, crop, crop), np.float32)
        for target, item in zip(colours, drawn, strict=True):
            target[: len(item[2])] = item[2]  # missing channels are 0: distances stay the same
        return Batch(planes, np.stack([item[1] for item in drawn]), colours)

    def _crop(
        self, crop: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw one crop as (P, S, S) planes, (S, S) labels and (C, S, S) colours."""
        entry, scale = self.choose(generator)
        rows, columns = (
            window(size, int(generator.integers(max(1, size - crop + 1))), crop)
            for size in (entry.height, entry.width)
        )
        if generator.integers(2):
            columns = columns[::-1]
        planes, labels, colours = self.part(entry, scale, rows, columns)
        return planes, labels, np.ascontiguousarray(colours[labels].transpose(2, 0, 1))

    def choose(self, generator: np.random.Generator) -> tuple[cache.Entry, int]:
        """Draw an image, and one of its label maps."""
        entry = self.entries[generator.integers(len(self.entries))]
        return entry, int(generator.integers(entry.n_maps))

    def part(
        self, entry: cache.Entry, scale: int, rows: np.ndarray, columns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (P, h, w) planes and (h, w) labels there, and the map's (L + 1, C) colours."""
        planes = cache.read_planes(self.folder, entry, rows, columns)
        labels, colours = self._labels.read(entry, scale)
        labels = labels[rows[:, None], columns].astype(np.int32)
        return np.ascontiguousarray(planes.transpose(2, 0, 1)), labels, colours


class _TemporaryFolder:
    """A folder that goes with the last data set that uses it, or at exit."""

    def __init__(self) -> None:
        self.path = temporary_folder()
        weakref.finalize(self, discard_folder, self.path)


def window(size: int, start: int, crop: int) -> np.ndarray:
    """Return ``crop`` indices into an axis: a window, or the whole axis reflected."""
    if size < crop:
        return reflect_indices(size, crop).numpy()
    return np.arange(start, start + crop)


def prepare(
    sources: Sequence[TrainingImage],
    params: LabelParams,
    folder: Path | None = None,
    progress: Progress | None = None,
    embed: Callable[[np.ndarray], np.ndarray] | None = None,
) -> TrainingSet:
    """Prepare images for training, or find them prepared already.

    Parameters
    ----------
    sources : sequence of TrainingImage
        At least one; names must differ, planes must agree.
    params : PseudoLabelParams or RegionParams
        Which label maps are made of every image.
    folder : path, optional
        Cache folder, made if missing. None: a temporary folder that goes with the data set.
    progress : callable, optional
        Called before each image.
    embed : callable, optional
        Gives the embedding of (H, W, P) planes to the teacher.

    Raises
    ------
    DataError
        No images, equal names, images that do not fit, or a folder prepared with other
        parameters.
    """
    if len(sources) == 0:
        raise DataError("there are no images to train on: give at least one")
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"two images are named {twice!r}: names must differ")
    keep: _TemporaryFolder | None = None
    if folder is None:
        keep = _TemporaryFolder()
        folder = keep.path
    cache.open_folder(folder, params)
    entries = []
    for done, source in enumerate(sources):
        report(progress, done, len(sources), "preparing images")
        entry = cache.find(folder, source.name, source.stamp, n_maps(params))
        entries.append(entry or _prepare_one(folder, source, params, progress, embed))
    report(progress, len(sources), len(sources), "preparing images")
    for entry in entries:
        if entry.planes != entries[0].planes:
            raise DataError(
                f"image {entry.name!r} has {entry.planes} planes but {entries[0].name!r} has "
                f"{entries[0].planes}: train on images of one kind"
            )
    return TrainingSet(folder, entries, keep)


def _prepare_one(
    folder: Path,
    source: TrainingImage,
    params: LabelParams,
    progress: Progress | None,
    embed: Callable[[np.ndarray], np.ndarray] | None,
) -> cache.Entry:
    """Make the label maps of one image and store them."""
    planes, features = source.load()
    if planes.ndim != 3 or features.ndim != 3 or planes.shape[:2] != features.shape[:2]:
        raise DataError(
            f"image {source.name!r}: planes {planes.shape} and features {features.shape} must be "
            "(H, W, channels) of one size"
        )
    if not (np.isfinite(planes).all() and np.isfinite(features).all()):
        raise DataError(f"image {source.name!r} holds NaN or infinite values: replace them")

    def poll(done: int, total: int, stage: str) -> None:
        report(progress, done, total, f"{stage} of {source.name}")

    rows = None if embed is None else embed(planes)
    maps = label_maps(features, params, poll, embedding=rows)
    check = partial(poll, len(maps), len(maps), "storing")
    colours = []
    for labels in maps:
        check()
        colours.append(mean_colours(features, labels))
    return cache.store(folder, source.name, source.stamp, planes, maps, colours, check)
