"""Chooser of the part of the image that is worked on: region and mask."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from ..layers.made import made_of
from ..state.observed import follow
from ..steps.session import Session
from .layer_box import LayerBox

__all__ = ["PartChooser"]


def _is_mask(layer: Any) -> bool:
    about = made_of(layer)
    return type(layer).__name__ == "Labels" and (about is None or about.what != "helper")


class PartChooser(QWidget):
    """Which region of the image, which mask, and whether pixels without a value are left out."""

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._session = session
        self.region_box = LayerBox(
            viewer,
            lambda layer: type(layer).__name__ == "Shapes",
            "Region",
            "Work on the whole image, on what is in view, or inside the shapes of a layer",
            [("Whole image", None), ("Current view", "view")],
        )
        self.mask_box = LayerBox(
            viewer,
            _is_mask,
            "Mask",
            "Work only where the labels of this layer are not 0",
            [("none", None)],
        )
        self.finite = QCheckBox("Leave out pixels without a value (NaN)")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.addRow("Region", self.region_box)
        form.addRow("Mask", self.mask_box)
        form.addRow(self.finite)
        self._show()
        self.region_box.chosen.connect(self._read_region)
        self.mask_box.chosen.connect(self._read_mask)
        self.finite.toggled.connect(self._read_finite)
        follow(self, session.changed, self._follow)

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        self._session.changed.disconnect(self._follow, missing_ok=True)
        self.region_box.leave()
        self.mask_box.leave()

    def _follow(self, name: str) -> None:
        if name in ("region", "mask", "finite_only", "layer"):
            self._show()

    def _show(self) -> None:
        self.region_box.choose(self._session.region)
        self.mask_box.choose(self._session.mask)
        self.finite.setChecked(self._session.finite_only)

    def _read_region(self, region: Any) -> None:
        self._session.region = region

    def _read_mask(self, mask: Any) -> None:
        self._session.mask = mask

    def _read_finite(self, on: bool) -> None:
        self._session.finite_only = on
