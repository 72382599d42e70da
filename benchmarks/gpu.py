r"""All that is to be said of a GPU, by one command: checks, measures, and a training.

    tox run -e cuda [-- --images BSDS500/images/train --minutes 10 -o trained.safetensors]
    python benchmarks/gpu.py [--device cuda] [--side 16384] [--images FOLDER ... -o FILE]

Checks: the embedding in float32 beside the CPU's, in bfloat16 within a wider bound; labels; losses
of the first steps of a training, and of a resumed one. Measures: the embedding, training steps, and
superpixels of a large image in tiles, where the network works on the GPU while the processors read
and grow; how busy each was, and the peak of the GPU's memory. Without a GPU it says so and ends.
With ``--device cpu`` and small sizes all of it can be tried anywhere.

``--model-of-overlap`` needs no GPU: the network is replaced by one that sleeps as long as it is
told to, one block at a time, so it can be seen how much of that is hidden behind the other work.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from large import Endless
from memory import photograph

import napari_sen
from napari_sen.learn.model import Model, load_model
from napari_sen.learn.training import TrainingStep
from napari_sen.params import ContrastParams, TrainParams
from napari_sen.pipeline.train import training_steps

FLOAT32_BOUND = 1e-4  # of a unit vector's entries
BFLOAT16_BOUND = 1e-4  # of Psi, in the mean
LABELS_BOUND = 0.999  # share of pixels with the CPU's label
LOSS_BOUND = 0.02  # of the mean loss of ten steps, relative
SIZE = 20.0  # px, of superpixels
MIRRORLESS = 400  # px, the shorter side of the photograph


@dataclass
class Report:
    """Lines of Markdown, printed as they come, and whether a check failed."""

    failed: list[str] = field(default_factory=list)

    def say(self, what: str, value: str) -> None:
        """Print a figure."""
        print(f"- {what}: {value}", flush=True)

    def check(self, what: str, holds: bool, value: str) -> None:
        """Print a figure that must hold."""
        self.say(what, f"{value} - {'holds' if holds else 'FAILS'}")
        if not holds:
            self.failed.append(what)


class Clock:
    """Seconds that the network was at work, whoever asked it."""

    def __init__(self, embed: Callable[..., np.ndarray]) -> None:
        self.embed, self.spent, self.calls, self._lock = embed, 0.0, 0, threading.Lock()

    def timed(self, model: Model, planes: np.ndarray, **how: Any) -> np.ndarray:
        """Embed, and count."""
        begin = time.perf_counter()
        found = self.embed(model, planes, **how)
        with self._lock:
            self.spent += time.perf_counter() - begin
            self.calls += 1
        return found


class Sleeper:
    """A network that does nothing for a given time, one block after the other."""

    def __init__(self, seconds_per_pixel: float) -> None:
        self.seconds_per_pixel, self._device = seconds_per_pixel, threading.Lock()

    def embed(self, model: Model, planes: np.ndarray, **how: Any) -> np.ndarray:
        """Return the same vector everywhere, late."""
        with self._device:
            time.sleep(self.seconds_per_pixel * planes.shape[0] * planes.shape[1])
        rows = np.zeros((*planes.shape[:2], model.dim), np.float32)
        rows[..., 0] = 1
        return rows


def check_embedding(report: Report, model: Model, device: str, side: int) -> None:
    """Compare the device's embedding with the CPU's."""
    planes = photograph(side)[..., :3].astype(np.float32) / 255
    for clustered in (False, True):
        ours = model.embed(planes, clustered=clustered)
        theirs = model.embed(planes, clustered=clustered, device=device)
        apart = float(np.abs(ours - theirs).max())
        name = "clustered embedding" if clustered else "embedding"
        report.check(f"{name}, float32, largest difference", apart <= FLOAT32_BOUND, f"{apart:.1e}")


def check_bfloat16(report: Report, model: Model, device: str, side: int) -> None:
    """Compare bfloat16 on the device with float32 on the CPU."""
    planes = photograph(side)[..., :3].astype(np.float32) / 255
    ours = model.embed(planes)
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        theirs = model.embed(planes, device=device)
    psi = float(((ours - theirs) ** 2).sum(-1).mean() / 4)
    report.check("embedding, bfloat16, mean Psi", psi <= BFLOAT16_BOUND, f"{psi:.1e}")


def check_labels(report: Report, model: Model, device: str, side: int) -> None:
    """Compare superpixels with the CPU's.

    On a photograph that is not mirrored to fill the square: there every merge would have a
    twin of the same cost, and the last bit would decide which is first.
    """
    image = photograph(min(side, MIRRORLESS))
    for method in ("snic", "tree"):
        ours, theirs = (
            napari_sen.segment(image, size=SIZE, method=method, model=model, device=where)
            for where in ("cpu", device)
        )
        same = float((ours == theirs).mean())
        report.check(f"labels, {method}, equal", same >= LABELS_BOUND, f"{100 * same:.3f} %")


def small_training(device: str, steps: int, **more: Any) -> Generator[float]:
    """Yield the losses of a small training in float32."""
    schedule = TrainParams(
        recipe="regions", steps=steps, batch=2, crop=96, precision="float32", validation=0.0,
        checkpoint_every=max(1, steps // 2),
    )  # fmt: skip
    found = training_steps(
        [photograph(192)], schedule=schedule, contrast=ContrastParams(sampled=256), device=device,
        **more,
    )  # fmt: skip
    with contextlib.closing(found):
        for item in found:
            if isinstance(item, TrainingStep):
                yield item.loss


def check_training(report: Report, device: str, steps: int) -> None:
    """Compare the first losses with the CPU's; they part slowly, as roundings differ."""
    ours, theirs = [*small_training("cpu", steps)], [*small_training(device, steps)]
    first = abs(ours[0] / theirs[0] - 1)
    last = abs(np.mean(ours[-10:]) / np.mean(theirs[-10:]) - 1)
    holds = first <= FLOAT32_BOUND and last <= LOSS_BOUND
    report.check(
        f"losses of {steps} steps beside the CPU's", holds,
        f"first {first:.1e}, mean of the last ten {last:.1e} apart",
    )  # fmt: skip


