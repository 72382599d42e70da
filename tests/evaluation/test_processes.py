"""Processes of an evaluation end with the one that started them, however that ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_sen.evaluation import processes
from tests.systems import linux_only

SCRIPT = """
import os
import sys
import time
from pathlib import Path

from napari_sen.evaluation.processes import run_tasks


def work(folder):
    Path(folder, f"{os.getpid()}").touch()
    time.sleep(600)


if __name__ == "__main__":
    list(run_tasks(work, [sys.argv[1]] * 4, 2))
"""


def is_alive(process):
    """Return whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_no_more_processes_than_windows_can_wait_for(monkeypatch):
    class Asked(Exception):
        pass

    def executor(workers, *_):
        raise Asked(workers)

    monkeypatch.setattr(processes, "ProcessPoolExecutor", executor)
    monkeypatch.setattr(processes, "MOST", 61)
    for workers, found in ((8, 8), (200, 61)):
        with pytest.raises(Asked, match=f"^{found}$"):
            list(processes.run_tasks(str, [1, 2], workers))


@linux_only
@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_workers_end_with_a_parent_that_is_killed(tmp_path, how):
    script, folder = tmp_path / "script.py", tmp_path / "begun"
    script.write_text(SCRIPT)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, script, folder], stderr=subprocess.DEVNULL)
    while len(list(folder.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    workers = [int(path.name) for path in folder.iterdir()]
    getattr(parent, how)()
    parent.wait()
    waited = 0
    while any(map(is_alive, workers)) and waited < 1000:
        time.sleep(0.05)
        waited += 1
    assert not any(map(is_alive, workers))
