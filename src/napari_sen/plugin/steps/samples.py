"""Sample images for napari's File > Open Sample, one function each as the manifest wants them."""

from __future__ import annotations

from typing import Any

from ...data import load_sample

__all__ = ["coffee", "embryo", "nuclei", "phase", "tissue"]

LayerTuple = tuple[Any, dict[str, Any], str]


def _sample(name: str) -> list[LayerTuple]:
    image, about = load_sample(name)
    options: dict[str, Any] = {"name": name, "rgb": about["rgb"]}
    if about["spacing"] is not None:
        options["scale"] = about["spacing"]
    return [(image, options, "image")]


def coffee() -> list[LayerTuple]:
    """Return the photograph of a coffee cup (RGB)."""
    return _sample("coffee")


def tissue() -> list[LayerTuple]:
    """Return stained tissue (RGB)."""
    return _sample("tissue")


def nuclei() -> list[LayerTuple]:
    """Return fluorescent nuclei (grey)."""
    return _sample("nuclei")


def phase() -> list[LayerTuple]:
    """Return cells in phase contrast (grey)."""
    return _sample("phase")


def embryo() -> list[LayerTuple]:
    """Return nuclei of a mouse embryo (3-D)."""
    return _sample("embryo")
