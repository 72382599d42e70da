"""The sections of the dock: which steps are in view, and which are folded under which title."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from .folding import folded
from .panel import StepPanel
from .scroll import hint

__all__ = ["SECTIONS", "folds", "large_images"]

SECTIONS: dict[str, tuple[str, ...]] = {
    "Refine and classify": ("classes",),
    "Other outputs": ("embed", "contours", "flat", "pseudo_labels"),
    "Teach a model": ("train",),
}
LARGE = (
    "Images that do not fit in memory are worked on in tiles, into a folder on disk. A stopped run "
    "can go on later."
)


def folds(panels: dict[str, StepPanel], extra: dict[str, QWidget]) -> dict[str, QCollapsible]:
    """Return each section, folded, with the panels of its steps.

    Parameters
    ----------
    panels : dict
        By the keys of their steps.
    extra : dict
        A widget more for the top of a section, by its title.
    """
    found = {}
    for title, keys in SECTIONS.items():
        widgets = [extra[title]] if title in extra else []
        widgets += [panels[key] for key in keys]
        found[title] = folded(title, _stacked(widgets))
    return found


def large_images(panel: StepPanel) -> QCollapsible:
    """Return the section on images larger than memory: where superpixels go."""
    assert panel.store is not None
    panel.store.always = True
    panel.store.refresh()
    return folded("Large images", _stacked([hint(LARGE), panel.store]))


def map_button(granularity: Any) -> QPushButton:
    """Return the button of the boundary map."""
    button = QPushButton("Boundary map")
    button.setToolTip(
        "How long each border lasts while superpixels merge: the longer, the brighter"
    )
    button.clicked.connect(lambda: granularity.boundary_map())
    return button


def _stacked(widgets: list[QWidget]) -> QWidget:
    content = QWidget()
    column = QVBoxLayout(content)
    column.setContentsMargins(8, 0, 0, 4)
    column.setSpacing(6)
    for widget in widgets:
        column.addWidget(widget)
    return content
