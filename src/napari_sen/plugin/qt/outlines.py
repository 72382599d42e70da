"""Outlines of superpixels, drawn on the canvas: as wide at every zoom, in a plane of a volume too.

napari draws contours of labels in pixels of the data: on a small image that fills the window they
are as thick as beams, and on a large one they vanish. So lines are drawn here. napari has no
public way to its canvas; where ours leads nowhere, layers show napari's own contours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from ..layers.borders import world_lines
from ..layers.looks import LINE
from ..state.observed import follow
from ..steps.session import Session

__all__ = ["Outlines"]

SOON = 15  # ms
ABOVE = 1_000_000  # order of drawing: over all layers


class Outlines(QObject):
    """Draws the outlines of all visible superpixels of a viewer."""

    def __init__(self, viewer: Any, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._scene = _scene_of(viewer)
        self._lines: dict[int, tuple[Any, Any]] = {}  # by the layer's id: layer, visual
        # Visuals that are not needed now: to take one away while layers go crashes OpenGL.
        self._spare: list[Any] = []
        self._watched: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SOON)
        self._timer.timeout.connect(self._draw)
        looks = session.granularity.looks
        looks.lines = self._scene is not None
        for event in self._events():
            event.connect(self._later)
        follow(self, session.granularity.changed, self._later)
        follow(self, session.picking.reshaped, self._later)
        looks.changed.emit()

    def _events(self) -> tuple[Any, ...]:
        dims, layers = self._viewer.dims.events, self._viewer.layers.events
        return dims.current_step, dims.ndisplay, dims.order, layers.inserted, layers.removed

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be drawn anew, in a moment."""
        return self._timer.isActive()

    def leave(self) -> None:
        """Draw nothing any more, and give the layers napari's contours."""
        self._timer.stop()
        for event in self._events():
            event.disconnect(self._later)
        self._session.granularity.changed.disconnect(self._later, missing_ok=True)
        self._session.picking.reshaped.disconnect(self._later, missing_ok=True)
        self._watch([])
        for visual in [*(visual for _, visual in self._lines.values()), *self._spare]:
            visual.parent = None
        self._lines, self._spare = {}, []
        looks = self._session.granularity.looks
        looks.lines = False
        looks.changed.emit()

    def _later(self, *_: object) -> None:
        self._timer.start()

    def _watch(self, layers: list[Any]) -> None:
        for layer in self._watched:
            for name in ("visible", "data", "scale", "translate", "affine", "rotate", "shear"):
                getattr(layer.events, name).disconnect(self._later)
        self._watched = layers
        for layer in layers:
            for name in ("visible", "data", "scale", "translate", "affine", "rotate", "shear"):
                getattr(layer.events, name).connect(self._later)

    def _draw(self) -> None:
        """Draw what is to be seen now."""
        looks = self._session.granularity.looks
        ours = [layer for layer in self._viewer.layers if looks.is_lined(layer)]
        self._watch(ours)
        for key, (layer, visual) in list(self._lines.items()):
            if not any(layer is each for each in ours):
                visual.visible = False
                self._spare.append(visual)
                del self._lines[key]
        for layer in ours:
            visual = self._visual(layer)
            points = self._points(layer) if layer.visible else np.zeros((0, 3), np.float32)
            visual.visible = len(points) > 0
            if len(points):
                visual.set_data(pos=points, color=_rgba(looks.colour_on(layer)))

    def _visual(self, layer: Any) -> Any:
        from vispy.scene.visuals import Line

        if id(layer) not in self._lines:
            if self._spare:
                visual = self._spare.pop()
            else:
                visual = Line(connect="segments", method="gl", width=LINE, parent=self._scene)
                visual.set_gl_state("translucent", depth_test=False)
                visual.order = ABOVE
            self._lines[id(layer)] = layer, visual
        return self._lines[id(layer)][1]

    def _points(self, layer: Any) -> NDArray[np.float32]:
        """Return the ends of all segments of a layer: of the slice shown, in space of its plane."""
        dims = self._viewer.dims
        missing = dims.ndim - layer.ndim
        displayed = [axis - missing for axis in dims.displayed if axis >= missing]
        place = np.asarray(layer.world_to_data(tuple(dims.point)[missing:]))
        at = np.rint(place).astype(int)
        shape = layer.data.shape
        others = [axis for axis in range(layer.ndim) if axis not in displayed]
        if len(displayed) < 2 or any(not 0 <= at[axis] < shape[axis] for axis in others):
            return np.zeros((0, 3), np.float32)
        fixed = {axis: int(at[axis]) for axis in others}
        if len(displayed) == 2:
            return world_lines(layer, (displayed[0], displayed[1]), fixed, displayed)
        # In space one plane is enough: those across it would hide each other.
        depth, first, second = displayed
        middle = int(np.clip(at[depth], 0, shape[depth] - 1))
        return world_lines(layer, (first, second), fixed | {depth: middle}, displayed)


def _rgba(colour: str) -> NDArray[np.float32]:
    """Return a colour as numbers: for the name of a colormap vispy would import matplotlib."""
    from vispy.color import Color

    rgba: NDArray[np.float32] = Color(colour).rgba
    return rgba


def _scene_of(viewer: Any) -> Any:
    """Return what napari draws layers in; None where it is not to be found."""
    whole = getattr(viewer, "__wrapped__", viewer)
    try:
        return whole.window._qt_viewer.canvas.view.scene
    except AttributeError:
        return None
