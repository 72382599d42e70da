"""Session and dock tell each other: what one side sets, the other shows, without a button."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_sen.errors import ParameterError
from napari_sen.params import EmbedParams, PseudoLabelParams, SegmentParams, TrainParams
from napari_sen.plugin.state.catalogue import Found, catalogue
from napari_sen.plugin.state.choices import Choices
from napari_sen.plugin.state.observed import Observed
from napari_sen.plugin.state.storage import Storage
from napari_sen.plugin.steps.session import Session

from .test_dock import choose_model, type_into

gui = pytest.mark.gui


@pytest.fixture
def dock(opened, photo):
    opened.viewer.add_image(photo, name="first")
    opened.viewer.add_image(photo[::-1], name="second")
    opened.viewer.add_image(np.zeros((4, 3, 60, 80), np.uint16), name="stack", visible=False)
    opened.viewer.add_labels(np.ones((96, 128), np.uint8), name="inside")
    return opened


def heard(session):
    names = []
    session.changed.connect(names.append)
    return names


def test_every_attribute_tells_of_its_changes_once():
    session = Session()
    names = heard(session)
    told = [name for name, kind in vars(Choices).items() if isinstance(kind, Observed)]
    assert len(told) == 22
    for name in told:
        setattr(session, name, object())
        setattr(session, name, getattr(session, name))
    assert names == told
    names.clear()
    session.set(SegmentParams(n_segments=7), EmbedParams())
    assert names == ["SegmentParams"]
    session.storage = {}
    names.clear()
    session.store("embed", Storage(wanted=True))
    assert names == ["storage"]
    with pytest.raises(ParameterError, match="does not work in tiles; these do: superpixels"):
        session.store("train", Storage())


def test_a_layer_comes_with_its_axes():
    """Whoever listens sees the layer with its own channel axis, not with that of the last."""
    session = Session()
    seen = []
    session.changed.connect(lambda name: seen.append((name, session.channel_axis)))
    image = Image(np.zeros((5, 6, 7)), axis_labels=("c", "y", "x"))
    session.choose(image)
    session.choose(image)
    assert seen == [("layer", 0)]


def test_layers_are_compared_by_what_they_are():
    session = Session()
    session.mask = np.ones((3, 3))
    names = heard(session)
    session.mask = Image(np.ones((3, 3)))
    session.train_layers = [session.mask]
    session.train_layers = [session.mask]
    assert names == ["mask", "train_layers"]


@gui
def test_the_dock_shows_what_the_session_is_told(dock):
    session, window = dock.dock.session, dock.dock
    layers = dock.viewer.layers
    session.choose(layers["stack"])
    assert window.image.image.currentText() == "stack"
    session.channel_axis = 1
    assert window.image.channels.currentData() == 1
    session.stack = "volume"
    assert window.image.stack.currentData() == "volume"
    session.choose(layers["second"])
    assert window.image.image.currentText() == "second"
    session.region, session.mask = "view", layers["inside"]
    assert window.part.region_box.layer == "view"
    assert window.part.mask_box.layer is layers["inside"]
    session.model = None
    assert window.choices.model.currentText() == "none (colour only)"
    session.ask(77)
    panel = window.panels["superpixels"]
    assert panel.number.value() == 77
    session.set(SegmentParams(smoothing=2.0))
    assert window.panels["flat"].forms[SegmentParams].editors["smoothing"].value() == 2
    session.ask(diameter=12.5, evenness=0.25)
    assert panel.diameter.value() == pytest.approx(12.5, rel=0.01)
    assert panel.evenness.value() == 25
    session.kind = "microscopy"
    assert window.choices.kind.currentText() == "microscopy"
    session.set(PseudoLabelParams(spacings=(8.0, 12.0)))
    spacings = window.panels["pseudo_labels"].forms[PseudoLabelParams].editors["spacings"]
    assert spacings.text() == "8, 12"
    session.all_channels = True
    assert window.panels["embed"].channels.isChecked()
    session.new_model, session.train_on, session.train_folder = "mine", "folder", "~/images"
    train = window.panels["train"]
    assert (train.name.text(), train.folder.text()) == ("mine", "~/images")
    assert train.on.currentData() == "folder"
    session.start_model = "natural"
    assert train.start.currentText() == "natural"
    session.train_layers = [layers["first"], layers["stack"]]
    assert set(layers.selection) == {layers["first"], layers["stack"]}
    session.reset()
    assert session.size_by == "image"
    assert panel.number.value() not in (77, 24)
    assert train.name.text() == "my-model"
    assert session.params == {kind: kind() for kind in session.params}


@gui
def test_the_session_knows_what_was_edited_before_any_button(dock):
    session, window = dock.dock.session, dock.dock
    names = heard(session)
    window.image.image.setCurrentText("stack")
    assert session.layer is dock.viewer.layers["stack"]
    window.image.stack.setCurrentIndex(window.image.stack.findData("each"))
    assert session.stack == "each"
    window.image.image.setCurrentText("first")
    window.part.mask_box.choose(dock.viewer.layers["inside"])
    assert session.mask is dock.viewer.layers["inside"]
    choose_model(window, "none (colour only)")
    assert session.model is None
    panel = window.panels["superpixels"]
    panel.number.setValue(33)
    assert (session.size_by, session.number) == ("number", 33)
    panel.diameter.setValue(9)
    assert (session.size_by, session.diameter) == ("diameter", 9)
    panel.evenness.setValue(80)
    assert session.evenness == 0.8
    form = window.panels["train"].forms[TrainParams]
    form.editors["steps"].setValue(12)
    assert session.params[TrainParams].steps == 12
    window.panels["embed"].channels.setChecked(True)
    assert session.all_channels
    window.panels["train"].name.setText("other")
    assert session.new_model == "other"
    dock.viewer.layers.selection = [dock.viewer.layers["second"]]
    assert session.train_layers == [dock.viewer.layers["second"]]
    assert {"layer", "stack", "mask", "model", "number", "diameter", "TrainParams"} <= set(names)
    assert {"all_channels", "new_model", "train_layers"} <= set(names)


@gui
def test_what_is_not_legal_yet_stays_as_it_is_typed(dock, errors):
    session = dock.dock.session
    (form,) = dock.dock.panels["pseudo_labels"].forms.values()
    before = session.params[PseudoLabelParams]
    type_into(form.editors["spacings"], "9, many")
    assert session.params[PseudoLabelParams] == before
    session.set(SegmentParams(compactness=7))
    assert form.editors["spacings"].text() == "9, many"
    dock.click("pseudo_labels")
    assert "Seed spacings must be numbers" in errors[0]
    type_into(form.editors["spacings"], "9,  13,")
    assert session.params[PseudoLabelParams].spacings == (9.0, 13.0)
    assert form.editors["spacings"].text() == "9,  13,"


@gui
def test_what_is_of_no_viewer_is_shown_as_that(dock, photo):
    session, window = dock.dock.session, dock.dock
    session.choose(Image(photo, name="elsewhere"))
    session.mask = dock.viewer.layers["inside"]
    session.pinned = True
    dock.viewer.add_image(photo, name="third")
    assert session.layer.name == "elsewhere"
    assert window.image.image.currentIndex() == -1
    assert window.image.image.placeholderText() == "elsewhere (not in this viewer)"
    dock.viewer.layers.remove("inside")
    assert session.mask is None
    session.choose(dock.viewer.layers["third"])
    dock.viewer.layers.remove("third")
    assert session.layer is dock.viewer.layers[0]


@gui
def test_a_model_that_is_gone_is_not_replaced_by_another(dock, errors):
    session, window = dock.dock.session, dock.dock
    session.model = "gone"
    assert window.choices.model.currentText() == "gone (not found)"
    catalogue.update(Found(("natural", "microscopy"), ("cpu",)))
    assert session.model == "gone"
    dock.click("superpixels")
    assert "gone" in errors[0]
    choose_model(window, "natural")
    assert window.choices.model.findText("gone (not found)") == -1


@gui
def test_a_dock_on_a_session_that_is_under_way(make_napari_viewer, found, photo, qtbot):
    """A notebook's session, opened in a dock, is shown as it is and worked on by both."""
    from napari_sen.plugin.qt.dock import SenDock

    session = Session()
    session.model = None
    session.new_model = "from-a-notebook"
    session.stack = "volume"
    viewer = make_napari_viewer()
    session.choose(viewer.add_image(photo, name="photo"))
    session.ask(24)
    session.stack = "volume"
    session.show_in(viewer.layers)
    session.run("superpixels")
    dock = SenDock(viewer, session)
    viewer.window.add_dock_widget(dock)
    assert dock.choices.model.currentText() == "none (colour only)"
    assert dock.panels["superpixels"].number.value() == 24
    assert dock.panels["train"].name.text() == "from-a-notebook"
    assert dock.image.stack.currentData() == "volume"
    dock.panels["superpixels"].number.setValue(31)
    qtbot.waitUntil(lambda: session.granularity.number == 31)
    with qtbot.waitSignal(dock.idle, timeout=60_000):
        dock.panels["superpixels"].button.click()
    assert session.granularity.layer.data.max() == 31
    session.picking.take(viewer.layers["photo superpixels"])
    session.picking.select([3])
    panel = dock.panels["classes"]
    assert panel.actions_["merge"].isEnabled()
    session.picking.tool, session.picking.current = "paint", 2
    assert panel.paint.isChecked()
    assert panel.classes.currentRow() == 1
    session.picking.paint([3, 4])
    assert panel.actions_["undo"].isEnabled()
    session.picking.undo()
    assert panel.actions_["redo"].isEnabled()


