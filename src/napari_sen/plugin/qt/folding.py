"""Parts of the dock that are folded until they are wanted."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

__all__ = ["folded"]

LARGEST = (1 << 24) - 1  # px, of any widget of Qt


def folded(title: str, content: QWidget) -> QCollapsible:
    """Return ``content`` under a title that unfolds it, by mouse or keyboard."""
    fold = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    fold.setDuration(0)
    fold.setContent(content)
    inner = fold.layout()
    assert inner is not None
    inner.setContentsMargins(0, 0, 0, 0)
    inner.setSpacing(2)
    button = fold.toggleButton()
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    fold.collapse(animate=False)
    fold.toggled.connect(lambda: _make_room(fold))
    return fold


def _make_room(fold: QCollapsible) -> None:
    """Let a fold, and those around it, grow: each is held to the height that it opened with."""
    around: QWidget | None = fold
    while around is not None:
        if isinstance(around, QCollapsible) and around.isExpanded():
            around.content().setMaximumHeight(LARGEST)
        around = around.parentWidget()
