"""The merge tree against its slow twin, and the invariants of every cut."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.cluster.hierarchy import fcluster, is_valid_linkage

from napari_sen.core import _kernel
from napari_sen.core.boundaries import find_boundaries
from napari_sen.core.graph import region_graph
from napari_sen.core.hierarchy import Hierarchy, build
from napari_sen.core.snic import snic
from napari_sen.core.strength import gradient_magnitude
from napari_sen.errors import Cancelled, ImageError, ParameterError, SenError
from tests.merging import NATURAL, merging
from tests.reference import merge as slow

shapes = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
exponents = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 1.37, 2.0])


@st.composite
def problems(draw):
    """Draw a volume with labels 1...n (0 outside), features and strength; many ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(shapes)
    labels = rng.integers(draw(st.integers(0, 1)), draw(st.integers(2, 30)), shape)
    labels = np.unique(labels, return_inverse=True)[1].reshape(shape) + (labels.min() > 0)
    assume(labels.max() > 0)
    coarse = draw(st.booleans())  # coarse values: equal costs are common
    channels = draw(st.sampled_from([1, 2, 3, 19]))
    size = (*shape, channels)
    features = rng.integers(0, 3, size) if coarse else rng.normal(0, 30, size)
    strength = rng.integers(0, 2, shape) if coarse else rng.random(shape) * 9
    return labels.astype(np.int32), features.astype(np.float32), strength.astype(np.float32)


@given(problems())
def test_graph_equals_the_slow_twin(problem):
    labels, features, strength = problem
    n = int(labels.max())
    expected = slow.graph(labels, strength)
    edges, faces, sums = _kernel.region_graph(labels, n, strength)
    assert [tuple(edge) for edge in edges.tolist()] == sorted(expected)
    for edge, face, along in zip(edges.tolist(), faces, sums, strict=True):
        assert (face.tolist(), along.tolist()) == expected[tuple(edge)]

    sizes, totals = _kernel.region_sums(labels, features, n)
    np.testing.assert_array_equal(sizes, np.bincount(labels.ravel(), minlength=n + 1)[1:])
    slow_totals = np.zeros((n + 1, features.shape[-1]))
    np.add.at(slow_totals, labels.ravel(), features.reshape(-1, features.shape[-1]).astype(float))
    np.testing.assert_array_equal(totals, slow_totals[1:])


@given(problems(), exponents, st.sampled_from([0.0, 0.3, 20.0]), st.sampled_from([0, 8192, 70000]))
def test_merging_equals_the_slow_twin(problem, exponent, weight, share):
    """Every pair and every cost, to the last bit; labels here need not be connected."""
    labels, features, strength = problem
    n = int(labels.max())
    edges, faces, along = _kernel.region_graph(labels, n, strength)
    sizes, sums = _kernel.region_sums(labels, features, n)
    graph = (edges, faces.sum(axis=1).astype(float), along.sum(axis=1), sizes, sums)
    steps = round(exponent * 65536)
    pairs, costs = _kernel.merge(*graph, steps, weight, share)
    expected = slow.merge(*graph, steps, weight, share)
    assert [(a, b, w) for (a, b), w in zip(pairs.tolist(), costs.tolist(), strict=True)] == expected


@pytest.mark.parametrize("seed", range(8))
def test_merging_around_hubs_equals_the_slow_twin(seed):
    """Hubs have hundreds of neighbours, more than a region offers one pair for.

    They come early, late or in the middle of the numbers, and the pairs that are gone are more
    than the queue keeps.
    """
    rng = np.random.default_rng(seed)
    n, hubs = 400, rng.choice(400, 3, replace=False)
    pairs = {tuple(sorted((int(hub), leaf))) for hub in hubs for leaf in range(n) if leaf != hub}
    pairs |= {(leaf, leaf + 1) for leaf in range(n - 1)}
    edges = np.array(sorted(pairs), np.int32)
    edges = edges[rng.permutation(len(edges))]
    length = rng.integers(1, 9, len(edges)).astype(float)
    strength = length * rng.integers(0, 3, len(edges))
    sizes, sums = rng.integers(1, 4, n), rng.integers(0, 3, (n, 2)).astype(float)
    graph = (edges, length, strength, sizes, sums)
    found, costs = _kernel.merge(*graph, 45875, 1.0, 8192)
    expected = slow.merge(*graph, 45875, 1.0, 8192)
    assert [(a, b, w) for (a, b), w in zip(found.tolist(), costs.tolist(), strict=True)] == expected


@given(st.floats(1, 1e12), st.floats(0, 2))
def test_the_power_is_the_power(x, exponent):
    assert slow.power(x, round(exponent * 65536)) == pytest.approx(x**exponent, rel=1e-3)


def superpixels(rng, shape, number, mask=None):
    features = rng.integers(0, 4, (*shape, 2)).astype(np.float32) * 20
    return snic(features, number, mask=mask), features


def assert_connected(labels):
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        assert box is not None, f"label {number} is missing"
        assert ndimage.label(labels[box] == number)[1] == 1, f"label {number}"