@gui
def test_a_session_outlives_its_docks(make_napari_viewer, found, photo, qtbot):
    """One that came from elsewhere keeps what it has; nothing of a dock that is gone is called."""
    from napari_sen.plugin.qt.dock import SenDock

    viewer, session = make_napari_viewer(), Session()
    session.model = None
    session.choose(viewer.add_image(photo, name="photo"))
    dock = SenDock(viewer, session)
    viewer.window.add_dock_widget(dock)
    with qtbot.waitSignal(dock.idle, timeout=60_000):
        dock.panels["superpixels"].button.click()
    dock.panels["classes"].toggle.click()
    session.picking.select([3])
    gone = []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: bool(gone), timeout=1000)
    assert session.layer is viewer.layers["photo"]
    session.granularity.show(12)
    assert session.granularity.layer in viewer.layers
    session.picking.paint([3], 1)
    assert session.picking.picked().classes.any()
    session.ask(9)
    session.model, session.region, session.stack = None, "view", "each"
    session.granularity.changed.emit()
    session.picking.changed.emit()
    session.losses.changed.emit()


NOTEBOOK = """
import sys
import napari
from napari.components import ViewerModel
from napari_sen.data import load_sample
viewer = ViewerModel()
image, about = load_sample("tissue")
viewer.add_image(image[:160, :160], name="tissue", rgb=True)
napari.current_viewer = lambda: viewer
{code}
assert "tissue superpixels predicted" in viewer.layers
assert session.granularity.number == 200
assert not [name for name in sys.modules if name.startswith(("PyQt", "PySide"))]
"""


def test_the_notebook_of_the_documentation_runs_without_a_display():
    page = (Path(__file__).parents[2] / "docs/how-to/napari.md").read_text(encoding="utf-8")
    (code,) = [part.split("```")[0] for part in page.split("```python\n") if "Session()" in part]
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NOTEBOOK.format(code=code)],
        capture_output=True, text=True, env=environment, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
