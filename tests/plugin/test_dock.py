"""The dock in a real viewer: look, click, wait, look at the layers."""

import threading

import numpy as np
import pytest
from napari.layers import Image, Labels
from skimage.measure import label as connected_pieces

from napari_sen import load_model

from .conftest import assert_no_threads

pytestmark = pytest.mark.gui

PLACE = {"scale": (0.5, 0.5), "translate": (30, -20), "rotate": 20, "units": "um"}


@pytest.fixture
def dock(opened, photo):
    """The dock with a small photograph that is scaled, moved and turned; colour alone."""
    opened.viewer.add_image(photo, name="photo", rgb=True, **PLACE)
    choose_model(opened.dock, "none (colour only)")
    return opened


def choose_model(dock, name):
    box = dock.choices.model
    assert box.findText(name) >= 0
    box.setCurrentText(name)


def type_into(edit, text):
    edit.clear()
    edit.setText(text)


def assert_same_place(layer, source):
    for point in [(0, 0), (10, 50), (-3, 7.5)]:
        np.testing.assert_allclose(layer.data_to_world(point), source.data_to_world(point))
    assert layer.units == source.units


def assert_superpixels(labels, count):
    assert np.unique(labels).tolist() == list(range(1, count + 1))
    pieces = connected_pieces(labels, connectivity=1, background=0)
    assert pieces.max() == count


def waiting(begun):
    """A step that works until it is stopped."""

    def perform(source, settings, control):
        while True:
            control.progress(1, 10, "waiting")
            begun.set()

    return perform


def screenshot(opened, path):
    opened.viewer.reset_view()
    opened.qtbot.waitUntil(lambda: not opened.dock.runner.is_busy)
    opened.viewer.window.resize(1400, 950)
    # The flash of an earlier one would still take the colours away.
    opened.viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    assert path.stat().st_size > 50_000


def test_an_empty_viewer_tells_what_to_do(opened, errors):
    assert "Open an image" in opened.dock.image.about.text()
    text = opened.click("superpixels")
    assert text.startswith("Not done: there is no image")
    assert any("there is no image" in message for message in errors)
    assert len(opened.viewer.layers) == 0


def test_superpixels_by_number(dock, artifacts):
    dock.dock.panels["superpixels"].number.setValue(60)
    text = dock.click("superpixels")
    assert text == "Done: 60 superpixels (colour alone, no model)."
    (layer,) = dock.added(1)
    assert isinstance(layer, Labels)
    assert layer.name == "photo superpixels"
    assert layer.data.dtype == np.uint16
    assert_superpixels(layer.data, 60)
    assert_same_place(layer, dock.viewer.layers["photo"])
    assert list(layer.features["index"]) == list(range(1, 61))
    assert layer.features["area (µm²)"].sum() == pytest.approx(96 * 128 / 4)
    for theme in ("dark", "light"):
        dock.viewer.theme = theme
        screenshot(dock, artifacts / f"dock-superpixels-{theme}.png")


def test_superpixels_by_diameter_in_micrometres(dock):
    panel = dock.dock.panels["superpixels"]
    # What suits an image of this size.
    assert panel.diameter.value() == pytest.approx(5.5, rel=0.01)
    assert panel.diameter.suffix() == " µm"
    panel.diameter.setValue(8)
    assert panel.number.value() == 48
    dock.click("superpixels")
    assert dock.added(1)[0].data.max() == 48


def test_pseudo_labels(dock):
    editors = dock.dock.panels["pseudo_labels"].forms
    (form,) = editors.values()
    type_into(form.editors["spacings"], "9, 13")
    type_into(form.editors["compactnesses"], "10, 40")
    dock.click("pseudo_labels")
    (layer,) = dock.added(1)
    assert layer.name == "photo pseudo-labels"
    assert len(layer.data) == 4
    for plane in layer.data:
        assert_superpixels(plane, plane.max())
    photo = dock.viewer.layers["photo"]
    place = photo.data_to_world((10, 50))
    np.testing.assert_allclose(layer.data_to_world((2, 10, 50)), (2, *place))


def test_contours(dock):
    dock.click("contours")
    (layer,) = dock.added(1)
    assert isinstance(layer, Image)
    assert layer.data.dtype == np.float32
    assert 0 < layer.data.max() <= 1
    assert_same_place(layer, dock.viewer.layers["photo"])
    assert dock.dock.session.layer.name == "photo"


