"""The walk on the region graph against its slow twin, and what it must and must not do."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.core import _kernel
from napari_sen.core.graph import Regions, region_graph
from napari_sen.core.hierarchy import build, merge_regions
from napari_sen.core.snic import snic
from napari_sen.core.walk import WalkScale, walk_costs, walk_gain, walk_scale, walk_sums
from napari_sen.errors import Cancelled
from tests.merging import merging
from tests.reference import walk as slow

WALK = merging(walk_weight=1.0, walk_sigma=0.3, walk_steps=16)
NO_EDGES = np.empty((0, 2), np.int32)


@st.composite
def graphs(draw, most=14):
    """Draw a region graph: none, few or all edges, equal and vanishing values among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, channels = draw(st.integers(1, most)), draw(st.sampled_from([1, 3, 4, 9, 21]))
    pairs = np.array([(a, b) for a in range(n) for b in range(a + 1, n)], np.int32).reshape(-1, 2)
    edges = pairs[rng.random(len(pairs)) < draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))]
    size = (n, channels)
    coarse = draw(st.booleans())
    sums = rng.integers(0, 3, size).astype(float) if coarse else rng.normal(0, 1e3, size)
    strength = rng.random(len(edges)) * draw(st.sampled_from([0.0, 1.0, 1e6]))
    length = rng.integers(1, 40, len(edges)) * draw(st.sampled_from([0.25, 1.0]))
    return Regions(rng.integers(1, 50, n), sums, edges, length, strength)


@given(st.floats(0, 800))
def test_the_exponential_is_the_exponential(x):
    assert slow.exp_minus(x) == pytest.approx(math.exp(-x), rel=4e-16 * (4 + x), abs=1e-300)


@given(graphs(), st.integers(0, 12), st.sampled_from([1e-3, 0.4, 30.0]), st.sampled_from([0, 10]))
def test_the_walk_equals_the_slow_twin(graph, steps, scale, weight):
    """To the last bit; regions without a border, borders that cost nothing or far too much."""
    edges, length, features = graph.edges, graph.length, graph.means
    costs = _kernel.edge_costs(edges, length, graph.strength, features, weight)
    plain = edges.tolist(), length.tolist()
    expected = slow.costs(*plain, graph.strength.tolist(), features.tolist(), weight)
    assert costs.tolist() == expected
    found = _kernel.walk(edges, length, costs, features, scale, steps)
    assert found.tolist() == slow.walk(*plain, expected, features.tolist(), scale, steps)


@given(graphs(), st.integers(0, 2**32 - 1))
def test_the_numbers_of_the_regions_do_not_matter(graph, seed):
    rng = np.random.default_rng(seed)
    number, order = rng.permutation(len(graph.sizes)), rng.permutation(len(graph.edges))
    other = Regions(
        graph.sizes[np.argsort(number)],
        graph.sums[np.argsort(number)],
        np.ascontiguousarray(number[graph.edges][order, ::-1], dtype=np.int32),
        graph.length[order],
        graph.strength[order],
    )
    found, expected = walk_scale(other, WALK), walk_scale(graph, WALK)
    assert found.median_difference == expected.median_difference
    assert found.gain == pytest.approx(expected.gain, rel=1e-6)
    tiny = 1e-9 * max(1.0, np.abs(graph.means).max()) * (1 + expected.gain)
    np.testing.assert_allclose(
        walk_costs(other, WALK), walk_costs(graph, WALK)[order], rtol=1e-6, atol=tiny
    )


def put_together(first, second):
    """Return two graphs as one whose parts do not touch."""
    return Regions(
        np.concatenate([first.sizes, second.sizes]),
        np.concatenate([first.sums, second.sums]),
        np.concatenate([first.edges, second.edges + np.int32(len(first.sizes))]),
        np.concatenate([first.length, second.length]),
        np.concatenate([first.strength, second.strength]),
    )


@given(graphs(), st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_parts_that_do_not_touch_share_the_scale_alone(graph, seed, n):
    rng = np.random.default_rng(seed)
    channels = graph.sums.shape[1]
    chain = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1).astype(np.int32)
    other = Regions(
        rng.integers(1, 9, n),
        rng.normal(0, 9, (n, channels)),
        chain,
        np.ones(n - 1),
        np.ones(n - 1),
    )
    both = put_together(graph, other)
    scale = walk_scale(both, WALK)
    sums = [walk_sums(part, WALK, scale.median_difference) for part in (graph, other)]
    assert walk_gain(sums) == pytest.approx(scale.gain, rel=1e-12)
    expected = [walk_costs(part, WALK, scale) for part in (graph, other)]
    np.testing.assert_array_equal(walk_costs(both, WALK, scale), np.concatenate(expected))
    np.testing.assert_array_equal(walk_costs(both, WALK), np.concatenate(expected))


@given(graphs())
def test_no_walk_leaves_the_differences_as_they_are(graph):
    still = replace(WALK, walk_steps=0, walk_weight=0.5)
    u, v = graph.means[graph.edges[:, 0]], graph.means[graph.edges[:, 1]]
    found = walk_costs(graph, still, WalkScale(1.0, 3.0))
    np.testing.assert_allclose(found, 1.5 * np.linalg.norm(u - v, axis=1), rtol=1e-12)


