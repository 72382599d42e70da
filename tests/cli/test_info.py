"""What a report of a fault says, and what it keeps to itself."""

import getpass
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from napari_sen.cli import main
from napari_sen.cli.info import anonymous
from napari_sen.core.build import kernel_build
from napari_sen.processors import cores


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of somebody with a name."""
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    folder = tmp_path / "home" / "anna"
    monkeypatch.setattr(Path, "home", lambda: folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    return folder


def test_info_as_json(home, capsys):
    assert main(["info", "--json"]) == 0
    text = capsys.readouterr().out
    about = json.loads(text)
    assert about["napari-sen"] == version("napari-sen")
    assert about["packages"]["torch"] == version("torch")
    assert about["cores"]["for this process"] == cores()
    assert "cpu" in about["devices"]
    assert about["kernel"] == kernel_build()
    assert {"natural", "microscopy"} <= set(about["models"])
    assert "anna" not in text


def test_info_as_text(home, capsys):
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["packages:", "torch", version("torch")] for line in lines)
    assert any(line.startswith("kernel: compiler") for line in lines)


def test_what_is_not_installed_is_said(home, capsys, monkeypatch):
    monkeypatch.setattr("napari_sen.cli.info.requires", lambda _: ["torch>=2", "no-such-thing>=1"])
    assert main(["info", "--json"]) == 0
    packages = json.loads(capsys.readouterr().out)["packages"]
    assert packages == {"no-such-thing": "not installed", "torch": version("torch")}


def test_paths_without_a_name(home):
    assert anonymous(home / "env" / "lib") == str(Path("~/env/lib"))
    assert anonymous(Path("/data/anna/env")) == str(Path("/data/USER/env"))
    assert anonymous(Path("/data/annabel/env")) == str(Path("/data/annabel/env"))


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])  # the last on Windows
def test_a_process_without_a_user(monkeypatch, error):
    def user():
        raise error

    monkeypatch.setattr("getpass.getuser", user)
    assert anonymous(Path("/data/anna/env")) == str(Path("/data/anna/env"))


def test_the_kernel_says_how_it_was_built():
    about = kernel_build()
    assert about["vectors"] in ("16 bytes", "none")
    assert about["compiler"].split()[0] in ("GCC", "Clang", "Apple", "MSVC", "Debian", "Ubuntu")
    assert about["file"].startswith("_kernel.")
