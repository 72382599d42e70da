"""Forms between runs: kept, recalled, and what is not legal left out."""

import json
import os
from pathlib import Path

import pytest

from napari_sen.params import ContourParams, SegmentParams, TrainParams
from napari_sen.plugin.steps.remembered import forget, keep, recall
from napari_sen.plugin.steps.session import Session


@pytest.fixture
def path():
    return Path(os.environ["XDG_CONFIG_HOME"]) / "napari-sen" / "forms.json"


def test_there_and_back(path):
    session = Session()
    session.set(SegmentParams(compactness=3.5), TrainParams(steps=9))
    session.model, session.train_on, session.train_folder = None, "folder", "/data"
    keep(session)
    again = Session()
    recall(again)
    assert again.params == session.params
    assert (again.model, again.train_on, again.train_folder) == (None, "folder", "/data")
    assert [file.name for file in path.parent.iterdir()] == ["forms.json"]
    again.reset()
    assert again.params == Session().params
    forget()
    recall(again)
    assert again.params == Session().params


def test_sizes_are_not_kept_for_they_are_those_of_one_image():
    session = Session()
    session.ask(diameter=3.0)
    session.set(SegmentParams(n_segments=77, size=3.0, compactness=4.0))
    keep(session)
    again = Session()
    recall(again)
    assert again.params[SegmentParams] == SegmentParams(compactness=4.0)
    assert again.size_by == "image"


def test_what_is_not_legal_any_longer_is_left_out(path):
    keep(Session())
    content = json.loads(path.read_text())
    content["SegmentParams"] = {"n_segments": -5}
    content["TrainParams"] = {"unknown": 1}
    content["ContourParams"]["n_sizes"] = 4
    content["choices"] |= {"train_on": "moon", "device": 7, "new_model": None}
    path.write_text(json.dumps(content))
    session = Session()
    recall(session)
    assert session.params[SegmentParams] == SegmentParams()
    assert session.params[TrainParams] == TrainParams()
    assert session.params[ContourParams].n_sizes == 4
    assert (session.train_on, session.device, session.new_model) == ("image", "auto", "my-model")


@pytest.mark.parametrize("text", ["", "[1]", '{"choices": 3}', "{"])
def test_damaged_files(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    session = Session()
    recall(session)
    assert session.params == Session().params


def test_a_folder_that_cannot_be_written(path, caplog):
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.write_text("a file in the place of the folder")
    keep(Session())
    assert "not remembered" in caplog.text


@pytest.mark.gui
def test_the_dock_remembers_and_forgets(opened, photo, make_napari_viewer):
    from napari.settings import get_plugin_settings

    opened.viewer.add_image(photo, name="photo", rgb=True)
    dock = opened.dock
    dock.choices.model.setCurrentText("natural")
    dock.choices.model.setCurrentText("none (colour only)")
    dock.panels["flat"].forms[SegmentParams].editors["compactness"].setValue(33)
    dock.panels["train"].name.setText("mine")
    opened.click("superpixels")
    dock.panels["contours"].forms[ContourParams].editors["n_sizes"].setValue(3)
    opened.click("contours")

    def another():
        viewer = make_napari_viewer()
        return viewer.window.add_plugin_dock_widget("napari-sen", "SEN")[1]

    again = another()
    assert again.choices.model.currentText() == "none (colour only)"
    assert again.panels["flat"].forms[SegmentParams].editors["compactness"].value() == 33
    assert again.panels["contours"].forms[ContourParams].editors["n_sizes"].value() == 3
    again.defaults.click()
    compactness = again.panels["flat"].forms[SegmentParams].editors["compactness"]
    assert compactness.value() is None
    assert again.choices.model.currentText() == "auto"
    keep(dock.session)
    get_plugin_settings("napari-sen").dock.remember = False
    try:
        assert another().choices.model.currentText().startswith("auto")
    finally:
        get_plugin_settings("napari-sen").dock.remember = True
