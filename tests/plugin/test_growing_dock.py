"""A tiled result in a real viewer: it grows, stops, goes on, also in a new viewer."""

import threading

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image
from skimage.data import astronaut

import napari_sen
from napari_sen.errors import ImageError
from napari_sen.pipeline import leaves, superpixels
from napari_sen.plugin.qt import store_chooser
from napari_sen.plugin.qt.store_chooser import chosen_goal
from napari_sen.plugin.state.layer_image import LayerImage
from napari_sen.plugin.state.placement import pixel_size

from .conftest import assert_no_threads
from .test_dock import assert_same_place, choose_model

pytestmark = pytest.mark.gui

PLACE = {"scale": (0.5, 0.5), "translate": (30, -20), "rotate": 20, "shear": [0.1], "units": "um"}
TILES = 12


class Gate:
    """Lets so many tiles through, and no more until told."""

    def __init__(self):
        self.free = threading.Semaphore(0)
        self.work = superpixels.grow_superpixels

    def open(self, tiles):
        for _ in range(tiles):
            self.free.release()

    def __call__(self, common, growth, scene, item, poll):
        while not self.free.acquire(timeout=0.02):
            poll()
        return self.work(common, growth, scene, item, poll)


@pytest.fixture
def labels(path):
    """What the Python call gives."""
    layer = Image(zarr.open_array(path, mode="r"), multiscale=False, **PLACE)
    size = tuple(pixel_size(layer))
    return napari_sen.segment(
        path, size=5, method="snic", spacing=size, model=None, tile=128
    ).compute()


@pytest.fixture
def gate(monkeypatch, labels):
    gate = Gate()
    monkeypatch.setattr(superpixels, "grow_superpixels", gate)
    return gate


@pytest.fixture
def path(tmp_path):
    array = zarr.create_array(
        tmp_path / "slide.zarr", shape=(300, 420), chunks=(64, 64), dtype="u1"
    )
    array[...] = astronaut()[:300, :420, 1]
    return tmp_path / "slide.zarr"


def fill_in(opened, path):
    """Open the image and ask for superpixels in tiles."""
    opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", **PLACE)
    choose_model(opened.dock, "none (colour only)")
    opened.dock.session.ask(diameter=5)
    panel = opened.dock.panels["flat"]
    panel.store.wanted.setChecked(True)
    panel.store.tile.setValue(128)
    return panel.store


@pytest.fixture
def dock(opened, gate, path):
    fill_in(opened, path)
    return opened


def until_tiles(opened, count):
    """Wait until so many tiles are in the layer; return the layer."""

    opened.qtbot.waitUntil(lambda: opened.dock.growing.n_done >= count, timeout=60_000)
    return opened.viewer.layers["slide flat superpixels"]


def visible_share(layer):
    """Return which share of the pixels that the viewer holds is labelled."""
    return np.count_nonzero(layer._slice.image.raw) / layer._slice.image.raw.size


