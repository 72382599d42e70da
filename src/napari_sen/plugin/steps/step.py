"""What a step of the dock is: one entry describes it, in memory and in tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...params import Params
from ..layers.results import Finished
from ..state.control import Control
from ..state.layer_image import LayerImage
from ..state.storage import is_tiled
from .settings import Settings

__all__ = ["DockStep", "Tiled", "by_slice"]

Perform = Callable[[Any, Settings, Control], Finished]


@dataclass(frozen=True)
class Tiled:
    """How a step works in tiles.

    Attributes
    ----------
    suffix : str
        What its store is called.
    product : str
        By what :mod:`napari_sen.io.memory` knows how much memory it takes.
    plan : callable
        From image, settings, side of a tile and place of the store to one or two sentences: how
        many tiles, how large the result.
    perform : callable
        The work.
    needs_model : bool
        Whether a network runs even where colour alone is chosen.
    """

    suffix: str
    product: str
    plan: Callable[[LayerImage, Settings, int | None, Path], str]
    perform: Perform
    needs_model: bool = False


@dataclass(frozen=True)
class DockStep:
    """One step: its button, its explanation, its form, its work.

    ``essential`` are the fields (class and name) that are always visible; all others of
    ``params`` are folded under "Advanced". ``hidden`` fields have no row of their own. A step
    also ``uses`` the parameters of other steps. Its image is the slice that the viewer shows, or
    the one of the picked superpixels (``at_picks``), or it finds its own (``own_images``).
    """

    title: str
    about: str
    perform: Perform
    params: tuple[type[Params], ...] = ()
    essential: tuple[str, ...] = ()
    check: Callable[[Settings], object] = lambda settings: None
    hidden: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    at_picks: bool = False
    own_images: bool = False
    tiled: Tiled | None = None

    def goes_in_tiles(self, key: str, source: LayerImage, settings: Settings) -> bool:
        """Return whether the step, by its key, makes its result in tiles."""
        if self.tiled is None:
            return False
        with_model = self.tiled.needs_model or settings.model is not None
        return is_tiled(source, self.tiled.product, with_model, settings.storage[key])

    def run(self, key: str, source: Any, settings: Settings, control: Control) -> Finished:
        """Do the work, in memory or in tiles."""
        if self.tiled is not None and self.goes_in_tiles(key, source, settings):
            return self.tiled.perform(source, settings, control)
        return self.perform(source, settings, control)


def by_slice(source: LayerImage) -> dict[str, Any]:
    """Return how to read the image where volumes are taken slice by slice."""
    return {"slices": "each"} if source.slices else {}
