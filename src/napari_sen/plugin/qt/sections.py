"""The sections of the dock: which steps are in view, and which are folded under which title."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from .folding import folded
from .panel import StepPanel
from .scroll import hint

__all__ = ["SECTIONS", "folds", "large_images"]

SECTIONS: dict[str, tuple[str, ...]] = {
    "Refine and classify": ("classes",),
    "Other outputs": ("embed", "contours", "boundary_map", "flat", "pseudo_labels"),
    "Teach a model": ("train",),
}
LARGE = (
    "Images that do not fit in memory are worked on in tiles, into a folder on disk. A stopped run "
    "can go on later."
)


def folds(panels: dict[str, StepPanel]) -> dict[str, QCollapsible]:
    """Return each section, folded, with the panels of its steps, which come by their keys."""
    return {
        title: folded(title, _stacked([panels[key] for key in keys]))
        for title, keys in SECTIONS.items()
    }


def large_images(panel: StepPanel) -> QCollapsible:
    """Return the section on images larger than memory: where superpixels go."""
    assert panel.store is not None
    panel.store.always = True
    panel.store.refresh()
    return folded("Large images", _stacked([hint(LARGE), panel.store]))


def _stacked(widgets: list[QWidget]) -> QWidget:
    content = QWidget()
    column = QVBoxLayout(content)
    column.setContentsMargins(8, 0, 0, 4)
    column.setSpacing(6)
    for widget in widgets:
        column.addWidget(widget)
    return content
