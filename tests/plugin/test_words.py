"""Messages reach the window in its own words."""

import re

import numpy as np
import pytest
from napari.layers import Image

from napari_sen.errors import ParameterError, SenError
from napari_sen.io import memory
from napari_sen.pipeline.leaves import check_tree_memory
from napari_sen.plugin.state.storage import Storage
from napari_sen.plugin.state.words import in_words
from napari_sen.plugin.steps.session import Session

API = re.compile(r"=|--|n_segments|\.safetensors|None|True")


@pytest.fixture
def session(rng):
    session = Session()
    session.model = None
    session.show_in([])
    session.choose(Image((rng.random((20, 30)) * 255).astype(np.uint8), name="small"))
    return session


def told(session, step="superpixels"):
    with pytest.raises(SenError) as caught:
        session.run(step)
    said = in_words(str(caught.value))
    assert API.search(said) is None, said
    return said


def test_what_is_asked_for(session):
    session.ask(10_000)
    assert told(session) == (
        "there cannot be 10000 superpixels, for the image has only 600 pixels: ask for fewer"
    )


def test_what_is_missing(session):
    assert told(session, "embed") == "an embedding needs a model: choose one, or auto"
    session.model = "nobody"
    assert told(session).startswith("there is no model 'nobody': known are")


def test_pixels_without_a_value(session):
    values = np.ones((20, 30))
    values[3, 4] = np.nan
    session.choose(Image(values, name="gap"))
    assert told(session) == (
        "pixels without a value (NaN or infinite): 1, the first at (3, 4); leave them out"
    )


def test_what_lies_at_the_goal(session, tmp_path):
    path = tmp_path / "a.zarr"
    session.store("superpixels", Storage(wanted=True, path=str(path)))
    session.ask(20)
    session.run("superpixels")
    session.ask(30)
    session.store("superpixels", Storage(wanted=True, path=str(path)))
    assert "tick 'Overwrite what is there'" in told(session)


def test_what_does_not_fit_in_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10)
    monkeypatch.setattr("napari_sen.pipeline.leaves.available_memory", lambda: 10)
    with pytest.raises(SenError) as caught:
        memory.require_memory((20, 30), "u1", "labels")
    assert API.search(in_words(str(caught.value))) is None, in_words(str(caught.value))
    with pytest.raises(ParameterError) as caught:
        check_tree_memory(100, 3, "use method='snic', or cut out a part of the image")
    assert in_words(str(caught.value)).endswith(": make flat superpixels, or choose a region")
    with pytest.raises(SenError) as caught:
        memory.check_fits(
            600, 1, channels=1, itemsize=1, is_read=False, product="superpixels", with_model=False
        )
    assert "work in tiles (Large images), or choose a region" in in_words(str(caught.value))
