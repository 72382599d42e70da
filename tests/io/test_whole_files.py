"""Files that are cut off, sets that are incomplete, and files that hold several images."""

import os
import subprocess
import sys
import uuid

import numpy as np
import pytest
import tifffile
import zarr

import napari_sen
from napari_sen.cli import main
from napari_sen.errors import ImageError
from napari_sen.io.read import open_image, read_image
from tests.io.test_read import ome_zarr
from tests.systems import posix_only

PAGES = np.random.default_rng(0).integers(0, 4000, (6, 40, 50), dtype=np.uint16)

WRITERS = {
    "shaped": {},
    "compressed": {"compression": "zlib"},
    "tiled": {"tile": (16, 16)},
    "pages": {"metadata": None},
    "big": {"bigtiff": True, "compression": "zlib"},
    "big-endian": {"byteorder": ">", "compression": "zlib"},
    "imagej": {"imagej": True},
    "ome": {"ome": True},
    "ome compressed": {"ome": True, "compression": "zlib"},
}


def write(path, kind):
    options = dict(WRITERS[kind])
    whole = {name: options.pop(name) for name in ("bigtiff", "byteorder", "imagej", "ome")
             if name in options}  # fmt: skip
    with tifffile.TiffWriter(path, **whole) as file:
        if "metadata" in options:
            for page in PAGES:
                file.write(page, photometric="minisblack", **options)
        else:
            file.write(PAGES, photometric="minisblack", **options)


