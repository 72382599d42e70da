"""Every step works beside the window, and stops when it is told to."""

import threading
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest

from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.steps import STEPS as STEPS_OF_DOCK

from .test_dock import set_tiny, type_into

pytestmark = pytest.mark.gui

STEPS = ("pseudo_labels", "train", "embed", "superpixels", "flat", "contours")


@pytest.fixture
def dock(opened, monkeypatch, tmp_path):
    """The dock with a photograph of 600 x 800 pixels, and forms that make short work of it."""
    from napari_sen.data import load_sample

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    photo = np.tile(load_sample("coffee")[0], (2, 2, 1))[:600, :800]
    opened.viewer.add_image(photo, name="photo", rgb=True)
    panels = opened.dock.panels
    set_tiny(panels["train"], steps=30)
    (form,) = panels["pseudo_labels"].forms.values()
    type_into(form.editors["spacings"], "9, 19")
    type_into(form.editors["compactnesses"], "10")
    return opened


def paint(dock):
    """Paint two classes onto superpixels; return the panel."""
    panel, picking = dock.dock.panels["classes"], dock.dock.session.picking
    panel.box.choose(dock.viewer.layers["photo superpixels"])
    panel.toggle.click()
    picking.paint([3, 8], 1)
    picking.paint([40, 41], 2)
    return panel


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("key", [*STEPS, "boundary_map"])
def test_no_step_works_in_the_thread_of_the_window(dock, key, monkeypatch):
    """How long the window stands still is measured by benchmarks/plugin.py."""
    if key == "boundary_map":
        dock.click("superpixels")
    step, seen = STEPS_OF_DOCK[key], []

    def perform(source, settings, control):
        seen.append(threading.current_thread())
        return step.perform(source, settings, control)

    monkeypatch.setitem(STEPS_OF_DOCK, key, replace(step, perform=perform))
    assert dock.click(key).startswith("Done")
    assert len(seen) == 1
    assert seen[0] is not threading.main_thread()


@pytest.fixture
def reports(monkeypatch):
    """How often the running step has reported so far."""
    seen, progress = [], Control.progress

    def counted(self, *report):
        seen.append(report)
        progress(self, *report)

    monkeypatch.setattr(Control, "progress", counted)
    return seen


def cancel_after(dock, key, reports, count):
    """Begin a step and cancel it once it has reported so often; return how it ended."""
    reports.clear()
    dock.dock.session.models.forget()
    ended = []
    dock.dock.idle.connect(ended.append)
    dock.press(key)
    dock.qtbot.waitUntil(lambda: len(reports) >= count or bool(ended), timeout=60_000)
    if not ended:
        dock.dock.status.button.click()
    dock.qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    dock.dock.idle.disconnect(ended.append)
    return ended[0]


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("key", STEPS)
def test_cancel_is_heard_at_any_moment(dock, reports, key):
    """Be it in a network, in a kernel or between them."""
    set_tiny(dock.dock.panels["train"], steps=1_000_000)
    for count in (1, 5, 40):
        layers = list(dock.viewer.layers)
        ended = cancel_after(dock, key, reports, count)
        assert count > 1 or ended == "Cancelled; nothing was kept."
        if ended.startswith("Cancelled"):
            assert list(dock.viewer.layers) == layers


@pytest.mark.usefixtures("one_torch_thread")
def test_cancel_of_the_classes_leaves_what_was_painted(dock, reports):
    """The embedding that they are told apart by is what takes the time."""
    dock.click("superpixels")
    panel, picking = paint(dock), dock.dock.session.picking
    layers, painted = list(dock.viewer.layers), picking.picked().classes.copy()
    for count in (1, 5):
        ended = cancel_after(dock, "classes", reports, count)
        assert ended == "Cancelled; nothing was kept."
        assert list(dock.viewer.layers) == layers
        np.testing.assert_array_equal(picking.picked().classes, painted)
    assert dock.click("classes").startswith("Done: ")
    assert "photo superpixels predicted" in dock.viewer.layers
    panel.toggle.click()


@pytest.mark.parametrize("key", ["superpixels", "contours", "embed", "train"])
def test_cancel_does_not_wait_for_a_slow_disk(opened, key, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    free = threading.Event()

    def read():
        free.wait(30)
        return np.zeros((60, 80), np.uint8)

    image = da.from_delayed(dask.delayed(read)(), (60, 80), np.uint8)
    with monkeypatch.context() as patch:
        patch.setattr(free, "wait", lambda timeout: None)  # napari looks at it, too
        opened.viewer.add_image(image, name="far", contrast_limits=(0, 1), cache=False)
        opened.viewer.window.screenshot(canvas_only=True, flash=False)  # it has looked at it then
    set_tiny(opened.dock.panels["train"])
    with opened.qtbot.waitSignal(opened.dock.idle, timeout=60_000) as idle:
        opened.press(key)
        opened.qtbot.waitUntil(lambda: "Reading" in opened.dock.status.text.text(), timeout=9000)
        opened.dock.status.button.click()
    assert idle.args[0] == "Cancelled; nothing was kept."
    assert [layer.name for layer in opened.viewer.layers] == ["far"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    free.set()