@given(
    st.lists(st.integers(1, 16), min_size=2, max_size=3),
    st.integers(1, 60),
    exponents,
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_every_cut_has_its_number_is_connected_and_nested(shape, number, exponent, masked, seed):
    rng = np.random.default_rng(seed)
    mask = None
    if masked:
        mask = rng.random(shape) < 0.7
        mask.flat[0] = True
    room = int(np.prod(shape)) if mask is None else int(mask.sum())
    labels, features = superpixels(rng, tuple(shape), min(number, room), mask)
    strength = rng.random(labels.shape)
    tree = build(labels, features, strength, merging=merging(evenness=exponent))
    parts = ndimage.label(labels > 0)[1]
    assert (tree.n_parts, tree.n_leaves) == (parts, labels.max())
    assert tree.n_leaves == 1 or is_valid_linkage(tree.linkage)

    finer = labels
    for count in sorted({*range(parts, tree.n_leaves + 1)}, reverse=True):
        cut = tree.cut(count)
        assert cut.dtype == np.int32
        assert cut.max() == count
        assert ((cut > 0) == (labels > 0)).all()
        assert_connected(cut)
        pairs = np.unique(np.stack([finer.ravel(), cut.ravel()]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1], "every finer region lies in one"
        finer = cut
    np.testing.assert_array_equal(tree.cut(tree.n_leaves), labels)
    if parts > 1:
        with pytest.raises(ParameterError, match="do not touch"):
            tree.cut(parts - 1)


@given(st.integers(0, 2**32 - 1), exponents)
def test_levels_and_the_ultrametric_map_tell_the_same(seed, exponent):
    rng = np.random.default_rng(seed)
    labels, features = superpixels(rng, (12, 14), 30)
    tree = build(labels, features, None, merging=merging(evenness=exponent))
    heights = tree.ultrametric()
    assert heights.dtype == np.float32
    for level in [0.0, *tree.levels]:
        cut = tree.cut(level=level)
        # scipy 1.13 takes no read-only arrays.
        flat = fcluster(tree.linkage.copy(), level, "distance")[labels - 1]
        assert len(np.unique(np.stack([cut.ravel(), flat.ravel()]), axis=1).T) == cut.max()
        above = heights > np.float32(level)
        np.testing.assert_array_equal(above, find_boundaries(cut, "thin"))


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_of_leaves_parts_at_the_height_where_both_are_first_in_one_cut(seed):
    rng = np.random.default_rng(seed)
    tree = build(*superpixels(rng, (12, 14), 9), merging=NATURAL)
    cuts = [tree.cut(n) for n in range(tree.n_leaves, 0, -1)]  # after 0, 1, ... merges
    leaves = range(1, tree.n_leaves + 1)
    pairs = np.array([(a, b) for a in leaves for b in leaves if a != b])
    first = [
        next(k for k, cut in enumerate(cuts)
             if cut[tree.labels == a][0] == cut[tree.labels == b][0])
        for a, b in pairs
    ]  # fmt: skip
    expected = tree.levels[np.array(first) - 1].astype(np.float32)
    np.testing.assert_array_equal(tree.heights_between(pairs), expected)
    assert tree.heights_between(pairs[:0]).shape == (0,)


def test_a_chain_as_deep_as_it_is_long():
    """One region takes its neighbours one by one: the deepest tree there is."""
    n = 3000
    labels = np.arange(1, n + 1)[None]
    strength = np.arange(n, dtype=float)[None]
    tree = build(labels, np.zeros((1, n, 1)), strength, merging=merging(evenness=0.0))
    assert (tree.linkage[1:, 1] == np.arange(n, 2 * n - 2)).all()
    np.testing.assert_array_equal(tree.cut(2)[0], [1] * (n - 1) + [2])
    np.testing.assert_array_equal(tree.ultrametric()[0, :-1], tree.levels.astype(np.float32))


def test_four_flat_quadrants_come_back():
    image = np.zeros((24, 36, 1), np.float32)
    image[:12, :18], image[:12, 18:], image[12:, :18] = 40, 80, 120
    tree = build(snic(image, 60), image, gradient_magnitude(image), merging=NATURAL)
    cut = tree.cut(4)
    for rows in (slice(0, 12), slice(12, 24)):
        for columns in (slice(0, 18), slice(18, 36)):
            assert len(np.unique(cut[rows, columns])) == 1
    assert tree.levels[-4] < tree.levels[-3]


def test_parts_are_joined_last_in_the_order_of_their_nodes():
    labels = np.array([[1, 2, 0, 3, 0, 4, 5]])
    tree = build(labels, np.array([0, 1, 0, 5, 0, 0, 9.0])[None, :, None], merging=NATURAL)
    np.testing.assert_array_equal(tree.linkage[:, :2], [[0, 1], [3, 4], [2, 5], [6, 7]])
    np.testing.assert_array_equal(tree.linkage[:, 3], [2, 2, 3, 5])
    assert tree.n_parts == 3
    assert tree.levels[1] < np.inf
    assert (tree.levels[2:] == np.inf).all()
    np.testing.assert_array_equal(tree.cut(level=1e9), [[1, 1, 0, 2, 0, 3, 3]])
    np.testing.assert_array_equal(tree.parents, [5, 5, 7, 6, 6, 7, 8, 8, 8])


def test_borders_are_measured_in_the_units_of_the_spacing():
    labels = np.array([[[1, 1], [2, 2]], [[3, 3], [3, 3]]])
    graph = region_graph(labels, np.zeros((2, 2, 2, 1)), np.ones((2, 2, 2)), spacing=(5, 2, 1))
    np.testing.assert_array_equal(graph.edges, [[0, 1], [0, 2], [1, 2]])
    np.testing.assert_array_equal(graph.length, [10, 4, 4])
    np.testing.assert_array_equal(graph.strength, graph.length)
    np.testing.assert_array_equal(graph.sizes, [2, 2, 4])


def test_a_strong_border_merges_last():
    labels = np.repeat([[1, 2, 3]], 4, axis=0)
    features = labels[..., None].astype(float)
    strength = np.zeros((4, 3))
    strength[:, 0] = 1
    tree = build(labels, features, strength, merging=NATURAL)
    np.testing.assert_array_equal(tree.linkage[0, :2], [1, 2])
    plain = build(labels, features, merging=NATURAL)
    np.testing.assert_array_equal(plain.linkage[0, :2], [0, 1])


@pytest.fixture
def tree(rng):
    labels, features = superpixels(rng, (20, 30), 40)
    return build(labels, features, merging=NATURAL)


def swapped(linkage):
    linkage[0], linkage[-1] = linkage[-1].copy(), linkage[0].copy()


def twice(linkage):
    linkage[0, 1] = linkage[1, 1]


def falling(linkage):
    linkage[3, 2] = -1


def nan(linkage):
    linkage[3, 2] = np.nan


def miscounted(linkage):
    linkage[3, 3] += 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swapped, "not a tree"),
        (twice, "not a tree"),
        (falling, "never fall"),
        (nan, "never fall"),
        (miscounted, "numbers of leaves"),
    ],
)
def test_a_wrong_linkage_is_refused(tree, change, words):
    linkage = tree.linkage.copy()
    change(linkage)
    with pytest.raises(ImageError, match=words):
        Hierarchy(tree.labels, linkage)


