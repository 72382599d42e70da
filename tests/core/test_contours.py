import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import line

from napari_sen.core.boundaries import find_boundaries
from napari_sen.core.contours import (
    _ridges,
    average_boundaries,
    share_of_cuts,
    suppress_non_maxima,
)
from napari_sen.core.graph import border_keys, border_values
from napari_sen.core.hierarchy import build
from napari_sen.core.snic import snic
from napari_sen.errors import ImageError, ParameterError
from tests.merging import NATURAL

EIGHT = np.ones((3, 3))


def blobs(rng, shape=(48, 40)):
    """Return a smooth map without ties."""
    smooth = ndimage.gaussian_filter(rng.random(shape), 3)
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def test_average_of_two_maps():
    left, right = np.array([[1, 2, 2, 2]]), np.array([[1, 2, 2, 3]])
    assert average_boundaries([left, right]).tolist() == [[1.0, 0.0, 0.5, 0.0]]
    assert average_boundaries(iter([left])).dtype == np.float32


def test_average_needs_maps_of_one_shape():
    with pytest.raises(ImageError, match="at least one"):
        average_boundaries([])
    with pytest.raises(ImageError, match="differ in shape"):
        average_boundaries([np.ones((2, 2), int), np.ones((2, 3), int)])


@pytest.mark.parametrize("axis", [0, 1])
def test_ramp_ridge_becomes_one_pixel(axis):
    profile = np.maximum(0, 1 - abs(np.arange(31) - 15) / 10)
    ridge = np.repeat(profile[None], 20, axis=0)
    thinned = suppress_non_maxima(ridge if axis else ridge.T, border=0)
    expected = np.zeros_like(ridge)
    expected[:, 15] = 1
    np.testing.assert_array_equal(thinned if axis else thinned.T, expected)


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_thick_lines_become_connected_and_thin(angle):
    away = np.deg2rad(angle)
    rows, columns = np.mgrid[-40:41, -40:41]
    profile = np.exp(-((rows * np.cos(away) - columns * np.sin(away)) ** 2) / 8)
    found = suppress_non_maxima(profile, threshold=0.1, border=0) > 0
    assert ndimage.label(found, EIGHT)[1] == 1
    # One pixel wide: as many pixels as steps along the longer axis, within the image's square.
    length = 80 * max(abs(np.cos(away)), abs(np.sin(away)))
    steps = length / max(abs(np.cos(away)), abs(np.sin(away)))
    assert steps - 8 <= found.sum() <= steps + 8
    distance = abs(rows * np.cos(away) - columns * np.sin(away))[found]
    inside = (abs(rows) < 36)[found] & (abs(columns) < 36)[found]
    assert distance[inside].max() < 1


@pytest.mark.parametrize("end", [(40, 8), (40, 40), (8, 40), (40, 22), (22, 40), (8, 60), (3, 60)])
def test_thin_lines_stay(end):
    drawn = np.zeros((64, 64), np.float32)
    drawn[line(8, 8, *end)] = 0.7
    thinned = suppress_non_maxima(drawn, border=0)
    assert ndimage.label(thinned > 0, EIGHT)[1] == 1
    assert (drawn > 0).sum() - 2 <= (thinned > 0).sum() <= (drawn > 0).sum()


def test_stairs_become_one_pixel_wide():
    labels = np.greater.outer(np.arange(40), np.arange(40)).astype(int)
    thinned = suppress_non_maxima(average_boundaries([labels]), border=0) > 0
    assert ndimage.label(thinned, EIGHT)[1] == 1
    assert 36 <= thinned.sum() <= 41


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr, np.transpose])
def test_turning_the_map_turns_the_ridges(turn, rng):
    strength = blobs(rng)
    np.testing.assert_array_equal(_ridges(turn(strength), 4, 2), turn(_ridges(strength, 4, 2)))


def test_strengths_are_kept_or_set_to_zero(rng):
    strength = blobs(rng)
    thinned = suppress_non_maxima(strength, border=0, threshold=0.3)
    assert set(thinned[thinned > 0]) <= set(strength[strength >= 0.3])
    assert 0 < (thinned > 0).sum() < 0.3 * strength.size


