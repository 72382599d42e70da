"""The loss curve: a small plot that grows while a model is trained."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..state.observed import follow
from ..steps.losses import Losses

__all__ = ["LossCurve"]

MARGIN = 6
# Napari's style sheets leave the palette alone, so this blue must do on dark and on light.
CURVE_COLOUR = QColor(70, 120, 220)


class LossCurve(QWidget):
    """Shows the losses of a training; hidden as long as there are none."""

    def __init__(self, losses: Losses) -> None:
        super().__init__()
        self._losses = losses
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Training loss by step; lower is better")
        self.setAccessibleName("Training loss")
        follow(self, losses.changed, self._follow)
        self._follow()

    def sizeHint(self) -> QSize:
        """Return the wanted size."""
        return QSize(200, 70)

    def _follow(self) -> None:
        self.setHidden(not self._losses.points)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw frame, curve, and the first and latest value."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = self.palette().color(QPalette.ColorRole.WindowText)
        faint.setAlphaF(0.25)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(faint, 1))
        painter.drawRoundedRect(frame, 3, 3)
        inside = frame.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        points = self._losses.points
        if len(points) > 1:
            painter.setPen(QPen(CURVE_COLOUR, 1.5))
            painter.drawPolyline(_polygon(points, inside))
        painter.setPen(text)
        if points:
            step, loss = points[-1]
            where = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
            painter.drawText(inside, where, f"loss {loss:.4g} at step {step}")
        painter.end()


def _polygon(points: Sequence[tuple[int, float]], area: QRectF) -> QPolygonF:
    losses = [loss for _, loss in points]
    low, high = min(losses), max(losses)
    first, last = points[0][0], points[-1][0]
    width, height = max(last - first, 1), (high - low) or 1.0
    return QPolygonF(
        [
            QPointF(
                area.left() + (step - first) / width * area.width(),
                area.bottom() - (loss - low) / height * area.height(),
            )
            for step, loss in points
        ]
    )