def test_pictures_hide_each_other_and_do_not_pile_up(dock):
    assert "Not done: there are no superpixels yet" in dock.click("boundary_map")
    dock.click("contours")
    dock.dock.session.ask(60)
    dock.click("superpixels")
    assert dock.click("boundary_map") == "Done: boundary map of the superpixels of photo."
    contours, borders = (
        dock.viewer.layers[f"photo {name}"] for name in ("contours", "boundary map")
    )
    assert (contours.visible, borders.visible) == (False, True)
    assert_same_place(borders, dock.viewer.layers["photo"])
    before = borders.data
    dock.dock.session.granularity.even(1.0)
    dock.click("boundary_map")
    assert len(dock.viewer.layers) == 4
    assert not np.array_equal(borders.data, before)
    assert borders.contrast_limits[1] == borders.data.max()
    dock.click("contours")
    assert (contours.visible, borders.visible) == (True, False)
    assert len(dock.viewer.layers) == 4


@pytest.mark.usefixtures("one_torch_thread")
def test_train_then_embed_then_superpixels(dock, artifacts, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    panel = dock.dock.panels["train"]
    set_tiny(panel)
    (form,) = dock.dock.panels["pseudo_labels"].forms.values()
    type_into(form.editors["spacings"], "9")
    type_into(form.editors["compactnesses"], "10")
    panel.name.setText("tiny")
    text = dock.click("train")
    assert text == "Done: model tiny is trained and can be chosen."
    assert (tmp_path / "napari-sen" / "models" / "tiny.safetensors").is_file()
    assert [step for step, _ in dock.dock.session.losses.points] == [1, 2, 3, 4]
    metadata = load_model("tiny").metadata
    assert metadata["training"]["pseudo_labels"]["spacings"] == [9.0]
    assert dock.dock.session.model == "tiny"  # what was just learnt is chosen
    (preview,) = dock.added(1)
    assert preview.name == "photo training preview"
    assert preview.data.shape == (96, 128, 3)

    assert dock.click("embed") == "Done: 4 values per pixel, shown as 3 colours."
    (picture,) = dock.added(2)
    assert picture.name == "photo embedding"
    assert isinstance(picture, Image)
    assert picture.rgb
    assert picture.data.shape == (96, 128, 3)
    assert picture.data.dtype == np.uint8
    assert_same_place(picture, dock.viewer.layers["photo"])

    dock.dock.panels["superpixels"].number.setValue(50)
    text = dock.click("superpixels")
    assert text == "Done: 50 superpixels (model tiny)."
    assert_superpixels(dock.viewer.layers["photo superpixels"].data, 50)
    screenshot(dock, artifacts / "dock-trained.png")

    text = dock.click("train")
    assert "there is a model 'tiny' already" in text


def set_tiny(panel, steps=4):
    values = {
        "steps": steps, "batch": 1, "crop": 32, "dim": 4, "base_width": 4, "width_cap": 8,
        "iterations": 1, "landmarks": 16,
    }  # fmt: skip
    for form in panel.forms.values():
        for name, editor in form.editors.items():
            if name in values:
                editor.setValue(values[name])


def activity():
    """The bars in napari's activity dock."""
    from napari.utils import progress

    return list(progress._all_instances)


def test_cancel_adds_nothing_and_the_dock_is_usable_again(dock, fake_step):
    begun = threading.Event()
    fake_step("contours", waiting(begun))
    dock.press("contours")
    assert not dock.dock.panels["superpixels"].button.isEnabled()
    dock.qtbot.waitUntil(begun.is_set)
    dock.qtbot.waitUntil(lambda: "Waiting" in dock.dock.status.text.text())
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=60_000):
        dock.dock.status.button.click()
    assert dock.dock.status.text.text() == "Cancelled; nothing was kept."
    assert len(dock.viewer.layers) == 1
    others = [panel for key, panel in dock.dock.panels.items() if key != "classes"]
    assert all(panel.button.isEnabled() for panel in others)
    assert dock.click("superpixels").startswith("Done")


