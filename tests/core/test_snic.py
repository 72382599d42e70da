"""The compiled SNIC against its slow twin, and the invariants of every label result."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_sen.core import _kernel
from napari_sen.core.lattice import lattice_pitch, seed_lattice, seed_window
from napari_sen.core.snic import snic
from napari_sen.errors import Cancelled, ImageError, ParameterError, SenError
from tests.reference.snic import snic as slow_snic


@st.composite
def problems(draw):
    """Draw a kernel problem: small volumes, many ties, all options."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))))
    channels = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 16, 19]))
    if draw(st.booleans()):  # coarse values: equal distances are common
        features = rng.integers(0, 3, (*shape, channels)).astype(np.float32)
    else:
        features = rng.normal(0, 30, (*shape, channels)).astype(np.float32)
    mask = None
    if draw(st.booleans()):
        mask = (rng.random(shape) < 0.7).astype(np.uint8)
        mask.flat[rng.integers(mask.size)] = 1
    legal = np.flatnonzero(np.ones(shape) if mask is None else mask)
    count = draw(st.integers(1, len(legal)))
    seeds = rng.permutation(legal)[:count].astype(np.int64)
    weight = [float(np.float32(w)) for w in rng.random(3) * draw(st.sampled_from([0.0, 1.0, 50.0]))]
    boundary = rng.random(shape).astype(np.float32) * 9 if draw(st.booleans()) else None
    return features, seeds, weight, draw(st.booleans()), mask, boundary


@given(problems(), st.booleans())
def test_kernel_equals_the_slow_twin(problem, wide):
    """With the keys of small images and with those of images beyond 2^32 pixels."""
    features, seeds, weight, corners, mask, boundary = problem
    expected = slow_snic(features, seeds.tolist(), weight, corners, mask, boundary)
    labels = _kernel.snic(features, seeds, weight, corners, mask=mask, boundary=boundary, wide=wide)
    np.testing.assert_array_equal(labels, expected)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.integers(1, 10**6),
    st.lists(st.sampled_from([0.3, 1.0, 4.0]), min_size=3, max_size=3),
)
def test_lattice_has_exactly_the_seeds_asked_for(shape, number, spacing):
    number = 1 + number % int(np.prod(shape))
    seeds = seed_lattice(shape, number, spacing[: len(shape)])
    assert seeds.shape == (number, len(shape))
    assert (seeds >= 0).all()
    assert (seeds < shape).all()
    flat = np.ravel_multi_index(tuple(seeds.T), tuple(shape))
    assert (np.diff(flat) > 0).all(), "distinct and in row-major order"


def test_lattice_cells_are_nearly_square():
    seeds = seed_lattice((300, 500), 60)
    rows = np.unique(seeds[:, 0])
    np.testing.assert_array_equal(rows, [25, 75, 125, 175, 225, 275])
    columns = seeds[seeds[:, 0] == 25][:, 1]
    np.testing.assert_array_equal(np.diff(columns), 50)


def test_lattice_follows_the_spacing():
    """Thick slices hold few seeds along z."""
    seeds = seed_lattice((10, 100, 100), 100, (5.0, 1.0, 1.0))
    assert len(np.unique(seeds[:, 0])) == 3


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=3),
    st.integers(0, 10**6),
    st.tuples(*[st.floats(0.1, 10)] * 3),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=3),
)
def test_a_window_of_the_lattice(shape, number, spacing, window):
    number = 1 + number % int(np.prod(shape))
    window = [tuple(sorted(edges)) for edges in window[: len(shape)]]
    seeds = seed_lattice(shape, number, spacing[: len(shape)])
    inside = np.all([(a <= s) & (s < b) for s, (a, b) in zip(seeds.T, window, strict=True)], axis=0)
    points, numbers = seed_window(shape, number, spacing[: len(shape)], window)
    np.testing.assert_array_equal(points, seeds[inside])
    np.testing.assert_array_equal(numbers, np.flatnonzero(inside))