def test_a_linkage_of_other_labels_is_refused(tree):
    with pytest.raises(ImageError, match="shape"):
        Hierarchy(tree.labels[:5], tree.linkage)


def test_a_hierarchy_cannot_be_changed(tree):
    with pytest.raises(ValueError, match="read-only"):
        tree.labels[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        tree.linkage[0, 2] = 5


def test_progress_can_cancel():
    def stop(done, total, stage):
        if done > 0:
            raise Cancelled

    labels = np.arange(1, 9001).reshape(90, 100)
    with pytest.raises(Cancelled):
        build(labels, np.zeros((90, 100, 1)), progress=stop, merging=NATURAL)


LABELS = np.array([[1, 2], [3, 0]])
FEATURES = np.zeros((2, 2, 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((LABELS * 1.0, FEATURES), "whole numbers"),
        ((LABELS[0], FEATURES), "shape"),
        ((LABELS * 0, FEATURES), "no region"),
        ((LABELS - 1, FEATURES), "0...2"),
        ((LABELS * 2**31, FEATURES), "0...2"),
        ((LABELS * 2, FEATURES), "1 is missing"),
        ((LABELS, FEATURES[:1]), "features have shape"),
        ((LABELS, FEATURES * np.nan), "finite"),
        ((LABELS, FEATURES, FEATURES), "strength has shape"),
        ((LABELS, FEATURES, FEATURES[..., 0] - 1), "at least 0"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(ImageError, match=words):
        build(*arguments, merging=NATURAL)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"n_segments": 2, "level": 1.0}, {"n_segments": 0}, {"n_segments": 41},
     {"n_segments": 2.5}, {"level": -1.0}, {"level": np.nan}],
)  # fmt: skip
def test_bad_cuts_are_named(tree, arguments):
    with pytest.raises(SenError):
        tree.cut(**arguments)


def test_the_kernel_refuses_what_it_cannot_hold():
    labels = np.array([[[1, 2]]], np.int32)
    with pytest.raises(ValueError, match="number of regions"):
        _kernel.region_graph(labels, 1)
    with pytest.raises(ValueError, match="number of regions"):
        _kernel.relabel(labels, np.zeros(2, np.int32))
    one = np.ones(1)
    graph = (one, one, np.ones(2, np.int64), np.ones((2, 1)), 0, 0.0)
    with pytest.raises(ValueError, match="two different regions"):
        _kernel.merge(np.array([[0, 2]], np.int32), *graph)
    with pytest.raises(ValueError, match="two different regions"):
        _kernel.merge(np.array([[1, 1]], np.int32), *graph)
    with pytest.raises(ValueError, match="before its parent"):
        _kernel.ultrametric(labels, np.array([[0, 2]]), one)
