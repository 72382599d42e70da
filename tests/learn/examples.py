"""Small images, parameters and models for the tests of learning."""

import numpy as np
import torch

from napari_sen.learn.dataset import TrainingImage
from napari_sen.learn.learner import Learner
from napari_sen.learn.model import Model, describe
from napari_sen.params import (
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    TrainParams,
)

LABELS = PseudoLabelParams(spacings=(6.0, 12.0), compactnesses=(10.0,))
SETTINGS = {
    "network": NetworkParams(dim=4, base_width=4, width_cap=8, levels=2),
    "mean_shift": MeanShiftParams(iterations=2),
    "loss": LossParams(),
    "pseudo_labels": LABELS,
    "train": TrainParams(
        steps=6, batch=2, crop=32, landmarks=64, warmup=1, checkpoint_every=3, validate_every=4,
        validation=0.25,
    ),
}  # fmt: skip


def blobs(seed, height=40, width=50):
    """Return (planes, features) of a picture of coloured blocks."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (8, 8, 3))
    rows = np.arange(height) * 8 // height
    columns = np.arange(width) * 8 // width
    planes = (coarse[rows[:, None], columns] / np.float32(255)).astype(np.float32)
    return planes, 100 * planes


def sources(count=4, **size):
    return [
        TrainingImage(f"image {i}", lambda i=i: blobs(i, **size), f"v{i}") for i in range(count)
    ]


def changed(params, **values):
    return type(params).from_dict(params.to_dict() | values)


def tiny_model(name="tiny", seed=0, **network):
    """Return an untrained model whose batch norms have seen some noise."""
    shape = changed(SETTINGS["network"], **network)
    learner = Learner(shape, SETTINGS["mean_shift"], seed)
    learner.network.mean.fill_(0.4)
    learner.network.std.fill_(0.3)
    with torch.no_grad():
        noise = torch.rand(2, shape.planes, 32, 32, generator=torch.Generator().manual_seed(seed))
        learner.network.train()(noise)
    learner.eval().requires_grad_(False)
    data = [{"name": "blobs", "licence": "CC0", "images": 4}]
    return Model(
        learner.network, learner.mean_shift, describe(name, learner, {"steps": 0}, data, 4)
    )
