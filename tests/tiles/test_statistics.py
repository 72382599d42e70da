"""Statistics of the whole, found tile by tile."""

import numpy as np
import pytest

from napari_sen.core.features import statistics
from napari_sen.core.image import interpret
from napari_sen.errors import ImageError
from napari_sen.io.image_file import ImageFile
from napari_sen.tiles.geometry import TileGrid
from napari_sen.tiles.raster import open_raster
from napari_sen.tiles.statistics import Selection, count_tile, needs_pass


def streamed(image, mask=None, tile=32, **how):
    source = open_raster(ImageFile(image), **how)
    inside = None if mask is None else open_raster(ImageFile(mask), slices=how.get("slices"))
    grid = TileGrid(source.spatial, (tile,) * source.n_spatial)
    selection = Selection(source)
    for level in range(selection.passes):
        prefixes = selection.prefixes
        for index in reversed(list(np.ndindex(source.leading))):
            for number in range(len(grid)):
                item = (index, grid.box(number))
                selection.add(count_tile(source, inside, prefixes, level, item))
        selection.end_pass()
    return selection.result()


def assert_same(found, expected):
    for name in ("low", "high", "mean", "components", "span"):
        a, b = getattr(found, name), getattr(expected, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b, err_msg=name)


KINDS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
         "float16", "float32", "float64", ">f4", ">u2"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["wide", "few", "two", "limits"])
def test_percentiles_are_those_of_the_whole(kind, case, rng):
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        image = rng.normal(0, 1000, (70, 50)).astype(dtype)
        if case == "limits":
            image = np.where(image > 0, np.finfo(dtype).max, np.finfo(dtype).min).astype(dtype)
    else:
        about = np.iinfo(dtype)
        image = rng.integers(about.min, about.max, (70, 50), dtype.newbyteorder("="), endpoint=True)
        if case == "limits":
            image = np.where(image > 0, about.max, about.min)
    if case == "few":
        image = rng.integers(0, 4, (70, 50)) - 1 * (dtype.kind != "u")
    if case == "two":
        image = image[:1, :2]
    image = image.astype(dtype)
    assert_same(streamed(image), statistics(image[..., None]))


def test_masked_channels_in_a_stack(rng):
    image = rng.random((3, 40, 50, 2)).astype(np.float32)
    mask = rng.random((3, 40, 50)) > 0.7
    image[~mask] = np.nan
    found = streamed(image, mask, channel_axis=-1, slices="each")
    assert_same(found, statistics(image, mask))


def test_principal_components_of_many_channels(rng):
    image = rng.integers(0, 60000, (6, 700, 90)).astype(np.uint16)
    canvas = interpret(image, channel_axis=0)
    assert_same(streamed(image, channel_axis=0), statistics(canvas.data))


def test_few_pixels_inside_that_the_sample_misses(rng):
    """One in two pixels is sampled, and none of those inside: then all of these are."""
    image, mask = rng.random((5, 600, 700)).astype(np.float32), np.zeros((600, 700), bool)
    mask[[3, 40, 300, 599], [1, 35, 301, 699]] = True
    found = streamed(image, mask, tile=256, channel_axis=0)
    assert_same(found, streamed(image, mask, tile=320, channel_axis=0))
    assert_same(found, statistics(image.transpose(1, 2, 0), mask))


def test_values_that_cannot_be_used(rng):
    image = rng.random((40, 70))
    image[33, 5] = image[39, 60] = np.inf
    with pytest.raises(ImageError, match=r"at 2 pixels, the first at \(33, 5\)"):
        streamed(image)
    with pytest.raises(ImageError, match=r"must lie in 0\.\.\.1, but spans"):
        streamed(rng.random((40, 70, 3)) * 255, rgb=True)


def test_what_needs_no_reading():
    def asked(dtype, **how):
        return needs_pass(open_raster(ImageFile(np.zeros((9, 9, 3), dtype)), **how))

    assert not asked(np.uint8)
    assert not asked(bool, channel_axis=-1)
    assert asked(np.float32, rgb=True)
    assert asked(np.uint8, channel_axis=-1)
