"""Buttons for how superpixels are drawn, and the colour of their outlines."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QButtonGroup, QColorDialog, QHBoxLayout, QPushButton, QWidget

from ..layers.granularity import Granularity
from ..layers.looks import LOOKS, Look, lacks_means

__all__ = ["LookButtons"]

SHORT = {"outline": "Outlines", "mean": "Mean", "random": "Random", "none": "Image"}


def _tip(look: Look) -> str:
    text = LOOKS[look]
    return f"Show {text[:1].lower()}{text[1:]}"


class LookButtons(QWidget):
    """One of several looks, and the colour of outlines."""

    def __init__(self, granularity: Granularity) -> None:
        super().__init__()
        self._granularity = granularity
        self.looks: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for look, text in LOOKS.items():
            button = QPushButton(SHORT[look])
            button.setCheckable(True)
            button.setToolTip(_tip(look))
            button.setAccessibleName(text)
            button.setStyleSheet("padding: 3px 2px;")
            button.clicked.connect(lambda _=False, look=look: self._choose(look))
            self._group.addButton(button)
            self.looks[look] = button
            layout.addWidget(button, 1)
        self.colour = QPushButton()
        self.colour.setFixedWidth(28)
        self.colour.setToolTip(
            "Colour of the outlines; unless you choose one, the clearest on this image"
        )
        self.colour.setAccessibleName("Colour of the outlines")
        self.colour.clicked.connect(self._choose_colour)
        layout.addWidget(self.colour)

    def refresh(self) -> None:
        """Show what is chosen."""
        looks = self._granularity.looks
        self.looks[looks.look].setChecked(True)
        missing = lacks_means(self._granularity.layer)
        self.looks["mean"].setEnabled(not missing)
        self.looks["mean"].setToolTip(missing or _tip("mean"))
        colour = looks.colour_on(self._granularity.layer)
        self.colour.setStyleSheet(f"background-color: {colour}; border: 1px solid gray;")

    def _choose(self, look: Any) -> None:
        self._granularity.looks.look = look

    def _choose_colour(self) -> None:
        looks = self._granularity.looks
        now = QColor(looks.colour_on(self._granularity.layer))
        found = QColorDialog.getColor(now, self, "Colour of the outlines")
        if found.isValid():
            looks.colour = found.name()
