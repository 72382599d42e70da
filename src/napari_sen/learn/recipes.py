"""What a training step does: its crops, its loss, and the label maps behind both.

``pairs`` is the paper's recipe: the variable-margin loss on neighbouring pixels under colour
superpixels (or, with the teacher "regions", under regions of the merge tree), of the raw
embedding and every mean-shift iterate. ``regions`` departs from it: a
contrastive loss between two views of an image, over regions of the merge tree, of the raw
embedding. With a ``pair_weight`` the variable-margin loss under the same regions joins it; without
one the mean shift is not trained and keeps its first kappa.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..params import ContrastParams, LossParams, PseudoLabelParams, RegionParams, TrainParams
from .contrast import ContrastReport, contrast_loss, sample_pixels
from .dataset import TrainingSet
from .learner import BatchOnDevice, Learner, batch_loss, move, output_losses
from .loss import LossReport, paint
from .teacher import LabelParams
from .views import draw_views

__all__ = ["BatchLoss", "OutputLoss", "TrainingRecipe", "make_recipe"]


@dataclass(frozen=True)
class OutputLoss:
    """Loss of one output: the raw embedding, or a mean-shift iterate.

    ``pull_violated`` and ``push_violated`` are shares, 0..1, of matching and of non-matching
    pairs that cost anything.
    """

    pull: float
    push: float
    pull_violated: float
    push_violated: float


@dataclass(frozen=True)
class BatchLoss:
    """The loss of a batch; ``tell()`` gives those fields of ``Step`` that the recipe knows."""

    total: Tensor
    tell: Callable[[], dict[str, Any]]


class TrainingRecipe(Protocol):
    """How to draw a batch and what it costs; all randomness comes from ``generator``."""

    @property
    def labels(self) -> LabelParams:
        """Label maps that the images are prepared with."""

    def settings(self) -> dict[str, Any]:
        """Return all of the recipe that decides the weights, as plain values by part."""

    def draw(
        self,
        dataset: TrainingSet,
        count: int,
        generator: np.random.Generator,
        noise: float,
        device: torch.device,
    ) -> Any:
        """Draw ``count`` images' crops."""

    def loss(self, learner: Learner, batch: Any, generator: np.random.Generator) -> BatchLoss:
        """Return the loss of a batch that ``draw`` made."""


@dataclass(frozen=True)
class PairRecipe:
    """The paper's recipe."""

    params: LossParams
    labels: LabelParams
    train: TrainParams

    def settings(self) -> dict[str, Any]:
        """Return the parameters by part."""
        teacher = "regions" if isinstance(self.labels, RegionParams) else "pseudo_labels"
        return {"loss": self.params.to_dict(), teacher: self.labels.to_dict()}

    def draw(
        self,
        dataset: TrainingSet,
        count: int,
        generator: np.random.Generator,
        noise: float,
        device: torch.device,
    ) -> BatchOnDevice:
        """Draw one crop of each image."""
        return move(dataset.draw(count, self.train.crop, generator, noise), device)

    def loss(
        self, learner: Learner, batch: BatchOnDevice, generator: np.random.Generator
    ) -> BatchLoss:
        """Return the sum of the outputs' variable-margin losses."""
        reports = batch_loss(learner, batch, self.params, self.train, generator)
        return BatchLoss(
            torch.stack([item.total for item in reports]).sum(),
            lambda: {
                "outputs": _numbers(reports),
                "beta_below_alpha": reports[0].beta_below_alpha.item(),
            },
        )


@dataclass(frozen=True)
class RegionRecipe:
    """The contrast of regions between two views, and the loss of pairs within each."""

    params: ContrastParams
    pairs: LossParams
    labels: RegionParams
    train: TrainParams

    def settings(self) -> dict[str, Any]:
        """Return the parameters by part, and whether the mean shift learns."""
        has_pairs = self.params.pair_weight > 0
        return {
            "contrast": self.params.to_dict(),
            **({"loss": self.pairs.to_dict()} if has_pairs else {}),
            "regions": self.labels.to_dict(),
            "mean_shift_trained": has_pairs,
        }

    def draw(
        self,
        dataset: TrainingSet,
        count: int,
        generator: np.random.Generator,
        noise: float,
        device: torch.device,
    ) -> BatchOnDevice:
        """Draw two views of each image."""
        views = draw_views(dataset, count, self.train.crop, self.params, generator, noise)
        return move(views, device)

    def loss(
        self, learner: Learner, batch: BatchOnDevice, generator: np.random.Generator
    ) -> BatchLoss:
        """Return the loss; both views pass the network as one batch."""
        embedding = learner.network(batch.planes)
        chosen = sample_pixels(len(embedding), batch.labels[0].numel(), self.params, generator)
        found = contrast_loss(
            embedding,
            batch.labels,
            batch.colours,
            self.params,
            torch.from_numpy(chosen).to(embedding.device),
        )
        if self.params.pair_weight == 0:
            return BatchLoss(found.total, lambda: _shares(found))
        colours = paint(batch.colours.repeat(2, 1, 1), batch.labels)
        reports = output_losses(
            learner, embedding, batch.labels, colours, self.pairs, self.train, generator
        )
        pairs = torch.stack([item.total for item in reports]).sum()
        return BatchLoss(
            found.total + self.params.pair_weight * pairs,
            lambda: _shares(found) | {"outputs": _numbers(reports)},
        )


def make_recipe(
    train: TrainParams,
    loss: LossParams | None = None,
    pseudo_labels: PseudoLabelParams | None = None,
    contrast: ContrastParams | None = None,
    regions: RegionParams | None = None,
) -> TrainingRecipe:
    """Return the recipe that ``train.recipe`` names, made from its own parameter sets."""
    if train.recipe == "regions":
        return RegionRecipe(
            contrast or ContrastParams(), loss or LossParams(), regions or RegionParams(), train
        )
    labels: LabelParams = pseudo_labels or PseudoLabelParams()
    if train.teacher == "regions":
        labels = regions or RegionParams()
    return PairRecipe(loss or LossParams(), labels, train)


def _shares(found: ContrastReport) -> dict[str, Any]:
    return {"found": found.found.item(), "used": found.used.item()}


def _numbers(reports: Sequence[LossReport]) -> tuple[OutputLoss, ...]:
    """Return the parts of each output's loss, in one transfer from the device."""
    table = torch.stack(
        [
            torch.stack([item.pull, item.push, item.pull_violated, item.push_violated])
            for item in reports
        ]
    )
    return tuple(OutputLoss(*row) for row in table.tolist())
