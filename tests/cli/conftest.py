"""Running the command line as a person does: in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from tests.systems import IS_POSIX


class Shell:
    """A folder in which ``napari-sen`` is run."""

    def __init__(self, folder: Path):
        self.folder = folder
        # Neither the user's models nor more threads than the test run has.
        self.environment = os.environ | {
            "XDG_DATA_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
        }

    def command(self, *arguments):
        return [sys.executable, "-m", "napari_sen.cli", *map(str, arguments)]

    def __call__(self, *arguments):
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def start(self, *arguments):
        # A shell's background job ignores Ctrl-C, and its children inherit that.
        heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **(heard if IS_POSIX else {}),
        )

    def names(self):
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def shell(tmp_path):
    """A shell in a folder with a small RGB picture, ``in.png``."""
    quadrants = np.zeros((48, 64, 3), np.uint8)
    quadrants[:24, :32, 0] = 200
    quadrants[24:, :32, 1] = 200
    quadrants[:24, 32:, 2] = 200
    iio.imwrite(tmp_path / "in.png", quadrants)
    return Shell(tmp_path)
