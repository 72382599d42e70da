"""Picking without a display: what is known and what the layers show."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Labels

from napari_sen.core.hierarchy import build
from napari_sen.core.snic import snic
from napari_sen.errors import ImageError, ParameterError
from napari_sen.plugin.layers.made import Made, made_of
from napari_sen.plugin.layers.pick_tools import PickTools
from napari_sen.plugin.layers.picking import Picking
from tests.merging import NATURAL

MAP = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((4, 5), int)).astype(np.uint16)
PLACE = {"scale": (0.5, 2), "translate": (30, -20), "rotate": 20, "units": "um"}


@pytest.fixture
def picking():
    picking = Picking()
    picking.layers = LayerList()
    layer = Labels(MAP.copy(), name="map", **PLACE)
    picking.layers.append(layer)
    picking.take(layer)
    return picking


def named(picking, name):
    return picking.layers[f"map {name}"]


def test_merge_split_and_undo_show_in_the_layer(picking):
    picking.select([2, 3, 9])
    assert set(np.unique(MAP[named(picking, "selection").data > 0])) == {2, 3, 9}
    picking.merge()
    shown = picking.layer.data
    assert shown.dtype == np.uint16
    np.testing.assert_array_equal(shown, np.where(MAP == 3, 2, MAP))
    assert picking.selected == {2, 9}
    assert picking.layers.selection.active is picking.layer
    picking.select([2])
    picking.split()
    np.testing.assert_array_equal(shown, MAP)
    assert picking.selected == {2, 3}
    picking.undo()
    assert picking.selected == {2}
    np.testing.assert_array_equal(shown, np.where(MAP == 3, 2, MAP))
    np.testing.assert_array_equal(named(picking, "selection").data, shown == 2)
    picking.undo()
    np.testing.assert_array_equal(shown, MAP)
    picking.redo()
    picking.redo()
    np.testing.assert_array_equal(shown, MAP)


def test_outlines_are_drawn_anew_for_other_pieces_alone(picking):
    told = []
    picking.reshaped.connect(lambda: told.append(True))
    picking.select([2, 3])
    picking.paint()
    picking.undo()
    assert told == []
    picking.merge()
    picking.undo()
    assert len(told) == 2


def test_helpers_lie_where_the_layer_lies(picking):
    picking.select([5])
    picking.paint()
    for name in ("selection", "classes"):
        helper = named(picking, name)
        assert made_of(helper).what == "helper"
        assert helper.units == picking.layer.units
        np.testing.assert_allclose(
            helper.data_to_world((3, 4)), picking.layer.data_to_world((3, 4))
        )


def test_classes_are_a_labels_layer_and_a_column(picking):
    picking.paint([1, 2], 1)
    picking.paint([6], 2)
    classes = named(picking, "classes").data
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, np.select([MAP <= 2, MAP == 6], [1, 2], 0))
    table = picking.layer.features.set_index("index")
    assert table.loc[[1, 2, 3, 6], "class"].tolist() == ["background", "background", "", "object"]
    picking.undo()
    assert not (named(picking, "classes").data == 2).any()
    picking.paint([1], 0)
    assert named(picking, "classes").data[0, 0] == 0
    with pytest.raises(ParameterError, match="no class 3"):
        picking.paint([1], 3)
    assert picking.add_class("debris") == 3
    picking.paint([1])
    assert named(picking, "classes").data[0, 0] == 3


def test_features_stay_right_when_pieces_are_merged(picking):
    table = {
        "index": np.arange(1, 13), "area (px)": np.full(12, 20), "mean red": np.arange(12.0),
    }  # fmt: skip
    about = Made("superpixels", table=table)
    layer = Labels(MAP.copy(), name="map", metadata={"napari-sen": about})
    picking.layers.append(layer)
    picking.take(layer)
    picking.select([1, 2, 5])
    picking.merge()
    shown = layer.features.set_index("index")
    assert list(shown) == ["area (px)", "class"]  # what the status bar tells
    assert len(shown) == 10
    assert shown.loc[1, "area (px)"] == 60
    table = picking.table()
    assert table["mean red"][0] == pytest.approx((0 + 1 + 4) / 3)
    assert table["mean red"][-1] == 11


def test_what_cannot_be_done_says_why(picking):
    with pytest.raises(ParameterError, match="select superpixels first"):
        picking.paint()
    picking.select([1, 12])
    with pytest.raises(ParameterError, match="touch each other"):
        picking.merge()
    with pytest.raises(ImageError, match="4 axes"):
        picking.take(Labels(np.ones((2, 2, 3, 4), int), name="time"))
    picking.leave()
    with pytest.raises(ParameterError, match="nothing to refine"):
        picking.select([1])
    assert [layer.name for layer in picking.layers] == ["map"]


def test_a_deleted_helper_comes_back_whole(picking):
    picking.paint([1], 1)
    picking.select([7])
    picking.layers.remove("map classes")
    picking.layers.remove("map selection")
    picking.paint([2], 2)
    picking.select([8], "add")
    np.testing.assert_array_equal(
        named(picking, "classes").data, np.select([MAP == 1, MAP == 2], [1, 2])
    )
    np.testing.assert_array_equal(named(picking, "selection").data, np.isin(MAP, [7, 8]))


def test_a_slice_of_a_stack(picking):
    layer = Labels(MAP[None].copy(), name="slice", translate=(6, 0, 0))
    picking.layers.append(layer)
    picking.take(layer)
    picking.select(picking.along(picking.index_of((6, 1, 1)), picking.index_of((6, 1, 9))))
    picking.merge()
    assert layer.data.shape == (1, 12, 20)
    assert np.unique(layer.data[0, :4, :10]).tolist() == [1]
    assert picking.layers["slice selection"].data.shape == (1, 12, 20)
    assert picking.point() == (6, 0, 0)


def test_pieces_of_a_tree_split_down_to_its_finest(picking):
    features = np.random.default_rng(0).random((24, 30, 2), np.float32)
    tree = build(snic(features, 40), features, merging=NATURAL)
    layer = Labels(tree.cut(3).astype(np.uint16), name="cut")
    picking.layers.append(layer)
    layer.metadata["napari-sen"] = Made("superpixels", trees=trees_of(tree))
    picking.take(layer)
    for _ in range(2):
        picking.select(picking.pieces.pieces)
        picking.split()
    assert len(np.unique(layer.data)) >= 6
    assert picking.selected == set(np.unique(layer.data).tolist())


def trees_of(tree):
    return SimpleNamespace(forest=SimpleNamespace(hierarchy=tree))


def test_what_was_done_belongs_to_the_layer(picking):
    """Leaving it, and taking another layer meanwhile, forgets nothing: neither classes nor undo."""
    layer = picking.layer
    picking.paint([1, 2], 2)
    picking.select([2, 3])
    picking.merge()
    picking.add_class("debris")
    before = list(picking.layers)
    picking.leave()
    other = Labels(MAP.copy(), name="other")
    picking.layers.append(other)
    picking.take(other)
    assert picking.pieces.classes() == {}
    picking.take(layer)
    assert picking.pieces.classes() == {1: 2, 2: 2}
    assert picking.class_names == ["background", "object", "debris"]
    picking.paint([7], 1)
    assert named(picking, "classes") in before  # the same layer, not another on top
    for _ in range(3):
        picking.undo()
    np.testing.assert_array_equal(layer.data, MAP)
    assert picking.pieces.classes() == {}
    picking.leave()
    layer.data = MAP[::-1].copy()  # other labels: what was painted is not theirs
    picking.take(layer)
    assert not picking.pieces.can_undo


# The mouse and the keys, as napari calls them.


@pytest.fixture
def tools(picking):
    told = []
    tools = PickTools(picking, told.append)
    tools.told = told
    tools.attach(picking.layer)
    return tools


def drag(picking, *pixels, modifiers=(), button=1):
    """Press at the first pixel, move through the others, release."""
    layer = picking.layer
    event = SimpleNamespace(button=button, modifiers=modifiers, handled=False, type="mouse_press")
    event.position = layer.data_to_world(pixels[0])
    (callback,) = layer.mouse_drag_callbacks
    steps = callback(layer, event)
    if next(steps, "nothing") == "nothing":
        return
    event.type = "mouse_move"
    for pixel in pixels[1:]:
        event.position = layer.data_to_world(pixel)
        next(steps)
    event.type = "mouse_release"
    assert next(steps, "end") == "end"


def test_click_drag_and_shift(picking, tools):
    picking.tool = "select"
    drag(picking, (1, 1))
    assert picking.selected == {1}
    drag(picking, (1, 7), modifiers=("Shift",))
    assert picking.selected == {1, 2}
    drag(picking, (1, 7), modifiers=("Shift",))
    assert picking.selected == {1}
    drag(picking, (1, 1), (1, 19), (11, 19))  # a fast mouse leaves no gaps
    assert picking.selected == {1, 2, 3, 4, 8, 12}
    drag(picking, (-5, 3))  # beside the image
    assert picking.selected == set()
    drag(picking, (1, 1), button=2)
    assert picking.selected == set()


def test_painting_a_stroke_is_one_step(picking, tools):
    picking.tool, picking.current = "paint", 2
    drag(picking, (1, 1), (1, 12), (6, 12))
    assert picking.pieces.classes() == {1: 2, 2: 2, 3: 2, 7: 2}
    assert picking.selected == set()
    picking.undo()
    assert picking.pieces.classes() == {}
    drag(picking, (-9, 1))
    assert not tools.told


def test_keys(picking, tools):
    picking.tool = "select"
    layer = picking.layer
    keymap = {str(key): action for key, action in layer.keymap.items()}
    drag(picking, (1, 1), (1, 7))
    keymap["M"](layer)
    assert layer.data[0, 7] == 1
    keymap["2"](layer)
    assert picking.pieces.classes() == {1: 2}
    assert picking.current == 2
    keymap["S"](layer)
    assert layer.data[0, 7] == 2
    for _ in range(3):
        keymap["Ctrl+Z"](layer)
    assert picking.pieces.classes() == {}
    keymap["Ctrl+Shift+Z"](layer)
    assert layer.data[0, 7] == 1
    keymap["Escape"](layer)
    assert picking.selected == set()
    keymap["T"](layer)
    assert picking.tool == "paint"
    keymap["M"](layer)
    keymap["9"](layer)
    assert "touch each other" in tools.told[0]
    assert len(tools.told) == 1


def test_the_layer_is_given_back_as_it_was(picking):
    layer = picking.layer
    keys = dict(layer.keymap)
    tools = PickTools(picking, print)
    tools.attach(layer)
    assert not layer.editable
    assert not layer.mouse_pan
    tools.detach()
    assert layer.editable
    assert layer.mouse_pan
    assert layer.keymap == keys
    assert layer.mouse_drag_callbacks == []
