"""The mouse and the keyboard on napari's canvas, as a person uses them."""

from typing import Any


def canvas(viewer: Any) -> Any:
    return viewer.window._qt_viewer.canvas.native


def spot(viewer: Any, layer: Any, pixel: tuple[float, ...]) -> Any:
    """Where on the canvas a pixel of a 2-D layer is drawn."""
    from qtpy.QtCore import QPoint

    y, x = layer.data_to_world(pixel)[-2:]
    _, cy, cx = viewer.scene.camera.center
    native, zoom = canvas(viewer), viewer.scene.camera.zoom
    return QPoint(
        round(native.width() / 2 + (x - cx) * zoom), round(native.height() / 2 + (y - cy) * zoom)
    )


def drag(opened: Any, layer: Any, *pixels: tuple[float, ...], modifiers: Any = None) -> None:
    """Press at the first pixel, move through the others, release at the last."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    native = canvas(opened.viewer)
    modifiers = Qt.KeyboardModifier.NoModifier if modifiers is None else modifiers
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    spots = [spot(opened.viewer, layer, pixel) for pixel in pixels]
    steps = [(QEvent.Type.MouseMove, none, none, spots[0])]
    steps += [(QEvent.Type.MouseButtonPress, left, left, spots[0])]
    steps += [(QEvent.Type.MouseMove, none, left, place) for place in spots[1:]]
    steps += [(QEvent.Type.MouseButtonRelease, left, none, spots[-1])]
    for kind, button, buttons, place in steps:
        where = QPointF(place)
        event = QMouseEvent(kind, where, native.mapToGlobal(where), button, buttons, modifiers)
        QApplication.sendEvent(native, event)
        QApplication.processEvents()


def key(opened: Any, name: str, modifiers: Any = None) -> None:
    """Press and release a key on the canvas."""
    from qtpy.QtCore import Qt

    modifiers = Qt.KeyboardModifier.NoModifier if modifiers is None else modifiers
    native = canvas(opened.viewer)
    native.setFocus()
    opened.qtbot.keyClick(native, getattr(Qt.Key, f"Key_{name}"), modifiers)
