"""What is inside: a mask as people have it, and what the image says of itself."""

import dask.array as da
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import xarray
import zarr
from PIL import Image

import napari_sen
from napari_sen.errors import ImageError
from napari_sen.tiles.seeds import Seeds
from tests.net.images import colour, grey, islands

IMAGE = grey(96, 112)
COLOUR = colour(96, 112)
MASK = islands(IMAGE.shape)
STACK = np.stack([IMAGE, IMAGE[::-1], IMAGE[:, ::-1]])
HOW = {"size": 12, "model": None, "method": "snic"}


def expected(image=IMAGE, mask=MASK, **how):
    return napari_sen.segment(image, mask=np.asarray(mask), **HOW | how)


def png(path, mask):
    iio.imwrite(path, mask)
    return path


def palette(path):
    """Write a mask whose background is white and whose object is black."""
    picture = Image.fromarray(MASK.astype(np.uint8), mode="P")
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(path)
    return path


def jpeg(path):
    """Write a mask that JPEG has blurred a little."""
    iio.imwrite(path, MASK.astype(np.uint8) * 255, quality=95)
    assert ((iio.imread(path) != 0) != MASK).any()
    return path


WAYS = {
    "bool": lambda folder: MASK,
    "whole numbers": lambda folder: MASK.astype(np.int32) * -7,
    "float 0 and 1": lambda folder: MASK.astype(np.float32),
    "one channel": lambda folder: MASK[..., None],
    "one slice": lambda folder: MASK[None],
    "both": lambda folder: MASK[None, :, :, None],
    "rgb": lambda folder: np.repeat(MASK[..., None], 3, -1).astype(np.uint8) * 255,
    "rgb png": lambda folder: png(folder / "a.png", WAYS["rgb"](folder)),
    "red": lambda folder: MASK[..., None] * np.array([255, 0, 0], np.uint8),
    "rgba": lambda folder: np.dstack([WAYS["rgb"](folder), np.full(MASK.shape, 255, np.uint8)]),
    "white on nothing": lambda folder: np.dstack(
        [np.full((*MASK.shape, 3), 255, np.uint8), MASK.astype(np.uint8) * 255]
    ),
    "palette png": lambda folder: palette(folder / "p.png"),
    "jpeg": lambda folder: jpeg(folder / "j.jpg"),
    "dask": lambda folder: da.from_array(MASK, chunks=40),
    "xarray": lambda folder: xarray.DataArray(MASK[None], dims=("t", "y", "x")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_mask_as_people_have_it(way, tmp_path):
    found = napari_sen.segment(IMAGE, mask=WAYS[way](tmp_path), **HOW)
    np.testing.assert_array_equal(found, expected())
    tiled = napari_sen.segment(IMAGE, mask=WAYS[way](tmp_path), tile=64, **HOW)
    np.testing.assert_array_equal(np.asarray(tiled), expected())


@pytest.mark.parametrize("slices", ["each", "volume"])
@pytest.mark.parametrize("tile", [None, 64])
def test_one_mask_for_every_slice(slices, tile):
    how = {"slices": slices, "tile": tile if tile is None or slices == "each" else (4, 64, 64)}
    found = napari_sen.segment(STACK, mask=MASK, **how, **HOW)
    np.testing.assert_array_equal(
        np.asarray(found), expected(STACK, np.broadcast_to(MASK, STACK.shape), slices=slices)
    )


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (MASK[:9], "shape"),
        (MASK[None, None, :9], "shape"),
        (MASK * 0.5, "float64 values other than 0 and 1"),
        (np.where(MASK, 1, np.nan), "float64"),
        (MASK + 0j, "complex128"),
        (MASK * 0.0, "mask is empty"),
    ],
)
def test_what_is_no_mask(mask, words):
    with pytest.raises(ImageError, match=words):
        napari_sen.segment(IMAGE, mask=mask, **HOW)


