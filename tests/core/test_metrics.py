import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.core import metrics
from napari_sen.core.boundaries import find_boundaries
from napari_sen.errors import DataError, ImageError, ParameterError

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)


def maps(shape, largest=3):
    return hnp.arrays(np.int32, shape, elements=st.integers(1, largest))


PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(maps(shape, 5), st.lists(maps(shape), min_size=1, max_size=3))
)


# The second formulation: sets of pixels and loops over pairs of them.


def edge_pixels(labels, mode):
    return [tuple(at) for at in np.argwhere(find_boundaries(labels, mode))]


def matched(points, others, tolerance):
    return [
        p
        for p in points
        if any(max(abs(p[0] - q[0]), abs(p[1] - q[1])) <= tolerance for q in others)
    ]


def joined(lists):
    return [point for points in lists for point in points]


def share(part, whole):
    return len(part) / len(whole) if whole else 1.0


def harmonic(a, b):
    return 2 * a * b / (a + b) if a + b else 0.0


def naive_boundary_scores(labels, truths, mode, tolerance):
    ours = edge_pixels(labels, mode)
    theirs = [edge_pixels(truth, mode) for truth in truths]
    hits = [matched(edges, ours, tolerance) for edges in theirs]
    recall = share(joined(hits), joined(theirs))
    precision = share(matched(ours, joined(theirs), tolerance), ours)
    singles = [
        (share(hit, edges), share(matched(ours, edges, tolerance), ours))
        for hit, edges in zip(hits, theirs, strict=True)
    ]
    f1s = [harmonic(*single) for single in singles]
    return recall, precision, harmonic(recall, precision), np.mean(f1s), max(f1s)


def naive_overlap_scores(labels, truth):
    best, leak = 0, 0
    for s in set(labels.ravel()):
        inside = [int(g) for g in truth[labels == s]]
        counts = {g: inside.count(g) for g in set(inside)}
        best += max(counts.values())
        leak += sum(min(n, len(inside) - n) for n in counts.values())
    return best / labels.size, leak / labels.size


def naive_components(labels):
    left, count = {tuple(at) for at in np.argwhere(labels)}, 0
    while left:
        front = [left.pop()]
        count += 1
        while front:
            at = front.pop()
            for axis in range(len(at)):
                for step in (-1, 1):
                    beside = (*at[:axis], at[axis] + step, *at[axis + 1 :])
                    if beside in left and labels[beside] == labels[at]:
                        left.remove(beside)
                        front.append(beside)
    return count


@given(PAIRS, st.sampled_from(["thick", "thin"]), st.integers(0, 3))
def test_boundary_scores_equal_loops(pair, mode, tolerance):
    labels, truths = pair
    found = metrics.boundary_scores(labels, truths, mode=mode, tolerance=tolerance)
    values = (found.recall, found.precision, found.f1, found.f1_mean, found.f1_best)
    np.testing.assert_allclose(values, naive_boundary_scores(labels, truths, mode, tolerance))


@given(PAIRS)
def test_overlap_scores_equal_loops(pair):
    labels, truths = pair
    found = metrics.score(labels, truths)
    accuracies, leaks = zip(*[naive_overlap_scores(labels, truth) for truth in truths], strict=True)
    assert found.asa == pytest.approx(np.mean(accuracies))
    assert found.asa_best == pytest.approx(max(accuracies))
    assert found.undersegmentation == pytest.approx(np.mean(leaks))
    assert metrics.achievable_accuracy(labels, truths[0]) == pytest.approx(accuracies[0])
    assert metrics.undersegmentation_error(labels, truths[0]) == pytest.approx(leaks[0])


@given(
    hnp.arrays(
        np.int64,
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
        elements=st.sampled_from([0, 1, 2, 10**12]),
    )
)
def test_components_equal_flood_fill(labels):
    assert metrics.count_components(labels) == naive_components(labels)


@given(PAIRS)
def test_label_numbers_carry_no_meaning(pair):
    labels, truths = pair
    renamed = np.array([0, -7, 10**9, 3, 2**40, -1])[labels]
    assert metrics.score(renamed, truths) == metrics.score(labels, truths)


@given(PAIRS)
def test_a_perfect_map_scores_one(pair):
    truth = pair[0]
    found = metrics.score(truth, [truth, truth])
    assert (found.recall, found.precision, found.f1, found.f1_best) == (1, 1, 1, 1)
    assert (found.asa, found.undersegmentation) == (1, 0)


def halves(at, width=20):
    return np.where(np.arange(width) < at, 1, 2)[None].repeat(6, axis=0)


def test_known_boundaries():
    # Edges at columns 9, 10 (ours); 11, 12 and 16, 17 (annotators): only the first is near.
    found = metrics.boundary_scores(halves(10), [halves(12), halves(17)])
    assert (found.recall, found.precision) == (0.5, 1.0)
    assert found.f1 == pytest.approx(2 / 3)
    assert (found.recall_mean, found.precision_mean) == (0.5, 0.5)
    assert (found.f1_mean, found.f1_best) == (0.5, 1.0)
    # Thick edges at 13, 14 share only one of their two columns with the window around 9, 10.
    assert metrics.boundary_scores(halves(10), [halves(13)]).recall == 0.5
    assert metrics.boundary_scores(halves(10), [halves(13)], mode="thin").recall == 0.0
    assert metrics.boundary_scores(halves(10), [halves(13)], tolerance=3).recall == 1.0


