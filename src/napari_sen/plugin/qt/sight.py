"""Looks follow what the viewer shows: how near, and in how many dimensions."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer

from ..layers.looks import Looks

__all__ = ["Sight"]

REST = 120  # ms: so long the zoom rests before contours follow it


class Sight(QObject):
    """Tells the looks of the camera's zoom and of the displayed dimensions."""

    def __init__(self, viewer: Any, looks: Looks, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._looks = viewer, looks
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._follow_zoom)
        self._camera = viewer.scene.camera.events.zoom
        self._camera.connect(self._zoomed)
        viewer.dims.events.ndisplay.connect(self._follow_dims)
        looks.zoom = viewer.scene.camera.zoom

    def leave(self) -> None:
        """Let go of the viewer."""
        self._camera.disconnect(self._zoomed)
        self._viewer.dims.events.ndisplay.disconnect(self._follow_dims)

    def _zoomed(self, event: object = None) -> None:
        self._timer.start()

    def _follow_zoom(self) -> None:
        self._looks.follow_zoom(list(self._viewer.layers), self._viewer.scene.camera.zoom)

    def _follow_dims(self, event: object = None) -> None:
        self._looks.displayed = self._viewer.dims.ndisplay
        self._looks.changed.emit()
