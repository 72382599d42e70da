"""Train a model; list the models that are there."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Cancelled, ModelError, ParameterError
from ..evaluation.plots import check_matplotlib
from ..evaluation.training_plot import read_log, write_training_plot
from ..io.atomic import check_output
from ..learn.model import Model, ModelInfo, load_model, resolve_device, user_folder
from ..learn.model import models as known_models
from ..learn.training import TrainingStep
from ..params import (
    MODEL_KINDS,
    ContrastParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    Params,
    PseudoLabelParams,
    RegionParams,
    TrainParams,
    check_model_name,
)
from ..pipeline.train import training_steps
from .console import Reporter, columns
from .options import chosen, given_params

__all__ = ["models", "train"]

SETS_SHOWN = 2  # of the data sets that a model was trained on; --json and its card name all

_P = TypeVar("_P", bound=Params)


def train(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Images to a model file."""
    if args.every < 1:
        raise ParameterError(f"--every must be at least 1, got {args.every}")
    if args.resume and args.checkpoint is None:
        raise ParameterError("--resume needs --checkpoint, the folder to go on from")
    draw = _plotter(args)
    goal = _goal(args)
    check_output(goal, suffixes=(".safetensors",), inputs=args.images, overwrite=args.overwrite)
    device = str(resolve_device(args.device))
    step: TrainingStep | None = None
    with _gentle_interrupt(args, reporter) as progress:
        for item in training_steps(
            args.images,
            start=args.start,
            name=goal.stem,
            network=_shape(args, NetworkParams, "network_"),
            mean_shift=_shape(args, MeanShiftParams, "mean_shift_"),
            loss=given_params(args, LossParams, "loss_"),
            pseudo_labels=given_params(args, PseudoLabelParams, "labels_"),
            contrast=given_params(args, ContrastParams, "contrast_"),
            regions=given_params(args, RegionParams, "regions_"),
            schedule=given_params(args, TrainParams),
            checkpoint=args.checkpoint,
            resume=args.resume,
            data_sets=[_data_set(text) for text in args.data_set],
            rgb=args.rgb,
            channel_axis=args.channel_axis,
            slices=args.slices,
            device=args.device,
            progress=progress,
        ):
            if isinstance(item, Model):
                item.save(goal, half=args.half, overwrite=args.overwrite)
            else:
                step = item
                _tell(step, args.every, reporter)
                draw(step)
    reporter.stage_done()
    last = {} if step is None else {"steps": step.step, "loss": step.loss, "kappa": step.kappa}
    seconds = {stage: round(value, 3) for stage, value in reporter.seconds.items()}
    outputs = [str(path) for path in (goal, args.plot) if path is not None]
    return {"device": device} | last | {"seconds": seconds, "outputs": outputs}


def models(args: Namespace, reporter: Reporter) -> dict[str, Any] | str:
    """List the models that are known by name."""
    entries = [_entry(info) for info in known_models()]
    if args.json:
        return {"models": entries}
    if not entries:
        return f"There are no models; your own are looked for in {user_folder()}."
    usable = [_row(entry) for entry in entries if "problem" not in entry]
    problems = [
        f"{it['name']} cannot be used: {it['problem']}" for it in entries if "problem" in it
    ]
    return "\n".join([*([columns(usable)] if usable else []), *problems])


def _entry(info: ModelInfo) -> dict[str, Any]:
    """Return what there is to say of a model."""
    entry: dict[str, Any] = {"name": info.name, "path": str(info.path), "bundled": info.bundled}
    try:
        model = load_model(info.path)  # its weights are checked too
    except ModelError as error:
        return entry | {"problem": str(error)}
    return entry | {
        "kind": MODEL_KINDS.get(info.name) if info.bundled else None,
        "planes": model.planes,
        "dim": model.dim,
        "bytes": info.path.stat().st_size,
        "sha256": model.sha256,
        "data_sets": model.metadata["data_sets"],
    }


def _row(entry: dict[str, Any]) -> dict[str, str]:
    """Return a model's line in the table."""
    names = [item.get("name", "") for item in entry["data_sets"]]
    more = f", {len(names) - SETS_SHOWN} more" if len(names) > SETS_SHOWN else ""
    return {
        "name": entry["name"],
        "kind": entry["kind"] or "your own",
        "planes": str(entry["planes"]),
        "dim": str(entry["dim"]),
        "size": f"{entry['bytes'] / 1e6:.1f} MB",
        "sha256": entry["sha256"][:12],
        "trained on": "; ".join(names[:SETS_SHOWN]) + more or "not recorded",
    }


def _shape(args: Namespace, kind: type[_P], prefix: str) -> _P | None:
    """Return the parameters given; None leaves a model that training goes on from as it is."""
    given = chosen(args, kind, prefix)
    return kind(**given) if given or args.start is None else None


def _goal(args: Namespace) -> Path:
    """Return the model file to write; for a name, in the user's own folder of models."""
    if args.output is not None:
        return Path(args.output)
    name = check_model_name(args.name)
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.safetensors"


def _plotter(args: Namespace) -> Callable[[TrainingStep], None]:
    """Return what draws the log after a step, where that is asked for."""
    if args.plot is None:
        return lambda _: None
    if args.checkpoint is None:
        raise ParameterError("--plot draws the log of a checkpoint: give --checkpoint too")
    check_output(args.plot, suffixes=(".png",), inputs=args.images, overwrite=True)
    check_matplotlib("leave out --plot")
    every = given_params(args, TrainParams).checkpoint_every

    def draw(step: TrainingStep) -> None:
        if step.step % every == 0 or step.step == step.steps:
            write_training_plot(read_log(Path(args.checkpoint) / "log.jsonl"), Path(args.plot))

    return draw


def _data_set(text: str) -> dict[str, str]:
    name, equals, licence = text.partition("=")
    if not (name and equals and licence):
        raise ParameterError(f"--data-set must be NAME=LICENCE, got {text!r}")
    return {"name": name.strip(), "licence": licence.strip()}


def _tell(step: TrainingStep, every: int, reporter: Reporter) -> None:
    if step.step % every and step.step != step.steps and step.step != 1:
        return
    text = f"step {step.step}/{step.steps}  loss {step.loss:.4f}  kappa {step.kappa:.2f}"
    if step.found is not None:
        text += f"  found {step.found:.3f}"
    if step.validation is not None:
        text += f"  validation {step.validation:.4f}"
    reporter.say(text)


@contextmanager
def _gentle_interrupt(args: Namespace, reporter: Reporter) -> Iterator[Any]:
    """Give a progress callable that cancels between two steps once Ctrl-C was pressed.

    Then the state is whole when it is saved. A second Ctrl-C stops at once.
    """
    asked = False

    def stop(*_: object) -> None:
        # Nothing is printed here: the signal may have come in the middle of another print.
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    def progress(done: int, total: int, stage: str) -> None:
        reporter(done, total, stage)
        if asked:
            raise Cancelled

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield progress
    except Cancelled as cancelled:
        # Said only now: the state is on disk.
        raise Cancelled(_how_to_resume(args)) from cancelled
    finally:
        signal.signal(signal.SIGINT, before)


def _how_to_resume(args: Namespace) -> str:
    if args.checkpoint is None:
        return "nothing was kept (--checkpoint keeps the state)"
    if not (Path(args.checkpoint) / "state.safetensors").exists():
        return f"no step was done; what was prepared is kept in {args.checkpoint}"
    return f"the state is kept in {args.checkpoint}; go on with the same command and --resume"
