"""Images in a bucket, behind a server on this machine that speaks S3 and fails now and then."""

import gc

import numpy as np
import pytest
import zarr

import napari_sen
from napari_sen.errors import ImageError, WorkError
from napari_sen.io import stores
from napari_sen.io.read import open_image, read_image
from napari_sen.options import Execution
from napari_sen.params import SegmentParams
from napari_sen.pipeline.plan import superpixel_run
from tests.io.test_read import ome_zarr
from tests.net.images import grey

from .servers import S3, Server

s3fs = pytest.importorskip("s3fs")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IMAGE = grey(192, 224)
HOW = {"size": 9, "model": None, "method": "snic", "tile": 64}
BUCKET = "images"


@pytest.fixture
def server(tmp_path):
    """The server, whose only bucket is the folder of the next fixture."""
    server = Server(tmp_path, S3)
    yield server
    server.close()
    gc.collect()  # s3fs closes its sessions when they are collected, and they say so


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    """An image and a plain array in a bucket, and no long waits."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.address, "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "first_wait", 0.01)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    folder = tmp_path / BUCKET
    ome_zarr(folder / "a.zarr", IMAGE, version="0.5", axes="yx", scale=[0.5, 0.5])
    group = zarr.open_group(folder / "a.zarr")
    group.create_array("0", data=IMAGE, chunks=(32, 32), overwrite=True)
    zarr.create_array(folder / "plain.zarr", data=IMAGE, chunks=(48, 48), zarr_format=2)
    yield folder
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def expected(bucket):
    return np.asarray(napari_sen.segment(bucket / "a.zarr", **HOW))


@pytest.mark.parametrize("mood", ["well", "busy", "unlisted"])
def test_a_bucket_is_read_as_a_folder_is(server, bucket, mood):
    """Also one that forbids what is not there, as buckets do that nobody may list."""
    server.feel(mood)
    found = read_image(f"s3://{BUCKET}/a.zarr")
    assert not isinstance(found.data, np.ndarray)
    np.testing.assert_array_equal(found.data[...], IMAGE)
    assert (found.axes, found.spacing, found.name) == ("yx", (0.5, 0.5), "a")
    level = open_image(f"s3://{BUCKET}/a.zarr/0")
    assert (level.axes, level.spacing) == ("yx", (0.5, 0.5))
    np.testing.assert_array_equal(open_image(f"s3://{BUCKET}/plain.zarr").data[...], IMAGE)


@pytest.mark.parametrize("tile", [None, 64])
def test_a_busy_server_changes_nothing(server, bucket, expected, tile):
    server.feel("busy")
    labels = napari_sen.segment(f"s3://{BUCKET}/a.zarr", **HOW | {"tile": tile})
    same = expected if tile else napari_sen.segment(bucket / "a.zarr", **HOW | {"tile": None})
    np.testing.assert_array_equal(np.asarray(labels), same)
    assert server.asked > server.paths  # some were asked for again


def begun(address, out):
    """Return a run, and its steps up to the fifth tile."""
    execution = Execution(tile=64, out=out, scheduler=1)
    params = SegmentParams(size=9, method="snic")
    steps = superpixel_run(address, params, model=None, execution=execution).steps()
    for step in steps:
        if step.stage == "superpixels" and step.done == 5:
            return steps
    raise AssertionError("there are fewer tiles")


@pytest.mark.parametrize("way", ["down", "closed", "gone"])
def test_a_source_that_vanishes_ends_in_one_sentence_and_the_run_goes_on(
    server, bucket, expected, tmp_path, way
):
    address, out = f"s3://{BUCKET}/a.zarr", tmp_path / "out.zarr"
    steps = begun(address, out)
    if way == "gone":
        (bucket / "a.zarr").rename(tmp_path / "elsewhere")
    else:
        server.feel(way)
    with pytest.raises(WorkError, match="resume") as caught:
        list(steps)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    server.feel("well")
    if way == "gone":
        (tmp_path / "elsewhere").rename(bucket / "a.zarr")
    labels = napari_sen.segment(address, out=out, resume=True, **HOW)
    np.testing.assert_array_equal(np.asarray(labels), expected)


def test_what_is_not_there_is_said_before_any_work(server, bucket):
    with pytest.raises(ImageError, match=r"zarr finds no array in s3://images/b\.zarr"):
        napari_sen.segment(f"s3://{BUCKET}/b.zarr", 9)
    server.feel("closed")
    with pytest.raises(ImageError, match=r"s3://images/a\.zarr"):
        napari_sen.segment(f"s3://{BUCKET}/a.zarr", 9)
    server.feel("down")
    with pytest.raises(ImageError, match="check the address and the network"):
        napari_sen.segment(f"s3://{BUCKET}/a.zarr", 9)


def test_keys_that_are_missing_are_named(server, bucket, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ImageError, match="credentials"):
        open_image(f"s3://{BUCKET}/a.zarr")
