"""Small parts that every panel is laid out with."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QWidget

__all__ = ["VerticalScroll", "hint"]


def hint(text: str) -> QLabel:
    """Return a small explaining line."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setStyleSheet("font-style: italic; padding: 0px;")
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return label


class VerticalScroll(QScrollArea):
    """Scrolls up and down only: it is as wide as its content needs, in whatever theme."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the content's width; a theme gives it its final one after it is made."""
        content, bar = self.widget(), self.verticalScrollBar()
        if watched is content and event is not None and event.type() == QEvent.Type.LayoutRequest:
            assert content is not None
            assert bar is not None
            self.setMinimumWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        return bool(super().eventFilter(watched, event))
