"""Training as a generator: one record per step, a model at the end.

On the CPU with a fixed number of threads the same sources, parameters and seed give the same
weights, bit for bit, and a resumed training gives what an uninterrupted one gives: crops and
noise of a step depend on (seed, step) alone. Another number of threads or another machine may
add in another order (torch promises no more); on CUDA, runs agree to rounding only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import Cancelled, DataError, ParameterError, WorkError
from ..params import (
    ContrastParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    RegionParams,
    TrainParams,
)
from ..progress import Progress, check_progress, report
from .ahead import Ahead
from .checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from .dataset import TrainingImage, TrainingSet, prepare
from .device import full_float32, resolve_device
from .interrupt import interruptible
from .learner import Learner, update_average
from .model import Model, describe
from .recipes import OutputLoss, TrainingRecipe, make_recipe

__all__ = ["OutputLoss", "TrainingStep", "run"]

VALIDATION_CROPS = 16
# Steps whose crops are drawn while a device works; on the CPU they would only take its time.
DRAWN_AHEAD = 4


@dataclass(frozen=True)
class TrainingStep:
    """Record of one training step.

    ``validation`` is the loss on held-out images, where it was computed. Recipe "pairs":
    ``outputs`` are the raw embedding and every mean-shift iterate, ``loss`` is the sum over
    them; ``beta_below_alpha`` is the share of non-matching pairs whose push margin lies below
    the pull margin. Recipe "regions": ``found`` is the share of pixels that are nearest to
    their own region, ``used`` the share of sampled pixels whose region both views show.
    """

    step: int
    steps: int
    loss: float
    kappa: float
    gradient_norm: float
    learning_rate: float
    seconds: float
    validation: float | None = None
    outputs: tuple[OutputLoss, ...] = ()
    beta_below_alpha: float | None = None
    found: float | None = None
    used: float | None = None


def run(
    images: Sequence[TrainingImage],
    *,
    start: Model | None = None,
    network: NetworkParams | None = None,
    mean_shift: MeanShiftParams | None = None,
    loss: LossParams | None = None,
    pseudo_labels: PseudoLabelParams | None = None,
    contrast: ContrastParams | None = None,
    regions: RegionParams | None = None,
    train: TrainParams | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    cache: Path | None = None,
    device: str = "auto",
    name: str = "model",
    data_sets: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
    snapshot: Callable[[TrainingStep], bool] | None = None,
) -> Iterator[TrainingStep | Model]:
    """Train a model; yields a :class:`TrainingStep` per step and, last, the :class:`Model`.

    Parameters
    ----------
    images : sequence of TrainingImage
        Images; read once, when their pseudo-labels are made.
    start : Model, optional
        Go on from its weights, with its shape and its normalisation of the input, in place of
        random weights and the images' own normalisation.
    network, mean_shift, train : parameter sets, optional
        Defaults are those of ``start``, without it those of :mod:`napari_sen.params`.
    loss, pseudo_labels : parameter sets, optional
        For ``train.recipe`` "pairs".
    contrast, regions : parameter sets, optional
        For ``train.recipe`` "regions"; ``loss`` serves it too where ``contrast.pair_weight`` is
        not 0. Without that weight it leaves the mean shift as ``mean_shift`` has it.
    checkpoint : path, optional
        Folder of the training's state and log; None keeps nothing.
    resume : bool
        Go on from ``checkpoint``.
    cache : path, optional
        Folder of the prepared images; ``checkpoint / "images"`` by default, or a temporary one.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    name : str
        Name of the model, for its metadata.
    data_sets : sequence of mappings, optional
        What the model is trained on, for its metadata: name, licence, number of images.
    progress : callable, optional
        Called many times in a step. May raise :class:`~napari_sen.errors.Cancelled`: the step is
        undone and the state after the one before it is saved first.
    snapshot : callable, optional
        Asked after every step; where it returns True, the Model so far is yielded as well.

    Raises
    ------
    DataError
        Too few images, images that do not fit each other, or a checkpoint of other settings.
    OutputError
        ``checkpoint`` holds a training and ``resume`` is not asked for.
    WorkError
        The loss became infinite or NaN.
    """
    if start is not None:
        network, mean_shift = _shape_of(start, network, mean_shift)
    network, mean_shift = network or NetworkParams(), mean_shift or MeanShiftParams()
    train = train or TrainParams()
    recipe = make_recipe(train, loss, pseudo_labels, contrast, regions)
    check_progress(progress)
    target = resolve_device(device)
    if resume and checkpoint is None:
        raise ParameterError("resume needs the checkpoint folder to go on from")
    if cache is None and checkpoint is not None:
        cache = checkpoint / "images"
    settings = {
        "network": network.to_dict(), "mean_shift": mean_shift.to_dict(), **recipe.settings(),
        "train": train.to_dict(), "images": [[source.name, source.stamp] for source in images],
    }  # fmt: skip
    if start is not None:
        data_sets = [*start.metadata["data_sets"], *data_sets]
        settings["start"] = {"name": start.name, "sha256": start.sha256}
    store = None if checkpoint is None else Checkpoint(checkpoint, settings)
    if store is not None and not resume:
        store.begin()
    embed = None
    if isinstance(recipe.labels, RegionParams) and recipe.labels.embedding_weight > 0:
        if start is None:
            raise ParameterError(
                "regions with an embedding_weight come from a model's embedding: give the model "
                "to start from, or the weight 0"
            )
        embed = start.embed
        # Maps made with another model's embedding are other maps.
        images = [replace(item, stamp=f"{item.stamp} {start.sha256}") for item in images]
    dataset = prepare(images, recipe.labels, cache, progress, embed)
    if dataset.planes != network.planes:
        raise DataError(
            f"the images have {dataset.planes} planes but the network takes {network.planes}: "
            f"set planes to {dataset.planes}"
        )
    trainer = _Trainer(dataset, network, mean_shift, recipe, train, target, start)
    if store is not None and resume:
        trainer.restore(*store.load())
    try:
        while trainer.done < train.steps and not trainer.waited_enough:
            tell = partial(report, progress, trainer.done, train.steps, "training")
            tell()
            record = trainer.step(tell)
            if store is not None:
                store.append(asdict(record))
                due = trainer.done % train.checkpoint_every == 0
                if due or trainer.done == train.steps or trainer.waited_enough:
                    store.save(trainer.done, trainer.tensors())
            yield record
            if snapshot is not None and snapshot(record):
                yield trainer.model(name, settings, data_sets, len(images))
        report(progress, train.steps, train.steps, "training")
    except (Cancelled, GeneratorExit):  # between two steps, or in one that is undone by now
        if store is not None:
            store.save(trainer.done, trainer.tensors())
        raise
    yield trainer.model(name, settings, data_sets, len(images))


class _Trainer:
    """Weights, their average, the optimiser, and the number of steps done."""

    def __init__(
        self,
        dataset: TrainingSet,
        network: NetworkParams,
        mean_shift: MeanShiftParams,
        recipe: TrainingRecipe,
        train: TrainParams,
        device: torch.device,
        start: Model | None = None,
    ) -> None:
        self.recipe, self.train, self.device = recipe, train, device
        kept, held = _split(len(dataset), train)
        self.dataset = dataset.subset(kept)
        self.learner = Learner(network, mean_shift, train.seed)
        if start is None:
            mean, std = self.dataset.statistics()
            self.learner.network.mean.copy_(torch.from_numpy(mean))
            self.learner.network.std.copy_(torch.from_numpy(std))
        else:
            self.learner.network.load_state_dict(start.network.state_dict())
            self.learner.mean_shift.load_state_dict(start.mean_shift.state_dict())
        self.learner.to(device)
        self.average = deepcopy(self.learner).eval().requires_grad_(False)
        self.names = {weight: name for name, weight in self.learner.named_parameters()}
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.learner.decayed(), "weight_decay": train.weight_decay},
                {"params": self.learner.undecayed(), "weight_decay": 0.0},
            ],
            fused=device.type in ("cpu", "cuda"),
        )
        ahead = 0 if device.type == "cpu" else DRAWN_AHEAD
        self.drawn = Ahead(self.draw, train.steps, ahead)
        self.done = 0
        self.lowest, self.since = math.inf, 0  # validation loss, and checks since it was found
        self.held_out: Any = None
        if held:
            generator = np.random.default_rng([train.seed, 0, 2])  # a stream that no step uses
            crops = min(VALIDATION_CROPS, 4 * len(held))
            self.held_out = recipe.draw(dataset.subset(held), crops, generator, 0.0, device)

    def draw(self, step: int) -> tuple[Any, np.random.Generator]:
        """Return the batch of a step, and the generator that its loss goes on with."""
        generator = np.random.default_rng([self.train.seed, step, 1])
        train = self.train
        batch = self.recipe.draw(self.dataset, train.batch, generator, train.noise, self.device)
        return batch, generator

    def step(self, check: Callable[[], None]) -> TrainingStep:
        """Make one optimiser step; where ``check`` raises, all is as before the step."""
        start = time.perf_counter()
        train = self.train
        batch, generator = self.drawn(self.done)
        rate = _learning_rate(self.done, train)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        number = self.done + 1
        validate = number % train.validate_every == 0 or number == train.steps
        # Where the weights have moved already when the step is left.
        before = {key: value.clone() for key, value in self.tensors().items() if validate}
        self.learner.train()
        self.optimiser.zero_grad(set_to_none=True)
        with interruptible(self.learner, check), self._all_bits():
            with self._autocast():
                outcome = self.recipe.loss(self.learner, batch, generator)
            check()
            outcome.total.backward()
        gradients = [w.grad for w in self.learner.parameters() if w.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        value, told = outcome.total.item(), outcome.tell()
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            raise WorkError(
                f"the training diverged at step {self.done + 1} (loss {value}): "
                f"use a learning_rate below {train.learning_rate:g}"
            )
        kappa = self.learner.mean_shift.kappa.item()
        self.optimiser.step()
        self.learner.mean_shift.limit()
        update_average(self.average, self.learner, train.ema, self.done)
        self.done = number
        try:
            validation = self._validate(check) if validate else None
        except BaseException:
            self.restore(number - 1, before)
            raise
        if validation is not None:
            self.since = 0 if validation < self.lowest else self.since + 1
            self.lowest = min(self.lowest, validation)
        return TrainingStep(
            self.done, train.steps, value, kappa, norm.item(), rate, time.perf_counter() - start,
            validation, **told,
        )  # fmt: skip

    @property
    def waited_enough(self) -> bool:
        """Whether the validation loss has not fallen for as long as the schedule waits."""
        return 0 < self.train.patience <= self.since

    def _autocast(self) -> torch.autocast:
        """Return mixed precision where it is asked for, and by default on CUDA.

        Measured on one thread of a CPU with AVX512-BF16: half the time for the network at base
        width 16; without such instructions it is slower.
        """
        chosen = self.train.precision
        lower = chosen == "bfloat16" or (chosen == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, torch.bfloat16, enabled=lower)

    def _all_bits(self) -> AbstractContextManager[Any]:
        """Return a context without shortened convolutions, where float32 is asked for by name."""
        return full_float32(self.device) if self.train.precision == "float32" else nullcontext()

    @torch.no_grad()
    def _validate(self, check: Callable[[], None]) -> float | None:
        """Return the averaged weights' loss on fixed crops of the held-out images."""
        if self.held_out is None:
            return None
        generator = np.random.default_rng([self.train.seed, 0, 3])
        with interruptible(self.average, check), self._all_bits(), self._autocast():
            return self.recipe.loss(self.average, self.held_out, generator).total.item()

    def model(
        self,
        name: str,
        settings: Mapping[str, Any],
        data_sets: Sequence[Mapping[str, Any]],
        n_images: int,
    ) -> Model:
        """Return a model of the averaged weights as they are now."""
        learner = deepcopy(self.average)
        told = {key: value for key, value in settings.items() if key != "images"}
        metadata = describe(name, learner, told, data_sets, n_images)
        return Model(learner.network, learner.mean_shift, metadata)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the next step depends on."""
        result = {f"learner.{k}": v for k, v in self.learner.state_dict().items()}
        result |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        result["validation"] = torch.tensor([self.lowest, self.since], dtype=torch.float64)
        return result | optimiser_tensors(self.optimiser, self.names)

    def restore(self, done: int, tensors: Mapping[str, Tensor]) -> None:
        """Go back to the state after ``done`` steps."""
        for prefix, module in (("learner.", self.learner), ("average.", self.average)):
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        self.optimiser.state.clear()  # before the first step there are no moments
        restore_optimiser(self.optimiser, self.names, tensors)
        lowest, since = tensors["validation"].tolist()
        self.lowest, self.since, self.done = lowest, int(since), done


def _shape_of(
    start: Model, network: NetworkParams | None, mean_shift: MeanShiftParams | None
) -> tuple[NetworkParams, MeanShiftParams]:
    """Return the shape to train: that of ``start``; one that differs is an error."""
    own = start.network.params
    if network is not None and network != own:
        raise ParameterError(
            f"training goes on from {start.name!r}, whose network is {own.to_dict()}: leave the "
            "network's parameters out"
        )
    return own, mean_shift or start.mean_shift.params


def _split(count: int, train: TrainParams) -> tuple[list[int], list[int]]:
    """Return the indices of images to train on and of those held out, by the seed."""
    order = np.random.default_rng([train.seed, 0, 4]).permutation(count)
    held = min(count - 1, round(count * train.validation))
    return sorted(order[held:].tolist()), sorted(order[:held].tolist())


def _learning_rate(step: int, train: TrainParams) -> float:
    """Cosine from the peak to nearly 0, after a linear rise."""
    warmup = min(train.warmup, train.steps // 10)
    rise = min(1.0, (step + 1) / (warmup + 1))
    return train.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / train.steps))