def holed(value, dtype=np.float32):
    return np.where(MASK, IMAGE.astype(float), value).astype(dtype)


VALUES = {
    "nan": (lambda: holed(np.nan), {"mask": "nan"}),
    "infinite": (lambda: holed(-np.inf), {"mask": "nan"}),
    "nan as no data": (lambda: holed(np.nan), {"nodata": np.nan}),
    "-9999": (lambda: holed(-9999), {"nodata": -9999}),
    "lowest float32": (lambda: holed(np.finfo(np.float32).min), {"nodata": -3.4028234663852886e38}),
    "65535": (lambda: holed(65535, np.uint16), {"nodata": 65535}),
    "masked": (lambda: np.ma.array(IMAGE, mask=~MASK), {}),
    "masked dask": (lambda: da.from_array(np.ma.array(IMAGE, mask=~MASK), chunks=50), {}),
    "masked xarray": (lambda: xarray.DataArray(holed(np.nan), dims=("y", "x")), {"mask": "nan"}),
}


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("case", VALUES)
def test_values_say_what_is_outside(case, tile):
    image, how = VALUES[case]
    found = np.asarray(napari_sen.segment(image(), tile=tile, **how, **HOW))
    np.testing.assert_array_equal(found, expected())


def test_they_leave_out_what_a_mask_leaves_in():
    rows = np.arange(96)[:, None] < 40
    mask = np.broadcast_to(rows, MASK.shape)
    found = napari_sen.segment(holed(-1, np.int16), nodata=-1, mask=mask, **HOW)
    np.testing.assert_array_equal(found, expected(mask=MASK & rows))


