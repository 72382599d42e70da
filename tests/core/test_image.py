"""What the axes of an image mean, and what is refused."""

import numpy as np
import pytest

from napari_sen.core.image import check_finite, interpret
from napari_sen.errors import ImageError, ParameterError


@pytest.mark.parametrize(
    ("shape", "dtype", "arguments", "spatial", "leading", "channels", "rgb"),
    [
        ((4, 5), "u2", {}, (4, 5), (), 1, False),
        ((4, 5, 3), "u1", {}, (4, 5), (), 3, True),
        ((4, 5, 4), "u1", {}, (4, 5), (), 3, True),
        ((4, 5, 3), "f4", {"rgb": True}, (4, 5), (), 3, True),
        ((4, 5, 3), "u2", {"channel_axis": -1}, (4, 5), (), 3, False),
        ((2, 4, 5), "u2", {"channel_axis": 0}, (4, 5), (), 2, False),
        ((6, 4, 5), "u2", {"slices": "each"}, (4, 5), (6,), 1, False),
        ((6, 4, 5), "u2", {"slices": "volume"}, (6, 4, 5), (), 1, False),
        ((6, 4, 3), "u1", {"rgb": False, "slices": "volume"}, (6, 4, 3), (), 1, False),
        ((2, 6, 4, 5), "u2", {"slices": "volume"}, (6, 4, 5), (2,), 1, False),
        ((2, 6, 4, 5), "u2", {"slices": "each"}, (4, 5), (2, 6), 1, False),
        ((2, 6, 4, 5), "u2", {"channel_axis": 0, "slices": "each"}, (4, 5), (6,), 2, False),
        ((7, 6, 4, 3), "u1", {"slices": "each"}, (6, 4), (7,), 3, True),
    ],
)
def test_readings(shape, dtype, arguments, spatial, leading, channels, rgb):
    canvas = interpret(np.zeros(shape, dtype), **arguments)
    assert (canvas.spatial, canvas.leading, canvas.rgb) == (spatial, leading, rgb)
    assert canvas.data.shape[-1] == channels
    assert len(list(canvas.slices())) == len(canvas)


def test_the_data_is_a_view():
    image = np.zeros((4, 5, 4), np.uint8)
    assert np.shares_memory(interpret(image).data, image)


@pytest.mark.parametrize(
    ("image", "arguments", "words"),
    [
        (np.zeros((4, 5, 3)), {}, "rgb=True.*channel_axis"),
        (np.zeros((6, 4, 5)), {}, "'each'.*'volume'.*channel_axis"),
        (np.zeros((0, 5)), {}, "empty"),
        (np.zeros(5), {}, "2 to 5 axes"),
        (np.zeros((1,) * 6), {}, "2 to 5 axes"),
        (np.zeros((4, 5), complex), {}, "real numbers"),
        (np.zeros((4, 5), object), {}, "real numbers"),
        (np.zeros((4, 5), "U1"), {}, "real numbers"),
        (np.zeros((4, 5), "M8[s]"), {}, "real numbers"),
        (np.zeros((4, 5)), {"rgb": True}, "last axis of 3 or 4"),
        (np.zeros((4, 5, 3), "i4"), {"rgb": True}, "uint8, uint16 or float"),
        (np.zeros((4, 5, 2)), {"channel_axis": 3}, "out of range"),
        (np.zeros((4, 5)), {"channel_axis": 0}, "no two axes"),
        (np.zeros((4, 5, 3)), {"channel_axis": 2, "rgb": True}, "not both"),
        (np.zeros((4, 5, 6)), {"slices": "all"}, "'each' or 'volume'"),
    ],
)
def test_bad_images_are_named(image, arguments, words):
    with pytest.raises((ImageError, ParameterError), match=words):
        interpret(image, **arguments)


def test_values_that_are_not_finite_are_counted():
    data = np.zeros((3, 4, 1))
    data[1, 2] = np.nan
    data[2, 0] = np.inf
    with pytest.raises(ImageError, match=r"at 2 pixels, the first at \(1, 2\)"):
        check_finite(data)
    mask = np.ones((3, 4), bool)
    mask[1, 2] = mask[2, 0] = False
    check_finite(data, mask)
