"""The pixel size: kept as far as it is known, in one unit, from whoever states it."""

import math

import numpy as np
import pytest
import tifffile
import xarray
import zarr

from napari_sen.errors import ImageError
from napari_sen.io.image_file import ImageFile
from napari_sen.io.pixel_size import PixelSize, equal_units, is_print, spatial_scale, unit_name
from napari_sen.io.read import open_image, read_image
from napari_sen.options import Reading
from napari_sen.tiles.image import settle
from tests.io.test_read import ome_zarr

STACK = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
MICRONS = ("micrometer",) * 3


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ({"z": 2, "y": 0.5, "x": 0.25}, (2, 0.5, 0.25)),
        ({"y": 0.5, "x": 0.25}, (0.25, 0.5, 0.25)),  # no z step: voxels are cubes
        ({"z": 2, "x": 0.25}, (2, 0.25, 0.25)),
        ({"z": 2, "y": 0.5}, (2, 0.5, 0.5)),
        ({"z": -2, "y": -0.5, "x": 0.25}, (2, 0.5, 0.25)),
        ({"z": 0, "y": 0.5, "x": 0.25}, (0.25, 0.5, 0.25)),
        ({"z": math.nan, "y": 0.5, "x": math.inf}, (0.5, 0.5, 0.5)),
        ({"z": 2}, None),
        ({"y": 0, "x": 0}, None),
        ({}, None),
    ],
)
def test_what_is_known_is_kept(scale, expected):
    assert spatial_scale("zyx", scale, dict.fromkeys("zyx", "um"))[0] == expected


@pytest.mark.parametrize(
    ("units", "spacing", "unit"),
    [
        (("nm", "um", "um"), (0.3, 0.25, 0.25), "micrometer"),
        (("um", "nm", "nm"), (300_000, 0.25, 0.25), "nanometer"),
        (("mm", "micron", "µm"), (300_000, 0.25, 0.25), "micrometer"),
        (("", "", "micrometre"), (300, 0.25, 0.25), "micrometer"),
        (("", "", ""), (300, 0.25, 0.25), ""),
        (("pixel", "pixels", "px"), (300, 0.25, 0.25), ""),
        (("parsec", "parsec", "parsec"), (300, 0.25, 0.25), "parsec"),
        (("parsec", "um", "um"), (300, 0.25, 0.25), ""),  # cannot be compared
    ],
)
def test_units_are_made_equal(units, spacing, unit):
    assert equal_units((300, 0.25, 0.25), units) == (spacing, (unit,) * 3)


def test_names_of_units():
    assert {
        unit_name(u) for u in ("um", "µm", "\u03bcm", "\\u00b5m", "Micrometers", "microns")
    } == {"micrometer"}
    assert unit_name(" nanometre\x00") == "nanometer"
    assert unit_name(None) == ""
    assert unit_name("furlong") == "furlong"


def test_prints_are_told_by_their_dots_per_inch():
    for dots in (72, 96, 100, 150, 299.72, 300, 600, 25.4):
        assert is_print("cm", 2.54 / dots), dots
        assert is_print("inch", 1 / dots)
        assert not is_print("mm", 25.4 / dots)
    assert not is_print("cm", 0.01)  # 0.1 mm, of a leaf


def imagej(path, **metadata):
    """Write a stack as ImageJ does: pixels of 0.25 x 0.5."""
    tifffile.imwrite(
        path, STACK, imagej=True, resolution=(4, 2), metadata={"axes": "ZYX"} | metadata
    )
    return read_image(path)


def test_imagej_leaves_out_a_z_step_of_one(tmp_path):
    """It counts all the same."""
    found = imagej(tmp_path / "a.tif", unit="um")
    assert (found.spacing, found.units) == ((1, 0.5, 0.25), MICRONS)
    assert imagej(tmp_path / "b.tif", unit="um", spacing=-3.0).spacing == (3, 0.5, 0.25)
    assert imagej(tmp_path / "c.tif").spacing == (1, 0.5, 0.25)  # of no unit


