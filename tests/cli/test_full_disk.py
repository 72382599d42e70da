"""What a format cannot hold is said first; a disk that refuses takes no other output along."""

import asyncio
import errno
import shutil

import imageio.v3 as iio
import numpy as np
import pytest
from zarr.core.sync import sync
from zarr.storage import LocalStore

from napari_sen import Hierarchy
from napari_sen.cli import main
from napari_sen.errors import DiskError, WorkError
from napari_sen.io.write import write_image, write_labels, write_picture
from tests.learn.examples import tiny_model
from tests.systems import needs_wide_floats, posix_only

NOISE = np.random.default_rng(0).integers(0, 255, (700, 600, 3), np.uint8)
LABELS = NOISE[..., 0].astype(np.int32)
LARGEST = 30_000  # bytes


@pytest.fixture
def limited():
    """What has the system let no file grow larger, as a full disk would not."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "a.tif": lambda path: write_labels(path, LABELS),
    "a.png": lambda path: write_labels(path, LABELS),
    "a.npy": lambda path: write_labels(path, LABELS),
    "a.zarr": lambda path: write_labels(path, LABELS, image=NOISE, channel_axis=2, rgb=True),
    "image.npy": lambda path: write_image(path, NOISE.astype(np.float32)[..., 0]),
    "image.tif": lambda path: write_image(path, NOISE.astype(np.float32)[..., 0]),
    "image.zarr": lambda path: write_image(path, NOISE.astype(np.float32), channels_last=True),
    "picture.png": lambda path: write_picture(path, NOISE),
}


@posix_only
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_names_file_and_remedy_and_leaves_nothing(limited, tmp_path, name):
    limited(LARGEST)
    with pytest.raises(WorkError, match="make room there, or choose another place") as error:
        WRITERS[name](tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert list(tmp_path.iterdir()) == []


@posix_only
@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_a_full_disk_keeps_what_was_there(limited, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write_labels(path, LABELS[:9, :9], image=NOISE[:9, :9, 0])
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    limited(LARGEST)
    with pytest.raises(WorkError, match="make room"):
        write_labels(path, LABELS, image=NOISE[..., 0], overwrite=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@posix_only
def test_a_full_disk_for_models_and_trees(limited, tmp_path):
    model = tiny_model()
    labels = np.arange(1, 90_001, dtype=np.int32).reshape(300, 300)
    n = labels.size
    pairs = np.column_stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)])
    linkage = np.column_stack(
        [np.sort(pairs), np.random.default_rng(0).random(n - 1).cumsum(), np.arange(2, n + 1)]
    )
    tree = Hierarchy(labels, linkage)
    limited(1000)
    for save, name in ((model.save, "m.safetensors"), (tree.save, "a.npz")):
        with pytest.raises(DiskError, match="make room"):  # a failure, with exit code 1
            save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path, monkeypatch):
    iio.imwrite(tmp_path / "in.png", NOISE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@posix_only
def test_one_output_that_fails_takes_no_other_along(folder, capsys, limited):
    limited(LARGEST)
    outputs = ["-o", "a.npy", "-o", "a.png", "-o", "a.tif", "--overlay", "o.png"]
    code = main(["segment", "in.png", *outputs, "--model", "none", "--n-segments", "20", "--quiet"])
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 1
    assert "cannot write a.npy" in line
    assert "cannot write o.png" in line
    assert "(2 of 4 outputs are written)" in line
    assert {path.name for path in folder.iterdir()} == {"in.png", "a.png", "a.tif"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("segment", "in.png", "-o", "a.png", "--n-segments", "70000"), "a PNG holds 65535 labels"),
        (("segment", "in.png", "-o", "a.png", "--size", "2"), "a PNG holds 65535 labels"),
        (("hierarchy", "in.png", "--cut", "70000", "a.png"), "a PNG holds 65535 labels"),
        (("pseudo-labels", "in.png", "-o", "maps", "--spacings", "2", "--suffix", ".png"),
         "a PNG holds 65535 labels"),
        pytest.param(
            ("segment", "wide.npy", "-o", "a.zarr", "--n-segments", "9"), "up to 64 bits",
            marks=needs_wide_floats,
        ),
        (("segment", "stack.npy", "-o", "a.png", "--n-segments", "9", "--slices", "each"),
         "a PNG holds 2 axes"),
        (("segment", "five.npy", "-o", "a.tif", "--n-segments", "9", "--slices", "each"), "4 axes"),
        (("contours", "five.npy", "-o", "a.tif"), "4 axes"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_said_before_the_work(folder, capsys, command, words):
    np.save("wide.npy", NOISE[..., 0].astype(np.longdouble))
    np.save("stack.npy", NOISE[..., 0].reshape(2, 350, 600))
    np.save("five.npy", np.zeros((2, 2, 2, 9, 9), np.uint8))
    before = {path.name for path in folder.iterdir()}
    model = [] if command[0] == "pseudo-labels" else ["--model", "none"]
    code = main([*command, *model])
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert words in line
    assert {path.name for path in folder.iterdir()} == before


def test_labels_inside_their_image_need_no_option(folder):
    write_image("a.zarr", NOISE[:90, :90, 0])
    out = "a.zarr/labels/cells"
    assert main(["segment", "a.zarr", "-o", out, "--n-segments", "9", "--model", "none"]) == 0
    assert (folder / out / "zarr.json").exists()


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_disk_that_is_really_full(tmp_path):
    """A tiny file system of its own, where the system allows one."""
    import subprocess

    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=300k", "none", str(place)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        for name, write in WRITERS.items():
            with pytest.raises(WorkError, match=r"make room there"):
                write(place / name)
            assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_what_others_still_write_when_one_chunk_fails(tmp_path, monkeypatch):
    """zarr's other tasks are slow: they end before the unfinished store is removed."""
    plain = LocalStore.set

    async def slow(store, key, value):
        if key.endswith("c/0/0"):
            raise OSError(errno.ENOSPC, "No space left on device")
        if "c/" in key:
            await asyncio.sleep(0.5)
        await plain(store, key, value)

    monkeypatch.setattr(LocalStore, "set", slow)
    with pytest.raises(DiskError, match="No space left on device"):
        write_image(tmp_path / "a.zarr", NOISE[..., 0].astype(np.float32))
    sync(asyncio.sleep(1))  # on zarr's own loop, for longer than they
    assert list(tmp_path.iterdir()) == []
