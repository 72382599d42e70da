"""Patterns that the shell has left as they are."""

import pytest

from napari_sen.cli import app, main
from napari_sen.cli.wildcards import expanded


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("b.npy", "a.npy", "c.txt", "[d].npy"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["train", "[ab].npy"], ["train", "a.npy", "b.npy"]),
        (["*.npy", "-o", "?.txt"], ["[d].npy", "a.npy", "b.npy", "-o", "c.txt"]),
        (["[d].npy", "*.tif", "a.npy", ""], ["[d].npy", "*.tif", "a.npy", ""]),
    ],
)
def test_files_stand_in_the_place_of_a_pattern(folder, given, found):
    assert expanded(given) == found


@pytest.mark.parametrize(("is_windows", "word"), [(True, "a.npy"), (False, "?.npy")])
def test_only_where_shells_do_not_do_it(folder, monkeypatch, capsys, is_windows, word):
    monkeypatch.setattr(app, "IS_WINDOWS", is_windows)
    (folder / "b.npy").unlink()
    assert main(["segment", "?.npy", "-o", "b.npy"]) == 2
    assert word in capsys.readouterr().err