def test_a_dock_out_of_sight_tells_its_progress_in_the_activity_of_napari(dock, fake_step):
    begun = threading.Event()
    fake_step("contours", waiting(begun))
    dock.press("contours")
    dock.qtbot.waitUntil(lambda: "Waiting" in dock.dock.status.text.text())
    assert activity() == []  # its wheel draws the whole window anew, all the time
    dock.dock.parentWidget().hide()
    dock.qtbot.waitUntil(lambda: any(bar.n for bar in activity()))
    (bar,) = activity()
    assert (bar.desc, bar.n, bar.total) == ("Contours: waiting: ", 1, 10)
    dock.dock.parentWidget().show()
    dock.qtbot.waitUntil(lambda: activity() == [])
    dock.dock.parentWidget().hide()
    dock.qtbot.waitUntil(lambda: len(activity()) == 1)
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=60_000):
        dock.dock.status.button.click()
    dock.qtbot.waitUntil(lambda: activity() == [])


@pytest.fixture
def training(dock, monkeypatch, tmp_path):
    """A tiny training of a million steps, begun, its first picture shown."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    dock.panel = dock.dock.panels["train"]
    dock.folder = tmp_path / "napari-sen"
    set_tiny(dock.panel, steps=1_000_000)
    dock.panel.name.setText("long")
    with dock.qtbot.waitSignal(dock.dock.runner.live, timeout=60_000):
        dock.press("train")
    dock.qtbot.waitUntil(lambda: "photo training preview" in dock.viewer.layers, timeout=60_000)
    return dock


def click(dock, button):
    from qtpy.QtCore import Qt

    dock.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.usefixtures("one_torch_thread")
def test_cancelling_a_training_leaves_nothing(training):
    dock = training
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=5000) as ended:
        dock.dock.status.button.click()
    assert ended.args == ["Cancelled; nothing was kept."]
    assert [layer.name for layer in dock.viewer.layers] == ["photo"]
    assert not list(dock.folder.rglob("*.*"))
    assert not dock.panel.resume.isEnabled()


@pytest.mark.usefixtures("one_torch_thread")
def test_pause_stop_and_resume_a_training(training):
    dock, panel = training, training.panel
    place = dock.viewer.layers["photo training preview"].data_to_world((0, 0))
    np.testing.assert_allclose(place, dock.viewer.layers["photo"].data_to_world((0, 0)))
    click(dock, panel.pausing)
    assert dock.dock.status.text.text() == "Paused."
    dock.qtbot.waitUntil(lambda: dock.dock.runner.is_resting, timeout=60_000)
    steps = dock.dock.session.losses.points[-1][0]
    click(dock, panel.pausing)
    dock.qtbot.waitUntil(lambda: dock.dock.session.losses.points[-1][0] > steps, timeout=60_000)
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=60_000) as ended:
        click(dock, panel.stop)
    assert "model long is saved after" in ended.args[0]
    assert "of 1000000 steps; Resume goes on" in ended.args[0]
    assert dock.dock.choices.model.findText("long") >= 0
    done = dock.dock.session.losses.points[-1][0]
    text = dock.click("train")
    assert "unfinished training 'long': press Resume" in text
    # What the form says now does not matter: it goes on as it began.
    set_tiny(panel, steps=7)
    assert panel.resume.isEnabled()
    with dock.qtbot.waitSignal(dock.dock.runner.live, timeout=60_000):
        click(dock, panel.resume)
    losses = dock.dock.session.losses
    dock.qtbot.waitUntil(lambda: losses.points[-1][0] > done, timeout=60_000)
    assert [step for step, _ in losses.points[: done + 1]] == list(range(1, done + 2))
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=5000):
        dock.dock.status.button.click()
    assert panel.resume.isEnabled()  # the state that there was is kept
    assert (dock.folder / "models" / "long.safetensors").is_file()


@pytest.mark.usefixtures("one_torch_thread")
def test_training_on_layers_or_a_folder(dock, monkeypatch, tmp_path, photo):
    from imageio.v3 import imwrite

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    panel = dock.dock.panels["train"]
    set_tiny(panel)
    dock.viewer.add_image(photo[:60], name="second", rgb=True)
    dock.viewer.layers.selection = {dock.viewer.layers["photo"], dock.viewer.layers["second"]}
    panel.on.setCurrentText("The layers selected in the list")
    panel.name.setText("two")
    assert dock.click("train").startswith("Done: model two")
    assert load_model("two").metadata["training"]["images"] == 2
    folder = tmp_path / "images"
    text = ""
    panel.on.setCurrentText("A folder of images")
    panel.folder.setText(str(folder))
    panel.name.setText("folder")
    text = dock.click("train")
    assert f"there is no folder {folder}" in text
    folder.mkdir()
    for k in range(3):
        imwrite(folder / f"{k}.png", photo)
    panel.start.setCurrentText("two")
    assert dock.click("train").startswith("Done: model folder")
    metadata = load_model("folder").metadata
    assert metadata["training"]["images"] == 3
    assert metadata["training"]["start"]["name"] == "two"


def test_bad_input_is_a_notification(dock, errors):
    dock.viewer.layers.clear()
    image = np.zeros((40, 50), np.float32)
    image[3, 4] = np.nan
    dock.viewer.add_image(image, name="holes", contrast_limits=(0, 1))
    text = dock.click("superpixels")
    assert text.startswith("Not done: ")
    assert "NaN" in text
    assert any("NaN" in message for message in errors)
    assert len(dock.viewer.layers) == 1
    # One click leaves them out.
    assert dock.dock.status.offered.text() == "Leave these pixels out"
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=60_000) as ended:
        click(dock, dock.dock.status.offered)
    assert ended.args[0].startswith("Done")
    np.testing.assert_array_equal(dock.viewer.layers[-1].data == 0, np.isnan(image))
    assert dock.dock.part.finite.isChecked()
    assert dock.dock.status.offered.isHidden()


def test_bad_parameters_are_told_before_any_work(dock, errors):
    (form,) = dock.dock.panels["pseudo_labels"].forms.values()
    type_into(form.editors["spacings"], "1")
    with dock.qtbot.assertNotEmitted(dock.dock.runner.started):
        text = dock.click("pseudo_labels")
    assert "spacings must be at least 2" in text
    assert any("spacings must be at least 2" in message for message in errors)


def test_failures_of_any_kind_free_the_dock(dock, fake_step, errors):
    def perform(source, settings, control):
        raise RuntimeError("CUDA error")

    fake_step("contours", perform)
    assert "unexpected RuntimeError: CUDA error" in dock.click("contours")
    assert dock.click("superpixels").startswith("Done")


def test_the_chooser_follows_the_viewer(dock, photo):
    chooser = dock.dock.image.image
    dock.viewer.add_image(photo[..., 0], name="grey")
    dock.viewer.add_labels(np.zeros((5, 6), int))
    names = [chooser.itemText(index) for index in range(chooser.count())]
    assert names == ["photo", "grey"]
    assert chooser.currentText() == "grey"  # the newest one
    dock.viewer.layers.selection.active = dock.viewer.layers["photo"]
    assert chooser.currentText() == "photo"  # the selected one
    dock.dock.image.pin.click()
    dock.viewer.layers.selection.active = dock.viewer.layers["grey"]
    assert chooser.currentText() == "photo"
    dock.dock.image.pin.click()
    assert chooser.currentText() == "grey"
    dock.viewer.layers["grey"].name = "renamed"
    dock.viewer.layers.move(1, 0)
    assert chooser.currentText() == "renamed"
    assert dock.dock.session.layer is dock.viewer.layers["renamed"]
    dock.viewer.layers.remove("renamed")
    assert chooser.currentText() == "photo"
    dock.viewer.layers["photo"].scale = (2, 2)
    assert ", 2 µm;" in dock.dock.image.about.text()
    dock.viewer.layers.clear()
    assert dock.dock.session.layer is None


def test_the_result_belongs_to_the_layer_it_was_made_of(dock, fake_step, photo):
    """Another layer is chosen, and the source removed, while the step runs."""
    from napari_sen.plugin.steps.superpixels import superpixels

    begun, go_on = threading.Event(), threading.Event()

    def perform(source, settings, control):
        begun.set()
        assert go_on.wait(30)
        return superpixels(source, settings, control)

    fake_step("superpixels", perform)
    source = dock.viewer.layers["photo"]
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=30_000):
        dock.press("superpixels")
        dock.qtbot.waitUntil(begun.is_set)
        dock.viewer.add_image(photo[..., 0], name="other", scale=(7, 7), units="um")
        dock.viewer.layers.remove("photo")
        go_on.set()
    result = dock.viewer.layers["photo superpixels"]
    assert_same_place(result, source)


def test_stacks_and_channels(dock):
    stack = np.random.default_rng(0).integers(0, 4000, (2, 3, 40, 50), np.uint16)
    layer = dock.viewer.add_image(stack, name="stack", scale=(1, 3, 2, 2))
    dock.dock.image.image.setCurrentText("stack")
    chooser = dock.dock.image
    assert chooser.stack.isVisible()
    assert chooser.channels.isVisible()
    chooser.channels.setCurrentText("axis 0: 2 channels")
    dock.viewer.dims.set_point(1, 6)
    dock.dock.panels["superpixels"].number.setValue(20)
    dock.click("superpixels")
    result = dock.viewer.layers[-1]
    assert result.data.shape == (1, 40, 50)
    np.testing.assert_array_equal(result.translate, (6, 0, 0))
    assert_superpixels(result.data[0], 20)
    for choice, count in [("Every slice, one by one", 60), ("Whole volume (3-D)", 20)]:
        chooser.stack.setCurrentText(choice)
        dock.click("superpixels")
        result = dock.viewer.layers[-1]
        assert result.data.shape == (3, 40, 50)
        assert result.data.max() == count
        np.testing.assert_array_equal(result.scale, layer.scale[1:])


def test_a_multiscale_layer(dock, photo):
    grey = photo[..., 1]
    dock.viewer.add_image([grey, grey[::2, ::2]], name="pyramid", multiscale=True)
    dock.dock.image.image.setCurrentText("pyramid")
    dock.click("superpixels")
    assert dock.viewer.layers[-1].data.shape == grey.shape


def test_where_a_result_on_disk_goes_is_asked_in_the_dock(make_napari_viewer, qtbot, found):
    """And not in a window of its own, in the dock of superpixels alone either."""
    import dask.array as da
    from qtpy.QtWidgets import QApplication

    from napari_sen.plugin.qt.docks import SuperpixelsDock

    viewer = make_napari_viewer(show=True)
    viewer.add_image(da.zeros((64, 64), np.uint8, chunks=32), name="lazy")
    dock = SuperpixelsDock(viewer)
    shown = [each for each in QApplication.topLevelWidgets() if each.isVisible()]
    assert not any(type(each).__name__ == "StoreChooser" for each in shown)
    viewer.window.add_dock_widget(dock)
    store = dock.panels["superpixels"].store
    assert dock.isAncestorOf(store)
    dock.folds["Large images"].expand(animate=False)
    qtbot.waitUntil(store.isVisible)


def test_closing_the_dock_stops_the_work(dock, fake_step):
    begun = threading.Event()
    fake_step("contours", waiting(begun))
    dock.press("contours")
    dock.qtbot.waitUntil(begun.is_set)
    session = dock.dock.session
    gone = []
    dock.dock.destroyed.connect(lambda: gone.append(True))
    dock.viewer.window.remove_dock_widget(dock.dock)
    dock.qtbot.waitUntil(lambda: bool(gone), timeout=1000)
    assert_no_threads(dock.qtbot)
    dock.viewer.add_image(np.zeros((5, 6)))
    assert session.layer is None


def test_closing_the_viewer_stops_the_work(make_napari_viewer, qtbot, found, fake_step, photo):
    begun = threading.Event()
    fake_step("contours", waiting(begun))
    viewer = make_napari_viewer(show=True)
    viewer.add_image(photo, rgb=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    dock.start("contours")
    qtbot.waitUntil(begun.is_set)
    viewer.close()
    assert_no_threads(qtbot)


def test_the_choosers_find_models_and_devices(make_napari_viewer, qtbot, monkeypatch, tmp_path):
    from napari_sen.plugin.state.catalogue import catalogue

    monkeypatch.setattr(catalogue, "found", None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    box = dock.choices.device
    qtbot.waitUntil(lambda: catalogue.found is not None, timeout=30_000)
    assert [box.itemText(index) for index in range(2)] == ["auto", "cpu"]
    assert dock.choices.model.itemText(1) == "none (colour only)"
