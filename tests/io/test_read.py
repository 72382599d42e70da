"""Reading: pixels, axes, spacing of every format; one clear error for what cannot be read."""

from pathlib import PureWindowsPath

import dask.array as da
import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr

from napari_sen.errors import ImageError
from napari_sen.io.read import read_image, resolve, to_array
from napari_sen.io.zarr import read_zarr


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 4000, (3, 20, 30), dtype=np.uint16)


def ome_zarr(folder, pixels, *, version, axes, scale, unit="micrometer"):
    group = zarr.create_group(folder, zarr_format=3 if version == "0.5" else 2)
    group.create_array("0", data=pixels)
    kinds = {"c": "channel", "t": "time"}
    entries = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for entry in entries:
        if entry["type"] == "space":
            entry["unit"] = unit
    multiscales = [
        {
            "version": version,
            "axes": entries,
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            ],
        }
    ]
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    else:
        group.attrs["multiscales"] = multiscales


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_of_16_bits_keep_them(tmp_path, rng, channels):
    """Pillow would give 8 bits for all but the first."""
    picture = rng.integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(picture))
    found = read_image(path)
    assert (found.data.dtype, found.rgb) == (np.uint16, channels > 2)
    np.testing.assert_array_equal(found.data, picture if channels > 2 else picture[..., 0])
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("suffix", "shape", "axes", "rgb"),
    [
        (".png", (20, 30), "yx", False),
        (".png", (20, 30, 3), "yxs", True),
        (".png", (20, 30, 4), "yxs", True),
        (".bmp", (20, 30, 3), "yxs", True),
    ],
)
def test_pictures_are_read_as_they_are(tmp_path, rng, suffix, shape, axes, rgb):
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    iio.imwrite(path, picture)
    found = read_image(path)
    np.testing.assert_array_equal(found.data, picture)
    assert (found.axes, found.rgb, found.name) == (axes, rgb, "a")


def test_jpeg_palette_grey_alpha_and_16_bits(tmp_path, rng):
    from PIL import Image

    picture = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").rgb is True
    Image.fromarray(picture).convert("P").save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png").data.shape == (20, 30, 3)
    grey = picture[..., 0]
    Image.fromarray(np.stack([grey, grey], -1), "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png").data, grey)
    deep = rng.integers(0, 65536, (20, 30), dtype=np.uint16)
    iio.imwrite(tmp_path / "d.png", deep)
    np.testing.assert_array_equal(read_image(tmp_path / "d.png").data, deep)


def test_ome_tiff_carries_axes_spacing_and_units(tmp_path, pixels):
    path = tmp_path / "a.ome.tif"
    size = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "CYX", **size})
    found = read_image(path)
    assert (found.axes, found.channel_axis, found.rgb) == ("cyx", 0, False)
    assert found.spacing == (0.5, 0.25)
    assert found.units == ("micrometer", "micrometer")
    assert found.name == "a"


def test_imagej_tiff_carries_spacing(tmp_path, pixels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
    )
    found = read_image(path)
    assert (found.axes, found.spacing) == ("zyx", (2.0, 0.5, 0.25))
    assert found.units == ("micrometer",) * 3


def test_centimetres_are_a_pixel_size_and_inches_are_not(tmp_path, pixels):
    for unit, spacing in (("CENTIMETER", (2.0, 1.0)), ("INCH", None)):
        path = tmp_path / f"{unit}.tif"
        tifffile.imwrite(path, pixels[0], resolution=(1e4, 5e3), resolutionunit=unit)
        assert read_image(path).spacing == spacing


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_tiff_has_its_samples_last(tmp_path, rng, planar):
    picture = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    stored = np.moveaxis(picture, -1, 0) if planar == "separate" else picture
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar)
    found = read_image(path)
    np.testing.assert_array_equal(found.data, picture)
    assert found.rgb is True


