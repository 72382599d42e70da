"""What is removed, replaced and written lies where it should, whatever the path says."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sen import disk
from napari_sen.disk import (
    ATTRIBUTE,
    LOCK,
    MARK,
    atomic,
    check_removable,
    discard_folder,
    is_ours,
    make_folder,
    open_inside,
    output_place,
    refused,
    remove_folder,
    remove_inside,
    replace,
    sweep,
    sync,
    temporary_folder,
)
from napari_sen.errors import OutputError, SenError
from tests.systems import MAY_LINK, needs_links, posix_only

PACKAGE = Path(__file__).parents[1] / "src" / "napari_sen"
IMAGE = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)


def state(folder: Path, *, ignore: frozenset[Path] = frozenset()) -> dict[str, str]:
    """Return a checksum of every file and link below a folder, and every folder's name."""
    found = {}
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in [*folders, *names]:
            path = Path(place, name)
            if any(path == each or each in path.parents for each in ignore):
                continue
            if path.is_symlink():
                found[str(path)] = f"-> {os.readlink(path)}"
            elif path.is_dir():
                found[str(path)] = "folder"
            else:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def decoy(root: Path) -> Path:
    """Make a user's folder: an image, a foreign store, a thesis, links; return the image."""
    home = root / "D"
    (home / "sub").mkdir(parents=True)
    (home / "thesis.txt").write_text("years of work")
    (home / "sub" / "notes.zarr").mkdir()
    (home / "sub" / "notes.zarr" / "notes.txt").write_text("not a store")
    group = zarr.create_group(str(home / "a.zarr"), zarr_format=3)
    group.create_array("0", data=IMAGE, chunks=(16, 16))
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    scale = [{"type": "scale", "scale": [1, 1]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    multiscales = [{"axes": axes, "datasets": levels}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    foreign = group.require_group("labels").create_group("cells")
    foreign.create_array("0", data=IMAGE, chunks=(16, 16))
    np.save(home / "photo.npy", IMAGE)
    if MAY_LINK:
        (home / "link.zarr").symlink_to(home / "sub", target_is_directory=True)
        (home / "out.zarr.partial").symlink_to(home / "sub", target_is_directory=True)
    (home / "mine.zarr.partial").mkdir()
    (home / "mine.zarr.partial" / "data.txt").write_text("not ours")
    return home / "a.zarr"


def test_a_path_that_climbs_out_of_the_labels_is_refused(tmp_path: Path) -> None:
    from napari_sen import segment

    image = decoy(tmp_path)
    before = state(tmp_path)
    for out in (f"{image}/labels/..", f"{image}/labels/../..", f"{image}/labels/.", f"{image}/.."):
        for overwrite in (False, True):
            with pytest.raises(OutputError):
                segment(image, 6, model=None, tile=32, out=out, overwrite=overwrite)
    assert state(tmp_path) == before


PARTS = ["D", "a.zarr", "labels", "..", ".", "sub", "link.zarr", "new", "new.zarr", "out.zarr",
         "mine.zarr", "A.ZARR", "Ü.zarr", "cells", "notes.zarr", "0", "zarr.json", "thesis.txt",
         "", "out.zarr.partial"]  # fmt: skip


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=5),
    trailing=st.sampled_from(["", "/", "//", "/."]),
    overwrite=st.booleans(),
    resume=st.booleans(),
)
def test_no_output_path_harms_what_a_user_has(
    tmp_path: Path, parts: list[str], trailing: str, overwrite: bool, resume: bool
) -> None:
    """Whatever is asked for, the decoy stays as it was, and a result is new and alone."""
    from napari_sen import segment

    root = tmp_path / "case"
    shutil.rmtree(root, ignore_errors=True)
    image = decoy(root)
    out = str(root / "D") + "/" + "/".join(parts) + trailing
    before = state(root)
    options = {"model": None, "tile": 64, "out": out, "overwrite": overwrite, "resume": resume}
    try:
        segment(image, 6, **options)
    except SenError:
        assert state(root) == before
        return
    # Where case is ignored, it is not called as it was asked for.
    made = next(path for path in root.rglob("*") if path.samefile(out))
    assert is_ours(made)
    after = state(root, ignore=frozenset({made}))
    shelf = str(image / "labels" / "zarr.json")  # names the new label map
    in_image = made.parent == image / "labels"
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed <= ({shelf} if in_image else set())


def test_foreign_folders_are_never_removed(tmp_path: Path) -> None:
    folder = tmp_path / "store.zarr"
    zarr.create_group(str(folder), zarr_format=3).create_array("0", data=IMAGE, chunks=(16, 16))
    with pytest.raises(OutputError, match="nothing that napari-sen made"):
        remove_folder(folder)
    zarr.open_group(str(folder)).attrs[ATTRIBUTE] = {}
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="thesis"):
        remove_folder(folder)
    (folder / "thesis.txt").unlink()
    (folder / "0" / "c" / "notes").mkdir()
    with pytest.raises(OutputError, match="notes"):
        remove_folder(folder)
    (folder / "0" / "c" / "notes").rmdir()
    zarr.open_group(str(folder)).create_group("labels").create_group("cells")
    with pytest.raises(OutputError, match="cells"):
        remove_folder(folder)
    shutil.rmtree(folder / "labels")
    remove_folder(folder)
    assert not folder.exists()


