"""What an image shows: told by its colours and its pixel size, unless the caller says it."""

import numpy as np
import pytest

import napari_sen
from napari_sen.errors import ParameterError
from tests.pipeline.test_segment import photograph

IMAGE = photograph()
FUNCTIONS = {
    "segment": lambda image, **how: napari_sen.segment(image, 12, **how),
    "adaptive": lambda image, **how: napari_sen.segment(image, 12, method="tree", **how),
    "hierarchy": lambda image, **how: napari_sen.hierarchy(image, 60, **how).ultrametric(),
    "contours": napari_sen.contours,
    "embed": napari_sen.embed,
}
every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


@every_function
def test_a_neutral_argument_changes_nothing(function):
    """A pixel size of 1 without a unit says nothing of an image; nor do the defaults."""
    plain = function(IMAGE)
    for neutral in ({"spacing": (1, 1)}, {"spacing": np.ones(2)}, {"rgb": True, "kind": None}):
        np.testing.assert_array_equal(function(IMAGE, **neutral), plain)


@every_function
def test_a_pixel_size_means_microscopy(function, caplog):
    caplog.set_level("INFO", "napari_sen")
    sized = function(IMAGE, spacing=(0.5, 0.5))
    assert "model: microscopy" in caplog.text
    said = function(IMAGE, spacing=(0.5, 0.5), kind="microscopy")
    np.testing.assert_array_equal(sized, said)
    assert (sized != function(IMAGE)).any()


@every_function
def test_what_is_said_beats_colour_and_pixel_size(function, caplog):
    caplog.set_level("INFO", "napari_sen")
    for more in ({}, {"spacing": (0.5, 0.5)}):
        for kind in ("natural", "microscopy"):
            caplog.clear()
            found = function(IMAGE, kind=kind, **more)
            assert f"model: {kind}" in caplog.text
            # A bundled model brings the parameters of its kind.
            np.testing.assert_array_equal(found, function(IMAGE, model=kind, **more))
    caplog.clear()
    function(IMAGE[..., 0], kind="natural")
    assert "model: natural" in caplog.text


@pytest.mark.parametrize("kind", ["natural", "microscopy"])
def test_the_kind_counts_without_a_model(kind):
    labels = napari_sen.segment(IMAGE, 12, model=None, kind=kind)
    other = "natural" if kind == "microscopy" else "microscopy"
    assert (labels != napari_sen.segment(IMAGE, 12, model=None, kind=other)).any()
    tiled = napari_sen.segment(IMAGE, 12, model=None, kind=kind, tile=96)
    np.testing.assert_array_equal(np.asarray(tiled), labels)


@every_function
def test_an_unknown_kind_is_named(function):
    with pytest.raises(ParameterError, match="'natural' or 'microscopy', got 'painting'"):
        function(IMAGE, kind="painting")
