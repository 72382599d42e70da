"""A process that is forked after the model has run on several threads."""

import subprocess
import sys
from pathlib import Path

from tests.systems import linux_only

SCRIPT = """
import multiprocessing
import sys

import numpy as np
import torch

from napari_sen import segment
from napari_sen.learn.model import load_model

image = np.random.default_rng(0).integers(0, 255, (96, 128), np.uint8)
planes = image[..., None].repeat(3, -1) / np.float32(255)


def work(k):
    labels = segment(image, 20, model=load_model("natural"))
    return model.embed(planes), labels, torch.get_num_threads()


torch.set_num_threads(2)
model = load_model("natural")
expected, labels, threads = work(0)
assert threads == 2
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found, other, threads in pool.map(work, range(4)):
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert (other == labels).mean() > 0.99
        assert threads == 1
assert torch.get_num_threads() == 2
"""


@linux_only
def test_a_forked_process_does_not_wait_for_ever(tmp_path):
    path = Path(tmp_path, "script.py")
    path.write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
