"""Which panel each step has."""

from __future__ import annotations

from typing import Any

from ..steps.session import Session
from .make_panel import MakePanel
from .panel import StepPanel
from .pick_panel import PickPanel
from .step_panels import EmbedPanel
from .train_panel import TrainPanel

__all__ = ["panel_of"]

_OWN: dict[str, type[StepPanel]] = {
    "superpixels": MakePanel,
    "classes": PickPanel,
    "embed": EmbedPanel,
    "train": TrainPanel,
}


def panel_of(key: str, session: Session, viewer: Any) -> StepPanel:
    """Return a new panel of a step."""
    return _OWN.get(key, StepPanel)(key, session, viewer)