def test_pages_without_axes_stay_unnamed(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    found = read_image(tmp_path / "a.tif")
    assert (found.axes, found.rgb, found.channel_axis) == (None, None, None)


def test_lzw_tiff(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels[0], compression="lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, pixels[0])


def test_npy_is_mapped_and_pickles_are_refused(tmp_path, pixels):
    np.save(tmp_path / "a.npy", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").data, pixels)
    np.save(tmp_path / "p.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ImageError, match="cannot read"):
        read_image(tmp_path / "p.npy")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_array_stays_lazy_until_resolved(tmp_path, pixels, zarr_format):
    zarr.create_array(tmp_path / "a.zarr", data=pixels, zarr_format=zarr_format)
    found = read_image(tmp_path / "a.zarr")
    assert isinstance(found.data, zarr.Array)
    np.testing.assert_array_equal(to_array(found), pixels)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_carries_axes_scale_and_units(tmp_path, pixels, version):
    ome_zarr(tmp_path / "a.zarr", pixels, version=version, axes="cyx", scale=[1, 0.5, 0.25])
    found = resolve(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.data, pixels)
    assert (found.axes, found.channel_axis) == ("cyx", 0)
    assert (found.spacing, found.units) == ((0.5, 0.25), ("micrometer", "micrometer"))


def test_axes_of_length_one_are_dropped(tmp_path, pixels):
    five = pixels[None, :, None]  # t c z y x
    ome_zarr(tmp_path / "a.zarr", five, version="0.5", axes="tczyx", scale=[1, 1, 3, 0.5, 0.5])
    found = resolve(tmp_path / "a.zarr")
    assert (found.axes, found.channel_axis, found.spacing) == ("cyx", 0, (0.5, 0.5))
    np.testing.assert_array_equal(found.data, pixels)


def test_group_with_one_array_is_read_and_with_two_is_asked_back(tmp_path, pixels):
    group = zarr.create_group(tmp_path / "g.zarr")
    group.create_array("only", data=pixels)
    np.testing.assert_array_equal(to_array(tmp_path / "g.zarr"), pixels)
    group.create_array("second", data=pixels)
    with pytest.raises(ImageError, match=r"several arrays.*only"):
        read_image(tmp_path / "g.zarr")
    np.testing.assert_array_equal(to_array(tmp_path / "g.zarr" / "second"), pixels)


def test_what_is_not_there_or_no_image(tmp_path):
    (tmp_path / "empty").mkdir()
    zarr.create_group(tmp_path / "bare.zarr")
    (tmp_path / "a.txt").write_text("hello")
    cases = {
        "missing.png": "no file",
        "empty": "no array",
        "bare.zarr": "no array",
        "a.txt": "files ending in",
    }
    for name, message in cases.items():
        with pytest.raises(ImageError, match=message):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".npy"])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.6])
def test_truncated_files_are_image_errors(tmp_path, rng, suffix, keep):
    picture = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, picture)
    elif suffix == ".tif":
        tifffile.imwrite(path, picture, compression="zlib")
    else:
        iio.imwrite(path, picture)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ImageError, match=r"cannot read.*damaged") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_truncated_zarr_chunk_is_an_image_error(tmp_path, pixels):
    zarr.create_array(tmp_path / "a.zarr", data=pixels, chunks=pixels.shape)
    chunk = max((tmp_path / "a.zarr").rglob("*"), key=lambda p: p.stat().st_size * p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(ImageError, match="cannot be read"):
        to_array(tmp_path / "a.zarr")


def test_damaged_ome_metadata_is_an_image_error(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"datasets": []}]}
    with pytest.raises(ImageError, match="metadata"):
        read_image(tmp_path / "a.zarr")


def test_an_image_larger_than_the_memory_is_refused_before_it_is_read(tmp_path):
    """None of these holds the pixels that it claims to have, a thousand terabytes."""
    side = 1 << 25
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[name].overwrite(side, dtype=4)
        # Its own note of the shape would be believed rather than the tags.
        file.pages[0].tags["ImageDescription"].overwrite("")
    zarr.create_array(tmp_path / "a.zarr", shape=(side, side), chunks=(512, 512), dtype="u1")
    lazy = da.zeros((side, side), dtype=np.uint8, chunks=side)
    for image in (tmp_path / "a.tif", tmp_path / "a.zarr", lazy):
        with pytest.raises(ImageError, match="of memory are free: cut out a part"):
            to_array(image)


def test_every_kind_of_array_gives_the_same_pixels(tmp_path, pixels):
    stored = zarr.create_array(tmp_path / "a.zarr", data=pixels)
    levels = [pixels, pixels[:, ::2, ::2]]
    np.save(tmp_path / "a.npy", pixels)
    sources = [pixels, da.from_array(pixels), stored, levels, tmp_path / "a.npy", pixels.tolist()]
    for source in sources:
        np.testing.assert_array_equal(to_array(source), pixels)
    assert to_array(pixels) is pixels


def test_napari_multiscale_data_gives_level_zero(pixels):
    multiscale = pytest.importorskip("napari.layers._multiscale_data")
    data = multiscale.MultiScaleData([pixels, pixels[:, ::2, ::2]])
    np.testing.assert_array_equal(to_array(data), pixels)


def test_named_axes_of_a_labelled_array_are_used(pixels):
    class DataArray:  # what an xarray.DataArray shows, without needing xarray
        dims = ("c", "y", "x")
        name = "cells"
        data = pixels
        shape = pixels.shape

    found = resolve(DataArray())
    assert (found.axes, found.channel_axis, found.name) == ("cyx", 0, "cells")


def test_nonsense_is_an_image_error():
    for nonsense in ([], [[1, 2], [3]]):
        with pytest.raises(ImageError):
            to_array(nonsense)


def test_the_name_of_a_zarr_is_the_last_part_of_a_windows_path_too(tmp_path, monkeypatch):
    zarr.create_array(tmp_path / "a.zarr", data=np.zeros((9, 9), np.uint8))
    monkeypatch.setattr("napari_sen.io.zarr.Path", PureWindowsPath)
    monkeypatch.setattr("napari_sen.io.zarr.open_store", lambda _: str(tmp_path / "a.zarr"))
    assert read_zarr(r"C:\images\cells.ome.zarr").name == "cells"
