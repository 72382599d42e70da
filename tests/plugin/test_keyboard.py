"""The dock without a mouse: Tab reaches every control, Space presses it, each has a name."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QScrollBar,
)
from superqt import QCollapsible

pytestmark = pytest.mark.gui


@pytest.fixture
def dock(opened):
    """The dock with an image and superpixels picked, all folds open, in the active window."""
    opened.viewer.add_image(np.random.default_rng(0).random((60, 80, 3)), name="noise", rgb=True)
    opened.dock.choices.model.setCurrentText("none (colour only)")
    opened.click("superpixels")
    for fold in opened.dock.findChildren(QCollapsible):
        fold.expand(animate=False)
    panel = opened.dock.panels["classes"]
    panel.box.choose(opened.viewer.layers["noise superpixels"])
    panel.toggle.click()
    window = opened.viewer.window._qt_window
    window.activateWindow()
    opened.qtbot.waitUntil(window.isActiveWindow)
    yield opened
    panel.toggle.click()


def controls(dock):
    """What can be used now; a spin box's line and a combo box's list belong to them."""
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QListWidget)
    found = []
    for kind in kinds:
        for each in dock.findChildren(kind):
            part = isinstance(each.parentWidget(), QAbstractSpinBox | QComboBox)
            if each.isVisible() and each.isEnabled() and not part:
                found.append(each)
    return [each for each in found if not isinstance(each, QScrollBar)]


def tell(widget):
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return f"{type(widget).__name__} {widget.accessibleName() or text or widget.toolTip()!r}"


def test_tab_reaches_every_control(dock):
    wanted = controls(dock.dock)
    assert len(wanted) > 60
    dock.dock.image.image.setFocus()
    visited = []
    for _ in range(3 * len(wanted)):
        now = QApplication.focusWidget()
        if now is None or now in visited:
            break
        visited.append(now)
        dock.qtbot.keyClick(now, Qt.Key.Key_Tab)
    missed = [each for each in wanted if each not in visited]
    # Of a group of buttons Tab reaches the one that is on; the arrows change it.
    alone = [each for each in missed if not (isinstance(each, QAbstractButton) and each.group())]
    assert [tell(each) for each in alone] == []
    panel = dock.dock.panels["classes"]
    assert panel.paint in visited
    panel.paint.setFocus()
    dock.qtbot.keyClick(panel.paint, Qt.Key.Key_Right)
    assert panel.select.isChecked()
    assert dock.dock.session.picking.tool == "select"


def test_every_control_has_a_name(dock):
    """What a screen reader says: the text of a button, or the accessible name."""
    mute = []
    for each in controls(dock.dock):
        text = each.text() if isinstance(each, QAbstractButton) else ""
        if not (each.accessibleName() or text.strip(".… ")):
            mute.append(tell(each))
    assert mute == []


def test_space_presses_a_button(dock):
    button = dock.dock.panels["superpixels"].button
    button.setFocus()
    before = len(dock.viewer.layers)
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=30_000) as ended:
        dock.qtbot.keyClick(button, Qt.Key.Key_Space)
    assert ended.args[0].startswith("Done")
    assert len(dock.viewer.layers) == before  # the result is replaced


def test_the_keys_of_picking_are_listed(dock):
    from napari_sen.plugin.layers.pick_tools import KEYS

    texts = [label.text() for label in dock.dock.panels["classes"].findChildren(QLabel)]
    for _, _, text in KEYS:
        assert any(text in shown for shown in texts), text
    assert any("1-9: class" in shown for shown in texts)