@given(graphs())
def test_what_a_long_walk_adds_has_the_mean_of_the_costs(graph):
    added = walk_costs(graph, replace(WALK, walk_weight=0.25))
    costs = _kernel.edge_costs(
        graph.edges, graph.length, graph.strength, graph.means, WALK.boundary_weight
    )
    assert np.isfinite(added).all()
    assert (added >= 0).all()
    if walk_scale(graph, WALK).gain > 0:
        assert added.mean() == pytest.approx(costs.mean() / 4, rel=1e-9)
    else:
        assert (added == 0).all()


@pytest.mark.parametrize(
    ("sums", "edges"),
    [(np.ones((1, 2)), NO_EDGES), (np.arange(6.0).reshape(3, 2), NO_EDGES),
     (np.ones((2, 1)), np.array([[0, 1]], np.int32))],
    ids=["one region", "nothing touches", "no difference"],
)  # fmt: skip
def test_where_there_is_nothing_to_tell_apart_nothing_is_added(sums, edges):
    none = np.zeros(len(edges))
    graph = Regions(np.ones(len(sums), np.int64), sums, edges, none + 1, none)
    assert walk_scale(graph, WALK).gain == 0
    np.testing.assert_array_equal(walk_costs(graph, WALK), none)


def noisy_halves(rng, side=12):
    """Return squares of 4 x 4 px, dark on the left and bright on the right."""
    bright = rng.normal(0, 2, (side, side))
    bright[:, side // 2 :] += 20
    labels = np.arange(1, side * side + 1).reshape(side, side)
    block = np.ones((4, 4), np.int64)
    return np.kron(labels, block), np.kron(bright, block)[..., None]


def test_a_walk_evens_out_noise_and_keeps_the_border(rng):
    graph = region_graph(*noisy_halves(rng))
    crossing = np.diff(graph.edges % 12 // 6, axis=1)[:, 0] != 0
    long = replace(WALK, walk_steps=64)
    before, after = (
        walk_costs(graph, params) for params in (replace(long, walk_steps=0), long)
    )  # fmt: skip
    noise = [np.median(x[~crossing]) / np.median(x[crossing]) for x in (before, after)]
    assert noise[1] < noise[0] / 10


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("spacing", [(1, 1), (3, 1), (1, 1, 1), (4, 2, 1)])
def test_trees_in_2d_and_3d_with_masks_and_spacing(rng, spacing, masked):
    shape = (6, 14, 12)[3 - len(spacing) :]
    image = rng.random((*shape, 2)).astype(np.float32)
    mask = None
    if masked:
        mask = np.ones(shape, bool)
        mask[..., 5:7] = False
    labels = snic(image, 40, mask=mask, spacing=spacing)
    strength = rng.random(shape)
    tree = build(labels, image, strength, merging=WALK, spacing=spacing)
    graph = region_graph(labels, image, strength, spacing=spacing)
    expected = merge_regions(graph, WALK, scale=walk_scale(graph, WALK))
    np.testing.assert_array_equal(tree.linkage, expected)
    assert tree.n_parts == 1 + masked
    assert tree.cut(10).max() == 10
    plain = build(labels, image, strength, merging=merging(walk_weight=0.0), spacing=spacing)
    assert not np.array_equal(tree.linkage, plain.linkage)


def test_only_ratios_of_spacings_count_for_the_walk(rng):
    image = rng.random((20, 20, 1)).astype(np.float32)
    labels = snic(image, 30)
    graphs = [region_graph(labels, image, spacing=spacing) for spacing in [(2, 1), (8, 4)]]
    first, second = (walk_costs(graph, WALK) for graph in graphs)
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_the_walk_adds_to_the_cost_of_a_pair_along_the_border():
    """Three regions in a row: two merges, whose costs can be told by hand."""
    graph = Regions(
        np.array([1, 1, 1]), np.array([[0.0], [3], [10]]), np.array([[0, 1], [1, 2]], np.int32),
        np.array([2.0, 4]), np.array([4.0, 4]),
    )  # fmt: skip
    how = merging(evenness=0.0, boundary_weight=10.0, walk_weight=0.5, walk_steps=0)
    linkage = merge_regions(graph, how, scale=WalkScale(1.0, 4.0))  # adds 2 |f_a - f_b|
    np.testing.assert_allclose(linkage[:, 2], [3 + 20 + 2 * 3, 8.5 + 10 + 2 * 7])


def test_the_walk_can_be_cancelled(rng):
    calls = []

    def stop(done, total, stage):
        calls.append((done, total, stage))
        if len(calls) == 3:
            raise Cancelled

    labels = np.arange(1, 101).reshape(10, 10)
    graph = region_graph(labels, rng.random((10, 10, 1)))
    with pytest.raises(Cancelled):
        walk_costs(graph, WALK, progress=stop)
    assert calls == [(0, 100, "merging")] * 3


def test_the_kernel_refuses_what_it_cannot_hold():
    edges, one, features = np.array([[0, 1]], np.int32), np.ones(1), np.ones((2, 1))
    with pytest.raises(ValueError, match="two different regions"):
        _kernel.walk(edges + np.int32(1), one, one, features, 1.0, 1)
    with pytest.raises(ValueError, match="differ in length"):
        _kernel.walk(edges, one, np.ones(2), features, 1.0, 1)
    with pytest.raises(ValueError, match="differ in length"):
        _kernel.edge_costs(edges, one, np.ones(2), features, 1.0)
    with pytest.raises(ValueError, match="scale"):
        _kernel.walk(edges, one, one, features, 0.0, 1)
    with pytest.raises(ValueError, match="steps"):
        _kernel.walk(edges, one, one, features, 1.0, -1)
