"""Merge trees that stay at hand give the superpixels of segment, at any number and evenness."""

import numpy as np
import pytest

import napari_sen
from napari_sen.data import load_sample
from napari_sen.options import Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.live import forest

PHOTO = load_sample("coffee")[0][100:196, 100:228]
VOLUME = load_sample("embryo")[0][20:30, 20:80, 20:90]


@pytest.mark.parametrize("evenness", [0.0, 0.4, 1.0])
def test_a_photograph(evenness):
    found = forest(PHOTO, SegmentParams(n_segments=20), model=None).merged(evenness)
    assert found.evenness == evenness
    for number in (20, 7, 1):
        expected = napari_sen.segment(PHOTO, number, evenness=evenness, model=None)
        np.testing.assert_array_equal(found.groups(number)[found.leaves], expected)


def test_with_a_model_and_a_mask():
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[:, :50] = mask[:, 60:] = True  # two parts that do not touch
    found = forest(PHOTO, SegmentParams(n_segments=30), reading=Reading(mask=mask))
    expected = napari_sen.segment(PHOTO, 30, mask=mask)
    np.testing.assert_array_equal(found.groups(30)[found.leaves], expected)
    assert found.limits[0] == 2
    assert found.groups(1).max() == 2  # as few as there are parts


@pytest.mark.parametrize("slices", ["each", "volume"])
def test_stacks(slices):
    reading = Reading(slices=slices)
    found = forest(VOLUME, SegmentParams(size=9.0), model=None, reading=reading)
    expected = napari_sen.segment(VOLUME, size=9.0, slices=slices, model=None)
    np.testing.assert_array_equal(found.groups(found.wanted[0])[found.leaves], expected)
    assert (found.hierarchy is None) == (slices == "each")
    assert len(found.regions) == (len(VOLUME) if slices == "each" else 1)


def test_a_slice_without_a_pixel_has_no_tree():
    mask = np.ones(VOLUME.shape, bool)
    mask[3] = False
    reading = Reading(slices="each", mask=mask)
    found = forest(VOLUME, SegmentParams(n_segments=5), model=None, reading=reading)
    labels = found.merged(0.9).groups(5)[found.leaves]
    np.testing.assert_array_equal(labels == 0, ~mask)
    assert labels.max() == 5 * (len(VOLUME) - 1)
