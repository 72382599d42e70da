"""Carrying painted classes to all superpixels, and keeping them in files; no Qt in here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ParameterError
from ...io.annotation_file import Annotation, digest_of, load_annotation, save_annotation
from ...learn.classes import Examples, propagate
from ...pipeline.describe import Description, describe
from ..layers.picking import COLOURS, Picked, Picking
from ..layers.results import Classes, Finished, Result
from ..state.control import Control
from ..state.source import LayerImage
from .settings import Settings

__all__ = ["Classifying"]


class Classifying:
    """The examples of other images, and what the superpixels looked like the last time.

    Attributes
    ----------
    others : Examples
        Painted superpixels of other images, from annotation files.
    """

    def __init__(self) -> None:
        self.others = Examples.none()
        self._described: tuple[Any, ...] = ()
        self._description: Description | None = None

    def propagate(self, source: LayerImage, settings: Settings, control: Control) -> Finished:
        """Find the class of every superpixel from those that are painted."""
        picked = _picked(settings)
        features, examples, group = self._examples(picked, source, settings, control)
        control.progress(0, 1, "classifying")
        numbers, probability = propagate(self.others + examples, features)
        control.progress(1, 1, "classifying")
        message = f"{len(features)} superpixels classified from {len(examples.classes)} painted"
        if len(self.others.classes):
            message += f" and {len(self.others.classes)} of other images"
        return Finished([], message, classes=Classes(picked.base, numbers, probability[group]))

    def save(
        self, path: Path, source: LayerImage, settings: Settings, control: Control
    ) -> Finished:
        """Write pieces, classes and examples to a file."""
        picked = _picked(settings)
        _, examples, _ = self._examples(picked, source, settings, control)
        digest = digest_of(picked.base)
        names, pieces, classes = picked.class_names, picked.pieces, picked.classes
        save_annotation(path, Annotation(names, digest, pieces, classes, examples, self.others))
        return Finished([], f"{len(examples.classes)} painted superpixels saved to {path.name}")

    def load(self, path: Path, picking: Picking) -> str:
        """Read an annotation; return one sentence about it.

        Pieces and classes are put back on the superpixels that they were made on. For all others
        the painted superpixels of the file serve as examples.
        """
        found = load_annotation(path)
        if len(found.class_names) > len(COLOURS):
            raise ParameterError(f"{path.name} has more than {len(COLOURS)} classes")
        partition = picking.partition
        if partition is not None and digest_of(partition.base) == found.digest:
            picking.restore(found.pieces, found.classes, found.class_names)
            self.others = found.others
            return f"Pieces and classes of {path.name} are put back."
        self.others = found.others + found.examples
        picking.class_names = list(found.class_names)
        picking.current = 1
        return (
            f"{path.name} is of other superpixels: its {len(self.others.classes)} painted ones "
            "serve as examples when you press Propagate."
        )

    def _examples(
        self, picked: Picked, source: LayerImage, settings: Settings, control: Control
    ) -> tuple[np.ndarray, Examples, np.ndarray]:
        """Return the pieces' features, the painted ones, and the piece of each leaf."""
        description = self._describe(picked, source, settings, control)
        names, group = np.unique(picked.pieces, return_inverse=True)
        features = description.features(group, len(names))
        low = np.full(len(names), 255)
        known = picked.classes > 0
        np.minimum.at(low, group[known], picked.classes[known])
        high = np.zeros(len(names), np.int64)
        np.maximum.at(high, group, picked.classes)
        painted = np.flatnonzero(low == high)  # and not of several classes
        return features, Examples(features[painted], high[painted], description.names), group

    def _describe(
        self, picked: Picked, source: LayerImage, settings: Settings, control: Control
    ) -> Description:
        """Return what the leaves look like; the last description if nothing has changed."""
        model = settings.models.get(settings.model, source)
        key = (picked.base, source.data, source.index, source.channel_axis, model)
        same = len(self._described) == len(key) and all(
            old is new or (isinstance(new, tuple | int) and old == new)
            for old, new in zip(self._described, key, strict=True)
        )
        if self._description is None or not same:
            labels = picked.base.reshape(source.shape) if picked.base.size else picked.base
            self._description = describe(
                source.load(control),
                labels,
                **(source.reading | ({"slices": "each"} if source.slices else {})),
                model=model,
                device=settings.device,
                progress=control.progress,
            )
            self._described = key
        return self._description


def results(classes: Classes, picking: Picking) -> list[Result]:
    """Return the layers of a classification: the classes, and how likely each is."""
    table = np.concatenate([[0], classes.numbers[classes.probability.argmax(axis=1)]])
    found = [picking.class_result("propagated", table.astype(np.uint8)[classes.base])]
    for column, number in enumerate(classes.numbers.tolist()):
        shown = np.concatenate([[0], classes.probability[:, column]]).astype(np.float32)
        found.append(picking.probability_result(number, shown[classes.base]))
    return found


def _picked(settings: Settings) -> Picked:
    if settings.picked is None:
        raise ParameterError("choose a Labels layer of superpixels and start picking first")
    return settings.picked
