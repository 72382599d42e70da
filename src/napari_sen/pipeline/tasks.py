"""What the tasks on the tiles of one image share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import Statistics
from ..params import SnicSettings
from ..tiles.geometry import Box, TileGrid
from ..tiles.image import Image
from ..tiles.seeds import Seeds
from ..tiles.shelf import Shelf
from ..tiles.target import Target
from .features import Scene
from .model_choice import TravellingModel
from .work import Work

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Common", "Growth", "label_dtype"]


@dataclass(frozen=True)
class Common:
    """What the tasks on the tiles of one image share; it travels to other machines.

    Attributes
    ----------
    image : Image
    stats : Statistics
        Of the whole image.
    model : TravellingModel or None
        For the embedding.
    device : str
        Where the network runs.
    threads : int
        How many threads one task may take.
    torch_threads : int or None
        Threads of torch in a worker of a cluster; None leaves them alone.
    grid : TileGrid
        Of one slice (or volume).
    shelf : Shelf
        Where tasks leave arrays.
    limits : (slices, 2, C) array or None
        Where histograms begin and end; None: each slice is one tile, and looked at.
    """

    image: Image
    stats: Statistics
    model: TravellingModel | None
    device: str
    threads: int
    torch_threads: int | None
    grid: TileGrid
    shelf: Shelf
    limits: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        work: Work,
        stats: Statistics,
        grid: TileGrid,
        limits: NDArray[np.float64] | None = None,
    ) -> Common:
        """Return what tasks share of the work on an image."""
        return cls(
            work.image, stats, work.model, work.device, work.threads, work.torch_threads, grid,
            work.shelf, limits,
        )  # fmt: skip

    @property
    def n_tiles(self) -> int:
        """Number of tiles of the whole image."""
        return len(self.grid) * self.image.n_slices

    def place(self, item: int) -> tuple[int, Box]:
        """Return slice number and core of a tile."""
        return self.grid.place(item)

    def where(self, item: int) -> tuple[tuple[int, ...], Box]:
        """Return slice index and core of a tile."""
        which, core = self.place(item)
        return self.image.index(which), core

    def scene(self, which: int) -> Scene:
        """Return a slice, ready to be looked at."""
        limits = None if self.limits is None else self.limits[which]
        return Scene(
            self.image, which, self.stats, self.loaded(), device=self.device,
            threads=self.threads, limits=limits,
        )  # fmt: skip

    def loaded(self) -> Model | None:
        """Return the model, loaded."""
        return None if self.model is None else self.model.load(self.torch_threads)


@dataclass(frozen=True)
class Growth:
    """One label map that grows on the tiles of an image.

    Attributes
    ----------
    settings : SnicSettings
    seeds : Seeds
    halo : tuple of int
        How far, in pixels, a tile's superpixels start around its core.
    target : Target
    """

    settings: SnicSettings
    seeds: Seeds
    halo: tuple[int, ...]
    target: Target


def label_dtype(total: int) -> np.dtype[Any]:
    """Return int32 where so many labels fit, else int64."""
    return np.dtype(np.int32 if total <= np.iinfo(np.int32).max else np.int64)
