"""A newcomer's walk, in one go: open, press, slide, paint two strokes a class, export.

Only the mouse, the keyboard and what stands in a window of 1280 x 720 are used; nothing of ours
is called but to look at what came of it.
"""

import csv

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QPoint, QRect, Qt, QTimer
from qtpy.QtWidgets import QApplication, QScrollArea

from .mouse import drag, key

pytestmark = pytest.mark.gui

CONTROL = Qt.KeyboardModifier.ControlModifier
SIZE = (1280, 720)


class Person:
    """Hands and eyes."""

    def __init__(self, opened):
        self.viewer, self.dock, self.qtbot = opened.viewer, opened.dock, opened.qtbot
        self.opened, self.panels = opened, opened.dock.panels

    def in_view(self, widget):
        """Return whether all of a widget is to be seen, without scrolling."""
        scroll = self.dock.findChild(QScrollArea)
        corner = widget.mapTo(scroll.viewport(), QPoint(0, 0))
        return widget.isVisible() and scroll.viewport().rect().contains(
            QRect(corner, widget.size())
        )

    def click(self, button):
        """Scroll to a button and press it."""
        QApplication.processEvents()  # what has just been unfolded is laid out
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

    def press(self, widget, *keys):
        """Give a widget the focus, as Tab would, and press keys there."""
        QApplication.processEvents()
        assert widget.isEnabled(), widget.accessibleName()
        assert widget.isVisible(), widget.accessibleName()
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.accessibleName()
        window = self.viewer.window._qt_window
        window.activateWindow()
        self.qtbot.waitUntil(window.isActiveWindow)
        widget.setFocus()
        for each in keys:
            self.qtbot.keyClick(widget, each)

    def press_and_wait(self, button):
        """Press a button by the keyboard and wait until the step has ended; return what is said."""
        with self.qtbot.waitSignal(self.dock.idle, timeout=120_000) as ended:
            self.press(button, Qt.Key.Key_Space)
        return ended.args[0]

    def choose_in_menu(self, button):
        """Open a button's menu by the keyboard and take its first entry."""
        timer = QTimer()

        def take():
            menu = QApplication.activePopupWidget()
            if menu is not None:
                timer.stop()
                self.qtbot.keyClick(menu, Qt.Key.Key_Down)
                self.qtbot.keyClick(menu, Qt.Key.Key_Return)

        timer.timeout.connect(take)
        timer.start(20)
        self.press(button, Qt.Key.Key_Space)
        self.qtbot.waitUntil(lambda: not timer.isActive())

    def unfold(self, title):
        self.click(self.dock.folds[title].toggleButton())

    def look(self):
        """Return the picture on the canvas."""
        QApplication.processEvents()
        return self.viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def settle(self):
        """Wait until the outlines are drawn, which is a moment later than all else."""
        self.qtbot.waitUntil(lambda: not self.dock.outlines.is_waiting)

    def sees(self, layer):
        """Return the share of the canvas that a layer changes; it is left as it was."""
        was_visible, pictures = layer.visible, []
        for layer.visible in (False, True):
            self.settle()
            pictures.append(self.look())
        layer.visible = was_visible
        return differs(*pictures)

    def names(self):
        return [layer.name for layer in self.viewer.layers]


def differs(before, after):
    """Return the share of the canvas that looks different."""
    return float((np.abs(before - after).max(axis=-1) > 8).mean())


@pytest.fixture
def person(opened):
    opened.viewer.window.resize(*SIZE)
    return Person(opened)


def test_the_first_part_is_in_view_without_scrolling(person):
    person.viewer.open_sample("napari-sen", "coffee")
    QApplication.processEvents()
    panel = person.panels["superpixels"]
    window = person.viewer.window._qt_window
    assert (window.width(), window.height()) == SIZE
    first = [
        person.dock.image.image, person.dock.image.about, panel.button, panel.slider,
        panel.number, panel.diameter, panel.evenness, panel.keep, panel.back,
        *panel.looks.values(), *(fold.toggleButton() for fold in person.dock.folds.values()),
    ]  # fmt: skip
    hidden = [each.accessibleName() or each.text() for each in first if not person.in_view(each)]
    assert hidden == []
    tops = [each.mapTo(person.dock, QPoint(0, 0)).y() for each in first[:4]]
    assert tops == sorted(tops)


