"""Writing: round trips, OME-Zarr judged from outside, nothing half-written, nothing replaced."""

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import zarr
from ome_zarr_models import v05

from napari_sen.disk import atomic
from napari_sen.errors import OutputError
from napari_sen.io.atomic import check_output
from napari_sen.io.grid import Grid
from napari_sen.io.read import read_image, resolve, to_array
from napari_sen.io.write import (
    IMAGE_OUT,
    LABELS_OUT,
    write_image,
    write_labels,
    write_picture,
)
from tests.systems import linux_only

GRID = Grid.of(2, spacing=(0.5, 0.25), units=("micrometer", "micrometer"), translation=(10, 20))


def checkerboard(shape, side=8):
    places = np.indices(shape) // side
    return np.ravel_multi_index(places, places.reshape(len(shape), -1).max(1) + 1).astype(np.int32)


@pytest.mark.parametrize("suffix", LABELS_OUT)
def test_labels_come_back(tmp_path, suffix):
    labels = checkerboard((40, 60))
    path = tmp_path / f"a{suffix}"
    write_labels(path, labels, grid=GRID, image=labels.astype(np.uint8))
    place = path / "labels" / "superpixels" if suffix == ".zarr" else path
    found = resolve(place)
    np.testing.assert_array_equal(found.data, labels)
    if suffix in (".tif", ".zarr"):
        assert (found.axes, found.spacing) == ("yx", (0.5, 0.25))
        assert found.units == ("micrometer", "micrometer")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("largest", "tif", "png"),
    [(255, np.uint16, np.uint8), (65535, np.uint16, np.uint16), (65536, np.uint32, None)],
)
def test_the_smallest_dtype_that_holds_the_labels(tmp_path, largest, tif, png):
    labels = np.array([[0, 1], [2, largest]], dtype=np.int32)
    write_labels(tmp_path / "a.tif", labels)
    assert to_array(tmp_path / "a.tif").dtype == tif
    np.testing.assert_array_equal(to_array(tmp_path / "a.tif"), labels)
    if png is None:
        with pytest.raises(OutputError, match=r"write a \.tif"):
            write_labels(tmp_path / "a.png", labels)
        assert not (tmp_path / "a.png").exists()
    else:
        write_labels(tmp_path / "a.png", labels)
        assert to_array(tmp_path / "a.png").dtype == png


def test_png_holds_no_volume(tmp_path):
    with pytest.raises(OutputError, match="2 axes"):
        write_labels(tmp_path / "a.png", checkerboard((4, 8, 8)))


def test_tiff_volume_keeps_three_spacings_and_the_resolution_tag(tmp_path):
    grid = Grid.of(3, spacing=(2.0, 0.5, 0.25), units=("micrometer",) * 3)
    write_labels(tmp_path / "a.tif", checkerboard((5, 20, 30)), grid=grid)
    found = read_image(tmp_path / "a.tif")
    assert (found.axes, found.spacing) == ("zyx", (2.0, 0.5, 0.25))
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(1e4 / 0.25)
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE


@pytest.mark.parametrize("channels", [None, "rgb", "first"])
@pytest.mark.parametrize("shape", [(300, 520), (513, 513), (30, 20)])
def test_ome_zarr_is_valid_and_its_levels_match(tmp_path, rng, channels, shape):
    labels = checkerboard(shape, 16)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    axis = {None: None, "rgb": 2, "first": 0}[channels]
    image = image if axis is None else np.stack([image] * 3, axis)
    write_labels(tmp_path / "a.zarr", labels, grid=GRID, image=image, channel_axis=axis)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    found = ome_zarr_models.open_ome_zarr(group)
    assert isinstance(found, v05.Image)
    assert found.labels is not None
    label = v05.ImageLabel.from_zarr(group["labels/superpixels"])
    about = label.attributes.ome
    assert about.image_label.source.image == "../../"
    image_levels = found.attributes.ome.multiscales[0].datasets
    label_levels = about.multiscales[0].datasets
    assert len(image_levels) == len(label_levels)
    for k, level in enumerate(label_levels):
        step = 2**k
        pixels = group["labels/superpixels"][level.path][:]
        np.testing.assert_array_equal(pixels, labels[::step, ::step])
        assert group[str(k)].shape[-2:] == pixels.shape
        scale, translation = level.coordinateTransformations
        assert scale.scale == [0.5 * step, 0.25 * step]
        assert translation.translation == [10, 20]
    assert [axis.unit for axis in about.multiscales[0].axes] == ["micrometer"] * 2


