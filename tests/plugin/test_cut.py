"""A cut is what NumPy's slicing gives, read no earlier than asked for."""

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sen.plugin.state.cut import Cut, lazy_cut

ARRAY = np.arange(5 * 7 * 9).reshape(5, 7, 9)
KEYS = [
    (slice(None),),
    (2,),
    (np.int64(-1), slice(2, 5)),
    (slice(1, None), slice(None), 4),
    (..., 3),
    (1, ..., slice(-4, None)),
    (slice(3, 1),),
    (slice(0, 99), slice(-99, 2)),
    (slice(None, None, 2),),
    ([0, 2],),
    (ARRAY > 100,),
]


@pytest.mark.parametrize("keys", KEYS)
def test_it_is_what_numpy_gives(keys):
    cut = Cut(lambda keys: ARRAY[keys], ARRAY.shape, ARRAY.dtype)
    np.testing.assert_array_equal(cut[keys], ARRAY[keys])


def test_a_cut_of_a_cut():
    cut = Cut(lambda keys: ARRAY[keys], ARRAY.shape, ARRAY.dtype)[1:4, 2:, 3:]
    assert (cut.shape, cut.ndim, cut.size) == ((3, 5, 6), 3, 90)
    np.testing.assert_array_equal(cut[1, 1:, -2], ARRAY[1:4, 2:, 3:][1, 1:, -2])
    assert np.asarray(cut, np.float32).dtype == np.float32


@pytest.mark.parametrize("key", [5, (0, 0, 0, 0)])
def test_what_is_outside_is_an_error(key):
    cut = Cut(lambda keys: ARRAY[keys], ARRAY.shape, ARRAY.dtype)
    with pytest.raises(IndexError):
        cut[key]


def test_only_what_is_asked_for_is_read():
    seen = []

    def read(keys):
        seen.append(keys)
        return ARRAY[keys]

    part = Cut(read, ARRAY.shape, ARRAY.dtype)[:, 2:4][..., 1]
    assert not seen
    np.asarray(part)
    assert seen == [(slice(0, 5), slice(2, 4), 1)]


@pytest.mark.parametrize("kind", ["numpy", "zarr", "dask"])
def test_any_array_of_a_layer(kind):
    given = {"numpy": ARRAY, "zarr": zarr.array(ARRAY), "dask": da.from_array(ARRAY)}[kind]
    assert lazy_cut(given, ()) is given
    part = lazy_cut(given, (2, slice(None), slice(1, 4)))
    assert part.shape == (7, 3)
    np.testing.assert_array_equal(np.asarray(part[1:3]), ARRAY[2, 1:3, 1:4])
