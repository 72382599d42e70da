"""The loss curve: a small plot that grows while a model is trained."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["LossCurve"]

MARGIN = 6
# Napari's style sheets leave the palette alone, so this blue must do on dark and on light.
CURVE_COLOUR = QColor(70, 120, 220)


class LossCurve(QWidget):
    """Loss against step; at most ``capacity`` points are kept, older ones are thinned out."""

    def __init__(self, capacity: int = 400) -> None:
        super().__init__()
        self._capacity = capacity
        self._points: list[tuple[int, float]] = []
        self._every = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Training loss by step; lower is better")
        self.setAccessibleName("Training loss")

    def sizeHint(self) -> QSize:
        """Return the wanted size."""
        return QSize(200, 70)

    @property
    def points(self) -> tuple[tuple[int, float], ...]:
        """The points shown: (step, loss)."""
        return tuple(self._points)

    def clear(self) -> None:
        """Forget all points."""
        self._points, self._every = [], 1
        self.update()

    def append(self, step: int, loss: float) -> None:
        """Add a point; losses that are not finite are left out."""
        if not math.isfinite(loss) or step % self._every:
            return
        self._points.append((step, loss))
        if len(self._points) > self._capacity:
            self._every *= 2
            self._points = [point for point in self._points if point[0] % self._every == 0]
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
        if len(self._points) > 1:
            painter.setPen(QPen(CURVE_COLOUR, 1.5))
            painter.drawPolyline(self._polygon(inside))
        painter.setPen(text)
        if self._points:
            step, loss = self._points[-1]
            where = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
            painter.drawText(inside, where, f"loss {loss:.4g} at step {step}")
        painter.end()

    def _polygon(self, area: QRectF) -> QPolygonF:
        losses = [loss for _, loss in self._points]
        low, high = min(losses), max(losses)
        first, last = self._points[0][0], self._points[-1][0]
        width, height = max(last - first, 1), (high - low) or 1.0
        return QPolygonF(
            [
                QPointF(
                    area.left() + (step - first) / width * area.width(),
                    area.bottom() - (loss - low) / height * area.height(),
                )
                for step, loss in self._points
            ]
        )
