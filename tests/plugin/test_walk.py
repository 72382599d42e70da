"""All of the dock in one go, as a person goes through it: choose, click, wait, look, cancel, undo.

Only the mouse, the keyboard and what stands in the window are used; nothing of ours is called but
to look at what came of it.
"""

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_sen.params import SegmentParams

from .mouse import drag, key
from .test_dock import set_tiny

pytestmark = pytest.mark.gui

CONTROL = Qt.KeyboardModifier.ControlModifier
SIZE = (1400, 950)


class Person:
    """Hands and eyes."""

    def __init__(self, opened):
        self.viewer, self.dock, self.qtbot = opened.viewer, opened.dock, opened.qtbot
        self.opened, self.panels = opened, opened.dock.panels

    def click(self, button):
        """Scroll to a button and press it."""
        self.dock.findChild(QScrollArea).ensureWidgetVisible(button, 0, 40)
        QApplication.processEvents()
        assert button.isEnabled(), button.text()
        assert not button.visibleRegion().isEmpty(), button.text()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self, button):
        """Press a button and wait until the step has ended; return what the dock says."""
        with self.qtbot.waitSignal(self.dock.idle, timeout=120_000) as ended:
            self.click(button)
        return ended.args[0]

    def type(self, editor, text):
        """Type into a field."""
        editor.setFocus()
        editor.selectAll()
        self.qtbot.keyClicks(editor, text)
        self.qtbot.keyClick(editor, Qt.Key.Key_Tab)

    def choose(self, box, text):
        """Choose an entry of a list by the arrow keys."""
        box.setFocus()
        wanted = box.findText(text)
        assert wanted >= 0, text
        while box.currentIndex() != wanted:
            up = wanted < box.currentIndex()
            self.qtbot.keyClick(box, Qt.Key.Key_Up if up else Qt.Key.Key_Down)
        assert box.currentText() == text

    def look(self):
        """Return the picture on the canvas."""
        QApplication.processEvents()
        return self.viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def sees(self, layer):
        """Return the share of the canvas that a layer changes; it is left as it was."""
        was_visible, pictures = layer.visible, []
        for layer.visible in (False, True):
            pictures.append(self.look())
        layer.visible = was_visible
        return differs(*pictures)

    def names(self):
        return [layer.name for layer in self.viewer.layers]


def differs(before, after):
    """Return the share of the canvas that looks different."""
    return float((np.abs(before - after).max(axis=-1) > 8).mean())


