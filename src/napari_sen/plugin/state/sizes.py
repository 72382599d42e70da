"""How large superpixels are where nobody has said it, and how size and number go together."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Extent", "most_pieces", "suited_diameter"]

FINEST = 10.0  # px: pieces below are made only if they are asked for


@dataclass(frozen=True)
class Extent:
    """How much there is to cut.

    Attributes
    ----------
    shape : tuple of int
        Pixels of a slice (or volume) along each axis.
    spacing : tuple of float
        Size of a pixel along these axes, in ``unit``.
    unit : str
    inside : int or None
        Pixels inside a mask, where that is known; None: all.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    unit: str = "px"
    inside: int | None = None

    @property
    def pixels(self) -> int:
        """Pixels that there are to cut."""
        return math.prod(self.shape) if self.inside is None else self.inside

    @property
    def size(self) -> float:
        """Area (or volume), in units of the spacing."""
        return self.pixels * math.prod(self.spacing)

    def number(self, diameter: float) -> int:
        """Return how many pieces of a diameter there are, at least one."""
        return max(1, min(round(self.size / diameter ** len(self.shape)), self.pixels))

    def diameter(self, number: int) -> float:
        """Return how large each of so many pieces is."""
        return float((self.size / max(number, 1)) ** (1 / len(self.shape)))


def suited_diameter(extent: Extent) -> float:
    """Return a diameter for an image of this size, in units of the spacing.

    The square root of the side, in pixels of the finest axis: 11 px for an image of 120 x 120,
    24 px for 600 x 600, 64 px for 4096 x 4096. So what is small in an image is cut finely, and a
    large image is not cut into more pieces than can be looked at.
    """
    pixel = min(extent.spacing)
    side = extent.size ** (1 / len(extent.shape)) / pixel
    diameter = max(math.sqrt(side), 2.0)
    rounded = round(diameter) if diameter >= 8 else round(diameter, 1)
    return float(f"{rounded * pixel:.3g}")


def most_pieces(extent: Extent, number: int) -> int:
    """Return how many pieces there will be to choose from, before they are made."""
    return max(extent.number(FINEST * min(extent.spacing)), 5 * number)
