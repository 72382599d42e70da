"""Objects, their files and recipes: by the session alone, without a display."""

import csv
import json

import imageio.v3 as iio
import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_sen import Recipe, apply_to, read_classes
from napari_sen.core.outlines import fill
from napari_sen.errors import ImageError, OutputError, ParameterError, SenError
from napari_sen.io.geojson import Shape, read_geojson, write_geojson
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.exporting import export, objects_shown
from napari_sen.plugin.steps.session import Session

from .test_classing import PLACE, paint_two, piece_at, scene, started


@pytest.fixture
def session(rng):
    image, disc = scene(rng)
    session = started(image)
    session.disc, session.image = disc, image
    return session


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def drawn(path, shape):
    """Return outlines drawn on an image of this shape, by class."""
    found = {}
    for each in read_geojson(path):
        for rings in each.polygons:
            box, mask = fill(rings, shape)
            found.setdefault(each.class_name, np.zeros(shape, bool))[box] |= mask
    return found


def test_superpixels_without_classes(session, tmp_path):
    session.picking.leave()
    found = objects_shown(session)
    assert len(found) == 60
    assert (
        export(session, "geojson", tmp_path / "a.geojson") == "60 superpixels written to a.geojson."
    )
    layer = session.granularity.layer
    np.testing.assert_array_equal(found.labels, layer.data)
    table = rows_of(session, tmp_path)
    assert len(table) == 60
    assert sum(float(row["area (µm²)"]) for row in table) == pytest.approx(60 * 80 * 0.25)
    session.pick(layer)  # nothing is painted
    again = objects_shown(session)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert set(again.table["class"]) == {""}


def rows_of(session, folder):
    path = folder / "table.csv"
    export(session, "objects", path, overwrite=True)
    return rows(path)


def test_join_export_and_split(session, tmp_path):
    paint_two(session)
    session.run("classes")
    predicted = session.layers["scene superpixels predicted"].data
    session.picking.join()
    sentence = export(session, "geojson", tmp_path / "a.geojson")
    assert sentence == "1 background, 1 object written to a.geojson."
    found = drawn(tmp_path / "a.geojson", (60, 80))
    np.testing.assert_array_equal(found["background"], predicted == 1)
    np.testing.assert_array_equal(found["object"], predicted == 2)
    disc = next(row for row in rows_of(session, tmp_path) if row["class"] == "object")
    values = session.image[predicted == 2].mean(axis=0)
    for name, value in zip(("red", "green", "blue"), values, strict=True):
        assert float(disc[f"mean {name}"]) == pytest.approx(value, rel=1e-5)
    superpixels = int(disc["superpixels"])
    assert superpixels > 2
    # Two halves of an object stay two in the files.
    session.picking.select([piece_at(session, 30, 40)])
    session.picking.split()
    table = [row for row in rows_of(session, tmp_path) if row["class"] == "object"]
    assert sum(int(row["superpixels"]) for row in table) == superpixels
    assert len(table) == 2
    session.picking.undo()
    session.picking.undo()
    assert len(session.picking.pieces.pieces) == 60


def test_nothing_to_join(session):
    with pytest.raises(ParameterError, match="no two superpixels"):
        session.picking.join()


def test_outlines_of_a_part_lie_in_pixels_of_the_full_image(rng, tmp_path):
    image, _ = scene(rng)
    session = started(image)
    corners = np.array([[10, 20], [10, 60], [50, 60], [50, 20]]) - 0.5
    region = Shapes([corners], **PLACE)
    session.layers.append(region)
    session.picking.leave()
    session.region = region
    session.run("superpixels")
    layer = session.granularity.layer
    assert objects_shown(session).offset != (0, 0)
    export(session, "geojson", tmp_path / "a.geojson")
    whole = drawn(tmp_path / "a.geojson", (60, 80))[""]
    expected = np.zeros((60, 80), bool)
    expected[10:50, 20:60] = True
    np.testing.assert_array_equal(whole, expected)
    # A corner of an outline is where the corner of its pixel is in the world.
    first = read_geojson(tmp_path / "a.geojson")[0].polygons[0][0]
    in_world = session.layer.data_to_world(first.min(axis=0) - 0.5)
    label = int(read_geojson(tmp_path / "a.geojson")[0].name)
    pixel = np.argwhere(layer.data == label).min(axis=0)
    np.testing.assert_allclose(in_world, layer.data_to_world(pixel - 0.5), atol=1e-9)


