"""One run at a place: of several processes one works, the others touch nothing and say so."""

import errno
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from napari_sen import segment
from napari_sen.disk import ATTRIBUTE, LOCK, MARK, make_folder
from napari_sen.errors import OutputError
from napari_sen.tiles.lock import Lock, check_free, held
from napari_sen.tiles.output import find_place
from tests.io.test_read import ome_zarr

SIDE = 192


@pytest.fixture
def source(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    path = tmp_path / "in" / "image.zarr"
    path.parent.mkdir()
    zarr.create_array(path, data=values, chunks=(64, 64))
    return path


@pytest.fixture(scope="module")
def processes():
    """Processes that start in a moment: their server has loaded everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["napari_sen.pipeline.segment", "tests.tiles.test_lock"])
    return context


def work(source, out, told, options, wait):
    """Segment in another process; say how it ended. ``wait`` holds it at its first report."""

    def progress(done, total, stage):
        if wait is not None and not begun.exists():
            begun.touch()
            while not wait.exists():
                time.sleep(0.01)

    begun = Path(f"{wait}.begun")
    try:
        segment(
            str(source), size=8, model=None, tile=32, out=str(out), progress=progress, **options
        )
    except OutputError as error:
        told.write_text(str(error))
    else:
        told.write_text("done")


def started(processes, tmp_path, source, out, options, *, wait=None):
    told = tmp_path / f"told-{len(list(tmp_path.glob('told-*')))}-{time.monotonic_ns()}"
    process = processes.Process(target=work, args=(source, out, told, options, wait))
    process.start()
    return process, told


def until(path):
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
def test_the_second_of_two_touches_nothing_and_says_who_works(processes, source, tmp_path, options):
    out, go = tmp_path / "out" / "a.zarr", tmp_path / "go"
    out.parent.mkdir()
    first, told = started(processes, tmp_path, source, out, {}, wait=go)
    until(Path(f"{go}.begun"))
    before = files(out.parent)
    second, words = started(processes, tmp_path, source, out, options)
    second.join()
    assert files(out.parent) == before
    assert f"process {first.pid} on {socket.gethostname()}" in words.read_text()
    assert "nothing was touched" in words.read_text()
    go.touch()
    first.join()
    assert told.read_text() == "done"
    assert [path.name for path in out.parent.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
def test_of_many_that_start_together_the_result_is_whole(processes, source, tmp_path, options):
    """Whoever comes too late hears it; nobody removes what another works on."""
    expected = tmp_path / "expected.zarr"
    segment(str(source), size=8, model=None, tile=32, out=expected)
    for trial in range(3):
        out = tmp_path / str(trial) / "a.zarr"
        out.parent.mkdir()
        runs = [started(processes, tmp_path, source, out, options) for _ in range(4)]
        for process, _ in runs:
            process.join()
            assert process.exitcode == 0
        said = [told.read_text() for _, told in runs]
        assert "done" in said
        assert all(
            text == "done" or "is working on" in text or "exists" in text or "unfinished" in text
            for text in said
        )
        assert [path.name for path in out.parent.iterdir()] == ["a.zarr"]
        found, wanted = (zarr.open_group(path)["0"][...] for path in (out, expected))
        np.testing.assert_array_equal(found, wanted)


def test_a_lock_of_a_killed_process_is_taken_over(processes, source, tmp_path):
    out, go = tmp_path / "out" / "a.zarr", tmp_path / "go"
    out.parent.mkdir()
    process, _ = started(processes, tmp_path, source, out, {}, wait=go)
    until(Path(f"{go}.begun"))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    lock = out.with_name("a.zarr.partial") / LOCK
    assert json.loads(lock.read_text())["process"] == process.pid
    segment(str(source), size=8, model=None, tile=32, out=out, resume=True)
    assert [path.name for path in out.parent.iterdir()] == ["a.zarr"]


def test_a_lock_in_this_process(tmp_path):
    folder = tmp_path / "a.partial"
    with Lock(folder) as lock:
        assert lock.is_fresh
        with pytest.raises(OutputError, match=f"process {os.getpid()} on"):
            Lock(folder)
        with pytest.raises(OutputError, match="is working on"):
            check_free(folder)
        (folder / "result").write_text("kept")
    check_free(folder)
    with Lock(folder) as lock:
        assert not lock.is_fresh
        lock.empty()
        assert {path.name for path in folder.iterdir()} == {MARK, LOCK}
        lock.drop()
    assert not folder.exists()


def no_lock(*_):
    raise OSError(errno.ENOLCK, "no locks available")


@pytest.mark.parametrize("is_alive", [True, False])
def test_where_files_have_no_locks_a_folder_is_held_while_its_process_lives(
    tmp_path, monkeypatch, is_alive
):
    """Some network file systems have none."""
    lacking = SimpleNamespace(flock=no_lock, LOCK_EX=0, LOCK_NB=0)
    monkeypatch.setattr("napari_sen.tiles.lock.fcntl", lacking)
    folder = tmp_path / "a.partial"
    make_folder(folder)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        who = {"host": socket.gethostname(), "process": process.pid, "since": "today"}
        (folder / LOCK).write_text(json.dumps(who))
        if is_alive:
            with pytest.raises(OutputError, match=f"process {process.pid} on"):
                Lock(folder)
        else:
            process.kill()
            process.wait()
            with Lock(folder):
                assert json.loads((folder / LOCK).read_text())["process"] == os.getpid()
    finally:
        process.kill()
        process.communicate()


def test_a_folder_of_others_is_not_locked(tmp_path):
    folder = tmp_path / "a.partial"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="nothing that napari-sen made"):
        Lock(folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    link = tmp_path / "link.partial"
    make_folder(tmp_path / "real")
    link.symlink_to(tmp_path / "real", target_is_directory=True)
    with pytest.raises(OutputError, match="link"):
        Lock(link)
    assert {path.name for path in (tmp_path / "real").iterdir()} == {MARK}


LABELS = 12  # of each process


def label(image, who, go):
    """Finish label maps of one image, one after the other, as runs do at their end."""
    while not go.exists():
        time.sleep(0.001)
    for number in range(LABELS):
        place = find_place(image / "labels" / f"{who}-{number}")
        lock = Lock(place.work)
        zarr.create_group(str(place.store), attributes={ATTRIBUTE: {}})
        place.finish(lock, overwrite=False)


def test_labels_of_one_image_are_all_in_its_list(processes, tmp_path):
    """Each process reads the list, and writes it with a name more."""
    image, go = tmp_path / "image.zarr", tmp_path / "go"
    ome_zarr(image, np.zeros((64, 64), np.uint8), version="0.5", axes="yx", scale=[1, 1])
    running = [processes.Process(target=label, args=(image, who, go)) for who in "abcd"]
    for process in running:
        process.start()
    go.touch()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    about = zarr.open_group(image / "labels").attrs["ome"]
    assert sorted(about["labels"]) == sorted(f"{who}-{k}" for who in "abcd" for k in range(LABELS))
    assert {path.name for path in tmp_path.iterdir()} == {"image.zarr", "go"}


def test_two_runs_into_one_image(processes, tmp_path):
    image = tmp_path / "image.zarr"
    values = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    ome_zarr(image, values, version="0.5", axes="yx", scale=[1, 1])
    told = [
        started(processes, tmp_path, image, image / "labels" / name, {}) for name in ("one", "two")
    ]
    for process, _ in told:
        process.join(120)
    assert [path.read_text() for _, path in told] == ["done", "done"]
    assert sorted(zarr.open_group(image / "labels").attrs["ome"]["labels"]) == ["one", "two"]


def test_a_list_of_labels_that_somebody_holds_is_not_waited_for_without_end(tmp_path, monkeypatch):
    image = tmp_path / "image.zarr"
    ome_zarr(image, np.zeros((64, 64), np.uint8), version="0.5", axes="yx", scale=[1, 1])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with (
        held(image / "zarr.json"),
        pytest.raises(OutputError, match="another process holds"),
        held(image / "zarr.json"),
    ):
        raise AssertionError("it was not held")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_lock_file_is_no_lock(tmp_path, make):
    """A pipe would wait for ever if it were opened as a file."""
    folder = tmp_path / "a.partial"
    make_folder(folder)
    make(folder / LOCK)
    check_free(folder)
    with pytest.raises(OutputError, match=r"cannot lock .*: remove its file lock"):
        Lock(folder)
