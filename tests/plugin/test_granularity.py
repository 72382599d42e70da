"""The live granularity without a display: the layers go into a plain list."""

import numpy as np
import pytest
from napari.layers import Image, Labels
from skimage.measure import label as connected_pieces

from napari_sen.core.hierarchy import Hierarchy, build
from napari_sen.errors import ImageError, ParameterError
from napari_sen.params import HierarchyParams
from napari_sen.plugin.layers import display
from napari_sen.plugin.layers.granularity import Granularity, stops
from napari_sen.plugin.layers.results import Tree
from napari_sen.plugin.state.placement import Placement
from napari_sen.plugin.steps.session import Session
from tests.merging import NATURAL


@pytest.fixture
def session(photo):
    session = Session()
    session.model = None
    session.choose(Image(photo, scale=(0.5, 0.5), translate=(3, 4), units="um", name="photo"))
    return session


@pytest.fixture
def granularity(session):
    assert session.run("hierarchy") == []
    return session.granularity


def grid_tree(side):
    """A tree over side x side superpixels of one pixel."""
    labels = np.arange(1, side * side + 1, dtype=np.int32).reshape(side, side)
    features = np.random.default_rng(0).random((side, side, 1), np.float32)
    return Tree(build(labels, features, merging=NATURAL), Placement(), "grid")


def test_a_new_tree_is_shown_in_one_layer(session, granularity):
    (layer,) = granularity.layers
    assert layer is granularity.layer
    assert isinstance(layer, Labels)
    assert layer.name == "photo hierarchy"
    # The default, 500, is more than the image has.
    assert granularity.number == granularity.limits[1] == layer.data.max()
    np.testing.assert_array_equal(layer.translate, (3, 4))
    assert layer.units == session.layer.units


def test_every_number_is_exact_and_connected_in_the_same_layer(granularity):
    low, high = granularity.limits
    assert low == 1
    heard = []
    granularity.changed.connect(lambda: heard.append(granularity.number))
    for number in (low, 2, 30, high - 1, high):
        granularity.show(number)
        (layer,) = granularity.layers
        assert np.unique(layer.data).tolist() == list(range(1, number + 1))
        assert connected_pieces(layer.data, connectivity=1, background=0).max() == number
        assert layer.data.dtype == np.uint16
    assert heard == [low, 2, 30, high - 1, high]


def test_a_number_that_the_tree_has_not_changes_nothing(granularity):
    before, number = granularity.layer.data, granularity.number
    with pytest.raises(ParameterError, match="must lie in 1"):
        granularity.show(number + 1)
    assert granularity.number == number
    assert granularity.layer.data is before


def test_a_removed_layer_comes_back(granularity):
    granularity.layers.clear()
    granularity.show(12)
    (layer,) = granularity.layers
    assert layer is granularity.layer
    assert layer.data.max() == 12


def test_kept_levels_stay_below_the_live_layer(granularity):
    granularity.show(20)
    kept = granularity.keep()
    granularity.show(5)
    assert granularity.layers == [kept, granularity.layer]
    assert kept.name == "photo 20 superpixels"
    assert not kept.visible
    assert (kept.data.max(), granularity.layer.data.max()) == (20, 5)
    np.testing.assert_array_equal(kept.translate, (3, 4))


def test_the_boundary_map_lies_on_the_image(granularity):
    image = granularity.boundary_map()
    assert granularity.layers[-1] is image
    assert isinstance(image, Image)
    np.testing.assert_array_equal(image.data, granularity.hierarchy.ultrametric())
    assert image.contrast_limits[1] == image.data.max() > 0
    np.testing.assert_array_equal(image.translate, (3, 4))


def test_another_tree_gets_a_layer_of_its_own_and_keeps_the_number(session, granularity):
    granularity.show(25)
    first = granularity.layer
    session.set(HierarchyParams(fine_size=8))
    session.run("hierarchy")
    assert granularity.layers == [first, granularity.layer]
    assert first is not granularity.layer
    assert granularity.number == first.data.max() == granularity.layer.data.max() == 25


def test_without_a_tree_there_is_nothing_to_show():
    granularity = Granularity()
    for action in (lambda: granularity.show(2), granularity.keep, granularity.boundary_map):
        with pytest.raises(ParameterError, match="no tree yet"):
            action()


def test_more_labels_than_uint16_holds_are_int32_at_every_level():
    granularity = Granularity()
    granularity.take(grid_tree(257))
    for number in (1, 65_000, 257 * 257):
        granularity.show(number)
        assert granularity.layer.data.dtype == np.int32
        assert granularity.layer.data.max() == number


def test_large_cuts_are_pyramids(monkeypatch):
    monkeypatch.setattr(display, "PYRAMID_ABOVE", 16)
    granularity = Granularity()
    granularity.take(grid_tree(40))
    granularity.show(7)
    assert granularity.layer.multiscale
    assert [level.shape for level in granularity.layer.data] == [(40, 40), (20, 20), (10, 10)]
    assert granularity.layer.data[0].max() == 7


def test_parts_that_do_not_touch_are_the_fewest():
    labels = np.zeros((6, 9), np.int32)
    labels[:, :4], labels[:, 5:7], labels[:, 7:] = 1, 2, 3
    linkage = build(labels, labels[..., None].astype(np.float32), merging=NATURAL).linkage
    granularity = Granularity()
    granularity.take(Tree(Hierarchy(labels, linkage), Placement(), "parts"))
    assert granularity.limits == (2, 3)
    granularity.show(2)
    assert granularity.layer.data.max() == 2


@pytest.mark.parametrize("limits", [(1, 1), (1, 2), (1, 7), (3, 250), (1, 300_000)])
def test_the_slider_has_both_ends_and_only_rises(limits):
    numbers = stops(*limits)
    assert (numbers[0], numbers[-1]) == limits
    assert (np.diff(numbers) > 0).all()
    if limits[1] < 20:
        assert len(numbers) == limits[1]


def test_stacks_by_slice_and_as_a_volume(session):
    stack = np.random.default_rng(0).integers(0, 4000, (3, 30, 40), np.uint16)
    session.choose(Image(stack, name="stack", scale=(2, 1, 1)))
    session.run("hierarchy", point=(4, 0, 0))
    layer = session.granularity.layer
    assert layer.data.shape == (1, 30, 40)
    np.testing.assert_array_equal(layer.translate, (4, 0, 0))
    session.stack = "volume"
    session.run("hierarchy")
    session.granularity.show(2)
    assert session.granularity.layer.data.shape == (3, 30, 40)
    assert session.granularity.layer.data.max() == 2
    session.stack = "each"
    with pytest.raises(ImageError, match="current slice or the whole volume"):
        session.run("hierarchy")