def test_outlines_of_times_are_painted_in_their_frames(session, tmp_path):
    pieces = np.arange(1, 13).reshape(3, 2, 2).repeat(30, axis=1).repeat(40, axis=2)
    session.pick(Labels(pieces))
    ring = np.array([(0, 0), (0, 80), (60, 80), (60, 0)])
    shapes = [Shape([[ring]], f"frame {t}", plane=(0, t)) for t in (0, 2)]
    write_geojson(tmp_path / "a.geojson", shapes)
    session.load_annotation(tmp_path / "a.geojson")
    found = session.picking.leaf_classes()[session.picking.pieces.base]
    assert [np.unique(frame).tolist() for frame in found] == [[1], [0], [2]]


def test_a_slice_of_a_stack_is_its_plane(rng, tmp_path):
    stack = np.stack([scene(rng)[0][..., 0]] * 4)
    session = Session()
    session.model = None
    from napari.components import LayerList

    session.show_in(LayerList())
    layer = Image(stack, name="stack", scale=(2, 0.5, 0.5), translate=(5, 0, 0), units="um")
    session.granularity.layers.append(layer)
    session.choose(layer)
    session.size_by, session.number = "number", 20
    session.run("superpixels", point=(2 * 2 + 5, 0, 0))
    found = objects_shown(session)
    assert found.offset == (2, 0, 0)
    assert {shape.plane for shape in found.shapes()} == {(2, 0)}
    session.pick(session.granularity.layer)
    session.picking.paint([1, 2], 2)
    export(session, "geojson", tmp_path / "a.geojson")
    while session.picking.pieces.can_undo:
        session.picking.undo()
    assert (
        session.load_annotation(tmp_path / "a.geojson") == "2 superpixels painted from a.geojson."
    )
    assert session.picking.pieces.classes() == {1: 1, 2: 1}
    assert session.picking.class_names == ["object"]


def test_a_second_axis_of_channels_is_no_plane(rng):
    image = np.stack([scene(rng)[0][..., c] for c in range(2)], axis=1).reshape(60, 2, 80)
    image = np.moveaxis(image, 1, 0)[None].repeat(3, axis=0)  # z, c, y, x
    session = Session()
    session.model = None
    from napari.components import LayerList

    session.show_in(LayerList())
    layer = Image(image, name="stack")
    session.granularity.layers.append(layer)
    session.choose(layer)
    session.channel_axis = 1
    session.size_by, session.number = "number", 20
    session.run("superpixels", point=(1, 0, 0, 0))
    found = objects_shown(session)
    assert (found.labels.shape, found.offset) == ((1, 60, 80), (1, 0, 0))


def test_what_was_exported_is_read_again(session, tmp_path):
    session.picking.class_names = ["ground", "disc"]
    paint_two(session)
    before = session.picking.pieces.class_table().copy()
    export(session, "geojson", tmp_path / "a.geojson")
    export(session, "labels", tmp_path / "a.tif")
    export(session, "rois", tmp_path / "a.zip")
    classes, names = read_classes(session.granularity.layer.data, tmp_path / "a.geojson")
    assert sorted(names) == ["disc", "ground"]
    assert np.count_nonzero(classes) == 2
    session.picking.undo()
    session.picking.undo()
    session.picking.class_names = ["background", "object"]
    session.load_annotation(tmp_path / "a.geojson")
    after = np.array(["", *session.picking.class_names])[session.picking.pieces.class_table()]
    np.testing.assert_array_equal(after, np.array(["", "ground", "disc"])[before])


def test_after_outlines_of_fewer_classes_one_of_them_is_painted(session, tmp_path):
    paint_two(session)
    for piece in session.picking.pieces.classes():
        session.picking.paint([piece], 1)
    export(session, "geojson", tmp_path / "a.geojson")
    other = started(session.image)
    other.picking.current = 2
    other.load_annotation(tmp_path / "a.geojson")
    assert other.picking.class_names == ["background"]
    other.picking.paint([piece_at(other, 30, 40)])
    assert set(other.picking.pieces.classes().values()) == {1}


