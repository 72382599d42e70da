"""Region tables and moments against scikit-image and NumPy."""

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_sen.core.regions import moments, region_table
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