def test_the_layer_grows_stops_and_goes_on(dock, gate, path, labels):
    chooser = dock.dock.panels["flat"].store
    goal = path.with_name("slide_flat-superpixels.sen.zarr")
    assert chooser.path.text() == str(goal)
    assert "12 tiles, at most" in chooser.about.text()
    dock.press("flat")
    gate.open(4)
    layer = until_tiles(dock, 4)
    assert not goal.exists()
    assert layer.multiscale
    assert not layer.editable
    assert_same_place(layer, dock.viewer.layers["slide"])
    dock.viewer.reset_view()
    dock.qtbot.waitUntil(lambda: visible_share(layer) > 0.2, timeout=60_000)
    assert visible_share(layer) < 0.6
    gate.open(3)
    until_tiles(dock, 7)
    dock.qtbot.waitUntil(lambda: visible_share(layer) > 0.45, timeout=60_000)
    with dock.qtbot.waitSignal(dock.dock.idle) as ended:
        dock.dock.cancel()
    assert "7 of 12 tiles are kept" in ended.args[0]
    assert "to go on" in ended.args[0]
    assert "goes on" in chooser.about.text()
    gate.open(TILES)
    text = dock.click("flat")
    assert text.startswith("Done: ")
    assert goal.name in text
    assert len(dock.viewer.layers) == 2
    assert dock.viewer.layers["slide flat superpixels"] is layer
    # It is drawn as all superpixels are, and is known as those of its image.
    assert len(np.unique(layer.colormap.map(np.arange(1, 9)), axis=0)) == 1
    panel = dock.dock.panels["superpixels"]
    assert "lie on disk" in panel.note.text()
    panel.looks["random"].click()
    assert len(np.unique(layer.colormap.map(np.arange(1, 9)), axis=0)) > 4
    dock.viewer.layers.selection.active = dock.viewer.layers["slide"]
    assert "lie on disk" in panel.note.text()
    assert layer.editable is False
    assert_same_place(layer, dock.viewer.layers["slide"])
    np.testing.assert_array_equal(np.asarray(layer.data[0]), labels)
    assert chooser.path.text() == str(path.with_name("slide_flat-superpixels_2.sen.zarr"))


def test_a_closed_viewer_goes_on_in_a_new_one(dock, gate, path, labels, make_napari_viewer):
    dock.press("flat")
    gate.open(5)
    until_tiles(dock, 5)
    dock.viewer.close()
    assert_no_threads(dock.qtbot)
    viewer = make_napari_viewer(show=True)
    _, new = viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    again = type(dock)(viewer, new, dock.qtbot)
    chooser = fill_in(again, path)
    assert "unfinished run is there" in chooser.about.text()
    gate.open(TILES - 5)  # the others are not made again
    assert again.click("flat").startswith("Done: ")
    layer = viewer.layers["slide flat superpixels"]
    np.testing.assert_array_equal(np.asarray(layer.data[0]), labels)


def test_an_unfinished_result_is_only_looked_at(dock, gate):
    dock.press("flat")
    gate.open(3)
    layer, session = until_tiles(dock, 3), dock.dock.session
    with pytest.raises(ImageError, match="is not finished"):
        session.pick(layer)
    session.mask = layer
    with pytest.raises(ImageError, match="is not finished"):
        session.source()
    session.mask = None
    gate.open(TILES)
    dock.qtbot.waitUntil(lambda: not dock.dock.runner.is_busy, timeout=60_000)
    session.pick(dock.viewer.layers["slide flat superpixels"])
    assert session.picking.pieces.base.shape == (300, 420)


def test_a_dock_that_closes_leaves_a_layer_that_can_be_looked_at(dock, gate):
    dock.press("flat")
    gate.open(6)
    layer = until_tiles(dock, 6)
    dock.viewer.window.remove_dock_widget("all")
    level = np.asarray(layer.data[0])
    tiles = level[:256].reshape(2, 128, 420)[..., :384].reshape(2, 128, 3, 128)
    assert (tiles[:, 64, :, 64] > 0).sum() >= 3


def test_other_parameters_are_refused_until_asked_to_overwrite(dock, gate, path):
    dock.press("flat")
    gate.open(3)
    until_tiles(dock, 3)
    with dock.qtbot.waitSignal(dock.dock.idle):
        dock.dock.cancel()
    panel = dock.dock.panels["flat"]
    dock.dock.session.ask(diameter=8)
    text = dock.click("flat")
    assert text.startswith("Not done: ")
    assert "size was 5, now 8" in text
    assert "tick 'Overwrite what is there'" in text
    assert str(path.parent) not in text
    panel.store.overwrite.setChecked(True)
    gate.open(TILES)
    assert dock.click("flat").startswith("Done: ")
    assert not panel.store.overwrite.isChecked()
    assert len(dock.viewer.layers) == 2


