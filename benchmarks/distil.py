r"""Teach the lean network what a model knows: regression on the model's unit vectors.

    python benchmarks/distil.py BSDS500/images/train VOC --teacher natural-full \
        -o natural.safetensors --folder WORK [--resume]
    python benchmarks/distil.py --microscopy MICROSCOPY --teacher microscopy \
        --start natural.safetensors -o microscopy.safetensors --folder WORK [--resume]

The teacher sees every image once at each scale, mirrored in four ways, and the mean of what it
says is kept in WORK/targets. A step draws crops of these, mirrored, with noise; the student learns
the vectors, and apart from them their differences over 1 to 32 px, which are what superpixels and
trees compare. The teacher's bandwidth of the mean shift is taken over. Of MICROSCOPY the 'tune'
halves are taken, as for the bundled model. The same seed and one thread give the same weights;
with ``--device cuda`` the targets lie in the device's memory, which large batches need, and runs
agree to rounding only.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from microscopy_model import SETS, collect
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_sen.learn.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from napari_sen.learn.dataset import TrainingImage, window
from napari_sen.learn.learner import Learner, update_average
from napari_sen.learn.model import Model, describe, load_model
from napari_sen.params import NetworkParams
from napari_sen.pipeline.train import sources

LEAN = {"design": "lean", "base_width": 32, "growth": 1.414, "width_cap": 128, "levels": 5}
MIRRORS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
OFFSETS = (1, 2, 4, 8, 16, 32)  # px
MARGIN = 24  # px; what a crop does not show reaches farther, but hardly

Crop = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and on what the student learns."""

    steps: int
    batch: int
    crop: int
    learning_rate: float
    noise: float
    pair_weight: float
    scales: tuple[float, ...]
    seed: int
    warmup: int = 200
    ema: float = 0.999
    weight_decay: float = 1e-4