def test_nothing_to_find_and_nothing_found():
    flat = np.ones((6, 20), int)
    blank = metrics.boundary_scores(flat, [halves(10)])
    assert (blank.recall, blank.precision, blank.f1) == (0, 1, 0)
    busy = metrics.boundary_scores(halves(10), [flat])
    assert (busy.recall, busy.precision, busy.f1) == (1, 0, 0)


def test_known_overlaps():
    # 15 of 20 columns' superpixels: left 10 wholly within, right 10 split 2 to 8.
    labels, truth = halves(10), halves(12)
    assert metrics.achievable_accuracy(labels, truth) == pytest.approx(18 / 20)
    assert metrics.undersegmentation_error(labels, truth) == pytest.approx(4 / 20)


def test_counts_pieces_not_labels():
    labels = np.array([[1, 2, 1], [0, 2, 1], [1, 2, 2]])
    assert metrics.count_components(labels) == 4
    assert metrics.count_components(np.array([[1, 0], [0, 1]]), connectivity=2) == 1
    assert metrics.count_components(np.zeros((3, 3), int)) == 0


def test_size_variation():
    assert metrics.size_variation(np.array([[1, 1, 2, 2]])) == 0
    assert metrics.size_variation(np.array([[0, 1, 2, 2, 2]])) == pytest.approx(0.5)


def test_slices_are_pooled(rng):
    labels, truth = rng.integers(1, 4, (2, 3, 8, 9))
    stack = metrics.boundary_scores(labels, [truth], tolerance=1, slicewise=True)
    planes = [
        metrics.boundary_scores(*pair, tolerance=1)
        for pair in zip(labels, truth[:, None], strict=True)
    ]
    lengths = [find_boundaries(plane).sum() for plane in truth]
    assert stack.recall == pytest.approx(np.average([p.recall for p in planes], weights=lengths))


def test_many_labels_take_the_sparse_path(rng):
    labels = np.arange(900).reshape(30, 30)
    truth = rng.permutation(900).reshape(30, 30)
    assert metrics.achievable_accuracy(labels, truth) == 1
    assert metrics.achievable_accuracy(np.ones_like(labels), truth) == pytest.approx(1 / 900)


def test_interpolation_is_linear_in_log_k():
    assert metrics.interpolate_at([400, 100], [3.0, 1.0], 200) == pytest.approx(2)
    np.testing.assert_allclose(
        metrics.interpolate_at([10, 100, 1000], [[0, 0], [1, 2], [2, 4]], 100), [1, 2]
    )
    assert metrics.interpolate_at([48, 96], [0.5, 0.4], 47) == 0.5
    assert metrics.interpolate_at([48], [0.5], 48) == 0.5


@pytest.mark.parametrize(
    ("k_real", "values", "k", "words"),
    [
        ([48, 96], [1, 2], 40, "off a curve"),
        ([48, 96], [1, 2], 110, "off a curve"),
        ([48, 48], [1, 2], 48, "different"),
        ([48, 96], [1, 2, 3], 50, "agree"),
        ([], [], 50, "agree"),
    ],
)
def test_bad_curves(k_real, values, k, words):
    with pytest.raises(ParameterError, match=words):
        metrics.interpolate_at(k_real, values, k)


def test_bootstrap_covers_the_mean_at_its_rate():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        interval = metrics.bootstrap_interval(rng.normal(3, 1, 60), resamples=400, seed=seed)
        assert interval.low <= interval.mean <= interval.high
        hits += interval.low <= 3 <= interval.high
    assert 0.88 < hits / 200 < 0.99


def test_bootstrap_is_repeatable():
    values = np.arange(10.0)
    assert metrics.bootstrap_interval(values) == metrics.bootstrap_interval(values)
    assert metrics.bootstrap_interval(values) != metrics.bootstrap_interval(values, seed=1)
    assert metrics.bootstrap_interval([2.0]) == (2, 2, 2)


@pytest.mark.parametrize("values", [[], [np.nan], [[1.0]]])
def test_bootstrap_refuses(values):
    with pytest.raises(DataError):
        metrics.bootstrap_interval(values)


def test_bad_input():
    good = np.ones((3, 3), int)
    with pytest.raises(DataError, match="at least one"):
        metrics.score(good, [])
    with pytest.raises(DataError, match="do not match"):
        metrics.score(good, [np.ones((3, 4), int)])
    with pytest.raises(ImageError, match="whole numbers"):
        metrics.score(good * 1.0, [good])
    with pytest.raises(ImageError, match="non-empty"):
        metrics.count_components(np.ones((0, 3), int))
    with pytest.raises(ImageError, match="2 or 3"):
        metrics.count_components(np.ones(3, int))
    with pytest.raises(ParameterError, match="tolerance"):
        metrics.boundary_scores(good, [good], tolerance=-1)
    with pytest.raises(ParameterError, match="connectivity"):
        metrics.count_components(good, connectivity=3)
    with pytest.raises(ParameterError, match="resamples"):
        metrics.bootstrap_interval([1.0], resamples=0)
