"""The step Train: on which images, with a live picture, stopped and resumed; no Qt in here."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...core.image import interpret
from ...disk import discard_folder, make_folder, write_durably
from ...errors import DataError, ImageError, OutputError, ParameterError
from ...params import (
    LossParams,
    MeanShiftParams,
    NetworkParams,
    Params,
    PseudoLabelParams,
    TrainParams,
    check_model_name,
)
from ..layers.made import mark
from ..layers.results import Finished, Loss, Preview, Result
from ..state.control import Control
from ..state.layer_image import LayerImage
from .settings import Settings, TrainingChoice
from .step import DockStep

if TYPE_CHECKING:
    from ...learn.model import Model
    from ...learn.training import TrainingStep

__all__ = ["TRAIN", "check", "train", "unfinished"]

log = logging.getLogger("napari_sen")

KINDS: tuple[type[Params], ...] = (
    TrainParams, NetworkParams, MeanShiftParams, LossParams, PseudoLabelParams,
)  # fmt: skip
FORMS = "parameters.json"
# Seconds between two live pictures, and the largest share of the time that they may take.
PREVIEW_EVERY = 3.0
PREVIEW_SHARE = 0.1


def _folder(name: str) -> Path:
    from ...learn.registry import user_folder

    return user_folder().parent / "trainings" / name


def unfinished(name: str) -> bool:
    """Return whether there is a training of this name that was stopped and can go on."""
    try:
        return (_folder(check_model_name(name)) / FORMS).is_file()
    except ParameterError:
        return False


def check(settings: Settings) -> None:
    """Raise SenError if a training of this name cannot begin, or cannot go on."""
    name, choice = check_model_name(settings.new_model), settings.training
    if not choice.sources and choice.folder is None:
        raise DataError("there is nothing to train on: choose an image, select layers, or a folder")
    if choice.folder is not None and not choice.folder.is_dir():
        raise DataError(f"there is no folder {choice.folder}: choose the folder of your images")
    if len({source.rgb for source in choice.sources}) > 1:
        raise DataError("train on layers of one kind: all RGB, or none of them")
    if choice.resume:
        if not unfinished(name):
            raise ParameterError(f"there is no unfinished training {name!r}: press Train to begin")
        return
    if unfinished(name):
        raise OutputError(
            f"there is an unfinished training {name!r}: press Resume to go on, or take another name"
        )
    if _path(name).exists():
        raise OutputError(f"there is a model {name!r} already: take another name")


def _path(name: str) -> Path:
    from ...learn.registry import user_folder

    return user_folder() / f"{name}.safetensors"


def train(source: None, settings: Settings, control: Control) -> Finished:
    """Train a model, save it under the user's models, tell how it went."""
    from ...learn.model import Model
    from ...pipeline.train import training_steps
    from ..state.catalogue import look_up

    choice, name = settings.training, settings.new_model
    folder = _folder(name)
    params = _read(folder) if choice.resume else {kind: settings[kind] for kind in KINDS}
    images, reading = _images(choice, control)
    if not choice.resume:
        _write(folder, params)
    show = _Preview(choice.preview, settings.device, control)
    steps = training_steps(
        images,
        **reading,
        name=name,
        start=choice.start,
        **_recipe(params, choice.start),
        checkpoint=folder,
        resume=choice.resume,
        device=settings.device,
        progress=control.progress,
        snapshot=lambda step: control.is_finishing or show.is_due(step),
    )
    done = last = 0
    model: Model | None = None
    try:
        for item in steps:
            if not isinstance(item, Model):
                control.live(Loss(item.step, item.loss, item.validation))
                done, last = item.step, item.steps
                continue
            model = item
            if control.is_finishing:
                break
            show(item, done)
        steps.close()  # type: ignore[attr-defined]  # keeps the state, if it was not the end
    except BaseException:
        steps.close()  # type: ignore[attr-defined]  # may have been stopped in the preview
        if not choice.resume:
            discard_folder(folder)
        raise
    assert model is not None
    show(model, done)
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path, overwrite=choice.resume)
    if done < last and control.is_finishing:
        message = f"model {name} is saved after {done} of {last} steps; Resume goes on"
        return Finished([], message, look_up())
    discard_folder(folder)
    message = f"model {name} is trained and can be chosen"
    if done < last:
        message += f": its validation loss no longer fell, so it ended after {done} of {last} steps"
    return Finished([], message, look_up())


