"""The live granularity without a display: the layers go into a plain list."""

import numpy as np
import pytest
from napari.components import LayerList, ViewerModel
from napari.layers import Image, Labels, Shapes
from skimage.measure import label as connected_pieces

import napari_sen
from napari_sen.errors import ParameterError
from napari_sen.plugin.layers.cuts import stops
from napari_sen.plugin.layers.granularity import Granularity
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.layers.picking import Picking
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.remarks import remark
from napari_sen.plugin.steps.session import Session

PLACE = {"scale": (0.5, 0.5), "translate": (3, 4), "units": "um"}


@pytest.fixture
def session(photo):
    session = Session()
    session.model = None
    session.show_in(LayerList())
    image = Image(photo, name="photo", **PLACE)
    session.granularity.layers.append(image)
    session.choose(image)
    return session


@pytest.fixture
def granularity(session):
    session.size_by, session.number = "number", 40
    assert session.run("superpixels") == []
    return session.granularity


def assert_shows(layer, number):
    assert np.unique(layer.data).tolist() == list(range(1, number + 1))
    assert connected_pieces(layer.data, connectivity=1, background=0).max() == number


def test_superpixels_are_those_of_the_api(session, granularity):
    layer = granularity.layer
    assert isinstance(layer, Labels)
    assert layer.name == "photo superpixels"
    assert_shows(layer, 40)
    expected = napari_sen.segment(
        session.layer.data, 40, method="tree", model=None, spacing=(0.5, 0.5)
    )
    np.testing.assert_array_equal(layer.data, expected)
    np.testing.assert_array_equal(layer.translate, (3, 4))
    assert layer.units == session.layer.units


def test_the_size_suits_the_image_unless_it_is_said(session):
    session.run("superpixels")
    # About the root of the side: 11 px, in micrometres.
    extent = session.granularity.trees.extent
    assert extent.diameter(session.granularity.number) == pytest.approx(5.5, rel=0.02)
    session.size_by, session.diameter = "diameter", 8.0
    session.run("superpixels")
    assert session.granularity.number == pytest.approx(96 * 128 / 16**2, abs=1)


def test_every_number_is_exact_and_connected_in_the_same_layer(session, granularity):
    low, high = granularity.limits
    assert low == 1
    layer = granularity.layer
    for number in (low, 2, 30, high - 1, high):
        granularity.show(number)
        assert granularity.layer is layer
        assert_shows(layer, number)
        assert layer.data.dtype == np.uint16
        assert list(layer.features["index"]) == list(range(1, number + 1))
        assert layer.features["area (px)"].sum() == 96 * 128
    with pytest.raises(ParameterError, match='press "Make superpixels"'):
        granularity.show(high + 1)
    assert_shows(layer, high)


def test_evenness_merges_the_same_leaves_without_the_network(session, granularity, monkeypatch):
    from napari_sen.learn.model import Model

    monkeypatch.setattr(Model, "embed", None)  # must not be called
    spread = []
    for evenness in (0.0, 1.0):
        granularity.even(evenness)
        assert granularity.evenness == evenness
        assert_shows(granularity.layer, 40)
        sizes = np.bincount(granularity.layer.data.ravel())[1:]
        spread.append(sizes.std() / sizes.mean())
        expected = napari_sen.segment(
            session.layer.data, 40, method="tree", model=None, spacing=(0.5, 0.5),
            evenness=evenness,
        )  # fmt: skip
        np.testing.assert_array_equal(granularity.layer.data, expected)
    assert spread[0] > 1.5 * spread[1]


