"""Importing the package, and asking the command line for help, loads nothing heavy."""

import json
import subprocess
import sys
import time

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


def test_the_package_is_imported_quickly():
    # The best of a few, beside a bare interpreter: other work on the machine only adds time.
    def seconds(code):
        best = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
            best.append(time.perf_counter() - start)
        return min(best)

    assert seconds("import napari_sen") - seconds("pass") < 0.15
