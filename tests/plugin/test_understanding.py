"""What the dock understands of an image: kind, channels, size; without a display."""

import numpy as np
import pytest
from napari.layers import Image

from napari_sen.data import load_sample
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.state.channels import guess_channel_axis, likely_channels
from napari_sen.plugin.state.kinds import guess_kind
from napari_sen.plugin.state.sizes import Extent, suited_diameter
from napari_sen.plugin.steps.session import Session


def test_the_diameter_grows_with_the_image_but_slower():
    sides = [20, 120, 525, 1400, 4096]
    found = [suited_diameter(Extent((side, side), (1.0, 1.0))) for side in sides]
    assert found == [4.5, 11, 23, 37, 64]
    # The same picture in other units is cut into the same pieces.
    extent = Extent((525, 525), (0.65, 0.65), "µm")
    assert suited_diameter(extent) == pytest.approx(23 * 0.65, rel=0.01)
    assert extent.number(suited_diameter(extent)) == pytest.approx(525**2 / 23**2, rel=0.02)
    volume = Extent((51, 120, 122), (2.0, 1.0, 1.0))
    assert 1000 < volume.number(suited_diameter(volume)) < 2000


def test_number_and_diameter_go_together():
    extent = Extent((300, 200), (2.0, 0.5), "µm")
    for number in (1, 7, 600):
        assert extent.number(extent.diameter(number)) == number
    assert extent.number(1e-9) == 300 * 200
    assert extent.number(1e9) == 1


def test_the_kind_does_not_hang_on_the_pixel_size_alone():
    coffee, tissue = load_sample("coffee")[0], load_sample("tissue")[0]
    kinds = {
        "coffee": guess_kind(Image(coffee), "px", False)[0],
        "scaled": guess_kind(Image(coffee), "µm", True)[0],
        "tissue": guess_kind(Image(tissue), "px", False)[0],
        "grey": guess_kind(Image(coffee[..., 0]), "px", False)[0],
    }
    assert kinds == {
        "coffee": "natural", "scaled": "microscopy", "tissue": "microscopy", "grey": "microscopy",
    }  # fmt: skip
    assert "stained" in guess_kind(Image(tissue), "px", False)[1]


def test_what_is_said_of_the_kind_beats_the_guess():
    session = Session()
    session.choose(Image(load_sample("coffee")[0]))
    assert session.source().kind == "natural"
    session.kind = "microscopy"
    assert session.source().kind == "microscopy"
    assert session.settings().reading(session.source())["kind"] == "microscopy"


@pytest.mark.parametrize(
    ("shape", "options", "axis"),
    [
        ((3, 60, 80), {}, 0),
        ((51, 120, 122), {}, None),
        ((3, 60, 80), {"scale": (2, 1, 1)}, None),  # slices that are 2 apart
        ((3, 60, 80), {"axis_labels": ("z", "y", "x")}, None),
        ((60, 80, 9), {"axis_labels": ("y", "x", "c")}, 2),
        ((4, 3, 60, 80), {}, None),
        ((60, 80), {}, None),
    ],
)
def test_an_axis_that_looks_like_channels(shape, options, axis):
    assert guess_channel_axis(Image(np.zeros(shape, np.uint8), **options)) == axis


def test_layers_that_look_like_channels_are_used_together(rng):
    planes = rng.random((3, 40, 50))
    names, low_most = ("DAPI", "actin", "membrane"), "translucent_no_depth"
    layers = [
        Image(plane, name=name, blending=blending)
        for plane, name, blending in zip(
            planes, names, (low_most, "additive", "additive"), strict=True
        )
    ]
    low, *others = layers
    assert likely_channels(low, others) == others
    assert likely_channels(others[0], [low, others[1]]) == [low, others[1]]
    opaque = Image(planes[0], blending="translucent")
    assert likely_channels(opaque, [Image(planes[1], blending="translucent")]) == []
    session = Session()
    session.model = None
    session.show_in([])
    session.choose(low, [low, *others])
    assert session.channels == others
    assert session.source().channel_names == ("DAPI", "actin", "membrane")
    session.run("superpixels")
    table = made_of(session.granularity.layer).table
    for name, plane in zip(("DAPI", "actin", "membrane"), planes, strict=True):
        assert np.average(table[f"mean {name}"], weights=table["area (px)"]) == pytest.approx(
            plane.mean()
        )


def test_another_kind_of_image_is_read_anew(rng):
    session = Session()
    volume = Image(rng.random((9, 40, 50)), name="volume")
    session.choose(volume)
    session.stack = "volume"
    session.ask(70)
    session.choose(Image(rng.random((9, 40, 50)), name="the same again"))
    assert (session.stack, session.size_by) == ("volume", "number")
    session.choose(Image(rng.random((30, 64, 64)), name="movie"))
    assert (session.stack, session.size_by) == ("slice", "image")


def test_where_the_pixel_size_is_from_is_said(tmp_path, qapp):
    from napari_sen.plugin.qt.image_chooser import explained, understood

    (tmp_path / "cells.tif").touch()
    session, plain = Session(), np.zeros((60, 80), np.uint8)
    session.choose(Image(plain))
    assert "Pixel size: not known" in explained(session.source())
    session.choose(Image(plain, scale=(0.5, 0.5), units="um"))
    assert understood(session.source(), "auto") == "grey, 60 x 80, 0.5 µm; model: microscopy"
    kind, size = explained(session.source()).splitlines()
    assert kind == "Taken for microscopy: not a colour photograph."
    assert size == "Pixel size: 0.5 µm, from the layer's scale."
    layer = Image(plain, scale=(0.5, 0.25), units="um")
    layer._source = layer.source.model_copy(update={"path": str(tmp_path / "cells.tif")})
    session.choose(layer)
    assert "0.5 x 0.25 µm, from the layer's scale (opened from cells.tif)" in explained(
        session.source()
    )
