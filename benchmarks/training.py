"""Where the time of a training step goes, on one CPU thread, as a Markdown table.

    python benchmarks/training.py [--quick]

Processor seconds (not wall clock), so a busy machine does not disturb them much. Crops of 128
px of a photograph; landmarks, pairs and sampled share are the defaults.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import numpy as np
import torch
from skimage.data import astronaut

from napari_sen.core.features import colour_features, network_planes, statistics
from napari_sen.learn.dataset import TrainingImage, TrainingSet, prepare
from napari_sen.learn.learner import Learner, move, update_average
from napari_sen.learn.loss import Pairs, pair_loss, sample_rows
from napari_sen.learn.mean_shift import landmark_indices
from napari_sen.params import (
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    TrainParams,
)

# (base width, cap, crops, mean-shift iterations)
CASES = ((12, 192, 3, 2), (16, 128, 4, 3), (16, 128, 4, 0))
PARTS = ("data", "network", "pairs", "loss", "mean shift", "optimiser")


def dataset() -> TrainingSet:
    """Return one photograph, prepared."""
    image = astronaut()
    found = statistics(image, rgb=True)

    def load() -> tuple[np.ndarray, np.ndarray]:
        return network_planes(image, True, found), colour_features(image, True, found, 1.0)

    return prepare([TrainingImage("astronaut", load)], PseudoLabelParams(spacings=(13.0, 28.0)))


class Clock:
    """Processor seconds of each part."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.last = time.process_time()

    def tick(self, part: str) -> None:
        """Book the time since the last tick to a part."""
        now = time.process_time()
        self.spent[part] += now - self.last
        self.last = now


def measure(
    images: TrainingSet, case: tuple[int, int, int, int], repeats: int
) -> tuple[Clock, int]:
    """Make ``repeats`` steps; return the clock and the number of weights."""
    base, cap, crops, iterations = case
    loss, train = LossParams(), TrainParams(batch=crops)
    learner = Learner(
        NetworkParams(base_width=base, width_cap=cap), MeanShiftParams(iterations=iterations)
    )
    average = Learner(learner.network.params, learner.mean_shift.params)
    optimiser = torch.optim.AdamW(learner.parameters(), fused=True)
    clock = Clock()
    for step in range(-2, repeats):
        if step == 0:
            clock = Clock()
        generator = np.random.default_rng(step + 2)
        batch = move(images.draw(crops, train.crop, generator, train.noise), torch.device("cpu"))
        clock.tick("data")
        embedding = learner.network(batch.planes)
        clock.tick("network")
        rows = sample_rows(train.crop, loss, generator)
        pairs = Pairs(batch.labels[:, rows], batch.colours[:, :, rows], loss, generator)
        clock.tick("pairs")
        # Each part's gradient is taken on its own, so that its backward pass is booked to it.
        raw = embedding.detach().requires_grad_()
        pixels = raw.permute(0, 2, 3, 1)
        lattice = torch.from_numpy(landmark_indices(train.crop, train.crop, train.landmarks))
        keys = pixels.flatten(1, 2).index_select(1, lattice)
        window = pixels[:, rows]
        iterates = learner.mean_shift.landmarks(window.flatten(1, 2), keys)
        clock.tick("mean shift")
        outputs = [window, *(x.view(window.shape) for x in iterates)]
        leaves = [x.detach().requires_grad_() for x in outputs]
        for leaf in leaves:
            pair_loss(leaf.permute(0, 3, 1, 2), pairs).total.backward()
        clock.tick("loss")
        torch.autograd.backward(outputs, [leaf.grad for leaf in leaves])
        clock.tick("mean shift")
        embedding.backward(raw.grad)
        clock.tick("network")
        optimiser.step()
        update_average(average, learner, train.ema, 0)
        optimiser.zero_grad()
        clock.tick("optimiser")
    return clock, sum(weight.numel() for weight in learner.network.parameters())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 steps a case instead of 15")
    repeats = 3 if parser.parse_args().quick else 15
    torch.set_num_threads(1)
    images = dataset()
    columns = ("base", "crops", "iterations", "weights", "ms/step", "steps/s", *PARTS)
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for case in CASES:
        clock, weights = measure(images, case, repeats)
        total = sum(clock.spent.values())
        shares = [f"{100 * clock.spent[part] / total:.0f} %" for part in PARTS]
        row = [case[0], case[2], case[3], f"{weights:,}"]
        row += [f"{1000 * total / repeats:.0f}", f"{repeats / total:.2f}", *shares]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