def _recipe(params: dict[type[Params], Any], start: str | None) -> dict[str, Any]:
    """Return the parameter sets that the chosen recipe uses."""
    result = {"schedule": params[TrainParams]}
    if start is None:
        result |= {"network": params[NetworkParams], "mean_shift": params[MeanShiftParams]}
    if params[TrainParams].recipe == "pairs":
        result |= {"loss": params[LossParams], "pseudo_labels": params[PseudoLabelParams]}
    return result


def _images(choice: TrainingChoice, control: Control) -> tuple[list[Any], dict[str, Any]]:
    """Return the images with channels last, and how they are to be read."""
    if choice.folder is not None:
        return [choice.folder], {}
    images = [_channels_last(source, control) for source in choice.sources]
    if choice.sources[0].rgb:
        return images, {"rgb": True, "slices": "each"}
    return images, {"channel_axis": -1, "slices": "each"}


def _channels_last(source: LayerImage, control: Control) -> np.ndarray:
    reading = source.reading | ({"slices": "each"} if source.slices else {})
    return interpret(source.load(control), **reading).data


def _write(folder: Path, params: dict[type[Params], Any]) -> None:
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            make_folder(folder)
        content = {kind.__name__: params[kind].to_dict() for kind in KINDS}
        write_durably(folder / FORMS, json.dumps(content).encode())
    except OSError as error:
        raise OutputError(f"cannot keep the training in {folder}: {error.strerror}") from error


def _read(folder: Path) -> dict[type[Params], Any]:
    try:
        content = json.loads((folder / FORMS).read_text(encoding="utf-8"))
        return {kind: kind.from_dict(content[kind.__name__]) for kind in KINDS}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder / FORMS} is damaged: delete {folder} and train anew") from error


class _Preview:
    """Shows what the model sees, now and then."""

    def __init__(self, source: LayerImage | None, device: str, control: Control) -> None:
        self._source, self._device, self._control = source, device, control
        self._next = 0.0
        self._image: np.ndarray | None = None
        self._last: np.ndarray | None = None

    def is_due(self, step: TrainingStep) -> bool:
        return self._source is not None and time.monotonic() >= self._next

    def __call__(self, model: Model, step: int) -> None:
        import napari_sen

        from ...core.pca import pca_rgb

        source, start = self._source, time.monotonic()
        if source is None:
            return
        if self._image is None:
            self._image = source.load(self._control)
        try:
            embedding = napari_sen.embed(
                self._image,
                **source.reading,
                model=model,
                device=self._device,
                progress=lambda done, total, stage: self._control.check(),
            )
        except ImageError as error:  # such as pixels without a value; the training goes on
            log.info("no pictures of the training are shown: %s", error)
            self._source = None
            return
        colours = pca_rgb(embedding)
        if self._last is not None:
            colours = aligned(colours, self._last)
        self._last = colours
        picture = source.placement.shape(colours)
        name = f"{source.name} training preview"
        options = {"rgb": True, **mark("training preview")}
        result = Result("image", name, picture, source.placement, options)
        self._control.live(Preview(step, result))
        now = time.monotonic()
        self._next = now + max(PREVIEW_EVERY, (now - start) / PREVIEW_SHARE)


def aligned(picture: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return a picture with its colours exchanged and inverted so that they are most like the last.

    Main directions come in any order and sign: without this, colours flip from one to the next.
    """
    flat = [each.reshape(-1, 3).astype(float) for each in (picture, last)]
    centred = [each - each.mean(axis=0) for each in flat]
    length = [np.maximum(np.linalg.norm(each, axis=0), 1e-12) for each in centred]
    alike = (centred[0] / length[0]).T @ (centred[1] / length[1])
    own, theirs = linear_sum_assignment(-np.abs(alike))
    result = np.empty_like(picture)
    for mine, channel in zip(own, theirs, strict=True):
        values = picture[..., mine]
        result[..., channel] = values if alike[mine, channel] >= 0 else 255 - values
    return result


TRAIN = DockStep(
    "Train a model",
    "Train a new model on your own images. It needs no labels.",
    train,
    (TrainParams, NetworkParams, MeanShiftParams, LossParams),
    ("steps",),
    check,
    hidden=("planes",),
    uses=("pseudo_labels",),
    own_images=True,
)
