"""What the choosers offer: the models and devices that are really there.

Finding out imports torch, which takes a second: :func:`look_up` belongs into a worker, and
:meth:`Catalogue.update` back on the GUI thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from psygnal import Signal

__all__ = ["AUTO", "COLOUR_ONLY", "Catalogue", "Found", "catalogue", "look_up"]

AUTO = "auto"
COLOUR_ONLY = None


@dataclass(frozen=True)
class Found:
    """Names of models (bundled and the user's own) and of devices."""

    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)


class Catalogue:
    """The latest :class:`Found`; ``changed`` tells every chooser of it."""

    changed = Signal(Found)

    def __init__(self) -> None:
        self.found: Found | None = None

    def update(self, found: Found) -> None:
        """Take over what was found."""
        self.found = found
        self.changed.emit(found)


catalogue = Catalogue()


def look_up() -> Found:
    """Return the models and devices there are; imports torch."""
    import torch

    from ...learn.model import models

    devices = ["cpu"]
    devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    usable = tuple(info.name for info in models() if not info.problem)
    return Found(usable, tuple(devices))
