"""Classes carried to all superpixels, by the session alone, without a display."""

import json

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Image

from napari_sen.errors import DataError, ImageError, ParameterError
from napari_sen.learn.classes import Examples, propagate
from napari_sen.pipeline.describe import Description, describe
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.classing import least_certain
from napari_sen.plugin.steps.exporting import class_counts
from napari_sen.plugin.steps.session import Session

PLACE = {"scale": (0.5, 0.5), "translate": (3, 4), "rotate": 30, "units": "um"}


def scene(rng, shape=(60, 80), colours=((200, 40, 40), (40, 60, 200))):
    """A red disc on blue, with noise; and where the disc is."""
    rows, columns = np.indices(shape)
    disc = (rows - 30) ** 2 + (columns - 40) ** 2 < 20**2
    image = np.where(disc[..., None], *colours) + rng.normal(0, 12, (*shape, 3))
    return np.clip(image, 0, 255).astype(np.uint8), disc


@pytest.fixture
def session(rng):
    image, disc = scene(rng)
    session = started(image)
    session.disc = disc
    return session


def started(image, *, finite_only=False, **options):
    """A session that picks the superpixels of an image."""
    session = Session()
    session.model = None
    session.layers = LayerList()
    session.show_in(session.layers)
    layer = Image(image, name="scene", **{**PLACE, **options})
    session.layers.append(layer)
    session.choose(layer)
    session.finite_only = finite_only
    session.size_by, session.number = "number", 60
    session.evenness = 1.0
    session.run("superpixels")
    session.pick(session.layers[-1])
    return session


def piece_at(session, row, column):
    return session.picking.pieces.label_at((row, column))


def paint_two(session):
    session.picking.paint([piece_at(session, 2, 2)], 1)
    session.picking.paint([piece_at(session, 30, 40)], 2)


def layer(session, suffix):
    return session.layers[f"scene superpixels {suffix}"]


def test_classes_are_predicted_where_pixels_without_a_value_are_left_out(rng):
    image, disc = scene(rng)
    grey = image[..., 0].astype(np.float32)
    grey[50:, 60:] = np.nan
    session = started(grey, finite_only=True)
    paint_two(session)
    session.run("classes")
    found, there = layer(session, "predicted").data, np.isfinite(grey)
    assert (found[there] == (disc + 1)[there]).mean() > 0.95
    assert not found[~there].any()


def test_two_painted_superpixels_find_the_disc(session):
    paint_two(session)
    session.run("classes")
    found = layer(session, "predicted")
    truth = session.disc + 1
    assert (found.data == truth).mean() > 0.95
    confidence = layer(session, "confidence")
    assert confidence.data.dtype == np.float32
    assert confidence.data[30, 40] > 0.7
    assert confidence.data.min() >= 0.5
    assert not confidence.visible
    table = session.picking.table()
    assert set(table["predicted class"]) == {"background", "object"}
    unsure = least_certain(session.picking)
    there = session.picking.layer.data == unsure
    assert confidence.data[there].max() == confidence.data.min()
    for each in (found, confidence):
        np.testing.assert_allclose(each.data_to_world((3, 4)), session.layer.data_to_world((3, 4)))
    # Once more, with merged superpixels: the same layers follow.
    session.picking.select(session.picking.along((30, 25), (30, 55)))
    count = len(session.layers)
    session.picking.merge()
    session.run("classes")
    assert len(session.layers) == count
    assert layer(session, "predicted") is found


def test_only_other_pieces_are_looked_at_anew(session, monkeypatch):
    looked = []
    features = Description.features

    def counted(self, *arguments):
        looked.append(arguments[1])
        return features(self, *arguments)

    monkeypatch.setattr(Description, "features", counted)
    paint_two(session)
    session.run("classes")
    session.picking.paint(session.picking.along((30, 25), (30, 32)), 2)
    session.run("classes")
    pieces = len(session.picking.pieces.pieces)
    assert looked == [pieces]
    session.picking.select(session.picking.along((30, 25), (30, 32)))
    session.picking.merge()
    session.run("classes")
    assert looked == [pieces, len(session.picking.pieces.pieces)]
    assert looked[1] < pieces
    merged = session.picking.layer.data == piece_at(session, 30, 25)
    assert len(np.unique(layer(session, "confidence").data[merged])) == 1
    session.picking.undo()
    session.run("classes")
    assert looked == [pieces, looked[1], pieces]


def test_the_embedding_is_used_and_described_once(session, monkeypatch):
    import napari_sen.plugin.steps.classing as classing

    calls = []
    describe = classing.describe
    monkeypatch.setattr(classing, "describe", lambda *a, **k: calls.append(k) or describe(*a, **k))
    session.model = "natural"
    paint_two(session)
    session.run("classes")
    session.picking.paint([piece_at(session, 55, 75)], 1)
    session.run("classes")
    assert len(calls) == 1
    assert calls[0]["model"].name == "natural"
    session.model = None
    session.run("classes")
    assert len(calls) == 2


def test_what_is_missing_is_said(session):
    with pytest.raises(DataError, match="paint superpixels of two classes"):
        session.run("classes")
    session.picking.leave()
    with pytest.raises(ParameterError, match="press Refine"):
        session.run("classes")


