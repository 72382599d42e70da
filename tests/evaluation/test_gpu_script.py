"""The command that checks a GPU: its parts, tried on the CPU, where both sides are the same."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sen.learn.model import Model, load_model

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def gpu():
    sys.path.insert(0, str(FOLDER))  # it imports its neighbours
    try:
        about = importlib.util.spec_from_file_location("gpu_script", FOLDER / "gpu.py")
        module = importlib.util.module_from_spec(about)
        sys.modules["gpu_script"] = module
        about.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def model():
    return load_model("natural")


class Crooked(Model):
    """A model that is a little wrong on one of its calls, as a faulty device is."""

    calls = 0

    def embed(self, planes, **how):
        self.calls += 1
        found = super().embed(planes, **how)
        return found if self.calls != 2 else np.roll(found, 40, axis=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(gpu, capsys):
    assert gpu.main([]) == 0
    assert "sees no CUDA device" in capsys.readouterr().out


def test_checks_hold_for_the_cpu_itself(gpu, model, capsys):
    report = gpu.Report()
    gpu.run_checks(report, model, "cpu", 96, 4)
    assert report.failed == []
    assert capsys.readouterr().out.count("holds") == 7


@pytest.mark.parametrize("check", ["check_embedding", "check_bfloat16", "check_labels"])
def test_a_faulty_device_is_found(gpu, model, check):
    report, crooked = gpu.Report(), Crooked(model.network, model.mean_shift, model.metadata)
    getattr(gpu, check)(report, crooked, "cpu", 96)
    assert report.failed


def test_tiles_are_measured_and_every_block_is_counted(gpu, model, capsys):
    gpu.measure_tiles(gpu.Report(), "cpu", model, 256, 128, 2, "snic")
    assert "4 blocks" in capsys.readouterr().out


def test_a_sleeping_device_is_asked_for_what_the_network_would_be(gpu):
    """What a device of one pixel a second would take is the number of pixels shown to it."""
    embed = Model.embed
    _, alone, together = gpu.overlap(256, 128, 2, 1e-6)
    assert 256 * 256 * 1e-6 < alone <= together
    assert Model.embed is embed
