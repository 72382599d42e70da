"""Region tables and moments against scikit-image and NumPy."""

import tracemalloc

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_sen.core.graph import renumbered
from napari_sen.core.partition import Partition
from napari_sen.core.regions import BINS, Borders, histograms, moments, region_table
from napari_sen.errors import ImageError


@pytest.fixture
def labels(rng):
    """Blocks with gaps in the numbers, and a corner outside."""
    labels = np.kron(np.arange(1, 13).reshape(3, 4) * 2, np.ones((5, 6), int))
    labels[:2, :3] = 0
    return labels


def test_table_equals_regionprops(labels, rng):
    values = rng.random(labels.shape)
    embedding = rng.random((*labels.shape, 2)).astype(np.float32)
    table = region_table(
        labels, intensity={"green": values}, embedding=embedding, spacing=(0.5, 0.25), unit="µm"
    )
    expected = regionprops_table(
        labels,
        np.dstack([values, embedding]),
        properties=("label", "area", "centroid", "mean_intensity"),
    )
    assert list(table) == [
        "index", "area (px)", "area (µm²)", "centroid-0", "centroid-1", "mean green",
        "embedding-0", "embedding-1",
    ]  # fmt: skip
    np.testing.assert_array_equal(table["index"], expected["label"])
    np.testing.assert_array_equal(table["area (px)"], expected["area"])
    np.testing.assert_allclose(table["area (µm²)"], expected["area"] / 8)
    for ours, theirs in [
        ("centroid-0", "centroid-0"),
        ("centroid-1", "centroid-1"),
        ("mean green", "mean_intensity-0"),
        ("embedding-1", "mean_intensity-2"),
    ]:
        np.testing.assert_allclose(table[ours], expected[theirs], rtol=1e-6)


def test_table_of_a_volume(rng):
    labels = rng.integers(1, 4, (3, 4, 5))
    table = region_table(labels, spacing=(2, 1, 1), unit="nm")
    assert list(table)[:3] == ["index", "volume (px)", "volume (nm³)"]
    assert table["volume (nm³)"].sum() == 2 * labels.size


def test_moments_of_unions_are_those_of_their_pixels(labels, rng):
    values = rng.random((*labels.shape, 3))
    regions = labels // 2 - 1
    group = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3])
    found = moments(regions, values, 12).merged(group, 4)
    for k in range(4):
        inside = values[(regions >= 0) & (group[np.maximum(regions, 0)] == k)]
        assert found.sizes[k] == len(inside)
        np.testing.assert_allclose(found.means[k], inside.mean(axis=0))
        np.testing.assert_allclose(found.deviations[k], inside.std(axis=0))


def test_moments_need_one_shape():
    with pytest.raises(ImageError, match="shape"):
        moments(np.zeros((2, 2), int), np.zeros((3, 2, 1)), 1)


def test_quantiles_lie_within_a_bin_of_numpy_s(rng):
    regions = np.kron(np.arange(4).reshape(2, 2), np.ones((20, 20), int))
    values = rng.random((40, 40, 2)) * [1, 100]
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    found = histograms(regions, values, 4, low, high)
    for share in (0.25, 0.5, 0.75):
        expected = [np.quantile(values[regions == r], share, axis=0) for r in range(4)]
        assert (np.abs(found.quantiles(share) - expected) <= (high - low) / BINS).all()
    union = found.merged(np.array([0, 0, 0, 1]), 2).quantiles(0.5)
    expected = np.quantile(values[regions < 3], 0.5, axis=0)
    assert (np.abs(union[0] - expected) <= (high - low) / BINS).all()


def test_histograms_of_a_constant_and_of_what_lies_beyond():
    regions = np.array([[0, 0, -1], [0, 0, 7]])
    constant = histograms(regions, np.full((2, 3, 1), 5.0), 1, np.array([5.0]), np.array([5.0]))
    assert constant.counts.sum() == 4
    assert constant.quantiles(0.5).tolist() == [[5.0]]
    beyond = histograms(regions, np.full((2, 3, 1), 9.0), 1, np.array([0.0]), np.array([1.0]))
    assert beyond.counts[0, 0, -1] == 4


def test_borders_of_unions_add_up():
    borders = Borders(np.array([[0, 1], [1, 2], [0, 2], [2, 3]]), np.array([1.0, 2.0, 4.0, 8.0]))
    merged = borders.merged(np.array([1, 1, 0, 2]))
    assert merged.edges.tolist() == [[0, 1], [0, 2]]
    assert merged.length.tolist() == [6.0, 8.0]
    assert len(borders.merged(np.zeros(4, int)).edges) == 0


SPARSE = np.array([7, 2_000_000_000, 2**31 - 1], np.int32)


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("names", [np.array([2, 3, 9], np.int32), SPARSE])
def test_labels_may_be_far_apart(names, outside, rng):
    """A table of as many entries as the largest label would take gigabytes."""
    numbers = rng.integers(0 if outside else 1, 4, (30, 40)).astype(np.int32)
    labels = np.concatenate([[0], names]).astype(np.int32)[numbers]
    vectors = rng.random((30, 40, 2), np.float32)
    tracemalloc.start()
    found = region_table(labels, intensity={"a": labels % 11}, embedding=vectors)
    tracked, base = renumbered(labels)
    partition = Partition(labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000
    expected = region_table(numbers, intensity={"a": labels % 11}, embedding=vectors)
    expected["index"] = names
    assert found.keys() == expected.keys()
    for name, column in found.items():
        np.testing.assert_array_equal(column, expected[name])
    np.testing.assert_array_equal(tracked, [0, *names])
    np.testing.assert_array_equal(base, numbers)
    np.testing.assert_array_equal(partition.pieces, names)
    np.testing.assert_array_equal(partition.table()[partition.base], labels)