def test_ome_zarr_image_levels_are_means_at_their_middle(tmp_path):
    image = np.arange(300 * 300, dtype=np.float32).reshape(300, 300)
    write_image(tmp_path / "a.zarr", image, grid=GRID)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    expected = image.reshape(150, 2, 150, 2).mean((1, 3))
    np.testing.assert_allclose(group["1"][:], expected)
    level = group.attrs["ome"]["multiscales"][0]["datasets"][1]["coordinateTransformations"]
    assert level[1]["translation"] == [10.25, 20.125]


@pytest.mark.parametrize("suffix", IMAGE_OUT)
def test_embeddings_come_back(tmp_path, rng, suffix):
    embedding = rng.normal(size=(20, 30, 16)).astype(np.float32)
    path = tmp_path / f"e{suffix}"
    write_image(path, embedding, grid=GRID, channels_last=True)
    found = resolve(path)
    pixels = found.data if suffix == ".npy" else np.moveaxis(found.data, found.channel_axis, -1)
    np.testing.assert_array_equal(pixels, embedding)


def test_picture_comes_back(tmp_path, rng):
    picture = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write_picture(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(to_array(tmp_path / "a.png"), picture)


def test_outputs_that_cannot_be_are_refused_beforehand(tmp_path):
    taken = tmp_path / "taken.tif"
    taken.write_bytes(b"x")
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "folder.zarr" / "precious.txt").write_text("x")
    (tmp_path / "dir.tif").mkdir()
    cases = [
        ("a.xyz", {}, "has to end in"),
        ("nowhere/a.tif", {}, "no folder"),
        ("taken.tif", {}, "exists"),
        ("taken.tif", {"inputs": [taken], "overwrite": True}, "input"),
        ("x.zarr", {"inputs": [tmp_path / "x.zarr" / "0"]}, "input"),
        ("folder.zarr", {"overwrite": True}, "nothing that napari-sen made"),
        ("dir.tif", {"overwrite": True}, "folder of this name"),
    ]
    for name, options, message in cases:
        with pytest.raises(OutputError, match=message):
            check_output(tmp_path / name, suffixes=LABELS_OUT, **options)
    assert check_output(taken, suffixes=LABELS_OUT, overwrite=True) == taken
    assert taken.read_bytes() == b"x"


@linux_only
def test_a_folder_that_takes_no_files_is_refused():
    """In /proc even root makes none."""
    with pytest.raises(OutputError, match="takes no files"):
        check_output("/proc/a.tif", suffixes=LABELS_OUT)


@pytest.mark.parametrize("suffix", LABELS_OUT)
def test_existing_outputs_are_kept_or_replaced_whole(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    first, second = checkerboard((16, 16)), checkerboard((24, 24))
    write_labels(path, first, image=first)
    place = path / "labels" / "superpixels" if suffix == ".zarr" else path
    with pytest.raises(OutputError, match="exists"):
        write_labels(path, second, image=second)
    np.testing.assert_array_equal(to_array(place), first)
    write_labels(path, second, image=second, overwrite=True)
    np.testing.assert_array_equal(to_array(place), second)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_a_failed_write_leaves_what_was_there(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    labels = checkerboard((16, 16))
    write_labels(path, labels, image=labels)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(partial):
        if suffix == ".zarr":
            zarr.create_group(partial)
        else:
            partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), atomic(path, overwrite=True) as partial:
        fail(partial)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_labels_without_their_image_are_no_ome_zarr(tmp_path):
    with pytest.raises(OutputError, match="beside their image"):
        write_labels(tmp_path / "a.zarr", checkerboard((8, 8)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("rgb", [True, False])
def test_colour_comes_back_as_colour_and_channels_as_channels(tmp_path, rng, kind, rgb):
    image = (rng.random((20, 30, 3)) * 200).astype(kind)
    labels = checkerboard((20, 30))
    write_labels(tmp_path / "a.zarr", labels, image=image, channel_axis=2, rgb=rgb)
    v05.Image.from_zarr(zarr.open_group(tmp_path / "a.zarr", mode="r"))
    found = resolve(tmp_path / "a.zarr")
    assert (found.rgb, found.channel_axis) == ((True, None) if rgb else (False, 0))
    np.testing.assert_array_equal(found.data, image if rgb else np.moveaxis(image, -1, 0))