def test_a_removed_layer_comes_back_at_the_end(dock, gate):
    dock.press("flat")
    gate.open(3)
    dock.viewer.layers.remove(until_tiles(dock, 3))
    dock.qtbot.waitUntil(lambda: not dock.dock.growing._timer.isActive())
    with dock.qtbot.waitSignal(dock.dock.idle) as ended:
        dock.dock.cancel()
    assert "3 of 12 tiles are kept" in ended.args[0]
    assert len(dock.viewer.layers) == 1
    dock.press("flat")
    gate.open(2)
    dock.viewer.layers.remove(until_tiles(dock, 5))
    gate.open(TILES)
    dock.qtbot.waitUntil(lambda: not dock.dock.runner.is_busy, timeout=60_000)
    dock.qtbot.waitUntil(lambda: len(dock.viewer.layers) == 2)


def test_the_main_button_in_tiles(opened, path):
    """Cut from the tree, as in memory; the dock says where it goes, and shows it."""
    image = opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", **PLACE)
    choose_model(opened.dock, "none (colour only)")
    opened.dock.session.ask(diameter=9)
    store = opened.dock.panels["superpixels"].store
    store.wanted.setChecked(True)
    store.tile.setValue(128)
    text = opened.click("superpixels")
    assert text.startswith("Done: ")
    assert "in slide_superpixels.sen.zarr" in text
    (layer,) = opened.added(1)
    assert_same_place(layer, image)
    whole = napari_sen.segment(
        path, size=9, method="tree", spacing=tuple(pixel_size(image)), model=None, tile=128
    )
    np.testing.assert_array_equal(layer.data, whole.compute())
    # From here on it is as if it had been made in memory.
    panel = opened.dock.panels["superpixels"]
    assert panel.note.text() == ""
    panel.number.setValue(50)
    opened.qtbot.waitUntil(lambda: len(np.unique(layer.data)) == 50)
    panel.looks["mean"].click()
    assert len(np.unique(layer.colormap.map(np.arange(1, 9)), axis=0)) == 8
    opened.dock.session.pick(layer)
    assert opened.dock.session.picking.pieces.n_leaves > 500