def test_the_table_follows_the_cut(session, granularity):
    table = made_of(granularity.layer).extra["shown"]
    third = granularity.layer.data == 3
    row = list(table["index"]).index(3)
    assert table["area (px)"][row] == third.sum()
    assert table["mean green"][row] == pytest.approx(session.layer.data[third][:, 1].mean())
    place = np.argwhere(third).mean(axis=0)
    assert table["centroid-0"][row] == pytest.approx(place[0])
    # The status bar of napari shows what is in `features`: no more than a person can read.
    features = granularity.layer.features
    assert list(features) == ["index", "area (px)", "area (µm²)"]
    assert np.issubdtype(features["area (px)"].dtype, np.integer)
    granularity.show(1)
    status = granularity.layer.get_status((40, 40), world=False)
    area = 96 * 128 * 0.25
    assert f"area (px): {96 * 128}, area (µm²): {area:.0f}" in status["coordinates"]


def test_running_again_replaces_and_the_earlier_result_comes_back(session, granularity):
    layer, before = granularity.layer, granularity.layer.data.copy()
    session.number = 25
    session.run("superpixels")
    assert list(granularity.layers) == [session.layer, layer]
    assert_shows(layer, 25)
    for expected in (before, None, before):
        granularity.undo()
        if expected is not None:
            np.testing.assert_array_equal(layer.data, expected)
        else:
            assert_shows(layer, 25)


def test_each_image_has_its_own(session, granularity):
    first, photo = granularity.layer, session.layer
    other = Image(session.layer.data[::-1], name="other")
    granularity.layers.append(other)
    session.choose(other)
    granularity.follow(other)
    assert granularity.trees is None
    session.size_by, session.number = "number", 12
    session.run("superpixels")
    assert granularity.layer.name == "other superpixels"
    assert_shows(first, 40)
    granularity.follow(photo)
    assert granularity.layer is first
    granularity.follow(first)
    granularity.show(30)
    assert_shows(first, 30)


def test_kept_levels_are_copies_named_by_what_they_are(granularity):
    granularity.show(20)
    kept = granularity.keep()
    granularity.show(5)
    assert list(granularity.layers)[1:] == [kept, granularity.layer]
    assert kept.name == "photo, 20 superpixels"
    assert not kept.visible
    assert_shows(kept, 20)
    assert_shows(granularity.layer, 5)
    np.testing.assert_array_equal(kept.translate, (3, 4))
    granularity.follow(kept)  # sliders act on it as on any other
    granularity.show(33)
    assert_shows(kept, 33)
    assert kept.name == "photo, 33 superpixels"


def test_the_boundary_map_lies_on_the_image(session, granularity):
    (result,) = session.run("boundary_map")
    image = result.to_layer()
    assert isinstance(image, Image)
    assert image.name == "photo boundary map"
    tree = granularity.trees.forest.hierarchy
    np.testing.assert_array_equal(image.data, tree.ultrametric())
    assert image.contrast_limits[1] == image.data.max() > 0
    np.testing.assert_array_equal(image.translate, (3, 4))


def test_what_was_painted_stays_painted(session, granularity):
    session.pick(granularity.layer)
    session.picking.paint([3], 1)
    session.picking.paint([17], 2)
    painted = [np.flatnonzero(granularity.layer.data == label) for label in (3, 17)]
    granularity.show(100)
    classes = session.picking.layers["photo superpixels classes"].data.ravel()
    assert (classes[painted[0]] == 1).all()
    assert (classes[painted[1]] == 2).all()
    assert np.count_nonzero(classes) == sum(map(len, painted))
    granularity.even(1.0)
    session.picking.leave()
    session.pick(granularity.layer)
    table = session.picking.pieces.class_table()[session.picking.pieces.base].ravel()
    np.testing.assert_array_equal(table, classes)
    # Another run has other leaves: most of the pixels of each say what it is.
    session.number = 150
    session.run("superpixels")
    base = session.picking.pieces
    table = base.class_table()[base.base].ravel()
    assert (table[painted[0]] == 1).mean() > 0.7


