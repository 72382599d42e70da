"""The plugin without Qt: the image chosen, the settings, the steps, the last results; events out.

Widgets bind to it, a notebook can drive it, and it is tested without a display::

    session = Session()
    session.granularity.layers = viewer.layers
    session.choose(layer)
    session.run("superpixels")
    session.granularity.show(200)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import ImageError, ParameterError
from ..layers.granularity import Granularity
from ..layers.made import made_of, same_layer
from ..layers.picking import Picking
from ..layers.results import Finished, Loss, Result
from ..state.channels import guess_channel_axis
from ..state.choices import Choices
from ..state.control import Control
from ..state.layer_image import LayerImage
from ..state.shelf import ModelShelf
from ..state.source import source_of
from .classing import Classifying, results
from .importing import paint_layer, paint_outlines
from .losses import Losses
from .recipes import Cooking, apply_recipe, save_recipe
from .settings import Settings, TrainingChoice
from .steps import STEPS, kinds, suffixes

__all__ = ["Session"]

# Side of the part of the image whose embedding is shown while a model is trained, in pixels.
PREVIEW_SIDE = 256


class Session(Choices):
    """Choices and results of one dock; the steps at work on them.

    ``finished`` is emitted with a step and its results. The parts from ``granularity`` on tell of
    their changes themselves.

    Attributes
    ----------
    last : dict
        The latest results of each step.
    granularity : Granularity
        The superpixels of each image, and how many of them are shown.
    models : ModelShelf
        The models used so far, with the embeddings that they gave last.
    losses : Losses
        Of the latest training, while it goes on.
    picking : Picking
        The superpixels that are merged, split and put into classes.
    classifying : Classifying
        Carries the classes to all superpixels.
    """

    finished = Signal(str, Finished)

    def __init__(self) -> None:
        self.last: dict[str, list[Result]] = {}
        self.models = ModelShelf()
        self.losses = Losses()
        self.picking = Picking()
        self.granularity = Granularity(self.picking)
        self.classifying = Classifying()
        super().__init__(kinds(), suffixes())

    def show_in(self, layers: Any) -> None:
        """Put what is made into a viewer's ``layers``, or any list."""
        self.granularity.layers = self.picking.layers = layers

    def settings(self, training: TrainingChoice | None = None) -> Settings:
        """Return a copy of the settings."""
        picked = None if self.picking.partition is None else self.picking.picked()
        return Settings(
            self.model, self.device, self.new_model, dict(self.params), self.models,
            self.classifying.propagate, picked, training or TrainingChoice(),
            self.all_channels, self.stores(suffixes()), self.size_by, self.number, self.diameter,
            self.evenness, self.layer, self.granularity.trees,
        )  # fmt: skip

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
        return partial(STEPS[step].run, step, source, settings)

    def saving(self, path: Path) -> Callable[[Control], Finished]:
        """Return the work of writing the annotation to a file; call it with a Control."""
        settings = self.settings()
        return partial(self.classifying.save, path, self._picked_source(), settings)

    def load_annotation(self, path: Path) -> str:
        """Put back pieces and classes of a file, or take its examples; return a sentence.

        Outlines (``.geojson``) give superpixels the class of those that cover most of them.
        """
        if self.picking.partition is None and self.granularity.layer is not None:
            self.pick(self.granularity.layer)
        if path.suffix.lower() == ".geojson":
            return paint_outlines(self.picking, path, self.channel_axis)
        return self.classifying.load(path, self.picking)

    def load_layer(self, layer: Any) -> str:
        """Give superpixels the classes of a Labels layer, which are its values."""
        if self.picking.partition is None and self.granularity.layer is not None:
            self.pick(self.granularity.layer)
        return paint_layer(self.picking, layer)

    def saving_recipe(self, path: Path) -> Callable[[Control], Finished]:
        """Return the work of writing how the superpixels shown were made and classified."""
        return partial(save_recipe, path, self._cooking())

    def applying(self, images: Path, out: Path) -> Callable[[Control], Finished]:
        """Return the work of doing the same to all images of a folder."""
        return partial(apply_recipe, images, out, self._cooking())

    def _cooking(self) -> Cooking:
        layer = self.picking.layer or self.granularity.layer
        source = self._picked_source() if self.picking.partition else self.source(None)
        settings, made = self.settings(), made_of(layer)
        return Cooking(self.classifying, source, settings, made, bool(self.channels))

    def pick(self, layer: Any) -> None:
        """Start to pick the superpixels of a Labels layer, as they were left."""
        self.picking.take(layer)
        self.classifying.restore(self.picking)

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
        if shape != tuple(n for n in base.shape[:-2] if n > 1) + base.shape[-2:]:
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
        if finished.trees is not None:
            image = finished.image
            there = same_layer(self.granularity.layers, image) or image is self.layer
            self.granularity.take(finished.trees, image if there else None)
        if step == "train":
            self.model = self.new_model  # what was just learnt is what is wanted
        picked = self.picking.partition
        if finished.classes and picked and finished.classes.base is picked.base:
            results(finished.classes, self.picking)
        self.finished.emit(step, finished)

    def close(self) -> None:
        """Let go of the layers, the trees and the picked superpixels."""
        self.choose(None)
        self.picking.leave()
        self.granularity.clear()

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