def test_classes_of_a_labels_layer(session):
    painted = Labels((session.disc * 2).astype(np.uint8), name="mine", **PLACE)
    session.layers.append(painted)
    assert session.load_layer(painted).endswith("painted from mine.")
    classes = session.picking.pieces.class_table()[session.picking.pieces.base]
    assert (classes == 2)[session.disc].mean() > 0.85
    assert not (classes == 1).any()
    with pytest.raises(ImageError, match="shape"):
        session.load_layer(Labels(np.ones((3, 4), int), name="other"))
    with pytest.raises(ImageError, match="more than"):
        session.load_layer(Labels(np.full((60, 80), 99), name="other"))
    with pytest.raises(ParameterError, match="covers no superpixel"):
        session.load_layer(Labels(np.zeros((60, 80), int), name="empty"))


def test_files_of_others_are_a_sentence(session, tmp_path):
    (tmp_path / "a.geojson").write_text("{")
    with pytest.raises(SenError, match="no GeoJSON"):
        session.load_annotation(tmp_path / "a.geojson")


def test_a_recipe_does_the_same_on_files(session, tmp_path):
    paint_two(session)
    session.run("classes")
    predicted = session.layers["scene superpixels predicted"].data
    saved = session.saving_recipe(tmp_path / "recipe.json")(Control())
    assert saved.message == "recipe with 2 painted superpixels saved to recipe.json"
    recipe = Recipe.load(tmp_path / "recipe.json")
    assert recipe.class_names == ("background", "object")
    images = tmp_path / "images"
    images.mkdir()
    iio.imwrite(images / "a.png", session.image)
    iio.imwrite(images / "b.png", session.image[:, ::-1])
    found = apply_to(recipe, images / "a.png")
    names = np.array(["", "background", "object"])
    by_pixel = np.concatenate([[""], found.table["class"]])[found.labels]
    np.testing.assert_array_equal(by_pixel, names[predicted])

    told = []
    control = Control()
    control.tell = told.append
    out = tmp_path / "out"
    done = session.applying(images, out)(control)
    assert done.message == "2 images, results in out"
    assert [row["image"] for row in rows(out / "summary.csv")] == ["a.png", "b.png"]
    assert told[-1] == (2, 2, "images")
    (images / "a.png").write_bytes(b"x")
    done = session.applying(images, out)(Control())
    assert "1 failed, see summary.csv (a.png: cannot read" in done.message
    session.picking.paint([piece_at(session, 55, 70)], 1)
    with pytest.raises(OutputError, match="choose an empty folder"):
        session.applying(images, out)(Control())


def test_a_recipe_of_what_the_sliders_show(session, tmp_path):
    session.picking.leave()
    session.granularity.show(25)
    session.granularity.even(0.5)
    session.saving_recipe(tmp_path / "recipe.json")(Control())
    content = json.loads((tmp_path / "recipe.json").read_text())
    assert content["superpixels"]["evenness"] == 0.5
    assert content["image"]["spacing"] == [0.5, 0.5]
    assert "classes" not in content
    assert len(apply_to(Recipe.load(tmp_path / "recipe.json"), session.image)) == 25


def test_a_recipe_needs_superpixels_of_the_dock(rng):
    session = Session()
    with pytest.raises(SenError):
        session.saving_recipe("x.json")(Control())


def test_objects_stay_in_a_layer_of_their_own_when_the_sliders_move(session, tmp_path):
    """No other cut has them, so they would be gone without a word."""
    paint_two(session)
    session.run("classes")
    session.picking.join()
    layer = session.granularity.layer
    before, objects = layer.data.copy(), objects_shown(session)
    told = []
    session.granularity.told.connect(told.append)
    layers = list(session.granularity.layers)
    session.granularity.show(30)
    session.granularity.show(20)
    (kept,) = [each for each in session.granularity.layers if each not in layers]
    assert told == [f"The joined objects are kept in the hidden layer {kept.name!r}."]
    assert kept.name == f"{layer.name}, objects"
    assert not kept.visible
    np.testing.assert_array_equal(kept.data, before)
    np.testing.assert_allclose(kept.data_to_world((5, 6)), layer.data_to_world((5, 6)))
    session.pick(kept)
    again = objects_shown(session)
    assert again.table["class"].tolist() == objects.table["class"].tolist()
    assert again.table["index"].tolist() == objects.table["index"].tolist()
