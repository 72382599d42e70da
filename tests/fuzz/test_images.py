"""Damaged images, masks and stores: pixels come out, or a refusal in one sentence."""

import json
import os
import zlib

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.cli import main
from napari_sen.io.read import open_image, read_image, resolve
from tests.systems import linux_only

from .conftest import fuzzed, guarded, outcome
from .damage import (
    bytes_damage,
    changed_document,
    changes,
    fresh,
    json_damage,
    kind_damage,
    one_of_files,
)

pytestmark = [pytest.mark.timeout(0), linux_only]
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (24, 32), np.uint8)
COLOUR = RNG.integers(0, 255, (24, 32, 3), np.uint8)
STACK = RNG.integers(0, 60000, (3, 24, 32), np.uint16)
LARGEST = 1 << 24  # pixels that a file of a few kB can hold


def used_image(path):
    """Read an image in both ways, and its pixels."""
    found = resolve(str(path))
    pixels = np.asarray(found.data)
    assert pixels.size <= LARGEST
    if found.axes is not None:
        assert len(found.axes) == pixels.ndim
    if found.spacing is not None:
        assert all(np.isfinite(size) and size > 0 for size in found.spacing)
    lazy = open_image(str(path))
    assert tuple(lazy.data.shape) == pixels.shape
    return pixels


def ome_tiff(path):
    tifffile.imwrite(
        path, STACK, ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5,
                                         "PhysicalSizeZ": 2.0},
    )  # fmt: skip


def imagej_tiff(path):
    tifffile.imwrite(
        path, STACK, imagej=True, resolution=(2.0, 2.0),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
    )  # fmt: skip


FILES = {
    "grey.png": lambda path: iio.imwrite(path, GREY),
    "deep.png": lambda path: iio.imwrite(path, STACK[0]),
    "colour.png": lambda path: iio.imwrite(path, COLOUR),
    "colour.jpg": lambda path: iio.imwrite(path, COLOUR),
    "colour.bmp": lambda path: iio.imwrite(path, COLOUR),
    "plain.tif": lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
    "tiled.tif": lambda path: tifffile.imwrite(
        path, COLOUR, photometric="rgb", tile=(16, 16), compression="zlib"
    ),
    "ome.tif": ome_tiff,
    "imagej.tif": imagej_tiff,
    "array.npy": lambda path: np.save(path, STACK),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module", params=FILES)
def image(request, whole):
    path = whole / request.param
    FILES[request.param](path)
    return path


@fuzzed(20)
@given(damage=bytes_damage() | kind_damage())
def test_image_files(image, tmp_path, capfd, damage):
    path = fresh(image, tmp_path / image.name)
    damage(path)
    outcome(lambda: used_image(path), capfd)


@fuzzed(200)
@given(
    width=st.sampled_from([0, 1, 32, 65_500, 2**24, 2**31 - 1]),
    height=st.sampled_from([0, 1, 24, 65_500, 2**24, 2**31 - 1]),
    depth=st.sampled_from([1, 2, 4, 8, 16, 3]),
    colour=st.sampled_from([0, 2, 3, 4, 6, 7]),
    data=st.binary(max_size=40),
)
def test_png_headers(tmp_path, capfd, width, height, depth, colour, data):
    """Sizes that a header claims are not believed."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"PLTE", bytes(6))
        + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )  # fmt: skip
    outcome(lambda: used_image(path), capfd)


@fuzzed(200)
@given(
    shape=st.lists(st.sampled_from([0, 1, 3, 24, 2**20, 2**62, -1]), max_size=6),
    dtype=st.sampled_from(["|u1", "<u2", ">f8", "|O", "<U9", "|b1", "<c16", "<M8[s]", "x", "<f2"]),
    fortran=st.sampled_from(["True", "False", "3", "[]"]),
    data=st.binary(max_size=200),
)
def test_npy_headers(tmp_path, capfd, shape, dtype, fortran, data):
    text = f"{{'descr': {dtype!r}, 'fortran_order': {fortran}, 'shape': {tuple(shape)}, }}\n"
    head = text.encode()
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + data)
    outcome(lambda: used_image(path), capfd)


@fuzzed(200)
@given(
    wanted=changes(),
    other=st.none() | st.sampled_from(["other.tif", "/dev/zero", "pipe.tif", "..", "", "x" * 999]),
)
def test_ome_metadata_of_tiffs(whole, tmp_path, capfd, wanted, other):
    """Attributes of the XML get odd values; another file of the set may be named."""
    from xml.etree import ElementTree

    source = whole / "described.tif"
    if not source.exists():
        ome_tiff(source)
    with tifffile.TiffFile(source) as tiff:
        root = ElementTree.fromstring(tiff.ome_metadata)
    if other is not None:
        (planes,) = (node for node in root.iter() if node.tag.endswith("TiffData"))
        ElementTree.SubElement(planes, planes.tag[:-8] + "UUID", FileName=other).text = "urn:uuid:0"
        if not os.path.lexists(tmp_path / "pipe.tif"):
            os.mkfifo(tmp_path / "pipe.tif")
    owners = [(node, key) for node in root.iter() for key in node.attrib]
    for at, how, value in wanted:
        node, key = owners[int(at * (len(owners) - 1))]
        if how == "remove":
            node.attrib.pop(key, None)
        else:
            node.attrib[key] = "".join(c for c in f"{value}" if c.isprintable())[:400]
    text = ElementTree.tostring(root, encoding="unicode").encode("ascii", "xmlcharrefreplace")
    path = tmp_path / "ome.tif"
    tifffile.imwrite(path, STACK, description=text, metadata=None, photometric="minisblack")
    outcome(lambda: used_image(path), capfd)


def store(path, version):
    """Write an OME-Zarr of two levels, with labels' neighbour metadata, by zarr alone."""
    group = zarr.create_group(path, zarr_format=version)
    for level in range(2):
        group.create_array(
            str(level), data=STACK[:, :: 1 + level, :: 1 + level], chunks=(1, 16, 16)
        )
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    datasets = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": [2.0, 1.0 + k,
                                                                                  1.0 + k]}]}
        for k in range(2)
    ]  # fmt: skip
    ome = {"version": "0.5" if version == 3 else "0.4", "name": "a",
           "multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}],
           "omero": {"channels": [{"label": "a", "color": "FF0000"}]}}  # fmt: skip
    group.attrs.update({"ome": ome} if version == 3 else ome)


