"""Results on disk come back as layers, where they were."""

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels
from skimage.data import astronaut

import napari_sen
from napari_sen.params import SegmentParams
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.layers.stored import get_reader, open_stored
from napari_sen.plugin.state.storage import Storage
from napari_sen.plugin.steps.session import Session

PLACE = {
    "scale": (3, 0.5, 0.5), "translate": (1, 30, -20), "rotate": (0, 0, 20), "shear": (0, 0, 0.1),
    "units": "um", "axis_labels": ("z", "y", "x"),
}  # fmt: skip


@pytest.fixture
def goal(tmp_path):
    """The superpixels of one slice of a turned and sheared stack."""
    stack = np.stack([astronaut()[:150, :300, c] for c in range(3)])
    session = Session()
    session.show_in([])
    session.choose(Image(zarr.array(stack), name="cells", multiscale=False, **PLACE))
    session.model = None
    session.set(SegmentParams(size=5))
    session.store(
        "superpixels", Storage(wanted=True, tile=128, path=str(tmp_path / "result.sen.zarr"))
    )
    session.run("superpixels", (7.0, 0.0, 0.0))
    return tmp_path / "result.sen.zarr", session.granularity.layer


def test_a_result_lies_where_its_layer_lay(goal):
    path, before = goal
    after = open_stored(path).to_layer()
    assert isinstance(after, Labels)
    assert after.name == before.name == "cells superpixels, z 2"
    assert after.data.shape == (1, 150, 300)
    for point in [(0, 0, 0), (1, 10, 50), (0, -3, 7.5)]:
        np.testing.assert_allclose(after.data_to_world(point), before.data_to_world(point))
    assert after.units == before.units
    assert after.axis_labels == before.axis_labels == ("z", "y", "x")
    np.testing.assert_array_equal(after.data, before.data)


def test_what_comes_back_is_cut_and_classified_like_what_was_made(goal):
    path, before = goal
    session = Session()
    layer = open_stored(path).to_layer()
    session.show_in([layer])
    session.granularity.follow(layer)
    assert len(np.unique(layer.colormap.map(np.arange(1, 9)), axis=0)) == 1  # outlines
    assert session.granularity.number == len(np.unique(before.data))
    assert session.granularity.limits == made_of(before).trees.forest.limits
    assert session.granularity.trees.extent == made_of(before).trees.extent
    session.granularity.even(0.9)
    session.granularity.show(30)
    assert np.unique(layer.data).tolist() == list(range(1, 31))
    table, known = made_of(layer).table, made_of(before).table
    assert list(table) == list(known)
    for name in table:
        np.testing.assert_allclose(table[name], known[name])
    session.pick(layer)
    assert session.picking.pieces.n_leaves == len(known["index"])


def test_one_that_python_wrote_has_its_pixel_size(tmp_path):
    path = tmp_path / "result.sen.zarr"
    napari_sen.segment(astronaut()[:, :90, 0], size=9, spacing=(2, 3), model=None, out=path)
    layer = open_stored(path).to_layer()
    assert layer.name == "result"
    assert layer.multiscale
    assert layer.scale.tolist() == [2, 3]


@pytest.mark.parametrize("key", ["scale", "expand", "affine"])
def test_a_place_that_is_damaged_is_not_used(goal, key):
    path, _ = goal
    group = zarr.open_group(path, mode="r+")
    about = group.attrs["napari-sen"]
    about["layer"][key] = "far away"
    group.attrs["napari-sen"] = about
    assert open_stored(path).to_layer().data.shape == (150, 300)


def test_another_result_at_the_same_place_has_other_chunks(tmp_path):
    """Or napari would show those of the old one, which it has cached by their names."""
    path = tmp_path / "result.sen.zarr"
    napari_sen.segment(astronaut()[:300, :300, 0], n_segments=9, model=None, out=path)
    first, second = (open_stored(path).data[0] for _ in range(2))
    assert first.name != second.name


def test_only_our_results_are_read(goal, tmp_path):
    zarr.create_group(tmp_path / "other.sen.zarr")
    assert get_reader(str(goal[0])) is not None
    assert get_reader(str(tmp_path / "other.sen.zarr")) is None
    assert get_reader([str(goal[0]), str(tmp_path / "other.sen.zarr")]) is None


def test_one_of_a_single_level_is_no_pyramid(tmp_path):
    path = tmp_path / "result.sen.zarr"
    labels = napari_sen.segment(astronaut()[:80, :90, 0], size=9, model=None, out=path)
    layer = open_stored(path).to_layer()
    assert not layer.multiscale
    np.testing.assert_array_equal(layer.data, labels)


@pytest.mark.gui
def test_napari_opens_it(goal, make_napari_viewer):
    path, before = goal
    viewer = make_napari_viewer()
    (layer,) = viewer.open(path, plugin="napari-sen")
    assert isinstance(layer, Labels)
    assert layer.visible
    np.testing.assert_allclose(layer.data_to_world((0, 5, 6)), before.data_to_world((0, 5, 6)))
    assert made_of(layer).trees is not None