def check_resume(report: Report, device: str, steps: int) -> None:
    """Compare the step after a checkpoint with the same step of a training that read it.

    One step alone: a change of 1e-7 in the weights changes the losses of ten steps by percents.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept, copied = Path(folder) / "kept", Path(folder) / "copied"
        with contextlib.closing(small_training(device, steps, checkpoint=kept)) as whole:
            for _ in range(steps // 2):
                next(whole)
            shutil.copytree(kept, copied)
            goes_on = next(whole)
        again = small_training(device, steps, checkpoint=copied, resume=True)
        with contextlib.closing(again):
            resumed = next(again)
    apart = abs(resumed / goes_on - 1)
    report.check("loss of a resumed training", apart <= FLOAT32_BOUND, f"{apart:.1e} apart")


def synchronise(device: str) -> None:
    """Wait until the device has done its work."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def rate(work: Callable[[], Any], device: str, seconds: float = 3.0) -> float:
    """Return how often a second something is done, after a first time."""
    work()
    synchronise(device)
    count, begin = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - begin < seconds:
        work()
        count += 1
    synchronise(device)
    return count / (time.perf_counter() - begin)


def measure_network(report: Report, model: Model, device: str, sides: tuple[int, ...]) -> None:
    """Measure the embedding of one image after the other, to and from the device."""
    for side in sides:
        planes = photograph(side)[..., :3].astype(np.float32) / 255
        per_second = rate(lambda planes=planes: model.embed(planes, device=device), device)
        report.say(
            f"embedding, {side} x {side} px",
            f"{per_second:.1f} images/s, {per_second * side**2 / 1e6:.1f} Mpx/s",
        )


def schedule_of(steps: int) -> TrainParams:
    """Return how a model is trained on a GPU."""
    return TrainParams(recipe="regions", steps=steps, crop=160, batch=8, noise=0.02)


def measure_training(report: Report, device: str) -> float:
    """Measure training steps a second."""
    steps = training_steps([photograph(512)], schedule=schedule_of(10_000), device=device)
    per_second = rate(lambda: next(steps), device)
    report.say("training, recipe regions, 8 x 2 crops of 160 px", f"{per_second:.2f} steps/s")
    return per_second