def test_a_newcomer_opens_presses_slides_paints_and_exports(person, errors, tmp_path, monkeypatch):
    viewer, dock, panels = person.viewer, person.dock, person.panels
    panel, session = panels["superpixels"], dock.session

    # An empty viewer says what to do, and a click without an image does as well.
    assert "File > Open Sample" in dock.image.about.text()
    assert "there is no image" in person.wait(panel.button)
    assert len(errors) == 1

    # Open: what was understood, and how large the pieces will be.
    viewer.open_sample("napari-sen", "coffee")
    assert dock.image.about.text() == "colour, 400 x 600; model: natural"
    assert (panel.number.value(), panel.diameter.text()) == (496, "22 px")
    dock.choices.model.setCurrentText("none (colour only)")  # as quick as can be
    viewer.reset_view()

    # Press.
    assert person.wait(panel.button).startswith("Done: 496 superpixels")
    layer = viewer.layers["coffee superpixels"]
    assert isinstance(layer, Labels)
    assert len(np.unique(layer.data)) == len(layer.features) == 496
    assert person.sees(layer) > 0.02

    # Slide, by the keyboard; more even pieces; other looks.
    panel.slider.setFocus()
    person.qtbot.keyClick(panel.slider, Qt.Key.Key_Home)
    person.qtbot.waitUntil(lambda: session.granularity.number == 1)
    for _ in range(120):
        person.qtbot.keyClick(panel.slider, Qt.Key.Key_Right)
    number = panel.number.value()
    assert 50 < number < 400
    person.qtbot.waitUntil(lambda: len(np.unique(layer.data)) == number)
    before = layer.data.copy()
    panel.evenness.setFocus()
    person.qtbot.keyClick(panel.evenness, Qt.Key.Key_End)
    person.qtbot.waitUntil(lambda: session.granularity.evenness == 1)
    assert len(np.unique(layer.data)) == number
    assert not np.array_equal(layer.data, before)
    for look in ("mean", "random"):
        person.click(panel.looks[look])
        assert person.sees(layer) > 0.2
    person.click(panel.looks["none"])
    assert not layer.visible
    person.click(panel.looks["outline"])

    # Keep one, run again: one result, not a pile, and back.
    person.click(panel.keep)
    assert f"coffee, {number} superpixels" in person.names()
    even = layer.data.copy()
    person.qtbot.keyClicks(panel.number, "")
    panel.number.lineEdit().selectAll()
    person.qtbot.keyClicks(panel.number.lineEdit(), "150")
    person.qtbot.keyClick(panel.number.lineEdit(), Qt.Key.Key_Return)
    assert person.wait(panel.button).startswith("Done: 150 superpixels")
    assert len(viewer.layers) == 3
    person.click(panel.back)
    assert layer.data.max() == even.max() or layer.data.max() == 150
    person.click(panel.back)
    assert layer.data.max() == 150

    # Paint two strokes a class, look what is predicted, take one back.
    person.unfold("Refine and classify")
    refine = panels["classes"]
    person.click(refine.toggle)
    for row, strokes in enumerate([((30, 30), (30, 120), (380, 20), (380, 60)),
                                   ((200, 150), (200, 200), (330, 300), (330, 360))]):  # fmt: skip
        refine.classes.setCurrentRow(row)
        drag(person.opened, layer, *strokes[:2])
        drag(person.opened, layer, *strokes[2:])
    painted = viewer.layers["coffee superpixels classes"]
    assert (painted.data[30, 60], painted.data[200, 170]) == (1, 2)
    assert person.wait(refine.button).startswith("Done: 150 superpixels classified")
    found = viewer.layers["coffee superpixels predicted"]
    assert set(np.unique(found.data)) == {1, 2}
    assert person.sees(found) > 0.2
    key(person.opened, "Z", CONTROL)
    assert painted.data[330, 330] == 0

    # Export the table.
    from qtpy.QtWidgets import QFileDialog

    path = tmp_path / "cup.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(path), ""))
    refine.export.menu_actions["table"].trigger()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150
    assert {row["predicted class"] for row in rows} == {"background", "object"}
    assert sum(float(row["area (px)"]) for row in rows) == 400 * 600
    assert "cup.csv" in dock.status.text.text()

    # All lies on its image; nothing but the one mistake was told.
    for each in viewer.layers:
        np.testing.assert_allclose(
            each.data_to_world((7, 9)), viewer.layers["coffee"].data_to_world((7, 9))
        )
    assert len(errors) == 1
    assert person.wait(dock.defaults).startswith("All settings are back")


