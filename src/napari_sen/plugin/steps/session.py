"""The plugin's state without Qt: the image chosen, the settings, the last results; events out.

Widgets bind to it, a notebook can drive it, and it is tested without a display::

    session = Session()
    session.choose(layer)
    for result in session.run("superpixels"):
        viewer.add_layer(result.to_layer())
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from ...errors import ImageError, ParameterError
from ...params import (
    ContourParams,
    EmbedParams,
    HierarchyParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    Params,
    PseudoLabelParams,
    SegmentParams,
    TrainParams,
)
from ..layers.granularity import Granularity
from ..layers.picking import Picking
from ..layers.results import Finished, Loss, Result
from ..state.control import Control
from ..state.observed import Observed
from ..state.shelf import ModelShelf
from ..state.source import LayerImage, Stack, guess_channel_axis, source_of
from ..state.storage import STORED, Storage
from .classing import Classifying, results
from .losses import Losses
from .settings import Settings, TrainingChoice
from .steps import STEPS

__all__ = ["KINDS", "TRAIN_ON", "Session"]

KINDS: tuple[type[Params], ...] = (
    PseudoLabelParams,
    TrainParams,
    NetworkParams,
    MeanShiftParams,
    LossParams,
    EmbedParams,
    SegmentParams,
    HierarchyParams,
    ContourParams,
)


# What can be trained on, and how a person reads it.
TrainOn = Literal["image", "layers", "folder"]
TRAIN_ON: dict[TrainOn, str] = {
    "image": "The image above",
    "layers": "The layers selected in the list",
    "folder": "A folder of images",
}
# Side of the part of the image whose embedding is shown while a model is trained, in pixels.
PREVIEW_SIDE = 256


class Session:
    """Image, settings and results of one dock.

    ``changed`` is emitted with the name of what is another one now: an attribute from ``layer``
    to ``storage`` below, or a parameter class. With ``layer`` come its channel axis, no further
    channels, and no stores. The parts from ``granularity`` on tell of their changes themselves.

    Attributes
    ----------
    layer : napari.layers.Image or None
        The chosen layer.
    channel_axis : int or None
        Its axis that holds channels.
    stack : {"slice", "each", "volume"}
        How to treat more than two axes.
    region : None, "view" or napari.layers.Shapes
        The whole image, what the viewer shows of it, or what lies in the shapes.
    mask : napari.layers.Labels or None
        Only where its labels are not 0.
    channels : list of napari.layers.Image
        Further layers that are channels of the image.
    model : str or None
        ``"auto"``, a model's name, or None for colour alone.
    device : str
        ``"auto"`` or a device's name.
    new_model : str
        Name under which a trained model is saved.
    all_channels : bool
        Whether the step Embed gives the embedding itself beside its picture.
    train_on : {"image", "layers", "folder"}
        What it is trained on: the chosen image, ``train_layers``, or the images in
        ``train_folder``.
    train_layers : list of napari.layers.Image
        Several layers to train on.
    start_model : str or None
        The model that a training goes on from.
    storage : dict
        For each step that can: whether it works in tiles, and where its result goes then;
        :meth:`store` changes it.
    params : dict
        The parameter set of each class; :meth:`set` changes them.
    resume : bool
        Whether the next training goes on with the unfinished one of its name.
    last : dict
        The latest results of each step.
    granularity : Granularity
        The latest merge tree, and which level of it is shown.
    models : ModelShelf
        The models used so far, with the embeddings that they gave last.
    losses : Losses
        Of the latest training, while it goes on.
    picking : Picking
        The superpixels that are merged, split and put into classes.
    classifying : Classifying
        Carries the classes to all superpixels.
    """

    changed = Signal(str)
    finished = Signal(str, Finished)

    layer: Observed[Any] = Observed()
    channel_axis: Observed[int | None] = Observed()
    stack: Observed[Stack] = Observed()
    region: Observed[Any] = Observed()
    mask: Observed[Any] = Observed()
    channels: Observed[list[Any]] = Observed()
    model: Observed[str | None] = Observed()
    device: Observed[str] = Observed()
    new_model: Observed[str] = Observed()
    all_channels: Observed[bool] = Observed()
    train_on: Observed[TrainOn] = Observed()
    train_layers: Observed[list[Any]] = Observed()
    train_folder: Observed[str] = Observed()
    start_model: Observed[str | None] = Observed()
    storage: Observed[dict[str, Storage]] = Observed()

    def __init__(self) -> None:
        self.layer = None
        self.channel_axis = None
        self.stack = "slice"
        self.region = None
        self.mask = None
        self.channels = []
        self.train_layers = []
        self.resume = False
        self.params: dict[type[Params], Params] = {kind: kind() for kind in KINDS}
        self.reset()
        self.last: dict[str, list[Result]] = {}
        self.granularity = Granularity()
        self.models = ModelShelf()
        self.losses = Losses()
        self.picking = Picking()
        self.classifying = Classifying()

    def reset(self) -> None:
        """Set parameters and choices to their defaults."""
        self.set(*(kind() for kind in KINDS))
        self.model = "auto"
        self.device = "auto"
        self.new_model = "my-model"
        self.all_channels = False
        self.train_on = "image"
        self.train_folder = ""
        self.start_model = None
        self.storage = {step: Storage() for step in STORED}

    def choose(self, layer: Any) -> None:
        """Take another layer (or None), and guess from its labels which axis holds channels."""
        if layer is self.layer:
            return
        with self.changed.blocked():  # nobody is to see the new layer with the old one's axis
            self.layer = layer
            self.channel_axis = None if layer is None else guess_channel_axis(layer)
            self.channels = []
            self.storage = {step: Storage() for step in STORED}
        self.changed.emit("layer")

    def set(self, *params: Params) -> None:
        """Replace parameter sets; each is valid, for it could be made."""
        for group in params:
            if type(group) not in self.params:
                raise ParameterError(f"the plugin has no use for {type(group).__name__}")
            if group != self.params[type(group)]:
                self.params[type(group)] = group
                self.changed.emit(type(group).__name__)

    def store(self, step: str, storage: Storage) -> None:
        """Say whether a step works in tiles, and where its result goes."""
        if step not in STORED:
            raise ParameterError(
                f"the step {step!r} does not work in tiles; these do: {', '.join(STORED)}"
            )
        self.storage = self.storage | {step: storage}

    def source(self, point: tuple[float, ...] | None = None) -> LayerImage:
        """Return the chosen image as the API reads it; ``point`` says which slice is shown."""
        if self.layer is None:
            raise ImageError("there is no image: open one, or take a sample from the File menu")
        return source_of(
            self.layer,
            channel_axis=self.channel_axis,
            stack=self.stack,
            point=point,
            region=self.region,
            mask=self.mask,
            channels=self.channels,
        )

    def settings(self, training: TrainingChoice | None = None) -> Settings:
        """Return a copy of the settings."""
        picked = None if self.picking.partition is None else self.picking.picked()
        params = dict(self.params)
        return Settings(
            self.model, self.device, self.new_model, params, self.models,
            self.classifying.propagate, picked, training or TrainingChoice(),
            self.all_channels, self._settled_storage(),
        )  # fmt: skip

    def _settled_storage(self) -> dict[str, Storage]:
        """Return where tiled results of the chosen image go."""
        if self.layer is None:
            return {}
        return {
            step: replace(storage, path=str(storage.goal(self.layer, STORED[step])))
            for step, storage in self.storage.items()
        }

    def job(self, step: str, point: tuple[float, ...] | None = None) -> Callable[[Any], Finished]:
        """Return the work of a step, checked as far as that is quick; call it with a Control."""
        if step not in STEPS:
            raise ParameterError(f"there is no step {step!r}; there are {', '.join(STEPS)}")
        settings = self.settings(self._training(point) if step == "train" else None)
        STEPS[step].check(settings)
        source: LayerImage | None = None
        if STEPS[step].at_picks:
            source = self._picked_source()
        elif not STEPS[step].own_images:
            source = self.source(point)
        return partial(STEPS[step].perform, source, settings)

    def saving(self, path: Path) -> Callable[[Control], Finished]:
        """Return the work of writing the annotation to a file; call it with a Control."""
        settings = self.settings()
        return partial(self.classifying.save, path, self._picked_source(), settings)

    def load_annotation(self, path: Path) -> str:
        """Put back pieces and classes of a file, or take its examples; return a sentence."""
        return self.classifying.load(path, self.picking)

    def pick(self, layer: Any) -> None:
        """Start to pick the superpixels of a Labels layer.

        Of the layer that the granularity changes, a kept copy is taken; it and other kept levels
        split as their tree does, as long as nothing else has changed them.
        """
        if layer is not None and layer is self.granularity.layer:
            layer.visible = False
            layer = self.granularity.keep()
            layer.visible = True
        tree = self.granularity.tree_of(layer)
        try:
            self.picking.take(layer, tree)
        except ImageError:
            if tree is None:
                raise
            self.picking.take(layer)  # edited since: its pieces are no cut of the tree any more

    def _training(self, point: tuple[float, ...] | None) -> TrainingChoice:
        """Return what to train on."""
        layers = {"image": [self.layer], "layers": self.train_layers, "folder": []}[self.train_on]
        sources = tuple(self._whole(layer, point) for layer in layers if layer is not None)
        preview = None
        if self.layer is not None:
            preview = source_of(
                self.layer, channel_axis=self.channel_axis, point=point, middle=PREVIEW_SIDE
            )
        folder = Path(self.train_folder).expanduser() if self.train_on == "folder" else None
        return TrainingChoice(sources, folder, preview, self.start_model, self.resume)

    def _whole(self, layer: Any, point: tuple[float, ...] | None) -> LayerImage:
        """Return all slices of a layer to train on, or the current one of the chosen layer."""
        if layer is self.layer:
            return self.source(point)
        return source_of(layer, channel_axis=guess_channel_axis(layer), stack="each")

    def _picked_source(self) -> LayerImage:
        """Return the image at the place of the picked superpixels."""
        self.picking.pieces  # noqa: B018  (says what to do if there are none)
        source = self.source(self.picking.point())
        base = self.picking.pieces.base
        shape = tuple(length for length in source.shape[:-2] if length > 1) + source.shape[-2:]
        if shape != base.shape:
            raise ImageError(
                f"the superpixels of {self.picking.layer.name!r} have shape {base.shape}, but the "
                f"image {source.name!r} {shape}: choose the image that they were made of, and "
                "how its slices were taken"
            )
        return source

    def take(self, step: str, finished: Finished) -> None:
        """Keep a step's results and tell whoever listens."""
        self.last[step] = finished.results
        if step in self.storage:  # overwriting is asked for one run at a time
            self.store(step, replace(self.storage[step], overwrite=False))
        if finished.tree is not None:
            self.granularity.take(finished.tree)
        picked = self.picking.partition
        if finished.classes and picked and finished.classes.base is picked.base:
            self.picking.show(results(finished.classes, self.picking))
        self.finished.emit(step, finished)

    def close(self) -> None:
        """Let go of the layers, the tree and the picked superpixels."""
        self.choose(None)
        self.granularity.clear()
        self.picking.leave()

    def live(self, item: object) -> None:
        """Take what a step tells while it goes on."""
        if isinstance(item, Loss):
            self.losses.append(item)

    def run(self, step: str, point: tuple[float, ...] | None = None) -> list[Result]:
        """Run a step here and now, without a GUI, and return its results."""
        control = Control()
        control.tell = self.live
        finished = self.job(step, point)(control)
        self.take(step, finished)
        return finished.results
