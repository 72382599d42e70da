"""Merge trees that stay at hand give the superpixels of segment, at any number and evenness."""

from contextlib import closing

import numpy as np
import pytest

import napari_sen
from napari_sen.data import load_sample
from napari_sen.options import Execution, Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.live import forest, forest_run, most_leaves, open_forest
from napari_sen.pipeline.stored import open_tree

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


def assert_same(found, expected):
    assert (found.firsts, found.wanted) == (expected.firsts, expected.wanted)
    np.testing.assert_array_equal(found.leaves, expected.leaves)
    for one, other in zip(found.linkages, expected.linkages, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(found.merged(0.9).linkages, expected.merged(0.9).linkages, strict=True):
        np.testing.assert_array_equal(one, other)


def test_in_tiles_it_is_kept_with_its_leaves_and_opened_again(tmp_path):
    """Cut at the number asked for, it is what segment makes of the same tiles."""
    params, how = SegmentParams(size=6), Execution(tile=64, out=tmp_path / "a.zarr")
    run = forest_run(PHOTO, params, model=None, execution=how)
    run.run()
    found = run.result()
    expected = napari_sen.segment(PHOTO, size=6, tile=64, model=None).compute()
    np.testing.assert_array_equal(found.groups(found.wanted[0])[found.leaves], expected)
    assert most_leaves(run) == found.limits[1]
    assert run.found() == {"slices": 1}
    assert_same(open_forest(run.path), found)
    tree = open_tree(run.path)  # other programs of ours know it as a hierarchy
    np.testing.assert_array_equal(tree.cut(found.wanted[0]).compute(), expected)


def test_one_tile_gives_what_memory_gives_also_of_slices_without_a_pixel(tmp_path):
    mask = np.ones(VOLUME.shape, bool)
    mask[3] = False
    mask[4, 1:] = False
    reading, params = Reading(slices="each", mask=mask), SegmentParams(n_segments=5)
    how = Execution(tile=128, out=tmp_path / "a.zarr")
    run = forest_run(VOLUME, params, model=None, reading=reading, execution=how)
    run.run()
    assert_same(run.result(), forest(VOLUME, params, model=None, reading=reading))


def test_stopped_it_goes_on(tmp_path):
    stack = np.stack([PHOTO[..., 1]] * 2)
    given = {
        "params": SegmentParams(size=8), "model": None, "reading": Reading(slices="each"),
        "execution": Execution(tile=64, out=tmp_path / "a.zarr", resume=True),
    }  # fmt: skip
    with closing(forest_run(stack, **given).steps()) as steps:
        next(step for step in steps if step.stage == "merging" and step.done == 1)
    assert not (tmp_path / "a.zarr").exists()
    run = forest_run(stack, **given)
    stages = {step.stage for step in run.steps() if step.done < step.total}
    assert "superpixels" not in stages
    whole = napari_sen.segment(stack, size=8, slices="each", tile=64, model=None).compute()
    found = run.result()
    np.testing.assert_array_equal(found.groups(found.wanted[0])[found.leaves], whole)