@pytest.mark.parametrize("read", [read_image, open_image], ids=["in memory", "lazily"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_tiff_of_many_pages_is_read_whole_or_not_at_all(tmp_path, kind, read):
    path = tmp_path / "a.tif"
    write(path, kind)
    np.testing.assert_array_equal(np.asarray(read(path).data), PAGES)
    whole = path.read_bytes()
    for keep in (0.2, 0.4, 0.6, 0.8, 0.95):
        path.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(ImageError, match=r"cannot read .*a\.tif") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_set_of_ome_files_is_read_whole_or_not_at_all(tmp_path):
    names = [f"plane{k}.ome.tif" for k in range(2)]
    ids = [f"urn:uuid:{uuid.UUID(int=k + 1)}" for k in range(2)]
    data = "".join(
        f'<TiffData FirstZ="{k}" FirstC="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{names[k]}">{ids[k]}</UUID></TiffData>'
        for k in range(2)
    )
    for k in range(2):
        about = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{ids[k]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            'Type="uint16" SizeX="50" SizeY="40" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / names[k], PAGES[k], photometric="minisblack", metadata=None,
            description=about,
        )  # fmt: skip
    for read in (read_image, open_image):
        np.testing.assert_array_equal(np.asarray(read(tmp_path / names[0]).data), PAGES[:2])
    (tmp_path / names[1]).rename(tmp_path / "elsewhere.tif")
    for read in (read_image, open_image):
        with pytest.raises(ImageError, match="1 of its 2 planes are in files that are not beside"):
            read(tmp_path / names[0])


def several(path):
    """Write two images of different sizes."""
    with tifffile.TiffWriter(path) as file:
        file.write(PAGES[0], photometric="minisblack")
        file.write(PAGES[1, :30, :20], photometric="minisblack")


@pytest.mark.parametrize("tile", [None, 32])
def test_one_of_several_series_is_named_or_chosen(tmp_path, caplog, tile):
    path = tmp_path / "a.tif"
    several(path)
    how = {"size": 9, "model": None, "method": "snic", "tile": tile}
    first = napari_sen.segment(path, **how)
    assert caplog.text.count("holds 2 series: 0 (40 x 50), 1 (30 x 20); the first is read") == 1
    np.testing.assert_array_equal(np.asarray(first), napari_sen.segment(PAGES[0], **how))
    caplog.clear()
    second = np.asarray(napari_sen.segment(path, series=1, **how))
    np.testing.assert_array_equal(second, napari_sen.segment(PAGES[1, :30, :20], **how))
    assert "series" not in caplog.text
    with pytest.raises(ImageError, match="no series 2: it has 0"):
        napari_sen.segment(path, series=2, **how)


@pytest.mark.parametrize("more", [[], ["--tile", "32"]])
def test_the_shell_chooses_a_series(tmp_path, more):
    several(tmp_path / "a.tif")
    out = tmp_path / "out.zarr"
    arguments = [
        "--series",
        "1",
        "--method",
        "snic",
        "--model",
        "none",
        "--size",
        "9",
        "--quiet",
        *more,
    ]
    assert main(["segment", str(tmp_path / "a.tif"), "-o", str(out), *arguments]) == 0
    place = out if more else out / "labels" / "superpixels"
    expected = napari_sen.segment(PAGES[1, :30, :20], size=9, model=None, method="snic")
    np.testing.assert_array_equal(read_image(place).data[...], expected)


def test_files_of_one_image_have_no_series(tmp_path):
    np.save(tmp_path / "a.npy", PAGES[0])
    assert read_image(tmp_path / "a.npy", series=0).data.shape == (40, 50)
    with pytest.raises(ImageError, match="holds one image: leave series out"):
        read_image(tmp_path / "a.npy", series=1)


def test_images_of_bioformats2raw(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    for k in range(2):
        ome_zarr(tmp_path / "a.zarr" / str(k), PAGES[k], version="0.5", axes="yx", scale=[1, 1])
    found = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.data[...], PAGES[0])
    assert "holds 2 images: the first is read" in found.notes[0]
    found = read_image(tmp_path / "a.zarr", series=1)
    np.testing.assert_array_equal(found.data[...], PAGES[1])
    assert found.notes == ()
    with pytest.raises(ImageError, match="no series 2: it has 2, counted from 0"):
        read_image(tmp_path / "a.zarr", series=2)


@pytest.mark.parametrize("suffix", [".svs", ".scn", ".qptiff", ".btf", ".lsm", ".TF8"])
def test_slides_are_tiffs_of_another_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, PAGES[0], photometric="minisblack")
    np.testing.assert_array_equal(read_image(path).data, PAGES[0])


def test_levels_in_rising_order(tmp_path):
    """The finest is taken, wherever it stands."""
    levels = [PAGES[0, ::4, ::4], PAGES[0, ::2, ::2], PAGES[0]]
    np.testing.assert_array_equal(open_image(levels).data, PAGES[0])
    np.testing.assert_array_equal(open_image(levels[::-1]).data, PAGES[0])
    path = tmp_path / "a.zarr"
    ome_zarr(path, levels[0], version="0.5", axes="yx", scale=[4, 4])
    group = zarr.open_group(path)
    about = group.attrs.asdict()["ome"]
    for k in (1, 2):
        group.create_array(str(k), data=levels[k])
        step = 4.0 / 2**k
        about["multiscales"][0]["datasets"].append(
            {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": [step] * 2}]}
        )
    group.attrs["ome"] = about
    found = read_image(path)
    np.testing.assert_array_equal(found.data[...], PAGES[0])
    assert found.spacing == (1, 1)


@pytest.mark.parametrize("tile", [None, 32])
def test_stained_sections_whose_channels_have_other_names(tmp_path, tile):
    """Their names do not say colour; the caller can."""
    picture = np.random.default_rng(1).integers(0, 256, (3, 48, 64), dtype=np.uint8)
    path = tmp_path / "a.zarr"
    ome_zarr(path, picture, version="0.5", axes="cyx", scale=[1, 0.5, 0.5])
    how = {"size": 6, "model": None, "method": "snic", "tile": tile}
    found = napari_sen.segment(path, rgb=True, **how)
    colour = np.moveaxis(picture, 0, -1)
    same = napari_sen.segment(colour, spacing=(0.5, 0.5), **how)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(same))
    assert read_image(path).rgb is False


@posix_only
def test_what_is_no_plain_file(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.tif").symlink_to("/dev/zero")
    for name in ("a.png", "b.tif"):
        with pytest.raises(ImageError, match="a device or a pipe"):
            read_image(tmp_path / name)


def test_a_group_and_a_tensor_are_images(tmp_path):
    import torch

    ome_zarr(tmp_path / "a.zarr", PAGES[0], version="0.4", axes="yx", scale=[2, 2])
    found = open_image(zarr.open_group(tmp_path / "a.zarr", mode="r"))
    np.testing.assert_array_equal(found.data[...], PAGES[0])
    assert found.spacing == (2, 2)
    np.testing.assert_array_equal(
        open_image(torch.arange(6).reshape(2, 3)).data, [[0, 1, 2], [3, 4, 5]]
    )


def test_what_tifffile_says_of_a_damaged_file_is_not_printed(tmp_path):
    """In a process of its own: pytest listens to every library."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((9, 20, 30), np.uint8))
    path.write_bytes(path.read_bytes()[:3000])
    code = f"import napari_sen.io.read as r; r.read_image({str(path)!r})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stderr.startswith("Traceback")
    assert "is cut off after" in found.stderr.splitlines()[-1]