def test_imagej_prints_are_none(tmp_path):
    assert imagej(tmp_path / "a.tif", unit="inch").spacing is None
    path = tmp_path / "b.tif"
    for per_cm, spacing in ((118.11, None), (100, (1, 0.01, 0.01))):
        tifffile.imwrite(
            path, STACK, imagej=True, resolution=(per_cm, per_cm),
            metadata={"axes": "ZYX", "unit": "cm"},
        )  # fmt: skip
        assert read_image(path).spacing == spacing


@pytest.mark.parametrize(
    ("unit", "per_unit", "spacing"),
    [
        ("CENTIMETER", (40_000, 20_000), (0.5, 0.25)),
        ("CENTIMETER", (10, 10), None),  # libvips, of any image
        ("CENTIMETER", (118.11, 118.11), None),  # 300 dpi
        ("CENTIMETER", (472, 472), None),  # 1200 dpi
        ("INCH", (72, 72), None),
        ("INCH", (101_600, 101_600), None),
        ("NONE", (4, 4), None),
    ],
)
def test_a_resolution_may_be_that_of_a_print(tmp_path, unit, per_unit, spacing):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], resolution=per_unit, resolutionunit=unit)
    found = read_image(path)
    assert found.spacing == spacing
    assert found.source == ("TIFF resolution" if spacing else "")


def test_aperio_says_micrometres_per_pixel(tmp_path):
    path = tmp_path / "a.svs"
    picture = np.zeros((32, 48, 3), np.uint8)
    about = "Aperio Image Library v11\r\n48x32 (256x256) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"
    tifffile.imwrite(path, picture, photometric="rgb", description=about, metadata=None)
    found = read_image(path)
    assert (found.rgb, found.spacing) == (True, (0.499, 0.499))
    assert (found.units, found.source) == (("micrometer",) * 2, "Aperio's MPP")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"X": 250, "XUnit": "nm", "Y": 0.5, "YUnit": "µm"}, (250, 500, 250)),
        ({"X": 0.25, "Y": 0.5}, (0.25, 0.5, 0.25)),
        ({"X": 0.25, "Y": 0.5, "Z": 1500, "ZUnit": "nm"}, (1.5, 0.5, 0.25)),
        ({"X": 0.25, "Y": 0.5, "Z": -2}, (2, 0.5, 0.25)),
    ],
)
def test_ome_tiff(tmp_path, size, expected):
    path = tmp_path / "a.ome.tif"
    about = {"axes": "ZYX"} | {f"PhysicalSize{key}": value for key, value in size.items()}
    tifffile.imwrite(path, STACK, ome=True, metadata=about)
    found = read_image(path)
    assert (found.spacing, found.source) == (expected, "OME metadata")
    assert len(set(found.units)) == 1