@pytest.mark.usefixtures("one_torch_thread")
def test_a_person_walks_through_all_steps(opened, errors, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    person, viewer, dock = Person(opened), opened.viewer, opened.dock
    panels, session = dock.panels, dock.session
    viewer.window.resize(*SIZE)

    # An empty viewer says what to do, and a click without an image does as well.
    assert "File > Open Sample" in dock.image.about.text()
    assert "there is no image" in person.wait(panels["superpixels"].button)
    assert len(errors) == 1
    viewer.open_sample("napari-sen", "coffee")
    viewer.open_sample("napari-sen", "phase")
    person.choose(dock.image.image, "coffee")
    assert dock.image.about.text().startswith("RGB, 400 x 600")
    viewer.layers["phase"].visible = False
    viewer.reset_view()

    # 1 Pseudo-labels: cancelled first, then with fewer scales.
    panel = panels["pseudo_labels"]
    (form,) = panel.forms.values()
    person.type(form.editors["spacings"], "12, 24")
    person.type(form.editors["compactnesses"], "10")
    with person.qtbot.waitSignal(dock.idle, timeout=2000) as ended:
        person.click(panel.button)
        person.click(dock.status.button)
    assert ended.args[0].startswith("Cancelled")
    assert person.names() == ["coffee", "phase"]
    assert person.wait(panel.button).startswith("Done: 2 pseudo-label maps")
    assert person.names()[2:] == ["coffee pseudo 12 px, m=10", "coffee pseudo 24 px, m=10"]
    assert person.sees(viewer.layers[-1]) > 0.005
    viewer.layers.selection = viewer.layers[2:]
    viewer.layers.remove_selected()

    # 2 Train: a name, a look at the curve and the preview, a pause, an early end.
    panel = panels["train"]
    set_tiny(panel, steps=100_000)
    person.type(panel.name, "mine")
    person.click(panel.button)
    person.qtbot.waitUntil(lambda: "coffee training preview" in person.names(), timeout=60_000)
    person.qtbot.waitUntil(lambda: len(session.losses.points) > 3, timeout=60_000)
    assert panel.curve.isVisible()
    assert person.sees(viewer.layers["coffee training preview"]) > 0.005
    person.click(panel.pausing)
    assert panel.pausing.text() == "Go on"
    person.click(panel.pausing)
    assert "model mine is saved after" in person.wait(panel.stop)
    viewer.layers["coffee training preview"].visible = False

    # 3 Embed with it.
    person.choose(dock.choices.model, "mine")
    assert person.wait(panels["embed"].button).startswith("Done: 4 values per pixel")
    picture = viewer.layers[-1]
    assert isinstance(picture, Image)
    assert picture.rgb
    assert np.ptp(np.asarray(picture.data).reshape(-1, 3), axis=0).min() > 100
    assert person.sees(picture) > 0.2
    picture.visible = False

    # 4 Superpixels by their diameter; the number is still there afterwards.
    panel = panels["superpixels"]
    person.choose(dock.choices.model, "none (colour only)")
    person.choose(panel.size_editor.how, "Diameter")
    person.type(panel.size_editor.diameter.lineEdit(), "40")
    assert person.wait(panel.button).startswith("Done: 150 superpixels")
    superpixels = viewer.layers["coffee superpixels"]
    assert isinstance(superpixels, Labels)
    assert len(np.unique(superpixels.data)) == len(superpixels.features) == 150
    assert person.sees(superpixels) > 0.005
    person.choose(panel.size_editor.how, "Number")
    assert session.params[SegmentParams].n_segments == 500

    # 5 Contours.
    superpixels.visible = False
    assert person.wait(panels["contours"].button).startswith("Done: contours")
    strength = viewer.layers["coffee contours"]
    assert strength.data.shape == (400, 600)
    assert person.sees(strength) > 0.005
    strength.visible = False

    # The hierarchy, its slider by the keyboard, and a level that stays.
    panel = panels["hierarchy"]
    assert person.wait(panel.button).startswith("Done: 1 to 2400 superpixels")
    live, level = viewer.layers["coffee hierarchy"], panel.level
    level.slider.setFocus()
    person.qtbot.keyClick(level.slider, Qt.Key.Key_Home)
    person.qtbot.waitUntil(lambda: session.granularity.number == 1)
    for _ in range(60):
        person.qtbot.keyClick(level.slider, Qt.Key.Key_Right)
    number = level.number.value()
    assert number > 10
    person.qtbot.waitUntil(lambda: len(np.unique(live.data)) == number)
    assert person.sees(live) > 0.001
    person.click(level.keep)
    kept = viewer.layers[f"coffee {number} superpixels"]
    assert len(np.unique(kept.data)) == number
    live.visible = False

    # Pick: select by the mouse, merge and undo by keys, paint, propagate.
    panel, superpixels.visible = panels["classes"], True
    person.choose(panel.box, "coffee superpixels")
    person.click(panel.toggle)
    before = superpixels.data.copy()
    drag(opened, superpixels, (200, 150), (200, 250))
    chosen = np.unique(before[200, 150:251])
    assert session.picking.selected == set(chosen.tolist())
    key(opened, "M")
    assert len(np.unique(superpixels.data)) == 150 - len(chosen) + 1
    key(opened, "Z", CONTROL)
    np.testing.assert_array_equal(superpixels.data, before)
    key(opened, "Escape")
    person.click(panel.paint)
    panel.classes.setCurrentRow(0)
    drag(opened, superpixels, (30, 30), (30, 120))
    panel.classes.setCurrentRow(1)
    drag(opened, superpixels, (300, 300), (300, 380))
    painted = viewer.layers["coffee superpixels classes"]
    assert (painted.data[30, 60], painted.data[300, 340]) == (1, 2)
    assert person.wait(panel.button).startswith("Done: 150 superpixels classified")
    found = viewer.layers["coffee superpixels propagated"]
    assert set(np.unique(found.data)) == {1, 2}
    key(opened, "Z", CONTROL)
    assert painted.data[300, 340] == 0
    person.click(panel.toggle)

    # All lies on its image (the preview on its middle); nothing but the one mistake was told.
    for layer in viewer.layers:
        if layer.name.startswith("coffee") and "preview" not in layer.name:
            np.testing.assert_allclose(
                layer.data_to_world((7, 9)), viewer.layers["coffee"].data_to_world((7, 9))
            )
    assert len(errors) == 1
    assert person.wait(dock.defaults).startswith("All settings are back")
    assert dock.choices.model.currentText() == "auto"
