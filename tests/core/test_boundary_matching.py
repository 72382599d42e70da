"""The boundary benchmark's counts: matching and thinning against slow twins, known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import loadmat
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from skimage import morphology

from napari_sen.core import _kernel
from napari_sen.core.boundary_matching import (
    COST_UNITS,
    THRESHOLDS,
    _reach,
    boundary_counts,
    boundary_map,
    thin,
)
from napari_sen.errors import ImageError, ParameterError

ALONE = 10**7


def slow_matching(first, second, radius):
    """Return (number of pairs, sum of their costs) of the best matching, by scipy.

    Every pixel of the first map may also take a partner of its own, at a prohibitive cost.
    """
    a, b = np.argwhere(first), np.argwhere(second)
    if len(a) == 0:
        return 0, 0
    distance = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) if len(b) else np.empty((0, 0))
    rows, columns = np.nonzero(distance <= radius) if len(b) else (np.empty(0, int),) * 2
    # One is added, since scipy takes entries of 0 for missing ones.
    costs = np.rint(COST_UNITS * distance[rows, columns]) + 1 if len(b) else np.empty(0)
    alone = np.arange(len(a))
    graph = coo_array(
        (
            np.r_[costs, np.full(len(a), ALONE)],
            (np.r_[rows, alone], np.r_[columns, len(b) + alone]),
        ),
        shape=(len(a), len(b) + len(a)),
    ).tocsr()
    # scipy 1.13 matches in graphs with indices of 32 bits only.
    graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    chosen = min_weight_full_bipartite_matching(graph)
    found = graph[chosen].reshape(-1) if hasattr(graph[chosen], "reshape") else graph[chosen]
    pairs = found[found < ALONE]
    return len(pairs), int(pairs.sum() - len(pairs))


MAPS = arrays(np.bool_, (4, 7, 8), elements=st.booleans())


@given(MAPS, st.sampled_from([0.5, 1.0, 1.5, 2.3]))
def test_matching_is_that_of_scipy_while_the_map_changes(maps, radius):
    """Pixels come and go between the maps, as they do between thresholds; any order is right."""
    truth, *firsts = maps
    matched, costs = _kernel.match_boundaries(
        np.stack(firsts).astype(np.uint8), truth.astype(np.uint8), _reach(radius)
    )
    for first, found, cost in zip(firsts, matched, costs, strict=True):
        pairs, summed = slow_matching(first, truth, radius)
        assert found.sum() == pairs
        assert cost == summed
        assert not found[~first].any()


@given(arrays(np.bool_, (9, 11), elements=st.booleans()))
def test_thinning_is_that_of_scikit_image(mask):
    np.testing.assert_array_equal(thin(mask), morphology.thin(mask))


def test_thinning_of_blobs(rng):
    smooth = morphology.dilation(rng.random((60, 80)) > 0.97, morphology.disk(4))
    np.testing.assert_array_equal(thin(smooth), morphology.thin(smooth))


def square(shift=0):
    labels = np.zeros((80, 80), int)
    labels[20 + shift : 60 + shift, 20:60] = 1
    return boundary_map(labels)


def test_a_map_against_itself_is_perfect():
    counts = boundary_counts(square().astype(float), [square(), square()])
    assert (counts.f1 == 1).all()
    assert (counts.found_total == 2 * square().sum()).all()
    assert len(counts.f1) == len(THRESHOLDS)


def test_a_shift_within_reach_is_found_and_one_beyond_is_not():
    strength = square(shift=2).astype(float)
    reach = 2 / np.hypot(80, 80)
    assert boundary_counts(strength, [square()], [0.5], max_distance=reach * 1.01).f1 == 1
    # Only the two vertical sides still have partners.
    near = boundary_counts(strength, [square()], [0.5], max_distance=reach * 0.9)
    assert 0.4 < near.f1 < 0.6


def test_each_human_pixel_counts_once():
    """Three parallel lines in reach of one: one of them is true, two are false alarms."""
    truth = np.zeros((50, 60), bool)
    truth[25, 10:50] = True
    strength = np.zeros((50, 60))
    strength[[23, 25, 27], 10:50] = 0.7
    counts = boundary_counts(strength, [truth], [0.5, 0.9], max_distance=0.05)
    assert counts.recall.tolist() == [1, 0]
    assert counts.precision[0] == pytest.approx(1 / 3)
    assert (counts.true_total[1], counts.f1[1]) == (0, 0)


def test_boundaries_of_labels_are_those_stored_with_bsds(shared_data):
    cell = loadmat(shared_data / "bsds500/groundTruth/val/101085.mat")["groundTruth"][0]
    for entry in cell:
        labels, stored = entry["Segmentation"][0, 0], entry["Boundaries"][0, 0]
        np.testing.assert_array_equal(boundary_map(labels), stored > 0)


@pytest.mark.parametrize(
    ("strength", "boundaries", "thresholds", "error", "word"),
    [
        (np.zeros((3, 3, 3)), [np.zeros((3, 3))], [0.5], ImageError, "2-D"),
        (np.full((3, 3), np.nan), [np.zeros((3, 3))], [0.5], ImageError, "finite"),
        (np.zeros((3, 3)), [np.zeros((3, 4))], [0.5], ImageError, "differ"),
        (np.zeros((3, 3)), [], [0.5], ParameterError, "at least one"),
        (np.zeros((3, 3)), [np.zeros((3, 3))], [], ParameterError, "at least one"),
    ],
)
def test_bad_maps(strength, boundaries, thresholds, error, word):
    with pytest.raises(error, match=word):
        boundary_counts(strength, boundaries, thresholds)


def test_boundaries_of_a_volume_are_refused():
    with pytest.raises(ImageError, match="3 axes"):
        boundary_map(np.zeros((2, 3, 4), int))
