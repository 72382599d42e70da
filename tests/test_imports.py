"""Importing the package, and asking the command line for help, loads nothing heavy."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "qtpy", "PyQt6", "napari", "dask", "zarr", "tifffile", "rich")


def loaded_by(code: str) -> set[str]:
    """Return the heavy modules that this code loads in a fresh interpreter."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    return {heavy for heavy in HEAVY if heavy in modules}


@pytest.mark.parametrize(
    "code",
    [
        "import napari_sen; dir(napari_sen)",
        "import napari_sen.params, napari_sen.errors",
        "from napari_sen.cli.parser import build_parser; build_parser().format_help()",
        "import napari_sen.cli",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded_by(code) == set()


def test_the_probe_would_notice():
    assert loaded_by("import zarr") == {"zarr"}


def test_the_package_imports_little():
    code = (
        "import sys; before = len(sys.modules); import napari_sen; print(len(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 60


def test_the_stub_of_the_kernel_names_what_the_kernel_has():
    from napari_sen.core import _kernel

    stub = Path(_kernel.__file__).with_name("_kernel.pyi").read_text(encoding="utf-8")
    named = {node.name for node in ast.parse(stub).body if isinstance(node, ast.FunctionDef)}
    assert named == {name for name in dir(_kernel) if not name.startswith("_")}
