"""Docks with one step alone, for napari's menus."""

from __future__ import annotations

from .dock import SenDock

__all__ = [
    "ContoursDock",
    "EmbedDock",
    "PickDock",
    "PseudoLabelsDock",
    "SuperpixelsDock",
    "TrainDock",
]


class SuperpixelsDock(SenDock):
    """Superpixels and their sliders alone."""

    steps = ("superpixels",)


class PickDock(SenDock):
    """Picking, merging and classes alone."""

    steps = ("classes",)


class PseudoLabelsDock(SenDock):
    """Pseudo-labels alone."""

    steps = ("pseudo_labels",)


class TrainDock(SenDock):
    """Training alone."""

    steps = ("train",)


class EmbedDock(SenDock):
    """The embedding alone."""

    steps = ("embed",)


class ContoursDock(SenDock):
    """The contours alone."""

    steps = ("contours",)