def test_ome_zarr_of_two_units_and_its_lower_levels(tmp_path):
    path = tmp_path / "a.zarr"
    ome_zarr(path, STACK, version="0.5", axes="zyx", scale=[900, -0.5, 0.25])
    group = zarr.open_group(path)
    group.create_array("1", data=STACK[:, ::2, ::2])
    about = group.attrs.asdict()["ome"]
    about["multiscales"][0]["axes"][0]["unit"] = "nanometer"
    lower = {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": [900, 1, 0.5]}]}
    about["multiscales"][0]["datasets"].append(lower)
    group.attrs["ome"] = about
    assert (read_image(path).spacing, read_image(path).units) == ((0.9, 0.5, 0.25), MICRONS)
    found = read_image(path / "1")
    assert (found.axes, found.spacing, found.units) == ("zyx", (0.9, 1, 0.5), MICRONS)
    assert found.source == "OME-Zarr scale"
    np.testing.assert_array_equal(found.data[...], STACK[:, ::2, ::2])


def labelled(x, **attributes):
    y = np.arange(20)[::-1] * 0.5
    image = xarray.DataArray(STACK[0], dims=("y", "x"), coords={"y": y, "x": x})
    for axis in "yx":
        image[axis].attrs |= attributes
    return open_image(image)


def test_coordinates_are_a_pixel_size_where_they_are_even():
    even = np.arange(30) * 0.25 + 7
    found = labelled(even, units="nm")
    assert (found.spacing, found.units) == ((0.5, 0.25), ("nanometer",) * 2)
    assert found.source == "the coordinates"
    assert labelled(even).units == ("", "")
    assert labelled(np.arange(30) ** 2.0).spacing == (0.5, 0.5)  # that of y is even
    assert open_image(xarray.DataArray(STACK[0], dims=("y", "x"))).spacing is None


def dataset(**variables):
    """Return a data set with a scalar beside its coordinates, as rioxarray writes one."""
    y, x = np.arange(20)[::-1] * 0.5, np.arange(30) * 0.25 + 7
    found = xarray.Dataset(
        variables, coords={"y": y, "x": x, "spatial_ref": 0, "date": ("t", np.arange(3) ** 2)}
    )
    for axis in "yx":
        found[axis].attrs["units"] = "um"
    return found


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("version", [2, 3])
def test_variables_that_xarray_wrote_have_their_coordinates(tmp_path, version):
    """Named by the folder of the data set, by its own, or given as an open group."""
    path = tmp_path / "a.zarr"
    dataset(green=(("t", "y", "x"), STACK)).to_zarr(path, zarr_format=version)
    for image in (path, path / "green", zarr.open_group(path, mode="r")):
        found = open_image(image)
        assert (found.axes, found.spacing, found.units) == ("tyx", (0.5, 0.25), MICRONS[:2])
        assert found.source == "the coordinates"
        np.testing.assert_array_equal(found.data[...], STACK)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("version", [2, 3])
def test_a_data_array_that_xarray_wrote(tmp_path, version):
    """Dimensions have other names, one of them a length of 1; coordinates are packed."""
    path = tmp_path / "a.zarr"
    image = xarray.DataArray(
        STACK[:1], dims=("band", "lat", "lon"),
        coords={"lat": np.arange(20) * 0.25, "lon": 3 + np.arange(30) * 0.5},
    )  # fmt: skip
    packed = {"lon": {"dtype": "int16", "scale_factor": 0.25, "_FillValue": -1}}
    image.to_zarr(path, zarr_format=version, encoding=packed)
    found = open_image(path)
    assert (found.axes, found.spacing, found.name) == ("yx", (0.25, 0.5), "a")
    np.testing.assert_array_equal(found.data[...], STACK[0])


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_of_several_variables_one_has_to_be_named(tmp_path):
    path = tmp_path / "a.zarr"
    both = {"green": (("y", "x"), STACK[0]), "red": (("y", "x"), STACK[1])}
    dataset(**both).to_zarr(path)
    with pytest.raises(
        ImageError, match=r"several arrays \(green, red\): name one, as in .*/green"
    ):
        open_image(path)
    assert open_image(path / "red").spacing == (0.5, 0.25)


def test_axes_of_length_one_are_dropped_from_labelled_arrays():
    image = xarray.DataArray(STACK[None, :, None], dims=("T", "Channel", "Z", "Y", "X"))
    found = open_image(image)
    assert (found.axes, found.channel_axis, found.data.shape) == ("cyx", 0, (3, 20, 30))


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (Reading(slices="each"), "0.5 x 0.25 micrometer, from OME metadata"),
        (Reading(slices="volume"), "3 x 0.5 x 0.25 micrometer, from OME metadata"),
        (Reading(slices="each", spacing=(1, 2)), "1 x 2 micrometer, from spacing"),
        (Reading(channel_axis=0), "0.5 x 0.25 micrometer, from OME metadata"),
    ],
)
def test_it_is_said_with_where_it_is_from(reading, text):
    file = ImageFile(STACK, "zyx", False, None, (3, 0.5, 0.25), MICRONS, "a", "OME metadata")
    assert str(settle(file, reading).pixel_size) == text


def test_a_movie_as_a_volume_has_cubes():
    file = ImageFile(STACK, "tyx", False, None, (0.5, 0.25), MICRONS[:2], "a", "OME metadata")
    assert settle(file, Reading(slices="volume")).spacing == (0.25, 0.5, 0.25)


def test_where_nothing_says_it():
    assert str(PixelSize((1, 1))) == "not given"
    assert settle(ImageFile(STACK[0]), Reading()).pixel_size.to_dict() == {
        "spacing": [1, 1], "unit": None, "source": None,
    }  # fmt: skip
