"""Images in a bucket, behind a server on this machine that speaks S3 and fails now and then."""

import gc
import threading

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

WHY = "pip install 'napari-sen[remote]' 'moto[server]' for tests with a server of S3"
s3fs = pytest.importorskip("s3fs", reason=WHY)
moto_server = pytest.importorskip("moto.server", reason=WHY)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IMAGE = grey(192, 224)
HOW = {"size": 9, "model": None, "method": "snic", "tile": 64}
BUCKET = "images"


class Moody:
    """A server's application that fails before it answers, as it is told."""

    def __init__(self, inner):
        self.inner, self.mood, self.asked = inner, "well", {}

    def __call__(self, environ, start):
        path = environ["PATH_INFO"]
        asked = self.asked[path] = self.asked.get(path, 0) + 1
        number = list(self.asked).index(path)
        is_read = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if not is_read or self.mood == "well":
            return self.inner(environ, start)
        if self.mood == "busy" and number % 3 == 1 and asked <= 2:
            return self._refusal(environ, start, "503 Slow Down", "SlowDown")
        if self.mood == "busy" and number % 3 == 2 and asked == 1:
            start("200 OK", [("Content-Length", "200")])  # half of it, then the line is cut
            return [b"?" * 100]
        if self.mood == "down":
            return self._refusal(environ, start, "500 Internal Server Error", "InternalError")
        if self.mood == "closed":
            return self._refusal(environ, start, "403 Forbidden", "AccessDenied")
        if self.mood == "unlisted" and not (self.folder / path.lstrip("/")).is_file():
            return self._refusal(environ, start, "403 Forbidden", "AccessDenied")
        return self.inner(environ, start)

    def _refusal(self, environ, start, status, code):
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
        return [text.encode()] if environ["REQUEST_METHOD"] == "GET" else []


@pytest.fixture(scope="module")
def service():
    """The server, without a file in it."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_):
            """Say nothing."""

    backends = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)
    application = Moody(backends)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    application.address = f"http://127.0.0.1:{server.server_port}"
    yield application
    server.shutdown()
    thread.join()
    gc.collect()  # s3fs closes its sessions when they are collected, and they say so


@pytest.fixture
def bucket(service, tmp_path, monkeypatch):
    """An image and a plain array in a bucket, and no long waits."""
    for name, value in {
        "AWS_ENDPOINT_URL": service.address, "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "first_wait", 0.01)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    service.mood, service.asked = "well", {}
    local = tmp_path / BUCKET
    ome_zarr(local / "a.zarr", IMAGE, version="0.5", axes="yx", scale=[0.5, 0.5])
    group = zarr.open_group(local / "a.zarr")
    group.create_array("0", data=IMAGE, chunks=(32, 32), overwrite=True)
    zarr.create_array(local / "plain.zarr", data=IMAGE, chunks=(48, 48), zarr_format=2)
    service.folder = tmp_path
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    files.mkdir(BUCKET)
    files.put(str(local / "a.zarr"), f"{BUCKET}/a.zarr", recursive=True)
    files.put(str(local / "plain.zarr"), f"{BUCKET}/plain.zarr", recursive=True)
    service.files, service.asked = files, {}
    yield local
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def expected(bucket):
    return np.asarray(napari_sen.segment(bucket / "a.zarr", **HOW))


@pytest.mark.parametrize("mood", ["well", "busy", "unlisted"])
def test_a_bucket_is_read_as_a_folder_is(service, bucket, mood):
    """Also one that forbids what is not there, as buckets do that nobody may list."""
    service.mood = mood
    found = read_image(f"s3://{BUCKET}/a.zarr")
    assert not isinstance(found.data, np.ndarray)
    np.testing.assert_array_equal(found.data[...], IMAGE)
    assert (found.axes, found.spacing, found.name) == ("yx", (0.5, 0.5), "a")
    level = open_image(f"s3://{BUCKET}/a.zarr/0")
    assert (level.axes, level.spacing) == ("yx", (0.5, 0.5))
    np.testing.assert_array_equal(open_image(f"s3://{BUCKET}/plain.zarr").data[...], IMAGE)


@pytest.mark.parametrize("tile", [None, 64])
def test_a_busy_server_changes_nothing(service, bucket, expected, tile):
    service.mood = "busy"
    labels = napari_sen.segment(f"s3://{BUCKET}/a.zarr", **HOW | {"tile": tile})
    same = expected if tile else napari_sen.segment(bucket / "a.zarr", **HOW | {"tile": None})
    np.testing.assert_array_equal(np.asarray(labels), same)
    assert sum(service.asked.values()) > len(service.asked)  # some were asked for again


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
    service, bucket, expected, tmp_path, way
):
    address, out = f"s3://{BUCKET}/a.zarr", tmp_path / "out.zarr"
    steps = begun(address, out)
    if way == "gone":
        service.files.rm(f"{BUCKET}/a.zarr", recursive=True)
    else:
        service.mood = way
    with pytest.raises(WorkError, match="resume") as caught:
        list(steps)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    service.mood = "well"
    if way == "gone":
        service.files.put(str(bucket / "a.zarr"), f"{BUCKET}/a.zarr", recursive=True)
    labels = napari_sen.segment(address, out=out, resume=True, **HOW)
    np.testing.assert_array_equal(np.asarray(labels), expected)


def test_what_is_not_there_is_said_before_any_work(service, bucket):
    with pytest.raises(ImageError, match=r"zarr finds no array in s3://images/b\.zarr"):
        napari_sen.segment(f"s3://{BUCKET}/b.zarr", 9)
    service.mood = "closed"
    with pytest.raises(ImageError, match=r"s3://images/a\.zarr"):
        napari_sen.segment(f"s3://{BUCKET}/a.zarr", 9)
    service.mood = "down"
    with pytest.raises(ImageError, match="check the address and the network"):
        napari_sen.segment(f"s3://{BUCKET}/a.zarr", 9)


def test_keys_that_are_missing_are_named(service, bucket, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ImageError, match="credentials"):
        open_image(f"s3://{BUCKET}/a.zarr")
