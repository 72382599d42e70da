"""Images on a server that is slow, cuts connections, fails now and then, or goes away."""

import sys
from importlib import import_module

import numpy as np
import pytest
import zarr

import napari_sen
from napari_sen.cli import main
from napari_sen.errors import ImageError, WorkError
from napari_sen.io import stores
from napari_sen.io.read import open_image, read_image
from napari_sen.options import Execution
from napari_sen.params import SegmentParams
from napari_sen.pipeline.plan import superpixel_run
from tests.io.test_read import ome_zarr
from tests.net.images import grey
from tests.systems import posix_only

from .servers import Server

pytest.importorskip("aiohttp")

IMAGE = grey(192, 224)
HOW = {"size": 9, "model": None, "method": "snic", "tile": 64}


@pytest.fixture
def serve():
    """Start servers that are closed at the end."""
    started = []

    def start(folder, **how):
        started.append(Server(folder, **how))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An image in chunks, and no long waits."""
    monkeypatch.setattr(stores, "first_wait", 0.01)
    inside = tmp_path / "served"
    inside.mkdir()
    ome_zarr(inside / "a.zarr", IMAGE, version="0.5", axes="yx", scale=[0.5, 0.5])
    group = zarr.open_group(inside / "a.zarr")
    group.create_array("0", data=IMAGE, chunks=(32, 32), overwrite=True)
    zarr.create_array(inside / "plain.zarr", data=IMAGE, chunks=(48, 48), zarr_format=2)
    return inside


@pytest.fixture
def expected(folder):
    return np.asarray(napari_sen.segment(folder / "a.zarr", **HOW))


@pytest.mark.parametrize("mood", ["well", "busy"])
def test_an_address_is_read_as_a_folder_is(folder, serve, mood):
    server = serve(folder, mood=mood)
    found = read_image(f"{server.address}/a.zarr")
    assert not isinstance(found.data, np.ndarray)
    np.testing.assert_array_equal(found.data[...], IMAGE)
    assert (found.axes, found.spacing, found.name) == ("yx", (0.5, 0.5), "a")
    level = open_image(f"{server.address}/a.zarr/0")
    assert (level.axes, level.spacing) == ("yx", (0.5, 0.5))
    np.testing.assert_array_equal(open_image(f"{server.address}/plain.zarr").data[...], IMAGE)


@pytest.mark.parametrize("tile", [None, 64])
def test_a_server_that_fails_now_and_then_changes_nothing(folder, serve, expected, tile):
    server = serve(folder, mood="busy", delay=0.002)
    labels = napari_sen.segment(f"{server.address}/a.zarr", **HOW | {"tile": tile})
    same = expected if tile else napari_sen.segment(folder / "a.zarr", **HOW | {"tile": None})
    np.testing.assert_array_equal(np.asarray(labels), same)
    assert server.asked > 42  # chunks, and what had to be asked for again


def test_on_the_shell(folder, serve, expected, tmp_path):
    server = serve(folder, mood="busy")
    options = ["--size", "9", "--model", "none", "--method", "snic", "--tile", "64", "--quiet"]
    out = tmp_path / "out.zarr"
    assert main(["segment", f"{server.address}/a.zarr", "-o", str(out), *options]) == 0
    np.testing.assert_array_equal(read_image(out).data[...], expected)


def begun(address, out):
    """Return a run, and its steps up to the fifth tile."""
    execution = Execution(tile=64, out=out, scheduler=1)
    params = SegmentParams(size=9, method="snic")
    run = superpixel_run(address, params, model=None, execution=execution)
    steps = run.steps()
    for step in steps:
        if step.stage == "superpixels" and step.done == 5:
            return steps
    raise AssertionError("there are fewer tiles")


@pytest.mark.parametrize("way", ["the server ends", "its files are gone"])
def test_a_source_that_vanishes_ends_in_one_sentence_and_the_run_goes_on(
    folder, serve, expected, tmp_path, way
):
    """Missing chunks would be zeros, had not somebody looked for the rest."""
    server, out = serve(folder), tmp_path / "out.zarr"
    address = f"{server.address}/a.zarr"
    steps = begun(address, out)
    if way == "the server ends":
        server.close()
    else:
        (folder / "a.zarr").rename(folder / "elsewhere")
    with pytest.raises(WorkError, match="resume") as caught:
        list(steps)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    if way == "the server ends":
        serve(folder, port=server.port)
    else:
        (folder / "elsewhere").rename(folder / "a.zarr")
    labels = napari_sen.segment(address, out=out, resume=True, **HOW)
    np.testing.assert_array_equal(np.asarray(labels), expected)


def test_what_is_not_there_is_said_before_any_work(folder, serve):
    server = serve(folder)
    with pytest.raises(ImageError, match=r"zarr finds no array in http://.*/b\.zarr"):
        napari_sen.segment(f"{server.address}/b.zarr", 9)
    server.close()
    with pytest.raises(ImageError, match="check the address and the network"):
        napari_sen.segment(f"{server.address}/a.zarr", 9)


def test_a_package_that_is_missing_is_named(monkeypatch):
    known = import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "s3", raising=False)  # from an earlier test
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ImageError, match=r"extra remote \(pip install 'napari-sen\[remote\]'\)"):
        open_image("s3://bucket/a.zarr")
    with pytest.raises(ImageError, match="use https:// or s3://"):
        open_image("carrier-pigeon://bucket/a.zarr")


@posix_only
def test_devices_in_a_store_are_not_read(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=IMAGE, chunks=IMAGE.shape)
    chunk = tmp_path / "a.zarr" / "c" / "0" / "0"
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="it is no plain file"):
        napari_sen.segment(tmp_path / "a.zarr", 9, model=None)
    (tmp_path / "a.zarr" / "zarr.json").unlink()
    (tmp_path / "a.zarr" / "zarr.json").symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="it is no plain file"):
        read_image(tmp_path / "a.zarr")
