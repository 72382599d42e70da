"""Images to a model: what ``train`` accepts, made into the sources of the training loop."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import check_planes
from ..errors import DataError, ImageError, ParameterError
from ..io.read import images_in
from ..learn.dataset import TrainingImage
from ..learn.model import Model
from ..learn.recipes import make_recipe
from ..learn.training import TrainingStep, run
from ..options import Reading
from ..params import (
    ContrastParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    RegionParams,
    TrainParams,
)
from ..progress import Progress
from .features import Scene
from .model_choice import choose_model
from .plan import scenes

__all__ = ["sources", "train", "training_steps"]

log = logging.getLogger("napari_sen")


def train(
    images: Any,
    *,
    start: Model | str | os.PathLike[str] | None = None,
    name: str = "model",
    steps: int | None = None,
    network: NetworkParams | None = None,
    mean_shift: MeanShiftParams | None = None,
    loss: LossParams | None = None,
    pseudo_labels: PseudoLabelParams | None = None,
    contrast: ContrastParams | None = None,
    regions: RegionParams | None = None,
    schedule: TrainParams | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_sets: Sequence[Mapping[str, Any]] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Model:
    """Train a network on images, without any labels.

    Its settings are parameter sets of :mod:`napari_sen.params`, each with its defaults.

    Parameters
    ----------
    images : array, path, folder, or list of these
        The images to learn from. Every slice of a stack counts as an image of its own. Files in a
        folder that cannot be used are skipped, with a line in the log for each.
    start : Model, name or path, optional
        A model to start from, such as ``"natural"``: a few hundred steps then adapt it to your
        own images. By default training starts from random weights.
    name : str
        Name of the new model.
    steps : int, optional
        Number of optimiser steps, at least 1, in place of ``schedule.steps`` (2000 by default).
    network : NetworkParams, optional
        Shape of the network. Leave it out with ``start``, which brings its own.
    mean_shift : MeanShiftParams, optional
        Settings of the mean shift; by default those of ``start``, if there is one.
    loss : LossParams, optional
        The loss of the recipe "pairs".
    pseudo_labels : PseudoLabelParams, optional
        What the recipe "pairs" learns from.
    contrast : ContrastParams, optional
        The loss of the recipe "regions".
    regions : RegionParams, optional
        What the recipe "regions" learns from, and "pairs" with the teacher "regions".
    schedule : TrainParams, optional
        The course of the training. Its ``recipe`` is "pairs", as in the paper, or "regions": a
        contrast of regions between two views of an image, which by default does not train the
        mean shift.
    checkpoint : path, optional
        Folder that keeps the state and the log, so that a training can be resumed.
    resume : bool
        Continue from ``checkpoint``. The weights will be those of an uninterrupted training.
    data_sets : sequence of mappings, optional
        Name, licence and number of images of each data set, for the model card.
    channel_axis, rgb
        As for :func:`napari_sen.segment`.
    slices : "each", optional
        Stacks are read slice by slice.
    device : str
        As for :func:`napari_sen.segment`.
    progress : callable, optional
        Called as ``progress(done, total, stage)``. If it raises
        :class:`~napari_sen.Cancelled`, the state is saved to ``checkpoint`` first.

    Returns
    -------
    Model
        Keep it with ``model.save(path)``, or pass it to any function as ``model=``.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; later, if the work fails. The message
        names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import embed, train
    >>> image = np.random.default_rng(0).integers(256, size=(64, 64))
    >>> model = train([image], start="microscopy", name="mine", steps=1)
    >>> model
    <Model 'mine': 3 planes to 16 numbers per pixel>
    >>> embed(image, model=model).shape
    (64, 64, 16)
    """
    asked = locals()
    steps_made = training_steps(**asked)
    return next(item for item in steps_made if isinstance(item, Model))


def training_steps(
    images: Any,
    *,
    start: Model | str | os.PathLike[str] | None = None,
    name: str = "model",
    steps: int | None = None,
    network: NetworkParams | None = None,
    mean_shift: MeanShiftParams | None = None,
    loss: LossParams | None = None,
    pseudo_labels: PseudoLabelParams | None = None,
    contrast: ContrastParams | None = None,
    regions: RegionParams | None = None,
    schedule: TrainParams | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_sets: Sequence[Mapping[str, Any]] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    snapshot: Callable[[TrainingStep], bool] | None = None,
) -> Iterator[TrainingStep | Model]:
    """Train step by step: yields a record per step and, last, the Model; see :func:`train`.

    ``snapshot`` is asked after every step: where it returns True, the Model so far is yielded too.
    """
    if slices == "volume":
        raise ParameterError("a model learns from slices: give slices='each', or leave it out")
    first = None if start is None else choose_model(start, required=True)
    planes = (network or NetworkParams()).planes if first is None else first.planes
    schedule = schedule or TrainParams()
    if steps is not None:
        schedule = TrainParams.from_dict(schedule.to_dict() | {"steps": steps})
    labels = make_recipe(schedule, loss, pseudo_labels, contrast, regions).labels
    reading = {"channel_axis": channel_axis, "rgb": rgb, "slices": slices or "each"}
    return run(
        sources(images, planes, labels.smoothing, reading),
        start=first,
        network=network,
        mean_shift=mean_shift,
        loss=loss,
        pseudo_labels=pseudo_labels,
        contrast=contrast,
        regions=regions,
        train=schedule,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        resume=resume,
        device=device,
        name=name,
        data_sets=data_sets,
        progress=progress,
        snapshot=snapshot,
    )


def sources(
    images: Any, planes: int, smoothing: float, reading: Mapping[str, Any]
) -> list[TrainingImage]:
    """Return a source for every slice of every image.

    Parameters
    ----------
    images : array, path, folder, or list of these
        A folder stands for the image files in it; one that cannot be used is skipped, and the
        log says so.
    planes : int
        Planes that the network takes.
    smoothing : float
        Sigma of the Gaussian on the colour features, in pixels.
    reading : mapping
        ``rgb``, ``channel_axis`` and ``slices`` of :func:`napari_sen.core.image.interpret`.

    Raises
    ------
    DataError
        If there is no image.
    ImageError
        If one that is named itself cannot be used; nothing has been computed then.
    """
    found: list[TrainingImage] = []
    for number, (image, is_named) in enumerate(_expand(images)):
        is_path = isinstance(image, str | os.PathLike)
        name = _name(Path(image)) if is_path else f"image {number}"
        # Opened now, so that a bad image is known before the first is worked on.
        try:
            opened, parts, _ = scenes(image, Reading(**reading))

            check_planes(opened.raster.channels, planes)
        except ImageError as error:
            if is_named:
                raise
            log.warning("%s is skipped: %s", image, error)
            continue
        stamp = _stamp(np.asarray(opened.raster.array))
        for which, scene in enumerate(parts):
            place = f"{list(scene.index)}" if scene.index else ""
            kept = None if is_path else scene
            load = _Loader(image, kept, which, planes, smoothing, dict(reading))
            found.append(TrainingImage(name + place, load, stamp))
    if not found:
        raise DataError("there are no images to train on: give arrays, files or a folder of them")
    return found


class _Loader:
    """Reads the planes and features of one slice, when they are needed."""

    def __init__(
        self,
        image: Any,
        scene: Scene | None,
        which: int,
        planes: int,
        smoothing: float,
        reading: dict[str, Any],
    ) -> None:
        self.image, self.scene, self.which = image, scene, which
        self.planes, self.smoothing, self.reading = planes, smoothing, reading

    def __call__(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scene = self.scene or scenes(self.image, Reading(**self.reading))[1][self.which]
        whole = scene.whole
        return scene.planes(whole, self.planes), scene.colour(whole, self.smoothing)


def _expand(images: Any) -> list[tuple[Any, bool]]:
    """Return single images, and whether each is named itself.

    A folder becomes its image files, sorted by name, without hidden ones.
    """
    many = images if isinstance(images, list | tuple) else [images]
    result: list[tuple[Any, bool]] = []
    for image in many:
        if isinstance(image, str | os.PathLike) and _is_plain_folder(Path(image)):
            result += [(path, False) for path in images_in(Path(image))]
        else:
            result.append((image, True))
    return result


def _is_plain_folder(path: Path) -> bool:
    """Return whether this is a folder that is not itself a zarr image."""
    markers = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
    return path.is_dir() and not any((path / marker).exists() for marker in markers)


def _name(path: Path) -> str:
    """Return a short name that tells files of several folders apart."""
    return "/".join(path.resolve().parts[-3:])


def _stamp(data: NDArray[Any]) -> str:
    """Return a checksum of the pixels, the same wherever the file lies."""
    digest = hashlib.sha256(repr((data.shape, data.dtype.str)).encode())
    digest.update(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:32]
