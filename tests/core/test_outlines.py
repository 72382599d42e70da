"""Outlines: exact, valid by the rules of OGC, and back to the same pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sen.core.outlines import fill, outlines
from napari_sen.errors import ImageError

LABELS = arrays(
    np.int64,
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    elements=st.integers(0, 3),
)


def test_a_pixel_is_the_square_between_its_corners():
    (((ring,),),) = outlines(np.array([[0, 0, 0], [0, 0, 5]])).values()
    assert {tuple(place) for place in ring.tolist()} == {(1, 2), (1, 3), (2, 3), (2, 2)}


def test_a_ring_has_a_hole_and_corners_alone():
    labels = np.ones((5, 6), int)
    labels[2, 2:4] = 0
    ((rings,),) = outlines(labels).values()
    assert [len(ring) for ring in rings] == [4, 4]
    assert rings[0].max(axis=0).tolist() == [5, 6]
    assert (rings[1].min(axis=0).tolist(), rings[1].max(axis=0).tolist()) == ([2, 2], [3, 4])


def test_a_ring_that_closes_by_a_corner_has_a_hole_and_no_ring_meets_itself():
    labels = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]])  # the hole touches the outside
    ((rings,),) = outlines(labels).values()
    assert len(rings) == 2
    for ring in rings:
        assert len({tuple(place) for place in ring.tolist()}) == len(ring)


@given(LABELS)
def test_there_and_back(labels):
    found = np.zeros_like(labels)
    for label, polygons in outlines(labels).items():
        for rings in polygons:
            box, mask = fill(rings, labels.shape)
            assert not found[box][mask].any()  # polygons do not overlap
            found[box][mask] = label
    np.testing.assert_array_equal(found, labels)


@given(LABELS)
def test_polygons_are_valid(labels):
    geometry = pytest.importorskip("shapely.geometry")
    for label, polygons in outlines(labels).items():
        whole = geometry.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
        assert whole.is_valid
        assert whole.area == (labels == label).sum()
        for rings in polygons:  # all in one direction, holes in the other
            assert (
                geometry.LinearRing(rings[0]).is_ccw
                != any(geometry.LinearRing(hole).is_ccw for hole in rings[1:])
                or len(rings) == 1
            )


def test_nothing_has_no_outlines():
    assert outlines(np.zeros((3, 4), int)) == {}


def test_a_polygon_fills_the_pixels_whose_centre_it_holds():
    triangle = np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0]])
    box, mask = fill([triangle], (10, 10))
    found = np.zeros((10, 10), bool)
    found[box] = mask
    y, x = np.mgrid[:10, :10] + 0.5
    np.testing.assert_array_equal(found, x + y < 4)


def test_what_lies_outside_is_cut_off():
    far = np.array([[-5, -5], [-5, 50], [2, 50], [2, -5]])
    box, mask = fill([far], (4, 6))
    assert (box, mask.all()) == ((slice(0, 2), slice(0, 6)), True)
    _, none = fill([far + 100], (4, 6))
    assert none.size == 0


def test_a_polygon_without_end_is_refused():
    rows = 40_000
    ring = np.tile([[0.0, 0.0], [rows, 1.0]], (600, 1))
    with pytest.raises(ImageError, match="too intricate"):
        fill([ring], (rows, 10))
