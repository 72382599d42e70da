"""Where a tiled result goes, and what the form says of it."""

import numpy as np
import pytest
import zarr
from napari.layers import Image

from napari_sen.disk import ATTRIBUTE, make_folder, remove_folder
from napari_sen.errors import OutputError
from napari_sen.plugin.state import storage
from napari_sen.plugin.state.layer_image import LayerImage
from napari_sen.plugin.state.source import source_of
from napari_sen.plugin.state.storage import (
    Storage,
    image_path,
    prepare,
    suggest,
    what_lies_at,
)
from napari_sen.plugin.steps.session import Session
from napari_sen.plugin.steps.steps import STEPS


def plan(step, source, tile, goal, **size):
    session = Session()
    session.ask(**size)
    return STEPS[step].tiled.plan(source, session.settings(), tile, goal)


@pytest.fixture
def layer(tmp_path):
    array = zarr.create_array(
        tmp_path / "slide.ome.zarr" / "0", shape=(5000, 8000), chunks=(512, 512), dtype="u2"
    )
    return Image(array, name="my slide", multiscale=False, contrast_limits=(0, 9))


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_beside_the_outermost_zarr_of_the_image(layer, tmp_path):
    assert image_path(layer) == tmp_path / "slide.ome.zarr"
    assert suggest(layer, "superpixels") == tmp_path / "slide_superpixels.sen.zarr"


def test_beside_a_file_that_a_reader_names(tmp_path):
    layer = Image(np.zeros((4, 4)))
    (tmp_path / "cells.ome.tif").touch()
    layer._source = layer.source.model_copy(update={"path": str(tmp_path / "cells.ome.tif")})
    assert suggest(layer, "superpixels") == tmp_path / "cells_superpixels.sen.zarr"


def test_in_the_data_folder_where_the_image_has_no_place(tmp_path):
    goal = suggest(Image(np.zeros((4, 4)), name="a/b c"), "superpixels")
    assert goal == tmp_path / "data" / "napari-sen" / "results" / "a_b_c_superpixels.sen.zarr"
    prepare(goal, overwrite=False)
    assert goal.parent.is_dir()


def test_a_finished_result_is_left_alone_an_unfinished_one_goes_on(layer, tmp_path):
    goal = suggest(layer, "superpixels")
    make_folder(goal.with_name(f"{goal.name}.partial"))
    assert suggest(layer, "superpixels") == goal
    assert what_lies_at(goal) == "unfinished"
    remove_folder(goal.with_name(f"{goal.name}.partial"))
    zarr.create_group(goal, attributes={ATTRIBUTE: {}})
    assert what_lies_at(goal) == "result"
    assert suggest(layer, "superpixels") == tmp_path / "slide_superpixels_2.sen.zarr"


def test_an_embedding_is_finished_once_its_colours_are(layer, tmp_path):
    goal = tmp_path / "slide_embedding.sen.zarr"
    zarr.create_group(goal, attributes={ATTRIBUTE: {}})
    assert suggest(layer, "embedding") == goal
    zarr.create_group(tmp_path / "slide_embedding_colours.sen.zarr")
    assert suggest(layer, "embedding") == tmp_path / "slide_embedding_2.sen.zarr"


def test_what_is_not_ours_is_not_overwritten(tmp_path):
    zarr.create_group(tmp_path / "other.zarr")
    (tmp_path / "notes.zarr").mkdir()
    for name in ("other.zarr", "notes.zarr"):
        assert what_lies_at(tmp_path / name) == "other"
        prepare(tmp_path / name, overwrite=False)  # the run itself says that it exists
        with pytest.raises(OutputError, match="not a result of napari-sen"):
            prepare(tmp_path / name, overwrite=True)
        (tmp_path / f"{name}.partial").mkdir()
        with pytest.raises(OutputError, match="not a result of napari-sen"):
            prepare(tmp_path / name, overwrite=True)
    assert what_lies_at(tmp_path / "new.zarr") == "nothing"


def test_the_plan_says_how_much_work_and_room_it_takes(layer, tmp_path, monkeypatch):
    source, goal = source_of(layer), tmp_path / "new.zarr"
    text = plan("flat", source, None, goal, diameter=20)
    assert text == "77 tiles, at most 213 MB, as a rule below a tenth of it."
    assert plan("flat", source, 4096, goal, diameter=20).startswith("4 tiles, ")
    monkeypatch.setattr(storage, "_free", lambda goal: 5_000_000)
    assert "5 MB are free" in plan("flat", source, None, goal, diameter=20)
    make_folder(goal.with_name("new.zarr.partial"))
    text = plan("flat", source, None, goal, diameter=20)
    assert "unfinished run is there: the button goes on" in text
    monkeypatch.undo()
    text = plan("embed", source, None, tmp_path / "e.zarr")
    assert text == "77 tiles, about 3.6 GB."
    assert "multiple of 32" in plan("embed", source, 100, tmp_path / "e.zarr")


def test_the_plan_says_what_cannot_be(layer, tmp_path):
    source, goal = source_of(layer), tmp_path / "new.zarr"
    text = plan("flat", source, None, goal, number=1)
    assert "ask for smaller ones" in text
    assert "tile must be a multiple of 32" in plan("superpixels", source, 100, goal)


def test_tiles_where_asked_for_or_needed(layer, monkeypatch):
    source = source_of(layer)
    assert not storage.is_tiled(source, "superpixels", False, Storage())
    assert storage.is_tiled(source, "superpixels", False, Storage(wanted=True))
    monkeypatch.setattr(LayerImage, "fits", lambda *_: False)
    assert storage.is_tiled(source, "superpixels", False, Storage())