def superpixels_in_tiles(
    side: int, tile: int, device: str, model: Any, workers: int | None, method: str = "snic"
) -> float:
    """Make superpixels of a large image in tiles; return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        napari_sen.segment(
            Endless(side), size=SIZE, method=method, model=model, device=device, tile=tile,
            out=Path(folder) / "labels.zarr", scheduler=workers,
        )  # fmt: skip
        return time.perf_counter() - begin


def measure_tiles(
    report: Report, device: str, model: str | Model, side: int, tile: int, workers: int | None,
    method: str,
) -> None:  # fmt: skip
    """Measure superpixels of a large image, and how much of the time the network was at work."""
    clock = Clock(Model.embed)
    is_cuda = torch.device(device).type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    with replaced(clock.timed):
        seconds = superpixels_in_tiles(side, tile, device, model, workers, method)
    report.say(
        f"superpixels, {method}, {side} x {side} px, tiles of {tile}",
        f"{seconds:.1f} s, {side**2 / seconds / 1e6:.2f} Mpx/s; network at work "
        f"{100 * clock.spent / seconds:.0f} % of the time, {clock.calls} blocks",
    )
    if is_cuda:
        report.say("peak of the GPU's memory", f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


class replaced:
    """For a while every model embeds by another function."""

    def __init__(self, embed: Callable[..., np.ndarray]) -> None:
        self.embed = embed

    def __enter__(self) -> None:
        self.before = Model.embed
        Model.embed = lambda model, planes, **how: self.embed(model, planes, **how)  # type: ignore

    def __exit__(self, *_: object) -> None:
        Model.embed = self.before  # type: ignore[method-assign]


def overlap(
    side: int, tile: int, workers: int, seconds_per_pixel: float
) -> tuple[float, float, float]:
    """Return seconds without a network, of the sleeping network alone, and of both together."""
    nothing, sleeper = Sleeper(0.0), Sleeper(seconds_per_pixel)
    clock = Clock(sleeper.embed)
    with replaced(nothing.embed):
        without = superpixels_in_tiles(side, tile, "cpu", "microscopy", workers)
    pixels: list[int] = []

    def noted(model: Model, planes: np.ndarray, **how: Any) -> np.ndarray:
        pixels.append(planes.shape[0] * planes.shape[1])
        return clock.timed(model, planes, **how)

    with replaced(noted):
        together = superpixels_in_tiles(side, tile, "cpu", "microscopy", workers)
    return without, seconds_per_pixel * sum(pixels), together


def say_overlap(report: Report, side: int, tile: int, workers: int) -> None:
    """Tell how much of a sleeping device's time is hidden behind the processors' work."""
    with replaced(Sleeper(0.0).embed):
        superpixels_in_tiles(tile, tile, "cpu", "microscopy", workers)  # loads the code
    for speed in (5e6, 20e6, 80e6):  # px/s of the device
        without, alone, together = overlap(side, tile, workers, 1 / speed)
        report.say(
            f"a device of {speed / 1e6:.0f} Mpx/s, {workers} workers, {side} x {side} px",
            f"{together:.1f} s together; apart {without:.1f} s of the processors and {alone:.1f} s "
            f"of the device; the device is busy {100 * alone / together:.0f} % of the time",
        )


def train(report: Report, args: argparse.Namespace, per_second: float) -> None:
    """Train for about so many minutes and keep the model."""
    steps = max(1, round(60 * args.minutes * per_second))
    begin = time.perf_counter()
    for item in training_steps(
        args.images, name=args.output.stem, schedule=schedule_of(steps), device=args.device
    ):
        if isinstance(item, Model):
            path = item.save(args.output, half=True, overwrite=True)
            spent = (time.perf_counter() - begin) / 60
            report.say("training", f"{steps} steps in {spent:.1f} min: {path}")


def run_checks(report: Report, model: Model, device: str, side: int, steps: int) -> None:
    """Run every check."""
    check_embedding(report, model, device, side)
    check_bfloat16(report, model, device, side)
    check_labels(report, model, device, side)
    check_training(report, device, steps)
    check_resume(report, device, max(4, steps // 5))


def missing(device: str) -> str | None:
    """Return why nothing can be run on a device, None if it is there."""
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        return f"skipped: torch {torch.__version__} sees no CUDA device on this machine"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="natural")
    parser.add_argument("--side", type=int, default=16384, help="of the large image, px")
    parser.add_argument("--tile", type=int, default=768)
    parser.add_argument("--workers", type=int, help="threads beside the device; default: cores")
    parser.add_argument("--check-side", type=int, default=481, help="of the compared image, px")
    parser.add_argument("--steps-compared", type=int, default=50)
    parser.add_argument("--network-sides", type=int, nargs="+", default=[481, 2048])
    parser.add_argument("--model-of-overlap", action="store_true", help="without a GPU")
    parser.add_argument("--images", type=Path, nargs="+", help="to train on")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    parser.add_argument("-o", "--output", type=Path, default=Path("trained.safetensors"))
    args = parser.parse_args(arguments)
    report = Report()
    if args.model_of_overlap:
        say_overlap(report, args.side, args.tile, args.workers or 2)
        return 0
    reason = missing(args.device)
    if reason is not None:
        print(reason)
        return 0
    if torch.device(args.device).type == "cuda":
        report.say("card", torch.cuda.get_device_name())
    model = load_model(args.model)
    run_checks(report, model, args.device, args.check_side, args.steps_compared)
    measure_network(report, model, args.device, tuple(args.network_sides))
    per_second = measure_training(report, args.device)
    for method in ("snic", "tree"):
        measure_tiles(report, args.device, model, args.side, args.tile, args.workers, method)
    if args.images:
        train(report, args, per_second)
    print("all checks hold" if not report.failed else f"FAILED: {', '.join(report.failed)}")
    return int(bool(report.failed))


if __name__ == "__main__":
    raise SystemExit(main())
