"""Picking in a real viewer: mouse on the canvas, keys, buttons, files."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from .mouse import drag, key
from .test_classing import scene
from .test_dock import choose_model, screenshot

pytestmark = pytest.mark.gui

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def dock(opened, rng):
    """Forty superpixels of a red disc on blue, colour alone, picking started."""
    image, opened.disc = scene(rng)
    opened.viewer.window.resize(1400, 950)
    opened.viewer.add_image(image, name="scene", rgb=True, scale=(0.5, 0.5), units="um")
    choose_model(opened.dock, "none (colour only)")
    opened.dock.session.ask(40, evenness=1.0)
    opened.click("superpixels")
    opened.viewer.reset_view()
    opened.dock.folds["Refine and classify"].expand(animate=False)
    opened.panel = opened.dock.panels["classes"]
    opened.picking = opened.dock.session.picking
    press(opened, opened.panel.toggle)
    return opened


def press(opened, button):
    opened.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def labels(dock):
    return dock.viewer.layers["scene superpixels"]


def at(dock, *pixel):
    return int(labels(dock).data[pixel])


def test_click_drag_merge_split_undo_by_mouse_and_keys(dock, artifacts):
    layer = labels(dock)
    assert dock.viewer.layers.selection.active is layer
    press(dock, dock.panel.select)
    before = layer.data.copy()
    drag(dock, layer, (30, 40))
    assert dock.picking.selected == {at(dock, 30, 40)}
    camera = dock.viewer.scene.camera.center
    drag(dock, layer, (30, 25), (30, 40), (30, 55))
    assert dock.picking.selected == set(np.unique(before[30, 25:56]).tolist())
    assert dock.viewer.scene.camera.center == camera  # dragging does not move the picture
    count = len(dock.picking.selected)
    assert count > 2
    drag(dock, layer, (4, 4), modifiers=SHIFT)
    assert len(dock.picking.selected) == count + 1
    drag(dock, layer, (4, 4), modifiers=SHIFT)
    key(dock, "M")
    assert len(np.unique(layer.data)) == 40 - count + 1
    assert np.unique(layer.data[30, 25:56]).size == 1
    screenshot(dock, artifacts / "pick-merged.png")
    key(dock, "S")
    np.testing.assert_array_equal(layer.data, before)
    key(dock, "Z", CONTROL)
    assert np.unique(layer.data[30, 25:56]).size == 1
    key(dock, "Z", CONTROL)
    np.testing.assert_array_equal(layer.data, before)
    key(dock, "Z", CONTROL | SHIFT)
    assert np.unique(layer.data[30, 25:56]).size == 1
    key(dock, "Escape")
    assert dock.picking.selected == set()
    assert not dock.panel.actions_["merge"].isEnabled()


def test_paint_propagate_save_and_load(dock, artifacts, tmp_path, monkeypatch):
    layer, panel = labels(dock), dock.panel
    press(dock, panel.paint)
    assert dock.picking.tool == "paint"
    panel.classes.setCurrentRow(0)
    drag(dock, layer, (3, 3), (3, 40))
    panel.classes.setCurrentRow(1)
    drag(dock, layer, (30, 35), (30, 45))
    classes = dock.viewer.layers["scene superpixels classes"].data
    assert (classes[3, 3], classes[30, 40]) == (1, 2)
    panel.classes.item(1).setText("disc")
    text = dock.click("classes")
    assert text.startswith("Done: 40 superpixels classified from ")
    found = dock.viewer.layers["scene superpixels predicted"].data
    assert (found == dock.disc + 1).mean() > 0.93
    confidence = dock.viewer.layers["scene superpixels confidence"]
    assert confidence.data[30, 40] > 0.7
    press(dock, panel.sure)
    assert confidence.visible
    press(dock, panel.sure)
    press(dock, panel.doubt)
    (unsure,) = dock.picking.selected
    assert confidence.data[layer.data == unsure].max() == confidence.data.min()
    for theme in ("light", "dark"):
        dock.viewer.theme = theme
        show(dock, panel)
        screenshot(dock, artifacts / f"pick-classes-{theme}.png")

    from qtpy.QtWidgets import QFileDialog

    path = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    with dock.qtbot.waitSignal(dock.dock.idle):
        press(dock, panel.saving)
    saved = tmp_path / "mine.sen.json"
    assert saved.is_file()
    while dock.picking.pieces.can_undo:
        press(dock, panel.actions_["undo"])
    assert not (dock.viewer.layers["scene superpixels classes"].data > 0).any()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(saved), ""))
    press(dock, panel.loading)
    np.testing.assert_array_equal(dock.viewer.layers["scene superpixels classes"].data, classes)
    assert "put back" in dock.dock.status.text.text()


def show(dock, widget):
    from qtpy.QtWidgets import QScrollArea

    dock.viewer.window.resize(1400, 950)
    dock.dock.findChild(QScrollArea).ensureWidgetVisible(widget, 0, 2000)


def test_what_is_missing_is_a_notification(dock):
    text = dock.click("classes")
    assert "paint superpixels of two classes" in text
    press(dock, dock.panel.select)
    drag(dock, labels(dock), (2, 2))
    key(dock, "M")
    assert "touch each other" in dock.dock.status.text.text()
    key(dock, "9")
    assert "no class 9" in dock.dock.status.text.text()


def test_it_stops_with_its_layer(dock):
    layer = labels(dock)
    press(dock, dock.panel.select)
    drag(dock, layer, (2, 2))
    dock.viewer.layers.remove(layer)
    dock.qtbot.waitUntil(lambda: not dock.panel.toggle.isChecked())
    assert dock.picking.partition is None
    assert layer.editable
    dock.qtbot.waitUntil(lambda: "scene superpixels selection" not in dock.viewer.layers)
    press(dock, dock.panel.toggle)
    assert "Make superpixels first" in dock.dock.status.text.text()
    assert not dock.panel.toggle.isChecked()


def test_another_press_gives_the_layer_back(dock):
    layer = labels(dock)
    drag(dock, layer, (2, 2))
    press(dock, dock.panel.toggle)
    dock.qtbot.waitUntil(lambda: "scene superpixels selection" not in dock.viewer.layers)
    drag(dock, layer, (30, 40))
    assert dock.picking.selected == set()
    assert layer.mouse_pan


def test_pieces_split_as_the_tree_and_follow_the_slider(dock):
    layer, granularity = labels(dock), dock.dock.session.granularity
    granularity.show(5)
    press(dock, dock.panel.select)
    drag(dock, layer, (30, 40))
    key(dock, "S")
    assert len(np.unique(layer.data)) == 6
    granularity.show(9)
    assert dock.picking.layer is layer
    assert len(np.unique(layer.data)) == 9


def test_it_stops_where_another_part_of_the_image_is_cut(dock):
    """What was painted just before is saved; the buttons and the mouse know that it is over."""
    from napari_sen.plugin.steps.classing import autosaved

    layer, session = labels(dock), dock.dock.session
    dock.panel._saver.setInterval(600_000)  # nothing is saved by the way, however slow we are
    drag(dock, layer, (3, 3), (3, 40))
    file = autosaved(session.classifying._digest_of(dock.picking.pieces.base))
    assert not file.exists()
    session.region = dock.viewer.add_shapes([np.array([(5, 5), (5, 20), (20, 20), (20, 5)])])
    session.run("superpixels")
    assert file.is_file()
    dock.qtbot.waitUntil(lambda: not dock.panel.toggle.isChecked())
    assert not dock.panel.tools_widget.isEnabled()
    assert layer.mouse_pan
    dock.qtbot.waitUntil(lambda: "scene superpixels classes" not in dock.viewer.layers)


def test_it_stops_where_flat_superpixels_are_made_anew(dock):
    session, panel = dock.dock.session, dock.panel
    dock.click("flat")
    layer = dock.viewer.layers["scene flat superpixels"]
    panel.box.choose(layer)
    dock.qtbot.waitUntil(lambda: not panel.toggle.isChecked())
    press(dock, panel.toggle)
    assert dock.picking.layer is layer
    drag(dock, layer, (3, 3), (3, 40))
    session.ask(12)
    dock.click("flat")
    assert dock.viewer.layers["scene flat superpixels"] is layer
    dock.qtbot.waitUntil(lambda: not panel.toggle.isChecked())
    press(dock, panel.toggle)
    assert dock.picking.pieces.n_leaves == len(np.unique(layer.data)) < 20
    assert not dock.picking.pieces.classes()


def test_painting_survives_the_switch(dock):
    layer = labels(dock)
    drag(dock, layer, (3, 3), (3, 40))
    painted = dock.picking.pieces.classes()
    press(dock, dock.panel.toggle)
    press(dock, dock.panel.toggle)
    assert dock.picking.pieces.classes() == painted
    assert dock.panel.actions_["undo"].isEnabled()
    press(dock, dock.panel.actions_["undo"])
    assert dock.picking.pieces.classes() == {}


def test_a_stroke_that_cannot_be_saved_by_itself_is_told(dock, errors, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    drag(dock, labels(dock), (3, 3), (3, 40))
    dock.qtbot.waitUntil(lambda: "cannot be saved by itself" in " ".join(errors))


def test_prediction_follows_the_strokes(dock):
    layer, panel = labels(dock), dock.panel
    panel.live.setChecked(True)
    drag(dock, layer, (3, 3), (3, 40))
    panel.classes.setCurrentRow(1)
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=30_000):
        drag(dock, layer, (30, 35), (30, 45))
    found = dock.viewer.layers["scene superpixels predicted"]
    assert (found.data == dock.disc + 1).mean() > 0.9


def test_objects_outlines_and_a_folder(dock, tmp_path, monkeypatch):
    import imageio.v3 as iio
    from qtpy.QtWidgets import QFileDialog

    layer, panel = labels(dock), dock.panel
    objects = panel.objects
    assert "no two superpixels of one class" in failure(dock, objects.join)
    panel.classes.setCurrentRow(0)
    drag(dock, layer, (3, 3), (3, 40))
    panel.classes.setCurrentRow(1)
    drag(dock, layer, (30, 35), (30, 45))
    dock.click("classes")
    with dock.qtbot.waitSignal(dock.dock.idle) as told:
        press_in_view(dock, objects.join)
    assert told.args[0] == "Joined: 1 background, 1 object."
    assert len(dock.picking.pieces.pieces) == 2

    path = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    for kind, suffix in (("geojson", ".geojson"), ("rois", ".zip"), ("labels", ".tif")):
        with dock.qtbot.waitSignal(dock.dock.idle) as told:
            panel.export.menu_actions[kind].trigger()
        assert told.args[0] == f"1 background, 1 object written to mine{suffix}."
        assert path.with_suffix(suffix).is_file()

    with dock.qtbot.waitSignal(dock.dock.idle) as told:
        press_in_view(dock, objects.recipe)
    assert "saved to mine.json" in told.args[0]
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    out.mkdir()
    iio.imwrite(images / "a.png", dock.viewer.layers["scene"].data)
    (images / "b.png").write_bytes(b"no picture")
    chosen = iter([str(images), str(out)])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: next(chosen))
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=60_000) as told:
        press_in_view(dock, objects.apply)
    assert "2 images, results in out; 1 failed" in told.args[0]
    assert (out / "a.objects.geojson").is_file()

    # What was written gives the superpixels their classes again.
    while dock.picking.pieces.can_undo:
        press(dock, panel.actions_["undo"])
    written = str(path.with_suffix(".geojson"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (written, ""))
    press_in_view(dock, panel.loading)
    assert (dock.picking.pieces.class_table()[1:] > 0).all()
    while dock.picking.pieces.can_undo:
        press(dock, panel.actions_["undo"])
    dock.viewer.add_labels(dock.disc.astype(int) + 1, name="by hand", scale=(0.5, 0.5))
    objects.offer()
    (action,) = objects.menu.actions()
    action.trigger()
    painted = dock.picking.pieces.class_table()[dock.picking.pieces.base]
    assert (painted == dock.disc + 1).mean() > 0.9


def press_in_view(opened, button):
    """Press a button once it has been scrolled into view."""
    from qtpy.QtWidgets import QApplication, QScrollArea

    def can_be_clicked():
        opened.dock.findChild(QScrollArea).ensureWidgetVisible(button)
        QApplication.processEvents()
        return not button.visibleRegion().isEmpty()

    opened.qtbot.waitUntil(can_be_clicked, timeout=5000)
    press(opened, button)


def failure(opened, button):
    """Press a button, and return what the dock says about why nothing came of it."""
    with opened.qtbot.waitSignal(opened.dock.idle) as told:
        press_in_view(opened, button)
    return told.args[0]
