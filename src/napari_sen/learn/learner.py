"""What is trained: network and mean shift together, their loss on a batch, their average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..params import LossParams, MeanShiftParams, NetworkParams, TrainParams
from .dataset import Batch
from .loss import LossReport, Pairs, pair_loss, sample_rows
from .mean_shift import MeanShift, landmark_indices
from .network import SENet
from .views import Views

__all__ = [
    "BatchOnDevice",
    "Learner",
    "batch_loss",
    "move",
    "output_losses",
    "update_average",
]


class Learner(nn.Module):
    """Network and mean shift; the names of its weights are those of the model file."""

    def __init__(self, network: NetworkParams, mean_shift: MeanShiftParams, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # leave the caller's random numbers alone
            torch.manual_seed(seed)
            self.network = SENet(network)
            self.mean_shift = MeanShift(mean_shift)

    def decayed(self) -> list[nn.Parameter]:
        """Weights that weight decay acts on: those of the convolutions."""
        return [weight for weight in self.parameters() if weight.ndim > 1]

    def undecayed(self) -> list[nn.Parameter]:
        """Biases, batch norms and theta."""
        return [weight for weight in self.parameters() if weight.ndim <= 1]


@dataclass(frozen=True)
class BatchOnDevice:
    """A batch or two views of one, as tensors."""

    planes: Tensor
    labels: Tensor
    colours: Tensor


def move(batch: Batch | Views, device: torch.device) -> BatchOnDevice:
    """Return the batch as tensors on ``device``."""
    return BatchOnDevice(
        torch.from_numpy(batch.planes).to(device),
        torch.from_numpy(batch.labels).to(device),
        torch.from_numpy(batch.colours).to(device),
    )


def batch_loss(
    learner: Learner,
    batch: BatchOnDevice,
    loss: LossParams,
    train: TrainParams,
    generator: np.random.Generator,
) -> list[LossReport]:
    """Return the loss of a batch's raw embedding and of every mean-shift iterate."""
    embedding = learner.network(batch.planes)
    return output_losses(learner, embedding, batch.labels, batch.colours, loss, train, generator)


def output_losses(
    learner: Learner,
    embedding: Tensor,
    labels: Tensor,
    colours: Tensor,
    loss: LossParams,
    train: TrainParams,
    generator: np.random.Generator,
) -> list[LossReport]:
    """Return the loss of an embedding (B, D, H, W) and of every mean-shift iterate of it.

    Mean shift and loss act on a window of rows (``loss.sampled`` of the crop); the landmarks
    are those of the whole crop, and all of its pixels if it has no more (the exact step).
    ``labels`` (B, H, W), ``colours`` (B, C, H, W): those of each pixel's superpixel.
    """
    height, width = labels.shape[1:]
    rows = sample_rows(height, loss, generator)
    pairs = Pairs(labels[:, rows], colours[:, :, rows], loss, generator)
    reports = [pair_loss(embedding[:, :, rows], pairs)]
    pixels = embedding.permute(0, 2, 3, 1)
    lattice = torch.from_numpy(landmark_indices(height, width, train.landmarks))
    landmarks = pixels.flatten(1, 2).index_select(1, lattice.to(embedding.device))
    window = pixels[:, rows]
    for iterate in learner.mean_shift.landmarks(window.flatten(1, 2), landmarks):
        reports.append(pair_loss(iterate.view(window.shape).permute(0, 3, 1, 2), pairs))
    return reports


@torch.no_grad()
def update_average(average: Learner, learner: Learner, decay: float, step: int) -> None:
    """Move the running average of weights and batch statistics towards the learner's.

    The decay starts low, so that short trainings do not remember their first weights.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    for old, new in zip(average.state_dict().values(), learner.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, weight)
        else:
            old.copy_(new)