def test_the_finest_pieces_are_seen_while_a_tree_is_made(opened, path, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(leaves, "grow_superpixels", gate)
    opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", **PLACE)
    choose_model(opened.dock, "none (colour only)")
    store = opened.dock.panels["superpixels"].store
    store.wanted.setChecked(True)
    store.tile.setValue(128)
    opened.press("superpixels")
    gate.open(3)
    opened.qtbot.waitUntil(lambda: opened.dock.growing.n_done >= 3, timeout=60_000)
    (layer,) = opened.added(1)
    opened.qtbot.waitUntil(lambda: visible_share(layer) > 0.1, timeout=60_000)
    assert visible_share(layer) < 0.6
    assert "finest pieces so far" in opened.dock.panels["superpixels"].note.text()
    gate.open(TILES)
    opened.qtbot.waitUntil(lambda: not opened.dock.runner.is_busy, timeout=120_000)
    opened.qtbot.waitUntil(lambda: opened.dock.session.granularity.trees is not None)
    (layer,) = opened.added(1)
    assert opened.dock.session.granularity.layer is layer


def test_an_embedding_and_its_colours(opened, path, one_torch_thread):
    image = opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", **PLACE)
    choose_model(opened.dock, "natural")
    panel = opened.dock.panels["embed"]
    panel.store.wanted.setChecked(True)
    panel.store.tile.setValue(160)
    assert "6 tiles, about" in panel.store.about.text()
    text = opened.click("embed")
    assert text.startswith("Done: 16 values per pixel, in ")
    whole, colours = opened.added(1)
    assert whole.name == "slide embedding (all channels)"
    assert colours.name == "slide embedding (PCA)"
    assert colours.rgb
    assert_same_place(colours, image)
    for layer in (whole, colours):
        assert isinstance(layer.data[0], da.Array)
    # Once more: the finished stores are shown, in the same layers.
    panel.store.show_path(str(path.with_name("slide_embedding.sen.zarr")))
    assert "finished result is there" in panel.store.about.text()
    assert opened.click("embed") == text
    assert opened.added(1) == [whole, colours]


def test_contours(opened, path):
    image = opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", **PLACE)
    choose_model(opened.dock, "none (colour only)")
    panel = opened.dock.panels["contours"]
    panel.store.wanted.setChecked(True)
    panel.store.tile.setValue(128)
    assert "12 tiles, about 672 kB" in panel.store.about.text()
    text = opened.click("contours")
    goal = path.with_name("slide_contours.sen.zarr")
    assert text == f"Done: contours (colour alone, no model), strength 0 to 1, in {goal.name}."
    (layer,) = opened.added(1)
    assert_same_place(layer, image)
    assert layer.contrast_limits == [0, 1]
    size = tuple(pixel_size(image))
    whole = napari_sen.contours(path, spacing=size, model=None, tile=128).compute()
    np.testing.assert_array_equal(np.asarray(layer.data[0]), whole)
    assert whole.any()
    mask = opened.viewer.add_labels(np.ones((300, 420), np.uint8), name="mask")
    opened.dock.session.mask = mask
    panel.store.wanted.setChecked(True)
    assert "choose no mask" in opened.click("contours")


def test_the_form_is_there_only_where_it_is_of_use(opened, path, monkeypatch, tmp_path):
    chooser = opened.dock.panels["flat"].store
    assert chooser.isHidden()
    opened.viewer.add_image(np.zeros((60, 60), np.uint8), name="small")
    assert chooser.isHidden()
    opened.viewer.add_image(zarr.open_array(path, mode="r"), name="slide")
    opened.dock.image.image.setCurrentText("slide")
    assert not chooser.isHidden()
    assert chooser.fold.isHidden()
    # An image that does not fit has no choice.
    monkeypatch.setattr(LayerImage, "fits", lambda *_: False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    opened.dock.image.image.setCurrentText("small")
    assert chooser.wanted.isChecked()
    assert not chooser.wanted.isEnabled()
    goal = tmp_path / "napari-sen" / "results" / "small_flat-superpixels.sen.zarr"
    assert chooser.path.text() == str(goal)


def test_defaults_are_not_in_tiles(opened, path):
    chooser = fill_in(opened, path)
    chooser.show_path("/elsewhere/x.zarr")
    opened.dock.defaults.click()
    assert not chooser.wanted.isChecked()
    chooser.wanted.setChecked(True)
    assert chooser.tile.value() == 0
    assert chooser.path.text() == str(path.with_name("slide_flat-superpixels.sen.zarr"))


def test_a_region_without_shapes_is_said_by_the_button_alone(opened, path):
    chooser = fill_in(opened, path)
    opened.viewer.add_shapes(name="nothing")
    opened.dock.part.region_box.setCurrentText("nothing")
    assert chooser.isHidden()
    assert "no rectangle, ellipse or polygon" in opened.click("flat")
    opened.dock.part.region_box.setCurrentText("Whole image")
    assert not chooser.isHidden()
    assert "12 tiles" in chooser.about.text()


def test_a_folder_is_chosen(opened, path, tmp_path, monkeypatch):
    chooser = fill_in(opened, path)
    (tmp_path / "elsewhere").mkdir()
    dialog = store_chooser.QFileDialog
    monkeypatch.setattr(dialog, "getExistingDirectory", lambda *given: str(tmp_path / "elsewhere"))
    chooser.browse.click()
    goal = tmp_path / "elsewhere" / "slide_flat-superpixels.sen.zarr"
    assert chooser.path.text() == str(goal)
    assert opened.dock.session.settings().storage["flat"].path == str(goal)
    assert chosen_goal(tmp_path / "a.zarr.partial", "x.zarr") == tmp_path / "a.zarr"
    assert chosen_goal(tmp_path / "a.zarr", "x.zarr") == tmp_path / "a.zarr"
