"""What the plugin knows of a layer that it has made; it travels with the layer, in its metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from numpy.typing import NDArray

from ...core.partition import Partition
from ..state.sizes import Extent
from .results import Trees

__all__ = ["Made", "is_superpixels", "made_of", "mark", "same_layer"]

KEY = "napari-sen"


@dataclass(eq=False)
class Made:
    """What a layer is, and all that belongs to it.

    Attributes
    ----------
    what : str
        "superpixels", "embedding", "contours", "pseudo-labels", "helper", ...
    image : weak reference or None
        To the layer of the image that it was made of.
    table : dict of arrays or None
        What each superpixel (of a tree: each leaf) is like, one row each, by "index".
    extent : Extent or None
        How much was cut.
    trees : Trees or None
        What it is a cut of.
    number : int
        Of superpixels a slice that are shown.
    earlier : list of (Trees, int)
        Results that this one has replaced, the latest last.
    partition : Partition or None
        What a person has merged, split and painted.
    before : list of (Trees, int, Partition)
        Trees, number and pieces that were worked on before the sliders moved, the latest last.
    class_names : list of str
        Names of the classes that were painted.
    extra : dict
        What else there is to know.
    """

    what: str
    image: Any = None
    table: dict[str, NDArray[Any]] | None = None
    extent: Extent | None = None
    trees: Trees | None = None
    number: int = 0
    earlier: list[tuple[Trees, int]] = field(default_factory=list)
    partition: Partition | None = None
    before: list[tuple[Trees, int, Partition]] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_result(self) -> bool:
        """Whether these superpixels are a cut of a tree that is at hand, or lie on disk."""
        return self.trees is not None or "stored" in self.extra

    @property
    def source(self) -> Any:
        """The layer of the image, as long as there is one."""
        return None if self.image is None else self.image()

    @source.setter
    def source(self, layer: Any) -> None:
        self.image = None if layer is None else ref(layer)


def mark(what: str, **about: Any) -> dict[str, Any]:
    """Return the options of a layer that say what it is."""
    own = ("table", "extent", "trees", "number")
    known = {name: about.pop(name) for name in own if name in about}
    return {"metadata": {KEY: Made(what, **known, extra=about)}}


def made_of(layer: Any) -> Made | None:
    """Return what is known of a layer; None where the plugin has not made it."""
    found = None if layer is None else layer.metadata.get(KEY)
    return found if isinstance(found, Made) else None


def is_superpixels(layer: Any) -> bool:
    """Return whether a layer may hold superpixels: labels, and none of our helpers."""
    found = made_of(layer)
    return type(layer).__name__ == "Labels" and (
        found is None or found.what in ("superpixels", "labels", "stored")
    )


def same_layer(layers: Any, layer: Any) -> bool:
    """Return whether a layer is among others; layers are compared by what they are."""
    return layer is not None and any(other is layer for other in layers)
