"""A package that is missing is named in one sentence, with what to install."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_sen import needs
from napari_sen.errors import MissingPackageError, SenError
from napari_sen.io.read import read_image
from napari_sen.learn.classes import Examples, propagate


def code_without(*modules):
    """Return code that hides modules, as if they were not installed."""
    return f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in {modules!r} else find_spec(name, *a)
sys.meta_path.insert(0, Hidden())
"""


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("module", ["napari", "qtpy", "superqt", "magicgui"])
def test_the_dock_says_what_it_needs(module):
    done = run(code_without(module) + "import napari_sen.plugin.qt")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "napari_sen.errors.MissingPackageError: the dock needs "
        f"{module}, which is not installed: pip install 'napari-sen[all]'"
    )


def test_the_library_needs_no_gui():
    code = code_without(
        "napari", "npe2", "psygnal", "qtpy", "superqt", "magicgui", "sklearn", "imagecodecs"
    )
    done = run(
        code + "import numpy as np, napari_sen\n"
        "labels = napari_sen.segment(np.eye(40), n_segments=9, model=None)\n"
        "print(labels.max())"
    )
    assert done.stdout.strip() == "9", done.stderr


@pytest.fixture
def hide(monkeypatch):
    def hide(module):
        monkeypatch.setattr(needs, "find_spec", lambda name: None if name == module else object())

    return hide


def test_the_error_is_one_of_ours_and_one_of_python(hide):
    hide("sklearn")
    examples = Examples(np.array([[0.0], [1.0]]), np.array([1, 2]), ("size",))
    with pytest.raises(MissingPackageError, match="pip install scikit-learn") as caught:
        propagate(examples, np.zeros((3, 1)))
    assert isinstance(caught.value, SenError)
    assert isinstance(caught.value, ImportError)


def test_a_compression_that_wants_imagecodecs_is_no_damage(hide, monkeypatch, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8), compression="lzw")
    hide("imagecodecs")

    def refuse(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    with pytest.raises(MissingPackageError, match="pip install imagecodecs"):
        read_image(tmp_path / "a.tif")


def test_damage_is_still_damage(tmp_path):
    (tmp_path / "imagecodecs.tif").write_bytes(b"II*\0 nothing")
    with pytest.raises(SenError, match="damaged"):
        read_image(tmp_path / "imagecodecs.tif")
