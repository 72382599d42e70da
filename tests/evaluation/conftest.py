"""Tiny annotated data sets, and a tiny model."""

import imageio.v3 as imageio
import numpy as np
import pytest
from scipy.io import savemat

from napari_sen.learn.learner import Learner
from napari_sen.learn.model import Model, describe
from napari_sen.params import MeanShiftParams, NetworkParams

TRUTH = np.kron([[1, 2], [3, 4]], np.ones((16, 20))).astype(np.uint8)


def picture(rng):
    """Return an RGB image of four noisy quadrants, as TRUTH has them."""
    return (TRUTH[..., None] * (40, 30, 50) + rng.integers(0, 30, (32, 40, 3))).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, rng):
    """A folder with images a, b, c and their labels."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for name in "abc":
        imageio.imwrite(tmp_path / "images" / f"{name}.png", picture(rng))
        imageio.imwrite(tmp_path / "labels" / f"{name}.png", TRUTH)
    return tmp_path


@pytest.fixture
def bsds(tmp_path, rng):
    """A data set in the BSDS layout, two annotators, split test."""
    root = tmp_path / "bsds"
    for part in ("images/test", "groundTruth/test"):
        (root / part).mkdir(parents=True)
    for name in ("1", "2"):
        imageio.imwrite(root / "images/test" / f"{name}.png", picture(rng))
        cell = np.empty((1, 2), object)
        cell[0, 0], cell[0, 1] = {"Segmentation": TRUTH}, {"Segmentation": TRUTH > 2}
        cell[0, 1]["Segmentation"] = cell[0, 1]["Segmentation"].astype(np.uint8)
        savemat(root / "groundTruth/test" / f"{name}.mat", {"groundTruth": cell})
    return root


def save_model(path, seed):
    learner = Learner(
        NetworkParams(base_width=4, width_cap=8, dim=4),
        MeanShiftParams(iterations=1, landmarks=64),
        seed,
    )
    model = Model(learner.network, learner.mean_shift, describe("small", learner, {}, [], 0))
    return str(model.save(path, overwrite=True))
