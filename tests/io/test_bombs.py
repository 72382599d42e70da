"""Chunks, strips and parts that expand to more than they are declared to hold."""

import json
import lzma
import os
import struct
import tracemalloc
import zipfile
import zlib

import google_crc32c
import imagecodecs
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from numpy.lib import format as npy

import napari_sen
from napari_sen.cli import main
from napari_sen.errors import ImageError
from napari_sen.io.hierarchy_file import Hierarchy
from napari_sen.io.read import open_image, read_image, resolve

MB = 1 << 20
HELD = 32 * MB  # what a bomb expands to
ALLOWED = 14 * MB  # that reading it may take: far less is declared
IMAGE = np.random.default_rng(0).integers(0, 9, (64, 96), np.uint8)

# By its name in zarr 3, in zarr 2, and what compresses the bomb.
ZARR_3 = {
    "gzip": {"level": 1}, "zstd": {"level": 1, "checksum": False},
    "blosc": {"typesize": 1, "cname": "zstd", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0},
    "numcodecs.zlib": {"level": 1}, "numcodecs.bz2": {"level": 1}, "numcodecs.lz4": {},
    "numcodecs.lzma": {"preset": 0},
}  # fmt: skip
CODECS = {
    "gzip": numcodecs.GZip(1), "zstd": numcodecs.Zstd(1), "blosc": numcodecs.Blosc("zstd"),
    "zlib": numcodecs.Zlib(1), "bz2": numcodecs.BZ2(1), "lz4": numcodecs.LZ4(),
    "lzma": numcodecs.LZMA(preset=0),
}  # fmt: skip


def peak(work):
    """Return what the work returns or refuses, and how many bytes it took at most."""
    tracemalloc.start()
    try:
        found = work()
    except ImageError as error:
        found = str(error)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, taken


def store(path, version, name, *, shards=None):
    """Write an image in chunks of one codec."""
    if version == 2:
        how = {"compressors": CODECS[name]}
    else:
        full = next(key for key in ZARR_3 if key.removeprefix("numcodecs.") == name)
        how = {"compressors": [{"name": full, "configuration": ZARR_3[full]}], "shards": shards}
    zarr.create_array(path, data=IMAGE, chunks=(32, 48), zarr_format=version, **how)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", CODECS)
def test_chunks_of_zarr(tmp_path, version, name):
    """What is declared is read as ever; what expands further is refused, and never held."""
    path = tmp_path / "a.zarr"
    store(path, version, name)
    np.testing.assert_array_equal(resolve(path).data, IMAGE)
    chunk = path / ("0.1" if version == 2 else "c/0/1")
    chunk.write_bytes(CODECS[name].encode(bytes(HELD)))
    said, taken = peak(lambda: resolve(path))
    assert "a chunk expands to more than" in said
    assert "\n" not in said
    assert taken < ALLOWED


def test_chunks_in_shards(tmp_path):
    path = tmp_path / "a.zarr"
    store(path, 3, "zstd", shards=(64, 96))
    np.testing.assert_array_equal(resolve(path).data, IMAGE)
    shard = path / "c/0/0"
    bomb = CODECS["zstd"].encode(bytes(HELD))
    index = np.array([[16, len(bomb)]] * 4, "<u8").tobytes()
    check = struct.pack("<I", google_crc32c.value(index))
    shard.write_bytes(bytes(16) + bomb + index + check)
    said, taken = peak(lambda: resolve(path))
    assert "a chunk expands to more than" in said
    assert taken < ALLOWED


def test_several_streams_in_one_chunk(tmp_path):
    """gzip and zstd may lie one behind the other, and end in zeros."""
    for name in ("gzip", "zstd"):
        path = tmp_path / f"{name}.zarr"
        store(path, 2, name)
        whole = IMAGE[:32, :48].tobytes()
        parts = [bytes(CODECS[name].encode(whole[:700])), bytes(CODECS[name].encode(whole[700:]))]
        padding = b"\0" * 5 if name == "gzip" else b""
        (path / "0.0").write_bytes(b"".join(parts) + padding)
        np.testing.assert_array_equal(resolve(path).data, IMAGE)
        (path / "0.0").write_bytes(parts[0] + bytes(CODECS[name].encode(bytes(HELD))))
        said, taken = peak(lambda path=path: resolve(path))
        assert "a chunk expands to more than" in said
        assert taken < ALLOWED


