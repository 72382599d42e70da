"""The steps of the dock, by the keys under which sessions, panels and stores know them.

Their functions run in a worker thread: they call the public API, which imports torch on first
use, and put its arrays into results.
"""

from __future__ import annotations

from ...params import Params
from .classing import CLASSES
from .outputs import BOUNDARY_MAP, CONTOURS, EMBED, PSEUDO_LABELS
from .step import DockStep
from .superpixels import FLAT, SUPERPIXELS
from .training import TRAIN

__all__ = ["STEPS", "kinds", "suffixes"]

STEPS: dict[str, DockStep] = {
    "superpixels": SUPERPIXELS,
    "classes": CLASSES,
    "embed": EMBED,
    "contours": CONTOURS,
    "boundary_map": BOUNDARY_MAP,
    "flat": FLAT,
    "pseudo_labels": PSEUDO_LABELS,
    "train": TRAIN,
}


def kinds() -> tuple[type[Params], ...]:
    """Return the parameter classes that steps use."""
    return tuple(dict.fromkeys(kind for step in STEPS.values() for kind in step.params))


def suffixes() -> dict[str, str]:
    """Return what the store of each step is called that works in tiles."""
    return {key: step.tiled.suffix for key, step in STEPS.items() if step.tiled is not None}