def test_again_adds_nothing(rng):
    once = suppress_non_maxima(blobs(rng), border=0)
    twice = suppress_non_maxima(once, border=0)
    assert ((twice == once) | (twice == 0)).all()
    assert (twice > 0).sum() > 0.7 * (once > 0).sum()


def test_the_border_fades():
    strength = np.zeros((20, 20), np.float32)
    strength[10] = 0.8
    thinned = suppress_non_maxima(strength, border=3)
    expected = [0.2, 0.4, 0.6] + [0.8] * 14 + [0.6, 0.4, 0.2]
    np.testing.assert_allclose(thinned[10], expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (2, 30), (3, 3)])
def test_small_maps(shape, rng):
    strength = rng.random(shape).astype(np.float32)
    thinned = suppress_non_maxima(strength)
    assert thinned.shape == shape
    assert thinned.dtype == np.float32
    assert ((thinned >= 0) & (thinned <= 1)).all()
    assert (suppress_non_maxima(np.zeros(shape)) == 0).all()


def test_a_row_keeps_its_peaks():
    row = np.array([[0, 0.2, 0.9, 0.2, 0, 0.1, 0.5, 0.1, 0]], np.float32)
    peaks = suppress_non_maxima(row, smoothing=0)
    np.testing.assert_array_equal(peaks > 0, [[0, 0, 1, 0, 0, 0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("strength", "options", "error", "words"),
    [
        (np.zeros((2, 2, 2)), {}, ImageError, "2-D"),
        (np.zeros((0, 2)), {}, ImageError, "2-D"),
        (np.full((2, 2), np.nan), {}, ImageError, "finite"),
        (np.full((2, 2), 1.5), {}, ImageError, "0...1"),
        (np.zeros((2, 2)), {"threshold": 2}, ParameterError, "threshold"),
        (np.zeros((2, 2)), {"radius": 0}, ParameterError, "radius"),
        (np.zeros((2, 2)), {"smoothing": -1}, ParameterError, "smoothing"),
        (np.zeros((2, 2)), {"border": 1.5}, ParameterError, "border"),
    ],
)
def test_bad_input(strength, options, error, words):
    with pytest.raises(error, match=words):
        suppress_non_maxima(strength, **options)


def test_share_of_cuts_is_the_mean_over_every_cut(rng):
    """Against the boundaries of the cuts in turn: the fewest regions that still show a border."""
    labels = snic(rng.random((24, 30, 2)) * 20, 40, compactness=3)
    tree = build(labels, rng.random((24, 30, 2)), merging=NATURAL)
    fewest = np.zeros(labels.shape)
    for level in np.unique(tree.levels):  # merges of one height happen together
        cut = tree.cut(level=np.nextafter(level, 0))
        fewest[find_boundaries(cut, "thin")] = cut.max()
    expected = np.where(fewest > 0, 1 - np.log(np.maximum(fewest, 1)) / np.log(40), 0)
    np.testing.assert_allclose(share_of_cuts(tree), expected, atol=1e-6)


def test_share_of_cuts_of_one_region():
    tree = build(np.ones((4, 5), np.int32), np.zeros((4, 5, 1)), merging=NATURAL)
    np.testing.assert_array_equal(share_of_cuts(tree), np.zeros((4, 5)))


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_borders_are_drawn_with_the_largest_of_their_values(shape, n, seed):
    """As a slow loop draws them; borders that are not listed and the outside count as 0."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n + 1, shape).astype(np.int32)
    pairs = np.array([(a, b) for a in range(n) for b in range(a + 1, n)], np.int32).reshape(-1, 2)
    pairs = pairs[rng.random(len(pairs)) < 0.7]
    values = rng.random(len(pairs)).astype(np.float32)
    known = {tuple(pair): value for pair, value in zip(pairs.tolist(), values, strict=True)}
    expected = np.zeros(shape, np.float32)
    for at in np.ndindex(shape):
        for axis in range(3):
            beside = tuple(i + (a == axis) for a, i in enumerate(at))
            if beside[axis] < shape[axis]:
                pair = tuple(sorted((labels[at] - 1, labels[beside] - 1)))
                expected[at] = max(expected[at], known.get(pair, 0))
    np.testing.assert_array_equal(border_values(labels, border_keys(pairs), values), expected)
