"""Former names of arguments work, and say what they are called now."""

import inspect

import numpy as np
import pytest

import napari_sen
from napari_sen.errors import ParameterError

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"mode": "flat"}, {"method": "snic"}),
        ({"mode": "adaptive", "size_exponent": 1.0}, {"method": "tree", "evenness": 1.0}),
    ],
)
def test_superpixels_by_former_names(old, new):
    with pytest.warns(FutureWarning, match="is now"):
        found = napari_sen.segment(IMAGE, 9, model=None, **old)
    np.testing.assert_array_equal(found, napari_sen.segment(IMAGE, 9, model=None, **new))


@pytest.mark.parametrize("function", [napari_sen.hierarchy, napari_sen.contours])
def test_trees_by_their_former_exponent(function):
    with pytest.warns(FutureWarning, match="evenness=0.3"):
        function(IMAGE, model=None, size_exponent=0.3)
    assert "size_exponent" not in inspect.signature(function).parameters


def test_both_names_are_refused():
    with pytest.raises(ParameterError, match="former name"):
        napari_sen.segment(IMAGE, 9, evenness=1, size_exponent=1, model=None)


def test_the_line_of_the_caller_is_named():
    with pytest.warns(FutureWarning) as told:
        napari_sen.segment(IMAGE, 9, mode="flat", model=None)
    assert told[0].filename == __file__