@pytest.mark.parametrize("value", [1e300, -(2**70), 0.5, np.int8(-1)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_value_that_no_pixel_can_have_changes_nothing(dtype, value):
    image = IMAGE.astype(dtype)
    if dtype == np.float32:
        image[0, 0] = np.inf
    mask = "nan" if dtype == np.float32 else None
    found = napari_sen.segment(image, nodata=value, mask=mask, **HOW)
    np.testing.assert_array_equal(found, napari_sen.segment(image, mask=mask, **HOW))


def test_a_value_that_no_pixel_has_changes_nothing():
    plain = napari_sen.segment(IMAGE, **HOW)
    for how in ({"nodata": 1000}, {"nodata": 0.5}, {"mask": "nan"}, {"nodata": np.nan}):
        np.testing.assert_array_equal(napari_sen.segment(IMAGE, **how, **HOW), plain)


def test_of_channels_any_is_enough_but_colour_takes_all_three():
    image = COLOUR.copy()
    image[:9, :, 0] = 7
    image[9:20] = 7
    found = napari_sen.segment(image, nodata=7, **HOW)
    assert found[:9].all()
    assert not found[9:20].any()
    found = napari_sen.segment(image, nodata=7, channel_axis=-1, **HOW)
    assert not found[:20].any()


@pytest.mark.parametrize("tile", [None, 64])
def test_pixels_under_alpha_0_are_outside(tile, tmp_path):
    rgba = np.dstack([COLOUR, MASK.astype(np.uint8) * 99])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=["unassalpha"], tile=(32, 32))
    for image in (rgba, path, png(tmp_path / "a.png", rgba)):
        found = np.asarray(napari_sen.segment(image, tile=tile, **HOW))
        np.testing.assert_array_equal(found, expected(COLOUR))


def test_opaque_alpha_changes_nothing():
    plain = napari_sen.segment(COLOUR, 60, model=None, method="snic")
    opaque = np.dstack([COLOUR, np.full(MASK.shape, 3, np.uint8)])
    np.testing.assert_array_equal(napari_sen.segment(opaque, 60, model=None, method="snic"), plain)
    tiled = napari_sen.segment(opaque, 60, model=None, method="snic", tile=64)
    np.testing.assert_array_equal(np.asarray(tiled), plain)


def test_alpha_that_leaves_nothing_is_passed_over(caplog):
    clear = np.dstack([COLOUR, np.zeros(MASK.shape, np.uint8)])
    found = napari_sen.segment(clear, 60, model=None, method="snic")
    np.testing.assert_array_equal(found, napari_sen.segment(COLOUR, 60, model=None, method="snic"))
    assert "alpha is 0 everywhere" in caplog.text


def test_a_geotiff_says_what_is_no_data(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, holed(-9999), extratags=[(42113, "s", 0, "-9999", True)])
    for tile in (None, 64):
        found = napari_sen.segment(path, tile=tile, **HOW)
        np.testing.assert_array_equal(np.asarray(found), expected())
    assert napari_sen.segment(path, nodata=-1, **HOW).all()  # an argument beats the file


def test_a_mask_travels_by_its_path(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=IMAGE, chunks=(64, 64))
    path = png(tmp_path / "m.png", WAYS["rgb"](tmp_path))
    found = napari_sen.segment(tmp_path / "a.zarr", mask=path, tile=64, **HOW)
    np.testing.assert_array_equal(np.asarray(found), expected())


@pytest.mark.parametrize("method", ["snic", "tree"])
def test_a_slice_of_few_pixels_blocks_no_stack(method):
    mask = np.stack([MASK, np.zeros_like(MASK), MASK])
    mask[1, 3, 4:14] = True
    how = {"slices": "each", "model": None, "method": method}
    found = napari_sen.segment(STACK, 30, mask=mask, **how)
    assert len(np.unique(found[1])) == 11  # one a pixel, and what is outside
    assert ((found > 0) == mask).all()
    with pytest.raises(ImageError, match="only 10 pixels"):
        napari_sen.segment(STACK[1], 30, mask=mask[1], model=None, method=method)


PRODUCTS = {
    "tree": lambda *image, **how: napari_sen.segment(*image, 20, **how),
    "tree by size": lambda *image, **how: napari_sen.segment(*image, size=8, **how),
    "several": lambda *image, **how: napari_sen.segment(*image, [5, 20], **how)[1],
    "flat": lambda *image, **how: napari_sen.segment(*image, 20, method="snic", **how),
    "hierarchy": lambda *image, **how: napari_sen.hierarchy(*image, 20, **how).labels,
}


@pytest.mark.parametrize("corner", [(0, 0), (64, 64)], ids=["first", "last"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_tile_without_a_pixel_inside(product, corner):
    """As in every image with a wide margin: all tiles but the first, or the last, are outside."""
    make = PRODUCTS[product]
    mask = np.zeros(MASK.shape, bool)
    mask[tuple(slice(at, at + 30) for at in corner)] = True
    found = np.asarray(make(IMAGE, mask=mask, model=None, tile=64))
    np.testing.assert_array_equal(found, np.asarray(make(IMAGE, mask=mask, model=None)))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("tile", [None, 64])
def test_colour_of_fewer_bits_than_its_type(bits, tile):
    """White is the top of its bits, not of the type."""
    image = COLOUR.astype(np.float32) / 255
    image[0, 0] = 1
    whole = np.rint(image * (2**bits - 1)).astype(np.uint16)
    found = np.asarray(
        napari_sen.segment(whole, 60, rgb=True, model=None, method="snic", tile=tile)
    )
    unit = whole.astype(np.float32) / (2**bits - 1)
    same = napari_sen.segment(unit, 60, rgb=True, model=None, method="snic")
    assert (found == same).mean() > 0.999
    if bits == 16:
        np.testing.assert_array_equal(found, same)


@pytest.mark.parametrize("pixels", [(10**6, 10**4), (10**4, 10**6)])
def test_tiles_see_as_far_as_the_sparsest_slice_of_a_stack_needs(pixels):
    """A hundred superpixels in each: those of the larger mask are ten times as wide."""
    seeds = Seeds((1000, 1000), (1.0, 1.0), (100, 100), pixels)
    assert seeds.reach(6) == (600, 600)
