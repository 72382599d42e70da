"""What values mean: every interpretation becomes grey or colour, or is refused.

The right values are those of Pillow, which converts for itself.
"""

import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sen.errors import ImageError
from napari_sen.io.read import open_image, read_image

COLOUR = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]
ALPHA = np.where(np.arange(600).reshape(20, 30) % 7 == 0, 0, 200).astype(np.uint8)


def lazily(path):
    """Return the pixels that are read box by box, put together again."""
    found = open_image(path)
    assert not isinstance(found.data, np.ndarray)
    data = np.asarray(found.data)
    np.testing.assert_array_equal(found.data[3:7, 5:9], data[3:7, 5:9])
    assert (data.dtype, data.shape) == (found.data.dtype, found.data.shape)
    return found, data


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "F"])
def test_tiff_as_pillow_writes_it(tmp_path, mode):
    path = tmp_path / "a.tif"
    picture = Image.fromarray(COLOUR)
    picture = picture.convert("L").convert(mode) if mode in ("I;16", "F") else picture.convert(mode)
    picture.save(path)
    shown = picture.convert("RGB") if mode in ("P", "CMYK") else picture
    found, (again, data) = read_image(path), lazily(path)
    np.testing.assert_array_equal(found.data, np.asarray(shown))
    np.testing.assert_array_equal(data, found.data)
    assert found.rgb is again.rgb is (found.data.ndim == 3)
    assert found.axes == again.axes == ("yxs" if found.rgb else "yx")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", bool])
def test_white_may_be_zero(tmp_path, dtype):
    path, values = tmp_path / "a.tif", (GREY > 99) if dtype is bool else GREY.astype(dtype)
    tifffile.imwrite(path, values, photometric="miniswhite")
    expected = ~values if dtype is bool else np.iinfo(dtype).max - values
    np.testing.assert_array_equal(read_image(path).data, expected)
    np.testing.assert_array_equal(lazily(path)[1], expected)


def test_white_that_is_zero_in_floats_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.float32), photometric="miniswhite")
    with pytest.raises(ImageError, match="it stores white as 0"):
        read_image(tmp_path / "a.tif")


def test_jpeg_in_tiff_is_colour(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="ycbcr", compression="jpeg")
    shown = np.asarray(Image.open(tmp_path / "a.tif").convert("RGB"))
    np.testing.assert_allclose(read_image(tmp_path / "a.tif").data, shown, atol=1)
    assert read_image(tmp_path / "a.tif").rgb


@pytest.mark.parametrize(("mode", "words"), [("LAB", "CIELAB"), ("YCbCr", "YCbCr")])
def test_other_colours_are_refused(tmp_path, mode, words):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "a.tif")
    for read in (read_image, open_image):
        with pytest.raises(ImageError, match=f"it holds {words}.*save it as grey or RGB"):
            read(tmp_path / "a.tif")


def test_an_unknown_interpretation_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["PhotometricInterpretation"].overwrite(32803)
    with pytest.raises(ImageError, match="raw mosaic of a camera"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
def test_alpha_beside_grey_is_no_channel(tmp_path, extra):
    path = tmp_path / "a.tif"
    both = np.stack([GREY, ALPHA], -1)
    tifffile.imwrite(
        path, both, photometric="minisblack", extrasamples=[extra], planarconfig="contig"
    )
    found, (again, data) = read_image(path), lazily(path)
    np.testing.assert_array_equal(found.data, GREY)
    np.testing.assert_array_equal(data, GREY)
    np.testing.assert_array_equal(found.inside, ALPHA != 0)
    np.testing.assert_array_equal(np.asarray(again.inside), ALPHA != 0)
    assert (found.rgb, found.channel_axis, found.axes) == (False, None, "yx")


def test_channels_of_a_pixel_are_no_colours(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COLOUR, photometric="minisblack", planarconfig="contig")
    assert (read_image(path).rgb, read_image(path).channel_axis) == (False, 2)


def test_a_fourth_sample_of_no_meaning_is_no_alpha(tmp_path):
    path = tmp_path / "a.tif"
    four = np.concatenate([COLOUR, ALPHA[..., None]], -1)
    for extra, expected in (("unspecified", COLOUR), ("unassalpha", four)):
        tifffile.imwrite(path, four, photometric="rgb", extrasamples=[extra])
        np.testing.assert_array_equal(read_image(path).data, expected)
        np.testing.assert_array_equal(lazily(path)[1], expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_of_png_says_what_is_inside(tmp_path, bits):
    path, factor = tmp_path / "a.png", 257 if bits == 16 else 1
    both = np.stack([GREY, ALPHA], -1).astype(f"uint{bits}") * factor
    path.write_bytes(imagecodecs.png_encode(both))
    found = read_image(path)
    np.testing.assert_array_equal(found.data, both[..., 0])
    np.testing.assert_array_equal(found.inside, ALPHA != 0)
    assert found.rgb is False


def test_transparent_values_of_png(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png", transparency=int(GREY[0, 0]))
    found = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(found.inside, GREY[0, 0] != GREY)
    palette = Image.fromarray(COLOUR).convert("P")
    palette.save(tmp_path / "palette.png", transparency=3)
    found = read_image(tmp_path / "palette.png")
    np.testing.assert_array_equal(found.data[..., :3], np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(found.data[..., 3] == 0, np.asarray(palette) == 3)


def test_indices_of_a_palette_are_labels(tmp_path):
    labels = Image.fromarray((GREY // 32).astype(np.uint8), mode="P")
    labels.putpalette(list(range(255, 231, -1)))
    for name in ("a.png", "a.tif"):
        labels.save(tmp_path / name)
        found = read_image(tmp_path / name, labels=True)
        np.testing.assert_array_equal(found.data, GREY // 32)
        assert read_image(tmp_path / name).data.shape == (20, 30, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_turned_picture_is_read_as_stored_and_that_is_said(tmp_path, name):
    picture, exif = Image.fromarray(COLOUR), Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / name, exif=exif)
    found = read_image(tmp_path / name)
    assert found.data.shape == COLOUR.shape
    assert ["EXIF orientation 6" in note for note in found.notes] == [True]
    picture.save(tmp_path / name)
    assert read_image(tmp_path / name).notes == ()


def test_cmyk_jpeg(tmp_path):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
    shown = np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").data, shown)


def test_a_picture_that_claims_too_much_is_refused(tmp_path):
    """A header of 12,000 x 12,000 pixels, and nothing behind it."""
    path = tmp_path / "a.png"
    for depth in (8, 16):
        whole = imagecodecs.png_encode(np.zeros((9, 9), f"uint{depth}"))
        head = b"IHDR" + (12_000).to_bytes(4, "big") * 2 + whole[24:29]
        check = zlib.crc32(head).to_bytes(4, "big")
        path.write_bytes(whole[:12] + head + check + whole[33:])
        with pytest.raises(ImageError, match="claims 12000 x 12000 pixels"):
            read_image(path)
