"""Sets of ImageJ ROIs: the same pixels, names and colours in ImageJ's own library."""

import sys

import numpy as np
import pytest

from napari_sen.core.outlines import fill, outlines
from napari_sen.errors import OutputError
from napari_sen.io.geojson import Shape
from napari_sen.io.imagej import write_rois

roifile = pytest.importorskip("roifile")


def rings_of(roi):
    if roi.composite:
        return [ring[:-1, ::-1] for ring in roifile.ImagejRoi.path2coords(roi.multi_coordinates)]
    return [roi.coordinates()[:, ::-1]]


def test_there_and_back(tmp_path, rng):
    labels = np.kron(rng.integers(0, 5, (6, 7)), np.ones((2, 2), int))
    shapes = [
        Shape(polygons, f"class {label}", (1, 2, label), str(label))
        for label, polygons in outlines(labels).items()
    ]
    write_rois(tmp_path / "a.zip", shapes)
    rois = roifile.roiread(tmp_path / "a.zip")
    assert len(rois) == len(shapes)
    assert len({roi.name for roi in rois}) == len(rois)
    found = np.zeros_like(labels)
    for roi in rois:
        label = int(roi.name.split()[-1])
        box, mask = fill(rings_of(roi), labels.shape)
        found[box][mask] = label
        assert roi.stroke_color == bytes((255, 1, 2, label))
        inside = np.argwhere(labels == label)
        assert (roi.top, roi.left) == tuple(inside.min(axis=0))
        assert roi.z_position == 0
    np.testing.assert_array_equal(found, labels)


def test_a_plain_outline_is_a_traced_one(tmp_path):
    square = np.array([[2, 3], [2, 5], [4, 5], [4, 3]])
    write_rois(tmp_path / "a.zip", [Shape([[square]], plane=(4, 1))], is_stack=True)
    found = roifile.roiread(tmp_path / "a.zip")
    roi = found[0] if isinstance(found, list) else found
    assert roi.roitype == roifile.ROI_TYPE.TRACED
    np.testing.assert_array_equal(roi.integer_coordinates[:, ::-1] + (roi.top, roi.left), square)
    assert (roi.z_position, roi.t_position) == (5, 2)  # ImageJ counts from 1


def test_what_lies_too_far_is_refused(tmp_path):
    far = np.array([[0, 0], [70_000, 0], [70_000, 5]])
    with pytest.raises(OutputError, match="60535"):
        write_rois(tmp_path / "a.zip", [Shape([[far]])])
    assert not (tmp_path / "a.zip").exists()


def test_without_the_library_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(OutputError, match=r"pip install 'napari-sen\[imagej\]'"):
        write_rois(tmp_path / "a.zip", [])