@needs_links
def test_a_link_is_never_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    make_folder(real)
    (real / "data.txt").write_text("kept")
    link = tmp_path / "link"
    link.symlink_to(real, target_is_directory=True)
    assert not is_ours(link)
    with pytest.raises(OutputError, match="link"):
        remove_folder(link)
    work = tmp_path / "work"
    make_folder(work)
    (work / "inner").symlink_to(real, target_is_directory=True)
    with pytest.raises(OutputError, match="inner"):
        remove_folder(work)
    with pytest.raises(OutputError):
        remove_inside(work, work / "inner" / "data.txt")
    discard_folder(work)
    assert work.exists()
    remove_inside(work, work / "inner")
    remove_folder(work)
    assert (real / "data.txt").read_text() == "kept"
    (tmp_path / "log").symlink_to(real / "data.txt")
    with pytest.raises(OSError, match="symbolic"), open_inside(tmp_path / "log", "wb"):
        pass
    assert (real / "data.txt").read_text() == "kept"


def test_only_what_lies_in_a_folder_of_ours_is_removed_from_it(tmp_path: Path) -> None:
    work, other = tmp_path / "work", tmp_path / "other"
    make_folder(work)
    other.mkdir()
    for path in (other, work, work / ".." / "other", tmp_path):
        with pytest.raises(OutputError):
            remove_inside(work, path)
    with pytest.raises(OutputError):
        remove_inside(other, other)
    (work / "a" / "b").mkdir(parents=True)
    remove_inside(work, work / "a")
    remove_inside(work, work / "absent")
    assert not (work / "a").exists()


@pytest.mark.parametrize("path", ["", ".", "..", "a/..", "x.partial", "a\0b"])
def test_a_path_without_a_plain_name_is_no_output(path: str) -> None:
    with pytest.raises(OutputError):
        output_place(path)


def test_the_folder_one_works_in_is_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zarr" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a.zarr" / "inner")
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "inner"):
        with pytest.raises(OutputError, match="folder that you work in"):
            output_place(path)


