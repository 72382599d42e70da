"""How superpixels are drawn, without a display."""

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Image, Labels

from napari_sen.plugin.layers.borders import plane_borders, world_lines
from napari_sen.plugin.layers.looks import LINE, clearest, lacks_means, line_width
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.steps.session import Session


@pytest.fixture
def session(photo):
    session = Session()
    session.model = None
    session.show_in(LayerList())
    session.choose(Image(photo, name="photo", scale=(0.5, 0.5)))
    session.granularity.layers.append(session.layer)
    session.run("superpixels")
    return session


def test_outlines_stand_out_from_what_they_lie_on():
    rng = np.random.default_rng(0)
    for ground in ((0, 0, 0), (1, 1, 1), (1, 1, 0.1), (0.8, 0.4, 0.7), (0.1, 0.9, 0.1)):
        pixels = np.clip(ground + rng.normal(0, 0.05, (500, 3)), 0, 1)
        colour = np.array([int(clearest(pixels)[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        assert np.abs(pixels - colour).max(axis=1).min() > 0.5
    assert clearest(None).startswith("#")


def test_contours_of_napari_are_as_wide_as_the_zoom_needs(session):
    layer = session.granularity.layer
    for zoom in (0.3, 0.5, 1.0, 1.5):
        seen = (line_width(layer, zoom) + 1) * zoom * 0.5  # px of the screen
        assert seen == pytest.approx(LINE, rel=0.5)
    session.granularity.looks.follow_zoom(session.granularity.layers, 0.2)
    assert layer.contour == line_width(layer, 0.2) > 1
    assert line_width(layer, 1e-9) <= 12


def test_a_colour_is_set_where_it_is_another(session):
    layer, looks = session.granularity.layer, session.granularity.looks
    told = []
    layer.events.colormap.connect(lambda _: told.append(True))
    looks.apply(layer)
    session.run("superpixels")
    assert told == []
    looks.colour = "#123456"
    assert len(told) == 1
    shown = layer.colormap.map(np.array([5]))[0]
    np.testing.assert_allclose(shown[:3], np.array([0x12, 0x34, 0x56]) / 255, atol=0.01)
    looks.look = "random"
    looks.look = "outline"
    assert len(told) == 3


def test_lines_of_a_slice_lie_where_the_layer_does():
    data = np.zeros((4, 3, 5), np.uint8)
    data[2, 1:, 2:] = 1
    layer = Labels(data, scale=(2, 0.5, 0.25), translate=(7, 8, 9), rotate=np.eye(3)[[0, 2, 1]])
    expected = plane_borders(data[2]).reshape(-1, 2)
    points = world_lines(layer, (1, 2), {0: 2}, (0, 1, 2))
    world = [layer.data_to_world((2, *end))[::-1] for end in expected]
    np.testing.assert_allclose(points, world, rtol=1e-5)
    flat = world_lines(layer, (1, 2), {0: 2}, (1, 2))
    np.testing.assert_allclose(flat[:, :2], points[:, :2])
    assert not flat[:, 2].any()


def test_the_switch_between_looks(session):
    layer, looks = session.granularity.layer, session.granularity.looks
    assert layer.contour > 0
    colours = layer.colormap.map(np.arange(1, 9))
    assert len(np.unique(colours, axis=0)) == 1
    looks.look = "mean"
    assert layer.contour == 0
    inside = layer.data == 5
    expected = session.layer.data[inside].mean(axis=0) / 255
    shown = layer.colormap.map(np.array([5], layer.data.dtype))[0]
    np.testing.assert_allclose(shown, [*expected, 1], atol=1e-5)
    session.granularity.show(12)
    inside = layer.data == 5
    expected = session.layer.data[inside].mean(axis=0) / 255
    shown = layer.colormap.map(np.array([5], layer.data.dtype))[0]
    np.testing.assert_allclose(shown, [*expected, 1], atol=1e-5)
    looks.look = "random"
    colours = layer.colormap.map(np.arange(1, 9))
    assert len(np.unique(colours, axis=0)) == 8
    looks.look = "none"
    assert not layer.visible
    looks.look = "outline"
    assert layer.visible
    looks.colour = "#0050ff"
    np.testing.assert_allclose(layer.colormap.map(np.array([3]))[0], (0, 80 / 255, 1, 1), atol=0.01)


def test_mean_colours_of_a_grey_image_are_those_it_is_shown_in(session, rng):
    data = rng.random((40, 50)).astype(np.float32) * 10
    image = Image(data, name="grey", colormap="green", contrast_limits=(0, 20))
    session.granularity.layers.append(image)
    session.choose(image)
    session.run("superpixels")
    session.granularity.looks.look = "mean"
    layer = session.granularity.layer
    mean = data[layer.data == 2].mean()
    shown = layer.colormap.map(np.array([2], layer.data.dtype))[0]
    np.testing.assert_allclose(shown, (0, mean / 20, 0, 1), atol=0.02)


def test_borders_are_where_labels_differ():
    labels = np.array([[1, 1, 2], [1, 3, 2], [3, 3, 2]])
    lines = plane_borders(labels)
    length = np.abs(lines[:, 1] - lines[:, 0]).sum()
    faces = (labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum()
    assert length == faces
    found = {tuple(map(tuple, line.tolist())) for line in lines}
    assert ((-0.5, 1.5), (2.5, 1.5)) in found  # a straight border is one line
    assert ((0.5, 0.5), (0.5, 1.5)) in found
    assert len(plane_borders(np.ones((4, 5), int))) == 0


def test_borders_lie_in_the_world_where_the_layer_does(session):
    layer = session.granularity.layer
    layer.affine = [[1, 0.2, 5], [0, 1, -3], [0, 0, 1]]
    points = world_lines(layer, (0, 1), {}, (0, 1))
    corner = plane_borders(layer.data)[0, 0]
    np.testing.assert_allclose(points[0, :2], layer.data_to_world(corner)[::-1], rtol=1e-5)
    assert (points[:, 2] == 0).all()


def test_without_mean_colours_outlines_are_drawn_and_the_reason_is_given(session, monkeypatch):
    layer, looks = session.granularity.layer, session.granularity.looks
    assert lacks_means(layer) == ""
    looks.look = "mean"
    assert looks.drawn(layer) == "mean"
    monkeypatch.setattr("napari_sen.plugin.layers.looks.MOST_COLOURS", 10)
    assert lacks_means(layer) == "Up to 8 superpixels can be shown in mean colours"
    assert looks.drawn(layer) == "outline"
    looks.apply(layer)
    assert len(np.unique(layer.colormap.map(np.arange(1, 9)), axis=0)) == 1
    made_of(layer).extra.clear()
    made_of(layer).table = None
    assert "not read as a whole" in lacks_means(layer)