@pytest.fixture(scope="module", params=[2, 3])
def ome_zarr(request, whole):
    path = whole / f"{request.param}.zarr"
    store(path, request.param)
    return path


@fuzzed(30)
@given(
    damage=bytes_damage() | kind_damage(),
    change=st.none() | json_damage(),
    place=st.floats(0, 1),
)
def test_zarr_stores(ome_zarr, tmp_path, capfd, damage, change, place):
    folder = fresh(ome_zarr, tmp_path / "a.zarr")
    texts = sorted(path for path in folder.rglob("*") if path.name in METADATA)
    if change is not None:
        change(texts[int(place * (len(texts) - 1))])
    else:
        damage(one_of_files(folder, place))
    outcome(lambda: used_image(folder), capfd)


METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")


@fuzzed(30)
@given(wanted=changes(), place=st.floats(0, 1))
def test_metadata_of_zarr_stores(ome_zarr, tmp_path, capfd, wanted, place):
    """Only what describes the image or an array changes."""
    folder = fresh(ome_zarr, tmp_path / "a.zarr")
    texts = sorted(path for path in folder.rglob("*") if path.name in METADATA)
    path = texts[int(place * (len(texts) - 1))]
    path.write_text(json.dumps(changed_document(json.loads(path.read_text()), wanted)))
    outcome(lambda: used_image(folder), capfd)


@fuzzed(4)
@given(damage=bytes_damage() | kind_damage())
def test_the_command_line(image, tmp_path, capfd, damage):
    """Exit 0, or exit 2 and one line; nothing else on standard error."""
    path = fresh(image, tmp_path / image.name)
    damage(path)
    out = tmp_path / "out.npy"
    options = ["--model", "none", "--n-segments", "3", "--slices", "each", "--overwrite", "--quiet"]
    with guarded():
        code = main(["segment", str(path), "-o", str(out), *options])
    said, errors = capfd.readouterr()
    assert (code, said, len(errors.splitlines())) in ((0, "", 0), (2, "", 1)), errors
    if code == 0:
        assert read_image(out).data.max() >= 1
