import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.core.boundaries import find_boundaries, mark_boundaries
from napari_sen.errors import ImageError, ParameterError

MAPS = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.integers(0, 3)
)


def naive(labels, mode):
    found = np.zeros(labels.shape, bool)
    for at in np.ndindex(labels.shape):
        for axis in range(labels.ndim):
            for step in (1,) if mode == "thin" else (-1, 1):
                beside = list(at)
                beside[axis] += step
                if 0 <= beside[axis] < labels.shape[axis]:
                    found[at] |= labels[at] != labels[tuple(beside)]
    return found


def test_two_halves():
    labels = np.array([[1, 1, 2, 2]] * 3)
    assert find_boundaries(labels).tolist() == [[False, True, True, False]] * 3
    assert find_boundaries(labels, "thin").tolist() == [[False, True, False, False]] * 3


@given(MAPS, st.sampled_from(["thick", "thin"]))
def test_equals_loops(labels, mode):
    np.testing.assert_array_equal(find_boundaries(labels, mode), naive(labels, mode))


@given(MAPS)
def test_thick_ignores_flips(labels):
    np.testing.assert_array_equal(
        find_boundaries(np.flip(labels)), np.flip(find_boundaries(labels))
    )


def test_slices_of_a_stack(rng):
    stack = rng.integers(0, 3, (4, 5, 6))
    found = find_boundaries(stack, axes=(-2, -1))
    np.testing.assert_array_equal(found, [find_boundaries(plane) for plane in stack])


def test_unsigned_labels_do_not_wrap():
    assert find_boundaries(np.array([0, 255, 255], np.uint8), "thin").tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("labels", "options", "error", "words"),
    [
        (np.zeros((2, 2)), {}, ImageError, "whole numbers"),
        (np.int64(3), {}, ImageError, "dimensions"),
        (np.zeros((2, 2), int), {"mode": "inner"}, ParameterError, "'inner'"),
        (np.zeros((2, 2), int), {"axes": (2,)}, ParameterError, "axes"),
    ],
)
def test_bad_input(labels, options, error, words):
    with pytest.raises(error, match=words):
        find_boundaries(labels, **options)


@pytest.mark.parametrize("ground", [0, 255])
def test_lines_stand_out_on_any_ground(ground):
    labels = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0)
    drawn = mark_boundaries(np.full((4, 6), ground, np.uint8), labels).astype(int)
    assert drawn.shape == (4, 6, 3)
    assert (drawn[:, [0, 1, 5]] == ground).all()
    line, before, after = drawn[0, 2], drawn[0, 1], drawn[0, 3]
    assert max(abs(line - before).sum(), abs(line - after).sum()) > 200


def test_line_colour_and_scale():
    labels = np.array([[1, 2]])
    drawn = mark_boundaries(np.zeros((1, 2, 4)), labels, (255, 0, 0), scale=3)
    assert drawn.shape == (3, 6, 3)
    assert drawn.dtype == np.uint8
    red = drawn[..., 0] > 200
    assert red.tolist() == [[False, False, True, False, False, False]] * 3
    assert drawn[..., 1:].max() == 0


def test_image_is_left_alone(rng):
    image = rng.random((5, 5, 3)).astype(np.float32)
    before = image.copy()
    mark_boundaries(image, np.arange(25).reshape(5, 5))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "options", "error", "words"),
    [
        (np.zeros((3, 3, 2), np.uint8), {}, ImageError, "must be"),
        (np.zeros((3, 3), np.uint16), {}, ImageError, "uint16"),
        (np.zeros((3, 4), np.uint8), {}, ImageError, "do not fit"),
        (np.zeros((3, 3), np.uint8), {"colour": (1, 2)}, ParameterError, "colour"),
        (np.zeros((3, 3), np.uint8), {"colour": (1, 2, 256)}, ParameterError, "colour"),
        (np.zeros((3, 3), np.uint8), {"scale": 0}, ParameterError, "scale"),
    ],
)
def test_bad_pictures(image, options, error, words):
    with pytest.raises(error, match=words):
        mark_boundaries(image, np.ones((3, 3), int), **options)