def test_pitch_of_the_lattice():
    assert lattice_pitch((300, 500), 60) == (50, 50)
    assert lattice_pitch((1, 400), 5) == (1, 80)
    assert lattice_pitch((10, 100, 100), 100, (5.0, 1.0, 1.0))[0] == pytest.approx(10 / 3)


def assert_is_labelling(labels, mask=None, connectivity=1):
    """Check cover, gap-free numbers and connectivity."""
    assert labels.dtype == np.int32
    inside = np.ones(labels.shape, bool) if mask is None else mask != 0
    assert ((labels > 0) == inside).all()
    numbers = np.unique(labels[inside])
    np.testing.assert_array_equal(numbers, np.arange(1, len(numbers) + 1))
    rank = 1 if connectivity == 1 else labels.ndim
    structure = ndimage.generate_binary_structure(labels.ndim, rank)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        assert ndimage.label(labels[box] == number, structure)[1] == 1, f"label {number}"


@given(
    st.lists(st.integers(1, 24), min_size=2, max_size=3),
    st.integers(0, 10**6),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_invariants(shape, number, connectivity, masked, seed):
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    mask = None
    if masked:
        mask = rng.random(shape) < 0.6
        mask.flat[0] = True
    pixels = int(np.prod(shape)) if mask is None else int(mask.sum())
    number = 1 + number % pixels
    labels = snic(features, number, mask=mask, connectivity=connectivity)
    assert_is_labelling(labels, mask, connectivity)
    if mask is None:
        assert labels.max() == number
    again = snic(features, number, mask=mask, connectivity=connectivity)
    np.testing.assert_array_equal(labels, again)


def test_flip_equivariance_without_ties(rng):
    """A mirrored image gives the mirrored superpixels, up to the labels' numbers."""
    features = rng.normal(0, 20, (40, 60, 3)).astype(np.float32)
    seeds = seed_lattice((40, 60), 24)
    mirrored = seeds * [1, -1] + [0, 59]
    a = snic(features, seeds=seeds)
    b = snic(features[:, ::-1], seeds=mirrored)
    np.testing.assert_array_equal(a, b[:, ::-1])


def test_a_tile_with_all_seeds_gives_what_the_whole_gives(rng):
    """Order and positions survive a shift of the origin, ties included."""
    whole = rng.integers(0, 3, (48, 64, 1)).astype(np.float32)
    seeds = seed_lattice((48, 64), 48)
    mask = np.zeros((48, 64), bool)
    mask[8:40, 16:56] = True
    inside = seeds[mask[tuple(seeds.T)]]
    expected = snic(whole, seeds=inside, mask=mask, step=8.0)
    tile = snic(whole[8:40, 16:56], seeds=inside - [8, 16], step=8.0)
    np.testing.assert_array_equal(tile, expected[8:40, 16:56])


def test_islands_without_a_seed_get_their_own(rng):
    mask = np.zeros((60, 60), np.uint8)
    mask[:40, :40] = 1
    mask[50:53, 50:57] = 1
    mask[58, 3] = 1
    labels = snic(rng.random((60, 60, 2)), 4, mask=mask)
    assert_is_labelling(labels, mask)
    assert len(np.unique(labels[50:53, 50:57])) == 1


def test_flat_quadrants_are_found():
    image = np.zeros((20, 30, 1), np.float32)
    image[:10, :15], image[:10, 15:], image[10:, :15] = 40, 80, 120
    labels = snic(image, 4)
    for rows in (slice(0, 10), slice(10, 20)):
        for columns in (slice(0, 15), slice(15, 30)):
            assert len(np.unique(labels[rows, columns])) == 1
    assert labels.max() == 4


def test_sums_stay_exact_for_millions_of_pixels():
    """A ramp that float32 sums would lose: the centroid's side decides who gets the last column."""
    features = np.full((1500, 1500, 1), 1000.1, np.float32)
    labels = snic(features, 2, compactness=1.0)
    sizes = np.bincount(labels.ravel())[1:]
    assert abs(sizes[0] - sizes[1]) <= 1500


def test_boundary_keeps_growth_out():
    features = np.zeros((11, 21, 1), np.float32)
    wall = np.zeros((11, 21), np.float32)
    wall[:, 6] = 1
    seeds = np.array([[5, 3], [5, 17]])
    plain = snic(features, seeds=seeds)
    walled = snic(features, seeds=seeds, boundary=wall, boundary_weight=1e4)
    assert plain[5, 8] == 1
    assert walled[5, 8] == 2
    assert_is_labelling(walled)


@pytest.mark.parametrize("layout", ["negative strides", "fortran", "big endian", "read only"])
def test_any_memory_layout(layout, rng):
    image = rng.random((20, 30, 3)).astype(np.float32)
    expected = snic(image, 10)
    if layout == "negative strides":
        other = image[::-1].copy()[::-1]
    elif layout == "fortran":
        other = np.asfortranarray(image)
    elif layout == "big endian":
        other = image.astype(">f4")
    else:
        other = image.copy()
        other.flags.writeable = False
    np.testing.assert_array_equal(snic(other, 10), expected)


def test_progress_can_cancel(rng):
    def stop(done, total, stage):
        if done > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        snic(rng.random((400, 400, 1)), 20, progress=stop)


IMAGE = np.zeros((4, 5, 1), np.float32)


@pytest.mark.parametrize(
    ("features", "arguments", "words"),
    [
        (np.zeros((4, 5)), {"n_segments": 2}, "shape"),
        (np.zeros((0, 5, 1)), {"n_segments": 2}, "no pixel"),
        (np.full((4, 5, 1), np.nan), {"n_segments": 2}, "finite"),
        (np.zeros((4, 5, 1), complex), {"n_segments": 2}, "real"),
        (IMAGE, {"n_segments": 0}, "at least 1"),
        (IMAGE, {"n_segments": 21}, "number of pixels"),
        (IMAGE, {"n_segments": 1.5}, "whole number"),
        (IMAGE, {}, "either"),
        (IMAGE, {"n_segments": 2, "seeds": [[0, 0]]}, "either"),
        (IMAGE, {"seeds": [[0, 9]]}, "inside"),
        (IMAGE, {"seeds": [[0.5, 1.0]]}, "whole numbers"),
        (IMAGE, {"seeds": [[0, 1], [0, 1]]}, "distinct"),
        (IMAGE, {"seeds": [[0, 0]], "mask": np.eye(4, 5, 1)}, "mask"),
        (IMAGE, {"seeds": [[0, 0]], "mask": np.eye(4, 5, 1, int)}, "inside the mask"),
        (IMAGE, {"n_segments": 2, "compactness": 0}, "compactness"),
        (IMAGE, {"n_segments": 2, "compactness": np.nan}, "compactness"),
        (IMAGE, {"n_segments": 2, "spacing": (1, 1, 1)}, "spacing"),
        (IMAGE, {"n_segments": 2, "spacing": (1, -1)}, "spacing"),
        (IMAGE, {"n_segments": 2, "connectivity": 3}, "connectivity"),
        (IMAGE, {"n_segments": 2, "mask": np.zeros((4, 5))}, "mask"),
        (IMAGE, {"n_segments": 2, "mask": np.zeros((4, 5), bool)}, "empty"),
        (IMAGE, {"n_segments": 2, "mask": np.ones((5, 4), bool)}, "shape"),
        (IMAGE, {"n_segments": 2, "boundary": -np.ones((4, 5)), "boundary_weight": 1}, "boundary"),
    ],
)
def test_bad_input_is_named(features, arguments, words):
    with pytest.raises(SenError, match=words) as caught:
        snic(features, **arguments)
    assert isinstance(caught.value, ImageError | ParameterError)


@pytest.mark.parametrize(
    ("seeds", "words"), [([0, 0], "one pixel"), ([99], "outside the image"), ([1], "mask")]
)
def test_kernel_refuses_bad_seeds(seeds, words):
    mask = np.array([[[1, 0, 1, 1, 1]] * 4], np.uint8)
    with pytest.raises(ValueError, match=words):
        _kernel.snic(IMAGE[None], np.array(seeds, np.int64), [0, 1, 1], False, mask=mask)