def test_a_newcomer_needs_the_mouse_for_strokes_alone(person, errors, tmp_path, monkeypatch):
    """All else goes by keys: press, slide, classes, prediction, undo, export."""
    viewer, dock, panels = person.viewer, person.dock, person.panels
    panel, refine, session = panels["superpixels"], panels["classes"], dock.session
    viewer.open_sample("napari-sen", "tissue")
    viewer.reset_view()
    session.model = None  # as quick as can be
    assert person.press_and_wait(panel.button).startswith("Done: 283 superpixels")
    layer = viewer.layers["tissue superpixels"]
    person.press(panel.slider, *[Qt.Key.Key_Left] * 30)
    person.qtbot.waitUntil(lambda: session.granularity.number == panel.number.value() < 283)
    number = session.granularity.number
    person.press(panel.looks["outline"], Qt.Key.Key_Right)
    assert panel.looks["mean"].isChecked()
    person.press(panel.looks["mean"], Qt.Key.Key_Left)

    person.press(dock.folds["Refine and classify"].toggleButton(), Qt.Key.Key_Space)
    person.press(refine.toggle, Qt.Key.Key_Space)
    rows = layer.data.shape[0]
    strokes = {"1": [(10, 10), (10, 60)], "2": [(rows - 60, 40), (rows - 60, 90)]}
    for name, (start, stop) in strokes.items():
        key(person.opened, name)
        for down in (0, 40):
            drag(person.opened, layer, (start[0] + down, start[1]), (stop[0] + down, stop[1]))
    classes = viewer.layers["tissue superpixels classes"]
    assert set(np.unique(classes.data)) == {0, 1, 2}
    assert person.press_and_wait(refine.button).startswith(f"Done: {number} superpixels")
    person.press(refine.doubt, Qt.Key.Key_Space)
    (doubtful,) = session.picking.selected
    key(person.opened, "2")
    where = layer.data == doubtful
    assert set(np.unique(classes.data[where])) == {2}
    key(person.opened, "Z", CONTROL)
    assert set(np.unique(classes.data[where])) == {0}

    from qtpy.QtWidgets import QFileDialog

    path = tmp_path / "tissue.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(path), ""))
    person.choose_in_menu(refine.export)
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == number
    assert errors == []


def test_outlines_are_as_wide_at_every_zoom_and_seen_in_planes(person):
    """As many pixels of the screen across a border, far away and close."""
    viewer = person.viewer
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, 32:] = 200
    viewer.add_image(stripes, name="stripes", contrast_limits=(0, 255))
    person.dock.session.model = None
    person.dock.session.ask(2)
    person.wait(person.panels["superpixels"].button)
    widths = []
    layer = viewer.layers["stripes superpixels"]
    for zoom in (1.0, 4.0, 10.0):
        viewer.scene.camera.zoom = zoom
        viewer.scene.camera.center = (0, 32, 31.5)
        pictures = []
        for layer.visible in (False, True):
            person.settle()
            pictures.append(person.look())
        changed = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 40
        middle = changed[changed.shape[0] // 2]
        widths.append(int(middle.sum()))
    assert all(1 <= width <= 3 for width in widths), widths


def test_in_space_the_outlines_lie_in_the_plane_of_the_slice(person):
    """Not bricks that hide each other: with outlines alone, what lies behind stays in sight."""
    viewer = person.viewer
    halves = np.zeros((8, 48, 48), np.uint8)
    halves[:, :, 24:] = 200
    viewer.add_image(halves, name="halves", contrast_limits=(0, 255), scale=(2, 1, 1))
    person.dock.session.model = None
    person.dock.session.stack = "volume"
    person.dock.session.ask(2)
    person.wait(person.panels["superpixels"].button)
    layer = viewer.layers["halves superpixels"]
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    seen = []
    for depth in (1, 12):
        viewer.dims.set_point(0, depth)
        viewer.scene.camera.angles = (0, 0, 60)
        person.settle()
        assert 0 < person.sees(layer) < 0.03
        seen.append(person.look())
    assert differs(*seen) > 0.001  # the plane moves with the slider