def test_a_file_that_stands_for_a_folder_of_ours_is_not_replaced(tmp_path: Path) -> None:
    goal = tmp_path / "a.zarr"
    goal.mkdir()
    (goal / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError), atomic(goal, overwrite=True) as partial:
        partial.mkdir()
    assert (goal / "thesis.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_marks_of_other_kinds_do_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for text in ("", "[]", '"napari-sen"', '{"made by": "someone"}', "[" * 100_000):
        (folder / MARK).write_text(text)
        assert not is_ours(folder)
    (folder / MARK).unlink()
    (folder / "zarr.json").write_text(json.dumps({"attributes": [ATTRIBUTE]}))
    assert not is_ours(folder)


@posix_only
def test_a_pipe_is_no_mark(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / MARK)  # would wait for ever if it were read
    assert not is_ours(folder)


def test_sweeping_takes_temporary_files_alone(tmp_path: Path) -> None:
    work = tmp_path / "work"
    make_folder(work)
    names = ("c.1234.partial", ".run.12.partial.json", "kept.json", "partial.npz")
    for name in names:
        (work / name).write_text("")
    sweep(work)
    assert {path.name for path in work.iterdir()} == {MARK, "kept.json", "partial.npz"}


def test_a_temporary_folder_is_ours_and_goes() -> None:
    folder = temporary_folder()
    check_removable(folder)
    discard_folder(folder)
    assert not folder.exists()


def test_what_is_synced_is_open_for_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to write through what is only read."""
    synced: list[int] = []

    def fsync(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            synced.append(os.write(handle, b""))  # fails where it may not be written

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "a.npy").write_bytes(b"kept")
    sync(tmp_path / "a.npy")
    sync(tmp_path / "absent.npy")
    sync(tmp_path)
    assert synced == [0]
    assert (tmp_path / "a.npy").read_bytes() == b"kept"


@pytest.mark.parametrize("busy", [2, 3])
def test_a_name_that_is_busy_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    """Windows renames nothing that a viewer or a scanner is reading."""
    left, plain = [busy], os.replace

    def renamed(source: Path, goal: Path) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(13, "Access is denied")
        plain(source, goal)

    monkeypatch.setattr(os, "replace", renamed)
    monkeypatch.setattr(disk, "_PATIENCE", 2)
    monkeypatch.setattr(disk, "_MOMENT", 0)
    (tmp_path / "new").write_text("new")
    if busy > 2:
        with pytest.raises(PermissionError) as failure:
            replace(tmp_path / "new", tmp_path / "old")
        assert "see that nothing has it open" in refused("old", failure.value)
        return
    replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"


def test_a_folder_that_is_busy_for_a_moment_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    make_folder(work)
    (work / "inner").mkdir()
    calls, removes = [], shutil.rmtree

    def busy(path: str) -> None:
        calls.append(path)
        if len(calls) < 3:
            raise PermissionError(13, "Access is denied")
        removes(path)

    monkeypatch.setattr(shutil, "rmtree", busy)
    monkeypatch.setattr(disk, "_PATIENCE", 2)
    monkeypatch.setattr(disk, "_MOMENT", 0)
    remove_folder(work)
    assert not work.exists()


def test_a_lock_that_another_run_has_open_may_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opened it while it was let go keeps the folder, and is not told of a failure."""
    work = tmp_path / "work"
    make_folder(work)
    (work / LOCK).write_text("")
    plain = os.unlink

    def unlink(path: Path, **options: int) -> None:
        if Path(path).name == LOCK:
            raise PermissionError(13, "Access is denied")
        plain(path, **options)

    monkeypatch.setattr(os, "unlink", unlink)
    remove_folder(work)
    assert [path.name for path in work.iterdir()] == [LOCK]


@pytest.mark.parametrize(
    "name", ["nul.tif", "COM1.zarr", "con", "a?.tif", "a:b.tif", "a.zarr ", "a."]
)
def test_names_that_windows_keeps_are_no_outputs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(disk, "_HAS_RESERVED", True)
    with pytest.raises(OutputError, match="Windows keeps the name"):
        output_place(tmp_path / name)
    for other in ("null.tif", "console.zarr", "a b.tif", "com.tif", ".hidden"):
        assert output_place(tmp_path / other) == tmp_path / other


WRITERS = {"open", "write_text", "write_bytes"}
REMOVERS = {"rmtree", "unlink", "rmdir", "remove", "rename", "renames", "removedirs", "replace"}


def calls(path: Path, names: set[str]) -> list[tuple[str, int, str]]:
    """Return name, line and text of the calls of these; a text takes a reading of the file."""
    source = path.read_text(encoding="utf-8")
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in names:
                found.append((name, node.lineno, ast.get_source_segment(source, node) or ""))
    return found


def test_one_module_alone_removes() -> None:
    """No other module calls what removes or renames (str.replace and list.remove aside)."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "disk.py":
            continue
        for name, line, text in calls(path, REMOVERS):
            if name not in ("replace", "remove") or text.startswith(("os.", "Path(")):
                found.append(f"{path.relative_to(PACKAGE)}:{line} {text}")
    assert found == []


def test_files_are_written_under_temporary_names_alone() -> None:
    """Outside the module of the disk, what is written is named ``partial`` or ``temporary``."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "disk.py":
            continue
        for name, line, text in calls(path, WRITERS):
            target, _, arguments = text.partition("(")
            opens = name == "open" and any(f'"{mode}' in arguments for mode in "wax")
            writes = name != "open" and "." in target
            temporary = target.split(".")[0] in ("partial", "temporary")
            if (opens or writes) and not temporary:
                found.append(f"{path.relative_to(PACKAGE)}:{line} {text}")
    assert found == []


def test_a_half_removed_folder_is_still_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    make_folder(work)
    for k in range(3):
        (work / f"inner-{k}").mkdir()
    calls, removes = [], shutil.rmtree

    def killed(path: str) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        removes(path)

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        remove_folder(work)
    monkeypatch.undo()
    assert is_ours(work)
    remove_folder(work)
    assert not work.exists()
