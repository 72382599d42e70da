"""Install a wheel into an empty environment and use it as a stranger does: smoke.py WHEEL.

No compiler, no Qt, no checkout: the path of programs holds the environment alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

USE = """
import importlib.util, numpy as np, napari_sen
from napari_sen.data import load_sample
for absent in ("napari", "qtpy", "superqt", "PyQt6", "PySide6"):
    assert importlib.util.find_spec(absent) is None, absent
image, about = load_sample("coffee")
labels = napari_sen.segment(image, n_segments=300)
assert labels.shape == image.shape[:2] and len(np.unique(labels)) == labels.max() == 300
try:
    import napari_sen.plugin.qt
except ImportError as error:
    assert "pip install 'napari-sen[all]'" in str(error), error
else:
    raise AssertionError("the dock was imported without Qt")
"""


def main(wheel: str) -> None:
    """Install it, and look at what it does."""
    path = Path(wheel).resolve()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder, "Scripts" if os.name == "nt" else "bin")
        python = str(programs / "python")
        bare = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}

        def run(*command: str) -> str:
            done = subprocess.run(
                command, cwd=folder, env=bare, stdout=subprocess.PIPE, text=True, check=True
            )
            return done.stdout

        run(python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(path))
        bare["PATH"] = str(programs)
        run(python, "-I", "-W", "error", "-c", USE)
        program = str(programs / "napari-sen")
        assert json.loads(run(program, "info", "--json"))["qt"]["binding"] == "not installed"
        assert "natural" in run(program, "models")
        assert json.loads(run(program, "demo", "--json"))["superpixels"] > 100
    print(f"{path.name}: installed, imported, segmented, without a compiler or Qt")


if __name__ == "__main__":
    main(*sys.argv[1:])
