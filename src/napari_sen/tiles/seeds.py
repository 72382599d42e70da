"""The seeds of every slice of an image, of which a tile asks for those in its window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.lattice import lattice_pitch, seed_window
from ..core.snic import island_seeds, seeds_in_mask
from .geometry import Box
from .shelf import Shelf

__all__ = ["Seeds", "masked_seeds", "seeds_name"]


@dataclass(frozen=True)
class Seeds:
    """Seeds, label numbers and seed spacing of all slices (or volumes).

    Attributes
    ----------
    shape : tuple of int
        Of one slice.
    spacing : tuple of float
        Pixel size.
    counts : tuple of int
        Seeds of each slice, in order.
    pixels : tuple of int
        Pixels inside each slice.
    shelf : Shelf or None
        Where the seeds of masked slices are kept; None: the plain lattice.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    counts: tuple[int, ...]
    pixels: tuple[int, ...]
    shelf: Shelf | None = None

    @property
    def total(self) -> int:
        """Number of labels of the whole image."""
        return sum(self.counts)

    def first(self, which: int) -> int:
        """Return how many labels the slices before have."""
        return sum(self.counts[:which])

    def step(self, which: int) -> float:
        """Return the seed spacing of a slice, in units of the pixel size."""
        area = self.pixels[which] * math.prod(self.spacing)
        return float((area / max(self.counts[which], 1)) ** (1 / len(self.shape)))

    def reach(self, seed_spacings: float) -> tuple[int, ...]:
        """Return so many seed spacings in pixels along each axis, of the sparsest slice."""
        result = [0] * len(self.shape)
        slices = zip(self.counts, self.pixels, strict=True)
        for which in {each: k for k, each in enumerate(slices) if each[0]}.values():
            # Masked seeds lie on a lattice as dense as that of an image without a mask.
            count = round(self.counts[which] * math.prod(self.shape) / self.pixels[which])
            pitch = lattice_pitch(self.shape, max(count, 1), self.spacing)
            step = self.step(which)
            for axis, (far, size) in enumerate(zip(pitch, self.spacing, strict=True)):
                wanted = math.ceil(seed_spacings * max(far, step / size))
                result[axis] = max(result[axis], wanted)
        return tuple(result)

    def window(self, which: int, box: Box) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the seeds in a box of a slice and their labels, rising."""
        if self.shelf is None:
            points, numbers = seed_window(self.shape, self.counts[which], self.spacing, box)
        else:
            every = self.shelf.kept_array(seeds_name(which))
            near = np.ones(len(every), bool)
            for axis, (start, stop) in enumerate(box):
                near &= (every[:, axis] >= start) & (every[:, axis] < stop)
            numbers = np.flatnonzero(near)
            points = np.asarray(every[numbers])
        return points, numbers + (1 + self.first(which))


def masked_seeds(
    inside: NDArray[np.bool_], count: int, spacing: Sequence[float], connectivity: int
) -> NDArray[np.int64]:
    """Return the seeds of one masked slice: those of the lattice, then the islands'."""
    points = seeds_in_mask(inside, count, spacing)
    return np.concatenate([points, island_seeds(inside, points, spacing, connectivity)])


def seeds_name(which: int) -> str:
    """Return the name under which the seeds of one slice are kept."""
    return f"seeds-{which}"
