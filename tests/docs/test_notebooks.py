"""The notebooks run from their first cell to the last, each in a fresh folder, as they stand."""

import json
import os
import re
import warnings
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))
EXPECTED = re.compile(r"^ *print\(.*\)  # (?P<text>.+)$", re.M)


def codes(path):
    """Return the code cells of a notebook."""
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if "outputs" in cell]


def printed(cell):
    """Return the lines that a cell has printed."""
    texts = [each["text"] for each in cell["outputs"] if each.get("name") == "stdout"]
    return "".join(texts).splitlines()


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in codes(path))
    assert any(EXPECTED.search("".join(cell["source"])) for cell in codes(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="pip install nbclient ipykernel")
    if path.stem == "cluster":
        pytest.importorskip("distributed", reason="pip install 'napari-sen[cluster]'")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(path, as_version=4)
    folder = tmp_path / "reader"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's own
        nbclient.NotebookClient(
            notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for cell in notebook["cells"]:
        expected = EXPECTED.findall(cell["source"])
        if cell["cell_type"] == "code" and expected:
            assert printed(cell) == expected
    assert os.listdir(folder) or path.stem == "first-look"