class Targets:
    """Images at several scales and the teacher's vectors of them, on disk."""

    def __init__(
        self, folder: Path, teacher: Model, scales: Sequence[float], device: torch.device
    ) -> None:
        self.folder = folder / teacher.sha256[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.teacher, self.scales, self.device = teacher, scales, device
        self.rows: list[Tensor] = []

    def add(self, image: TrainingImage) -> None:
        """Ask the teacher about an image, unless it has been asked."""
        loaded: NDArray[np.float32] | None = None
        for scale in self.scales:
            path = self.folder / f"{image.stamp}-{scale:g}.npy"
            if not path.exists():
                loaded = image.load()[0] if loaded is None else loaded
                planes = rescaled(loaded, scale)
                vectors = mirrored_mean(self.teacher, planes, self.device)
                rows = np.concatenate([planes, vectors], axis=-1)
                temporary = path.with_suffix(".part.npy")
                np.save(temporary, rows.astype(np.float16))
                temporary.rename(path)
            # "c": torch wants arrays that could be written to. On the CPU they stay on disk.
            self.rows.append(torch.from_numpy(np.load(path, mmap_mode="c")).to(self.device))

    def crop(self, size: int, generator: np.random.Generator) -> Crop:
        """Draw planes (P, S, S), vectors (D, S, S) and weights (S, S)."""
        rows = self.rows[generator.integers(len(self.rows))]
        places, weights = [], []
        for axis in (0, 1):
            length = rows.shape[axis]
            start = int(generator.integers(max(1, length - size + 1)))
            weight = np.ones(size, np.float32)
            # Beyond the crop the teacher saw more; at the image's own border it did not.
            weight[: MARGIN if start > 0 else 0] = 0
            weight[size - (MARGIN if start + size < length else 0) :] = 0
            place = window(length, start, size)
            flip = slice(None, None, -1 if generator.integers(2) else 1)
            places.append(torch.from_numpy(place[flip].copy()).to(self.device))
            weights.append(torch.from_numpy(weight[flip].copy()).to(self.device))
        part = rows[places[0][:, None], places[1]].float().permute(2, 0, 1)
        planes = self.teacher.planes
        return part[:planes], part[planes:], weights[0][:, None] * weights[1]


def rescaled(planes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return (H, W, P) planes at another scale, smoothed where it is smaller."""
    if scale == 1:
        return planes
    image = torch.from_numpy(planes).permute(2, 0, 1)[None]
    size = [max(1, round(side * scale)) for side in planes.shape[:2]]
    found = functional.interpolate(image, size, mode="bilinear", antialias=True)
    result: NDArray[np.float32] = found[0].permute(1, 2, 0).numpy()
    return result


def mirrored_mean(
    teacher: Model, planes: NDArray[np.float32], device: torch.device
) -> NDArray[np.float32]:
    """Return the unit vectors between those of an image and of its mirror images."""
    total = sum(
        teacher.embed(np.ascontiguousarray(planes[::down, ::right]), device=str(device))[
            ::down, ::right
        ]
        for down, right in MIRRORS
    )
    result: NDArray[np.float32] = total / np.linalg.norm(total, axis=-1, keepdims=True)
    return result


def draw(
    targets: Targets, schedule: Schedule, generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a step's planes, with noise, vectors and weights."""
    crops = [targets.crop(schedule.crop, generator) for _ in range(schedule.batch)]
    planes, vectors, weights = (torch.stack(part) for part in zip(*crops, strict=True))
    return planes + schedule.noise * normal(planes, generator), vectors, weights


def normal(like: Tensor, generator: np.random.Generator) -> Tensor:
    """Return normal numbers; another device draws its own, since the CPU would take longer."""
    if like.device.type == "cpu":
        return torch.from_numpy(generator.standard_normal(like.shape, dtype=np.float32))
    own = torch.Generator(like.device).manual_seed(int(generator.integers(2**62)))
    return torch.randn(like.shape, generator=own, device=like.device)


def regression(
    found: Tensor, wanted: Tensor, weights: Tensor, pair_weight: float, offsets: Sequence[int]
) -> Tensor:
    """Return the mean squared error of the vectors and of their differences."""
    error = found - wanted
    loss = (error.square().sum(1) * weights).sum() / weights.sum()
    for axis, offset in zip((2, 3), offsets, strict=True):
        size = error.shape[axis] - offset
        apart = error.narrow(axis, offset, size) - error.narrow(axis, 0, size)
        both = weights.narrow(axis - 1, offset, size) * weights.narrow(axis - 1, 0, size)
        loss = loss + pair_weight * (apart.square().sum(1) * both).sum() / both.sum()
    return loss


class Student:
    """Weights, their average and the optimiser; all that the next step depends on."""

    def __init__(
        self, teacher: Model, start: Model | None, schedule: Schedule, device: torch.device
    ) -> None:
        self.schedule, self.device = schedule, device
        network = NetworkParams(planes=teacher.planes, dim=teacher.dim, **LEAN)
        self.learner = Learner(network, teacher.mean_shift.params, schedule.seed)
        if start is not None:
            self.learner.network.load_state_dict(start.network.state_dict())
        self.learner.network.mean.copy_(teacher.network.mean)
        self.learner.network.std.copy_(teacher.network.std)
        self.learner.mean_shift.load_state_dict(teacher.mean_shift.state_dict())
        self.learner.mean_shift.requires_grad_(False)
        self.learner.to(device)
        self.average = deepcopy(self.learner).eval().requires_grad_(False)
        self.names = {weight: name for name, weight in self.learner.network.named_parameters()}
        self.optimiser = torch.optim.AdamW(
            self.names, weight_decay=schedule.weight_decay, fused=True
        )
        self.done = 0

    def step(self, targets: Targets) -> float:
        """Make one step; return its loss."""
        schedule = self.schedule
        generator = np.random.default_rng([schedule.seed, self.done])
        planes, vectors, weights = draw(targets, schedule, generator)
        offsets = generator.choice(OFFSETS, 2)
        rise = min(1.0, (self.done + 1) / schedule.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * self.done / schedule.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = schedule.learning_rate * rise * fall
        self.learner.train()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16):
            found = self.learner.network(planes)
        loss = regression(found, vectors, weights, schedule.pair_weight, offsets.tolist())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learner.network.parameters(), 1.0)
        self.optimiser.step()
        update_average(self.average, self.learner, schedule.ema, self.done)
        self.done += 1
        return loss.item()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state."""
        result = {f"learner.{k}": v for k, v in self.learner.state_dict().items()}
        result |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        return result | optimiser_tensors(self.optimiser, self.names)

    def restore(self, done: int, tensors: dict[str, Tensor]) -> None:
        """Go back to a state."""
        for prefix, module in (("learner.", self.learner), ("average.", self.average)):
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        restore_optimiser(self.optimiser, self.names, tensors)
        self.done = done


def learn(
    student: Student, targets: Targets, store: Checkpoint, every: int, last: int
) -> Iterator[tuple[int, float, float]]:
    """Make the steps that are left; yield step, mean loss and seconds a step, now and then."""
    losses, begin = [], time.perf_counter()
    while student.done < last:
        losses.append(student.step(targets))
        if student.done % every == 0 or student.done == last:
            store.save(student.done, student.tensors())
            yield student.done, float(np.mean(losses)), (time.perf_counter() - begin) / len(losses)
            losses, begin = [], time.perf_counter()


def finished(
    student: Student, teacher: Model, name: str, settings: dict[str, Any],
    data_sets: Sequence[dict[str, Any]], images: int,
) -> Model:  # fmt: skip
    """Return the student as a model that says where it comes from."""
    learner = deepcopy(student.average).cpu()
    told = {**settings, "mean_shift_trained": teacher.mean_shift_trained}
    origin = [*teacher.metadata["data_sets"], *data_sets]
    metadata = describe(name, learner, told, origin, images)
    return Model(learner.network, learner.mean_shift, metadata)


def main() -> None:
    """Prepare, learn, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", help="files or folders")
    parser.add_argument("--microscopy", type=Path, help="folder of the sets of microscopy images")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--start", help="a student to go on from")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="targets and checkpoint")
    parser.add_argument("--targets", type=Path, help="targets elsewhere, for several students")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--stop", type=int, help="leave after so many steps of the schedule")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--pair-weight", type=float, default=1.0)
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 0.7])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint-every", type=int, default=200)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True  # every step has the same shapes
    teacher = load_model(args.teacher)
    start = None if args.start is None else load_model(args.start)
    pictures: list[Any] = list(args.images)
    if args.microscopy is not None:
        pictures += collect(args.microscopy, list(SETS))[0]
    schedule = Schedule(
        args.steps, args.batch, args.crop, args.learning_rate, args.noise, args.pair_weight,
        tuple(args.scales), args.seed,
    )  # fmt: skip
    reading = {"channel_axis": None, "rgb": None, "slices": "each"}
    images = sources(pictures, teacher.planes, 1.0, reading)
    settings: dict[str, Any] = {
        "distilled": vars(schedule)
        | {"teacher": teacher.name, "sha256": teacher.sha256, "margin": MARGIN}
        | ({} if start is None else {"start": start.sha256})
    }
    student = Student(teacher, start, schedule, args.device)
    stamps = {"images": [image.stamp for image in images]}
    store = Checkpoint(args.folder, settings | stamps)
    if args.resume:
        student.restore(*store.load())
    else:
        store.begin()
    targets = Targets(
        args.targets or args.folder / "targets", teacher, schedule.scales, args.device
    )
    for number, image in enumerate(images, 1):
        targets.add(image)
        print(f"image {number}/{len(images)}", end="\r", flush=True)
    print(flush=True)
    last = min(args.stop or args.steps, args.steps)
    for step, loss, seconds in learn(student, targets, store, args.checkpoint_every, last):
        store.append({"step": step, "loss": loss})
        print(f"step {step}/{schedule.steps}  loss {loss:.4f}  {seconds:.3f} s", flush=True)
        model = finished(student, teacher, args.output.stem, settings, [], len(images))
        model.save(args.output, half=True, overwrite=True)
    print(args.output)


if __name__ == "__main__":
    main()