def test_what_was_painted_and_merged_is_saved_by_itself_and_comes_back(session, granularity):
    session.pick(granularity.layer)
    picking = session.picking
    picking.rename_class(2, "cup")
    picking.select(picking.along((20, 20), (20, 60)))
    merged = picking.selected
    picking.merge()
    picking.paint([3, 9], 2)
    assert session.classifying.keep(picking) == ""
    expected, shown = picking.pieces.classes(), picking.layer.data.copy()
    again = restarted(session)
    again.pick(again.granularity.layer)
    assert again.picking.pieces.classes() == expected
    assert again.picking.class_names == ["background", "cup"]
    np.testing.assert_array_equal(again.picking.layer.data, shown)
    assert len(merged) > 1

    # What was merged comes back on another cut, and what was taken back stays away.
    finer = restarted(session)
    finer.granularity.show(60)
    finer.pick(finer.granularity.layer)
    found = finer.picking.layer.data
    assert len(np.unique(found)) < 60
    forest = granularity.trees.forest
    plain = forest.groups(60)[forest.leaves]
    assert len(np.unique(found[20, 25:55])) < len(np.unique(plain[20, 25:55]))
    finer.picking.undo()
    assert len(np.unique(finer.picking.layer.data)) == 60
    assert finer.classifying.keep(finer.picking) == ""
    last = restarted(session)
    last.pick(last.granularity.layer)
    assert not last.picking.can_undo


def test_a_file_is_put_back_while_nothing_is_refined(session, granularity, tmp_path):
    session.pick(granularity.layer)
    session.picking.paint([3, 9], 2)
    session.saving(tmp_path / "cup.sen.json")(Control())
    expected = session.picking.pieces.classes()
    again = restarted(session)
    assert again.picking.partition is None
    told = again.load_annotation(tmp_path / "cup.sen.json")
    assert told == "Pieces and classes of cup.sen.json are put back."
    assert again.picking.pieces.classes() == expected


def restarted(session):
    """The same image, cut anew, after napari was begun anew."""
    again = Session()
    again.model = None
    again.show_in(LayerList())
    again.choose(session.layer)
    again.size_by, again.number = "number", 40
    again.run("superpixels")
    return again


