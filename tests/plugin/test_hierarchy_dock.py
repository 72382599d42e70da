"""The hierarchy in a real viewer: build, drag, type, keep, delete, cancel."""

import threading

import numpy as np
import pytest
from napari.layers import Image, Labels
from skimage.measure import label as connected_pieces

from .test_dock import PLACE, assert_same_place, choose_model, screenshot, waiting

pytestmark = pytest.mark.gui


@pytest.fixture
def dock(opened, photo):
    opened.viewer.add_image(photo, name="photo", rgb=True, **PLACE)
    choose_model(opened.dock, "none (colour only)")
    return opened


def level_of(dock):
    return dock.dock.panels["hierarchy"].level


def slide(dock, position):
    """Move the slider and wait until the layer shows its number, which is returned."""
    level, granularity = level_of(dock), dock.dock.session.granularity
    level.slider.setValue(position)
    dock.qtbot.waitUntil(lambda: granularity.number == level.number.value())
    return granularity.number


def press(dock, button):
    from qtpy.QtCore import Qt

    dock.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def assert_shows(layer, number):
    assert np.unique(layer.data).tolist() == list(range(1, number + 1))
    assert connected_pieces(layer.data, connectivity=1, background=0).max() == number


def test_one_tree_at_every_number(dock):
    level = level_of(dock)
    assert not level.isEnabled()
    text = dock.click("hierarchy")
    assert text == "Done: 1 to 123 superpixels, by the slider (colour only)."
    (layer,) = dock.added(1)
    assert isinstance(layer, Labels)
    assert layer.contour == 1
    assert_same_place(layer, dock.viewer.layers["photo"])
    assert level.isEnabled()
    assert (level.number.minimum(), level.number.maximum()) == (1, 123)
    assert level.range.text() == "photo: 1 to 123 superpixels"
    last = level.slider.maximum()
    seen = [slide(dock, position) for position in (0, last, last // 2)]
    assert seen[:2] == [1, 123]
    assert 1 < seen[2] < 123
    assert_shows(layer, seen[2])
    for position, number in [(0, 1), (last, 123)]:
        slide(dock, position)
        assert_shows(layer, number)
    assert dock.added(1) == [layer]
    assert layer.data.dtype == np.uint16


def test_the_exact_number_moves_the_slider_too(dock):
    dock.click("hierarchy")
    level, granularity = level_of(dock), dock.dock.session.granularity
    level.number.setValue(17)
    dock.qtbot.waitUntil(lambda: granularity.number == 17)
    assert_shows(dock.viewer.layers[-1], 17)
    position = level.slider.value()
    assert 0 < position < level.slider.maximum()
    granularity.show(80)
    assert level.number.value() == 80
    assert level.slider.value() > position


def test_a_fast_drag_ends_where_it_ends(dock):
    """Not every number on the way is drawn, but the last one is."""
    dock.click("hierarchy")
    level, granularity = level_of(dock), dock.dock.session.granularity
    shown = []
    granularity.changed.connect(lambda: shown.append(granularity.number))
    for position in range(level.slider.maximum(), 10, -1):
        level.slider.setValue(position)
    wanted = level.number.value()
    dock.qtbot.waitUntil(lambda: granularity.number == wanted)
    assert len(shown) < 5
    assert_shows(dock.viewer.layers[-1], wanted)


def test_keep_map_and_pictures(dock, artifacts):
    dock.viewer.layers.clear()
    dock.viewer.open_sample("napari-sen", "coffee")
    dock.click("hierarchy")
    level = level_of(dock)
    level.number.setValue(300)
    press(dock, level.keep)  # at once: what the box says is kept, shown already or not
    level.number.setValue(40)
    dock.qtbot.waitUntil(lambda: dock.dock.session.granularity.number == 40)
    kept, live = dock.added(1)
    assert (kept.name, live.name) == ("coffee 300 superpixels", "coffee hierarchy")
    assert_shows(kept, 300)
    assert_shows(live, 40)
    for theme in ("light", "dark"):
        dock.viewer.theme = theme
        show_panel(dock)
        screenshot(dock, artifacts / f"dock-hierarchy-{theme}.png")
    press(dock, level.map)
    picture = dock.viewer.layers[-1]
    assert isinstance(picture, Image)
    assert picture.name == "coffee boundary map"
    assert_same_place(picture, dock.viewer.layers["coffee"])
    live.visible = False
    show_panel(dock)
    screenshot(dock, artifacts / "dock-hierarchy-map.png")


def show_panel(dock):
    from qtpy.QtWidgets import QScrollArea

    dock.viewer.window.resize(1400, 950)
    dock.dock.findChild(QScrollArea).ensureWidgetVisible(level_of(dock), 0, 60)


def test_a_deleted_layer_comes_back_with_the_next_move(dock):
    dock.click("hierarchy")
    slide(dock, 0)
    del dock.viewer.layers[-1]
    number = slide(dock, 30)
    (layer,) = dock.added(1)
    assert layer.name == "photo hierarchy"
    assert_shows(layer, number)


def test_cancel_leaves_the_tree_that_was_there(dock, fake_step):
    dock.click("hierarchy")
    slide(dock, 5)
    tree, layers = dock.dock.session.granularity.tree, list(dock.viewer.layers)
    begun = threading.Event()
    fake_step("hierarchy", waiting(begun))
    dock.press("hierarchy")
    dock.qtbot.waitUntil(begun.is_set)
    with dock.qtbot.waitSignal(dock.dock.idle, timeout=1000) as ended:
        dock.dock.status.button.click()
    assert ended.args == ["Cancelled; nothing was kept."]
    assert dock.dock.session.granularity.tree is tree
    assert list(dock.viewer.layers) == layers
    assert slide(dock, 9) == layers[-1].data.max()


def test_a_stack_one_by_one_is_refused_with_the_remedy(dock):
    dock.viewer.layers.clear()
    stack = np.random.default_rng(0).integers(0, 4000, (3, 30, 40), np.uint16)
    dock.viewer.add_image(stack, name="stack")
    dock.dock.image.stack.setCurrentText("Every slice, one by one")
    assert "choose the current slice or the whole volume" in dock.click("hierarchy")
    dock.dock.image.stack.setCurrentText("Whole volume (3-D)")
    assert dock.click("hierarchy").startswith("Done")
    assert slide(dock, 1) == 2
    assert dock.viewer.layers[-1].data.shape == stack.shape


def test_closing_the_dock_lets_the_tree_go(dock):
    dock.click("hierarchy")
    session = dock.dock.session
    gone = []
    dock.dock.destroyed.connect(lambda: gone.append(True))
    dock.viewer.window.remove_dock_widget(dock.dock)
    dock.qtbot.waitUntil(lambda: bool(gone), timeout=1000)
    assert session.granularity.tree is None
    assert len(dock.viewer.layers) == 2