def test_superpixels_of_another_image(session, rng):
    paint_two(session)
    session.choose(Image(rng.random((20, 30)), name="other"))
    with pytest.raises(ImageError, match="choose the image that they were made of"):
        session.run("classes")


def test_an_annotation_comes_back_on_its_superpixels(session, tmp_path, rng):
    session.picking.select(session.picking.along((30, 30), (30, 50)))
    session.picking.merge()
    paint_two(session)
    session.picking.rename_class(2, "disc")
    path = tmp_path / "scene.sen.json"
    done = session.saving(path)(Control())
    assert done.message == "2 painted superpixels saved to scene.sen.json"
    classes = layer(session, "classes").data.copy()

    again = started(session.layer.data)
    assert "put back" in again.load_annotation(path)
    np.testing.assert_array_equal(layer(again, "classes").data, classes)
    np.testing.assert_array_equal(again.picking.layer.data, session.picking.layer.data)
    assert again.picking.class_names == ["background", "disc"]
    again.picking.undo()
    assert again.picking.pieces.classes() == {}


def test_an_annotation_serves_other_images(session, tmp_path, rng):
    paint_two(session)
    path = tmp_path / "scene.sen.json"
    session.saving(path)(Control())
    image, disc = scene(rng)
    other = started(np.roll(image, 9, axis=1))
    assert "serve as examples" in other.load_annotation(path)
    other.run("classes")
    assert (layer(other, "predicted").data == np.roll(disc, 9, axis=1) + 1).mean() > 0.95
    # What is kept then has the examples of both.
    other.picking.paint([piece_at(other, 2, 2)], 1)
    other.saving(tmp_path / "two.sen.json")(Control())
    third = started(image)
    third.load_annotation(tmp_path / "two.sen.json")
    assert len(third.classifying.others.classes) == 3


def test_classes_of_another_image_are_told_apart_by_name(session, rng, tmp_path):
    """What is painted already keeps its class, and numbers of a file are not taken for its own."""
    paint_two(session)
    session.picking.class_names = ["tissue", "nucleus"]
    path = tmp_path / "scene.sen.json"
    session.saving(path)(Control())
    image, _ = scene(rng)
    other = started(np.roll(image, 9, axis=1))
    picking = other.picking
    picking.class_names = ["nucleus", "glass", "dust"]
    picking.paint([piece_at(other, 30, 49)], 1)
    picking.paint([piece_at(other, 2, 2)], 3)
    other.load_annotation(path)
    assert picking.class_names == ["nucleus", "glass", "dust", "tissue"]
    assert other.classifying.others.classes.tolist() == [4, 1]
    assert class_counts(picking) == {"nucleus": 1, "glass": 0, "dust": 1, "tissue": 0}
    assert set(picking.pieces.classes().values()) == {1, 3}


def test_a_slice_of_a_stack_is_described_where_it_was_made(rng):
    image, disc = scene(rng)
    grey = np.stack([np.zeros((60, 80)), image[..., 0], np.zeros((60, 80))]).astype(np.uint8)
    session = Session()
    session.model = None
    session.layers = LayerList()
    session.show_in(session.layers)
    stack = Image(grey, name="scene", scale=(3, 1, 1))
    session.choose(stack)
    session.size_by, session.number, session.evenness = "number", 60, 1.0
    session.run("superpixels", point=(3, 0, 0))
    session.pick(session.granularity.layer)
    paint_two(session)
    session.run("classes")
    found = session.layers["scene superpixels, slice 1 predicted"].data[0]
    assert (found == disc + 1).mean() > 0.95


def test_the_dock_predicts_what_python_does(session):
    session.picking.select(session.picking.along((30, 25), (30, 55)))
    session.picking.merge()
    paint_two(session)
    session.run("classes")
    labels = np.asarray(session.picking.layer.data)
    labels = np.unique(labels, return_inverse=True)[1]
    found = describe(session.layer.data, labels + 1, model=None, rgb=True)
    examples = Examples(
        found.features()[[labels[2, 2], labels[30, 40]]], np.array([1, 2]), found.names
    )
    classes, probability = propagate(examples, found.features(), found.borders())
    guess = classes[probability.argmax(axis=1)][labels]
    np.testing.assert_array_equal(layer(session, "predicted").data, guess)
    np.testing.assert_allclose(
        layer(session, "confidence").data, probability.max(axis=1)[labels], rtol=1e-3
    )


def test_an_older_annotation_is_put_back_but_serves_no_other_image(session, tmp_path):
    paint_two(session)
    path = tmp_path / "scene.sen.json"
    session.saving(path)(Control())
    content = json.loads(path.read_text())
    keep = [k for k, name in enumerate(content["features"]) if "quartile" not in name]
    content["features"] = [content["features"][k] for k in keep]
    for row in content["examples"]:
        row["features"] = [row["features"][k] for k in keep]
    path.write_text(json.dumps(content))
    again = started(session.layer.data)
    assert "put back" in again.load_annotation(path)
    again.run("classes")
    other = started(np.roll(session.layer.data, 9, axis=1))
    assert "serve as examples" in other.load_annotation(path)
    paint_two(other)
    with pytest.raises(DataError, match="paint anew where an older version made them"):
        other.run("classes")