def test_filters_that_store_wider_numbers(tmp_path):
    path = tmp_path / "a.zarr"
    data = np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8)
    zarr.create_array(
        path, data=data, chunks=data.shape, zarr_format=2, compressors=numcodecs.Zstd(1),
        filters=numcodecs.Delta("u1", astype="i8"),
    )  # fmt: skip
    np.testing.assert_array_equal(resolve(path).data, data)


@pytest.mark.parametrize("tile", [[], ["--tile", "64"]])
def test_on_the_shell(tmp_path, capsys, tile):
    path = tmp_path / "a.zarr"
    store(path, 3, "gzip")
    (path / "c/1/0").write_bytes(CODECS["gzip"].encode(bytes(HELD)))
    options = ["--size", "9", "--model", "none", "--quiet", *tile]
    assert main(["segment", str(path), "-o", str(tmp_path / "b.zarr"), *options]) in (1, 2)
    said = capsys.readouterr().err
    assert "a chunk expands to more than" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "b.zarr").exists()


def tiff(path, compression, strip):
    """Write a TIFF of one strip by hand."""
    entries = [
        (256, 96), (257, 64), (258, 8), (259, compression), (262, 1), (273, 0), (277, 1),
        (278, 64), (279, len(strip)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(entries) + 4
    fields = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in entries
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + fields + bytes(4)
    path.write_bytes(head + strip)


STRIPS = {
    "deflate": (8, lambda content: zlib.compress(content)),
    "zstd": (50000, lambda content: imagecodecs.zstd_encode(content)),
    "lzma": (34925, lambda content: lzma.compress(content, preset=0)),
    "LZW": (5, lambda content: imagecodecs.lzw_encode(content)),
    "PackBits": (32773, lambda content: b"\x81\0" * (len(content) // 128)),
}


@pytest.mark.parametrize("name", STRIPS)
@pytest.mark.parametrize("lazy", [False, True])
def test_strips_of_tiff(tmp_path, name, lazy):
    """What lies behind the declared pixels is left out, or the strip refused."""
    path, (number, compressed) = tmp_path / "a.tif", STRIPS[name]
    tiff(path, number, compressed(bytes(HELD)))
    found, taken = peak(lambda: resolve(open_image(path) if lazy else read_image(path)))
    assert taken < ALLOWED
    if isinstance(found, str):
        assert "\n" not in found
    else:
        np.testing.assert_array_equal(found.data, np.zeros((64, 96)))


@pytest.mark.parametrize("depth", [8, 16])
def test_the_stream_of_a_png(tmp_path, depth):
    """Rows beyond the last, and texts that are compressed, are not unpacked."""

    def part(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes(96 * depth // 8)) * 64
    content = b"\x89PNG\r\n\x1a\n" + part(
        b"IHDR", struct.pack(">IIBBBBB", 96, 64, depth, 0, 0, 0, 0)
    )
    content += part(b"zTXt", b"a\0\0" + zlib.compress(bytes(HELD), 9))
    content += part(b"iCCP", b"a\0\0" + zlib.compress(bytes(HELD), 9))
    content += part(b"IDAT", zlib.compress(rows + bytes(HELD))) + part(b"IEND", b"")
    path = tmp_path / "a.png"
    path.write_bytes(content)
    found, taken = peak(lambda: resolve(path))
    assert taken < ALLOWED
    if isinstance(found, str):
        assert "\n" not in found
    else:
        np.testing.assert_array_equal(found.data, np.zeros((64, 96)))


def npz(path, parts, how=zipfile.ZIP_DEFLATED):
    """Write arrays whose headers claim what they like."""
    with zipfile.ZipFile(path, "w", how) as file:
        for name, (header, content) in parts.items():
            with file.open(f"{name}.npy", "w") as part:
                npy.write_array_header_1_0(part, header)
                part.write(content)


@pytest.mark.parametrize(
    ("parts", "how"),
    [
        ({"format": ({"descr": f"<U{HELD // 4}", "fortran_order": False, "shape": ()},
                     bytes(HELD))}, zipfile.ZIP_DEFLATED),
        ({"format": ({"descr": "<U23", "fortran_order": False, "shape": ()},
                     "napari-sen hierarchy 1".ljust(23, "\0").encode("utf-32-le")),
          "labels": ({"descr": "|u1", "fortran_order": False, "shape": (HELD,)}, bytes(HELD))},
         zipfile.ZIP_LZMA),
        ({"format": ({"descr": "<U23", "fortran_order": False, "shape": ()},
                     "napari-sen hierarchy 1".ljust(23, "\0").encode("utf-32-le")),
          "labels": ({"descr": "|u1", "fortran_order": False, "shape": (64,)}, bytes(HELD))},
         zipfile.ZIP_DEFLATED),
    ],
    ids=["a long text", "LZMA", "more than declared"],
)  # fmt: skip
def test_parts_of_a_hierarchy(tmp_path, parts, how):
    path = tmp_path / "a.npz"
    npz(path, parts, how)
    said, taken = peak(lambda: Hierarchy.load(path))
    assert "cannot read the hierarchy" in said
    assert taken < ALLOWED


def ome(path, pixels="", file=None):
    uuid = "" if file is None else f'<UUID FileName="{file}">urn:uuid:0</UUID>'
    sizes = {"SizeX": 96, "SizeY": 64, "SizeC": 1, "SizeZ": 1, "SizeT": 1} | dict(
        [pixels.split("=")] if pixels.startswith("Size") else []
    )
    count = pixels.removeprefix("PlaneCount=") if pixels.startswith("Plane") else "1"
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" '
        + " ".join(f'{key}="{value}"' for key, value in sizes.items())
        + f'><TiffData IFD="0" PlaneCount="{count}">{uuid}</TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(path, IMAGE, description=text, metadata=None)


@pytest.mark.parametrize(
    "claim",
    [*[f"{side}={2**31}" for side in ("SizeX", "SizeY", "SizeC", "SizeZ", "SizeT")],
     f"SizeT={10**400}", f"PlaneCount={2**31}"],
    ids=lambda claim: claim[:12],
)  # fmt: skip
def test_planes_that_ome_metadata_claim(tmp_path, claim):
    """tifffile would make a list of all of them."""
    path = tmp_path / "a.ome.tif"
    ome(path, claim)
    said, taken = peak(lambda: resolve(path))
    assert "its OME metadata claim" in said
    assert taken < ALLOWED


def test_a_pipe_in_a_set_of_ome_tiffs_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "b.ome.tif")
    ome(tmp_path / "a.ome.tif", file="b.ome.tif")
    with pytest.raises(ImageError, match=r"b\.ome\.tif, a file of its set, is not a regular file"):
        read_image(tmp_path / "a.ome.tif")


def test_entities_of_xml_do_not_multiply(tmp_path):
    path = tmp_path / "a.ome.tif"
    entities = '<!ENTITY a0 "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 9)
    )
    text = (
        f'<?xml version="1.0"?><!DOCTYPE OME [{entities}]>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="&a8;"></OME>'
    )
    tifffile.imwrite(path, IMAGE, description=text, metadata=None)
    found, taken = peak(lambda: resolve(path))
    assert taken < ALLOWED
    if not isinstance(found, str):
        np.testing.assert_array_equal(found.data, IMAGE)


def test_arrays_keep_what_is_known_of_them(tmp_path):
    """A bounded array is that of the store: names of axes, chunks, and its way to a worker."""
    import pickle

    path = tmp_path / "a.zarr"
    zarr.create_array(
        path, data=IMAGE[None], chunks=(1, 32, 48), dimension_names=["z", "y", "x"],
        attributes={"a": 1},
    )  # fmt: skip
    stored = zarr.open_array(path, mode="r")
    found = open_image(path).data.stored
    assert (found.shape, found.chunks, found.dtype) == (stored.shape, stored.chunks, stored.dtype)
    assert found.attrs.asdict() == {"a": 1}
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found))[...], IMAGE[None])
    assert json.loads(json.dumps(found.metadata.to_dict()["codecs"])) == json.loads(
        json.dumps(stored.metadata.to_dict()["codecs"])
    )


def test_results_of_compressed_images_are_those_of_arrays(tmp_path):
    path = tmp_path / "a.zarr"
    store(path, 3, "gzip")
    found = napari_sen.segment(path, 8, model=None)
    np.testing.assert_array_equal(found, napari_sen.segment(IMAGE, 8, model=None))
