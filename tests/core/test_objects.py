"""Superpixels of one class that touch become one object."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_sen.core.objects import class_votes, join, object_table
from napari_sen.errors import ImageError


def test_what_touches_by_a_side_is_one():
    labels = np.array([[1, 1, 2, 3], [4, 4, 5, 3]])
    found = join(labels, [0, 1, 1, 2, 0, 1])
    np.testing.assert_array_equal(found.labels, [[1, 1, 1, 2], [0, 0, 1, 2]])
    assert (found.classes.tolist(), found.parts.tolist()) == ([1, 2], [3, 1])


def test_corners_do_not_join():
    found = join(np.array([[1, 2], [3, 4]]), [0, 1, 0, 0, 1])
    assert found.labels.max() == 2


def test_slices_join_only_in_a_volume():
    labels = np.stack([np.full((2, 2), 1), np.full((2, 2), 2)])
    assert join(labels, [0, 1, 1], n_spatial=2).labels.max() == 2
    volume = join(labels, [0, 1, 1], n_spatial=3)
    assert (volume.labels.max(), volume.parts.tolist()) == (1, [2])


@given(st.integers(0, 10_000))
def test_objects_are_the_connected_parts_of_a_class(seed):
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.permutation(30).reshape(5, 6) + 1, np.ones((2, 3), int))
    classes = np.concatenate([[0], rng.integers(0, 3, 30)])
    found = join(labels, classes)
    expected = 0
    for value in (1, 2):
        of_class = classes[labels] == value
        parts, count = ndimage.label(of_class)
        expected += count
        for part in range(1, count + 1):
            (label,) = np.unique(found.labels[parts == part])
            assert found.classes[label - 1] == value
            assert found.parts[label - 1] == len(np.unique(labels[parts == part]))
    assert len(found.classes) == expected
    np.testing.assert_array_equal(found.labels > 0, classes[labels] > 0)


def test_a_table_of_what_they_are():
    labels = np.array([[1, 1, 2, 0], [1, 1, 2, 3]])
    found = join(labels, [0, 1, 1, 2])
    values = np.arange(8.0).reshape(2, 4)
    table = object_table(
        found, ("cell", "dirt"), intensity={"DAPI": values}, spacing=(0.5, 0.25), unit="µm"
    )
    assert list(table) == [
        "index", "class", "superpixels", "area (px)", "area (µm²)", "centroid-0", "centroid-1",
        "bbox-0", "bbox-1", "bbox-2", "bbox-3", "mean DAPI",
    ]  # fmt: skip
    rows = [[column[k] for column in table.values()] for k in range(2)]
    assert rows[0] == [1, "cell", 2, 6, 0.75, 0.5, 1.0, 0, 0, 2, 3, 3.0]
    assert rows[1] == [2, "dirt", 1, 1, 0.125, 1.0, 3.0, 1, 3, 2, 4, 7.0]


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, -1], [0.0, 1.0, 1.0], [[0, 1, 1]]])
def test_classes_that_do_not_fit(classes):
    with pytest.raises(ImageError, match="one for each label"):
        join(np.array([[1, 2]]), classes)


def test_the_most_of_a_superpixel_decides():
    labels = np.array([[1, 1, 1, 2, 2, 0]])
    painted = np.array([[3, 3, 0, 1, 0, 2]])
    assert class_votes(labels, painted).tolist() == [0, 3, 0]  # half is not more than half
    assert class_votes(labels, painted, 0).tolist() == [0, 3, 1]
    assert class_votes(labels, painted * 0, 0).tolist() == [0, 0, 0]
    with pytest.raises(ImageError, match="shape"):
        class_votes(labels, painted[:, 1:])
