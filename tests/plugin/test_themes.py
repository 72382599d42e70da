"""Everything in the dock can be read, in the dark theme and in the light one."""

import numpy as np
import pytest

pytestmark = pytest.mark.gui

READABLE = 4.5  # contrast of text and ground that WCAG 2.1 asks for (AA)
CLEAR = 1.8  # of what cannot be used now: napari greys it, and WCAG asks for nothing


def luminance(image):
    """Return the relative luminance (WCAG 2.1) of a QImage, (height, width)."""
    image = image.convertToFormat(image.Format.Format_RGB888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    colour = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3) / 255
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def contrast(values):
    """Return the contrast of the ground, which is most of it, and of what differs most."""
    ground = np.median(values)
    ratios = (np.maximum(values, ground) + 0.05) / (np.minimum(values, ground) + 0.05)
    return float(ratios.max())


def texts(inside):
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit

    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit)
    for widget in inside.findChildren(object):
        if isinstance(widget, kinds) and widget.isVisibleTo(inside) and widget.height() > 8:
            said = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
            if said:
                yield widget, said


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_can_be_read(opened, photo, theme):
    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QScrollArea
    from superqt import QCollapsible

    opened.viewer.theme = theme
    opened.viewer.window.resize(1400, 950)
    opened.viewer.add_image(photo, name="photo")
    opened.click("superpixels")  # so that picking can begin
    opened.dock.panels["classes"].toggle.click()
    for fold in opened.dock.findChildren(QCollapsible):
        fold.expand(animate=False)
    inside = opened.dock.findChild(QScrollArea).widget()
    folds = opened.dock.findChildren(QCollapsible)

    def is_laid_out():
        contents = [fold.content() for fold in folds if fold.isVisible()]
        return inside.height() >= inside.sizeHint().height() and all(
            content.height() >= content.sizeHint().height() for content in contents
        )

    opened.qtbot.waitUntil(is_laid_out)
    whole = luminance(inside.grab().toImage())
    assert (np.median(whole) < 0.1) == (theme == "dark")
    found = {}
    for widget, said in texts(inside):
        at = widget.mapTo(inside, QPoint(0, 0))
        box = whole[at.y() : at.y() + widget.height(), at.x() : at.x() + widget.width()]
        found[said] = contrast(box) / (READABLE if widget.isEnabled() else CLEAR)
    assert len(found) > 60
    assert min(found.values()) >= 1, sorted(found.items(), key=lambda item: item[1])[:9]
    opened.dock.panels["classes"].toggle.click()