def test_what_cannot_be_saved_by_itself_is_said(session, granularity, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("no folder")
    session.pick(granularity.layer)
    session.picking.paint([3, 9], 2)
    problem = session.classifying.keep(session.picking)
    assert "cannot be saved by itself (" in problem
    assert problem.endswith("): press Save ...")


def test_without_superpixels_there_is_nothing_to_show():
    granularity = Granularity(Picking())
    for action in (lambda: granularity.show(2), granularity.keep):
        with pytest.raises(ParameterError, match="no superpixels yet"):
            action()
    with pytest.raises(ParameterError, match="no earlier result"):
        granularity.undo()


@pytest.mark.parametrize("limits", [(1, 1), (1, 2), (1, 7), (3, 250), (1, 300_000)])
def test_the_slider_has_both_ends_and_only_rises(limits):
    numbers = stops(*limits)
    assert (numbers[0], numbers[-1]) == limits
    assert (np.diff(numbers) > 0).all()
    if limits[1] < 20:
        assert len(numbers) == limits[1]


def test_stacks_by_slice_one_by_one_and_as_a_volume(session, rng):
    stack = rng.integers(0, 4000, (6, 30, 40), dtype=np.uint16)
    image = Image(stack, name="stack", scale=(2, 1, 1))
    session.granularity.layers.append(image)
    session.choose(image)
    session.size_by, session.number = "number", 7
    session.run("superpixels", point=(4, 0, 0))
    layer = session.granularity.layer
    assert layer.data.shape == (1, 30, 40)
    assert layer.name == "stack superpixels, slice 2"
    np.testing.assert_array_equal(layer.translate, (4, 0, 0))
    session.stack = "each"
    session.run("superpixels")
    assert session.granularity.layer is layer
    assert layer.name == "stack superpixels"
    np.testing.assert_array_equal(layer.translate, (0, 0, 0))
    expected = napari_sen.segment(
        stack, 7, method="tree", model=None, slices="each", spacing=(1, 1)
    )
    np.testing.assert_array_equal(layer.data, expected)
    session.granularity.show(5)
    assert len(np.unique(layer.data)) == 6 * 5
    session.stack = "volume"
    session.run("superpixels")
    session.granularity.show(2)
    assert layer.data.shape == (6, 30, 40)
    assert layer.data.max() == 2


def test_superpixels_of_another_slice_say_so(session, rng):
    session.choose(Image(rng.integers(0, 255, (4, 30, 40), np.uint8), name="stack"))
    session.run("superpixels", point=(1, 0, 0))
    assert session.granularity.layer.name == "stack superpixels, slice 1"
    told = [remark(session, "superpixels", session.source((z, 0, 0))) for z in (1, 3)]
    assert told == ["", "These superpixels are of slice 1. Press the button for slice 3."]
    session.stack = "each"
    session.run("superpixels")
    session.stack = "slice"
    text = remark(session, "superpixels", session.source((3, 0, 0)))
    assert text.startswith("These superpixels are of the whole stack")


def corner(height, width, *, at=(0, 0)):
    (y, x), (h, w) = at, (height - 1, width - 1)
    return Shapes([np.array([(y, x), (y, x + w), (y + h, x + w), (y + h, x)])])


@pytest.mark.parametrize(
    "other",
    [(50, 30, (0, 0)), (30, 50, (10, 10)), (60, 70, (0, 0))],
    ids=["turned", "moved", "larger"],
)
def test_another_part_of_the_image_has_what_was_painted_there(rng, other):
    session = Session()
    session.model = None
    session.show_in(LayerList())
    session.choose(Image(rng.integers(0, 255, (70, 80), np.uint8), name="whole"))
    session.granularity.layers.append(session.layer)
    session.size_by, session.number = "number", 20
    session.region = corner(30, 50)
    session.run("superpixels")
    session.pick(session.granularity.layer)
    session.picking.paint([3, 9], 2)
    height, width, at = other
    session.region = corner(height, width, at=at)
    session.run("superpixels")
    assert session.picking.layer is None
    assert [layer.name for layer in session.granularity.layers] == ["whole", "whole superpixels"]
    session.pick(session.granularity.layer)
    assert not session.picking.pieces.classes()
    session.picking.paint([4], 1)
    painted = session.granularity.layers["whole superpixels classes"]
    np.testing.assert_array_equal(painted.data > 0, session.granularity.layer.data == 4)
    np.testing.assert_array_equal(painted.translate, session.granularity.layer.translate)


def test_another_slice_has_what_was_painted_there(session, rng):
    session.choose(Image(rng.integers(0, 255, (4, 30, 40), np.uint8), name="stack"))
    session.run("superpixels", point=(1, 0, 0))
    session.pick(session.granularity.layer)
    session.picking.paint([1, 2], 2)
    session.run("superpixels", point=(3, 0, 0))
    session.pick(session.granularity.layer)
    assert not session.picking.pieces.classes()


def test_a_mask_leaves_out_what_is_outside(session):
    mask = np.zeros((96, 128), int)
    mask[:, 40:] = 1
    session.mask = Labels(mask)
    session.ask(40)
    session.run("superpixels")
    np.testing.assert_array_equal(session.granularity.layer.data == 0, mask == 0)
    extent = session.granularity.trees.extent  # what a recipe takes the size from
    assert extent.diameter(40) == pytest.approx((96 * 88 / 40) ** 0.5 * 0.5)
    assert extent.number(extent.diameter(40)) == 40


def test_pixels_without_a_value_are_left_out_on_request(session, rng):
    data = rng.random((60, 70)).astype(np.float32)
    data[10:14, 20:29] = np.nan
    image = Image(data, name="holes", contrast_limits=(0, 1))
    session.choose(image)
    session.finite_only = True
    session.run("superpixels")
    np.testing.assert_array_equal(session.granularity.layer.data == 0, np.isnan(data))
    assert np.isfinite(made_of(session.granularity.layer).extra["shown"]["mean intensity"]).all()


def merged_pieces(granularity, picking, count=3):
    """Merge some touching pieces by hand; return where they are."""
    data = granularity.layer.data
    first = int(data[40, 60])
    touching = set(np.unique(data[38:60, 50:80]).tolist())
    picking.select(sorted(touching | {first})[: count + 2])
    picking.merge()
    label = max(picking.selected, key=lambda each: (picking.layer.data == each).sum())
    return picking.layer.data == label


def test_what_was_merged_by_hand_stays_when_sliders_move(session, granularity):
    picking, layer = session.picking, granularity.layer
    session.pick(layer)
    merged = merged_pieces(granularity, picking)
    shown, evenness = layer.data.copy(), granularity.evenness
    granularity.show(granularity.limits[1])  # all leaves
    assert len(np.unique(layer.data[merged])) == 1
    assert (layer.data == layer.data[merged][0]).sum() == merged.sum()
    granularity.even(1.0)
    granularity.show(5)  # it lies in larger pieces
    granularity.even(evenness)
    granularity.show(40)
    np.testing.assert_array_equal(layer.data, shown)
    assert made_of(layer).extra["shown"]["area (px)"].sum() == 96 * 128
    assert list(layer.features["index"]) == np.unique(layer.data).tolist()


def test_undo_goes_back_beyond_the_sliders(session, granularity):
    picking, layer = session.picking, granularity.layer
    session.pick(layer)
    untouched = layer.data.copy()
    picking.select([7])
    picking.split()
    split = layer.data.copy()
    picking.paint([7], 2)
    for number in (60, 20, 12):
        granularity.show(number)
    assert (picking.partition.class_table() == 2).any()
    assert picking.can_undo
    picking.undo()  # the sliders
    assert granularity.number == 40
    np.testing.assert_array_equal(layer.data, split)
    assert set(picking.pieces.classes()) == {7}
    picking.undo()  # the paint
    assert not picking.pieces.class_table().any()
    picking.undo()  # the split
    np.testing.assert_array_equal(layer.data, untouched)
    assert not picking.can_undo
    picking.undo()
    np.testing.assert_array_equal(layer.data, untouched)


def test_undo_goes_back_beyond_a_new_result(session, granularity):
    picking, layer = session.picking, granularity.layer
    session.pick(layer)
    merged_pieces(granularity, picking)
    merged = layer.data.copy()
    session.number = 25
    session.run("superpixels")
    assert granularity.number == 25
    picking.undo()
    assert granularity.number == 40
    np.testing.assert_array_equal(layer.data, merged)
    picking.undo()
    assert_shows(layer, 40)


def test_a_larger_part_of_the_image_takes_the_place_of_a_small_one(rng):
    """napari's layers are pyramids, or not, for good."""
    session = Session()
    session.show_in(LayerList())
    image = Image(np.zeros((60, 2100), np.uint8), name="strip")
    image.data[:, ::7] = 200
    session.granularity.layers.append(image)
    session.choose(image)
    session.model, session.number, session.size_by = None, 9, "number"
    session.region = Shapes([np.array([(0, 0), (0, 50), (50, 50), (50, 0)])])
    session.run("superpixels")
    assert not session.granularity.layer.multiscale
    session.region = None
    session.run("superpixels")
    layer = session.granularity.layer
    assert layer.multiscale
    assert layer.data[0].shape == (60, 2100)
    assert list(session.granularity.layers) == [image, layer]
    session.granularity.undo()
    assert session.granularity.layer.data.shape == (51, 51)
    assert len(session.granularity.layers) == 2


def test_a_hidden_copy_takes_neither_mouse_nor_sliders(session, granularity):
    """napari selects what is added."""
    viewer = ViewerModel()
    viewer.layers.extend(granularity.layers)
    session.show_in(viewer.layers)
    viewer.layers.selection.active = granularity.layer
    kept = granularity.keep()
    assert kept in viewer.layers
    assert viewer.layers.selection.active is granularity.layer
    assert granularity.layer is not kept
