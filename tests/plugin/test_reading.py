"""Model files and annotations that are dropped onto napari."""

import shutil

import numpy as np
import pytest

from napari_sen.learn.registry import bundled_models_folder
from napari_sen.plugin.layers.reading import get_reader, inbox

pytestmark = pytest.mark.gui


@pytest.fixture
def model_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = tmp_path / "colleague.safetensors"
    shutil.copyfile(bundled_models_folder() / "natural.safetensors", path)
    return path


def drop(viewer, path):
    """Drop a file onto the canvas."""
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window = viewer.window._qt_viewer
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPointF(9, 9), copy, mime, left, Qt.KeyboardModifier.NoModifier))


def test_a_dropped_model_can_be_chosen(opened, model_file):
    drop(opened.viewer, model_file)
    box = opened.dock.choices.model
    opened.qtbot.waitUntil(lambda: box.findText("colleague") >= 0, timeout=30_000)
    assert len(opened.viewer.layers) == 0


def test_a_file_that_is_no_model_is_a_notification(opened, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing")
    with opened.qtbot.waitSignal(opened.dock.idle, timeout=30_000) as ended:
        opened.viewer.open(path, plugin="napari-sen")
    assert "broken.safetensors" in ended.args[0]


def test_a_dropped_annotation_is_loaded(opened, tmp_path):
    path = tmp_path / "old.sen.json"
    path.write_text("{}")
    drop(opened.viewer, path)
    assert "cannot read the annotation" in opened.dock.status.text.text()


def test_a_dropped_annotation_puts_pieces_and_classes_back(opened, photo, tmp_path):
    opened.dock.session.model = None
    opened.viewer.add_image(photo, name="photo", rgb=True)
    opened.dock.session.ask(30)
    opened.click("superpixels")
    panel, picking = opened.dock.panels["classes"], opened.dock.session.picking
    panel.toggle.click()
    picking.select(picking.along((10, 10), (10, 60)))
    picking.merge()
    picking.rename_class(2, "cup")
    picking.paint([int(picking.pieces.pieces[-1])], 2)
    before = picking.picked()
    with opened.qtbot.waitSignal(opened.dock.idle, timeout=30_000):
        panel.save.emit(tmp_path / "cup.sen.json")
    picking.undo()
    picking.undo()
    picking.rename_class(2, "something else")
    assert not picking.picked().classes.any()
    drop(opened.viewer, tmp_path / "cup.sen.json")
    opened.qtbot.waitUntil(lambda: picking.class_names[1] == "cup", timeout=30_000)
    after = picking.picked()
    np.testing.assert_array_equal(after.pieces, before.pieces)
    np.testing.assert_array_equal(after.classes, before.classes)
    assert panel.classes.item(1).text() == "cup"
    panel.toggle.click()


def test_without_a_dock_one_is_opened(make_napari_viewer, qtbot, found, model_file):
    viewer = make_napari_viewer()
    assert len(inbox.arrived) == 0
    viewer.open(model_file, plugin="napari-sen")
    dock = next(iter(viewer.window.dock_widgets.values()))
    qtbot.waitUntil(lambda: dock.choices.model.findText("colleague") >= 0, timeout=30_000)


def test_the_reader_takes_these_files_only():
    assert get_reader("a.safetensors")
    assert get_reader(["a.safetensors", "b.sen.json"])
    assert get_reader(["a.safetensors", "b.tif"]) is None
    assert get_reader("a.json") is None
