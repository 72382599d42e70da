"""Carrying painted classes to all superpixels, and keeping them in files; no Qt in here."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.regions import Borders
from ...disk import remove_file
from ...errors import ImageError, OutputError, ParameterError
from ...folders import user_data
from ...io.annotation_file import SUFFIX, Annotation, digest_of, load_annotation, save_annotation
from ...learn.classes import Examples, propagate
from ...pipeline.describe import Description, describe
from ..layers.overlays import COLOURS, class_colours
from ..layers.picking import Picking
from ..layers.pieces import Picked
from ..layers.results import Classes, Finished
from ..state.control import Control
from ..state.layer_image import LayerImage
from .settings import Settings
from .step import DockStep, by_slice

__all__ = ["CLASSES", "Classifying", "autosaved", "least_certain", "results"]

log = logging.getLogger("napari_sen")


def autosaved(digest: str) -> Path:
    """Return where the annotation of these superpixels is saved by itself."""
    return user_data() / "annotations" / f"{digest[:24]}{SUFFIX}"


@dataclass(frozen=True, eq=False)
class _Pieces:
    """What the pieces of one cut look like: it is the same after every stroke of the brush.

    ``group`` is the row of each leaf in ``features``.
    """

    description: Description
    pieces: NDArray[np.int64]
    group: NDArray[np.intp]
    features: NDArray[np.float64]
    borders: Borders

    @classmethod
    def of(cls, pieces: NDArray[np.int64], description: Description) -> _Pieces:
        """Return what pieces, one number a leaf, look like."""
        names, group = np.unique(pieces, return_inverse=True)
        features = description.features(group, len(names))
        return cls(description, pieces, group, features, description.borders(group))

    def are(self, pieces: NDArray[np.int64], description: Description) -> bool:
        """Return whether these are pieces and description of this."""
        return description is self.description and np.array_equal(pieces, self.pieces)


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
        self._pieces: _Pieces | None = None
        self._known: tuple[NDArray[np.integer], str] | None = None

    def propagate(self, source: LayerImage, settings: Settings, control: Control) -> Finished:
        """Find the class of every superpixel from those that are painted."""
        picked = _picked(settings)
        pieces, examples = self.examples(picked, source, settings, control)
        control.progress(0, 1, "classifying")
        numbers, probability = propagate(self.others + examples, pieces.features, pieces.borders)
        control.progress(1, 1, "classifying")
        count = len(pieces.features)
        message = f"{count} superpixels classified from {len(examples.classes)} painted"
        if len(self.others.classes):
            message += f" and {len(self.others.classes)} of other images"
        return Finished(
            [], message, classes=Classes(picked.base, numbers, probability[pieces.group])
        )

    def save(
        self, path: Path, source: LayerImage, settings: Settings, control: Control
    ) -> Finished:
        """Write pieces, classes and examples to a file."""
        picked = _picked(settings)
        _, examples = self.examples(picked, source, settings, control)
        digest = digest_of(picked.base)
        names, pieces, classes = picked.class_names, picked.pieces, picked.classes
        save_annotation(path, Annotation(names, digest, pieces, classes, examples, self.others))
        return Finished([], f"{len(examples.classes)} painted superpixels saved to {path.name}")

    def load(self, path: Path, picking: Picking) -> str:
        """Read an annotation; return one sentence about it.

        Pieces and classes are put back on the superpixels that they were made on. For all others
        the painted superpixels of the file serve as examples; where some are painted already,
        classes of the same name are the same class.
        """
        found = load_annotation(path)
        if len(found.class_names) > len(COLOURS):
            raise ParameterError(f"{path.name} has more than {len(COLOURS)} classes")
        partition = picking.partition
        if partition is not None and digest_of(partition.base) == found.digest:
            picking.restore(found.pieces, found.classes, found.class_names)
            self.others = found.others
            return f"Pieces and classes of {path.name} are put back."
        is_painted = partition is not None and partition.class_table().any()
        known = list(picking.class_names) if is_painted else []
        known += [name for name in found.class_names if name not in known]
        if len(known) > len(COLOURS):
            raise ParameterError(
                f"{path.name} and what is painted have more than {len(COLOURS)} classes"
            )
        others = found.others + found.examples
        number = np.array([0, *(known.index(name) + 1 for name in found.class_names)])
        self.others = replace(others, classes=number[others.classes])
        picking.class_names, picking.current = known, 1
        return (
            f"{path.name} belongs to other superpixels: its {len(self.others.classes)} painted "
            "ones serve as examples when you press Predict."
        )

    def keep(self, picking: Picking) -> str:
        """Save what was painted and merged to a file of its own, by itself.

        Its pieces are the leaves, but for what was merged by hand. Where nothing was done there is
        no file. Returns one sentence if it cannot be written.
        """
        if picking.partition is None:
            return ""
        picked, merged = picking.picked(), picking.partition.by_hand()
        digest = self._digest_of(picked.base)
        path = autosaved(digest)
        pieces = np.arange(1, len(picked.classes) + 1)
        for leaves in merged:
            pieces[leaves] = leaves.min() + 1
        try:
            if not merged and not picked.classes.any():
                remove_file(path)
                return ""
            path.parent.mkdir(parents=True, exist_ok=True)
            save_annotation(
                path,
                Annotation(
                    picked.class_names, digest, pieces, picked.classes,
                    Examples.none(), self.others,
                ),
            )  # fmt: skip
        except (OSError, OutputError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return f"what was painted cannot be saved by itself ({why}): press Save ..."
        return ""

    def _digest_of(self, base: NDArray[np.integer]) -> str:
        """Return the digest of leaves; after every stroke it is asked for, and reads all pixels."""
        if self._known is None or self._known[0] is not base:
            self._known = base, digest_of(base)
        return self._known[1]

    def restore(self, picking: Picking) -> None:
        """Put back what was saved by itself on the same superpixels, if nothing is done yet."""
        partition = picking.partition
        if partition is None or partition.can_undo or partition.class_table().any():
            return
        path = autosaved(self._digest_of(partition.base))
        if path.is_file():
            try:
                found = load_annotation(path)
                _, which, count = np.unique(found.pieces, return_inverse=True, return_counts=True)
                merged = [np.flatnonzero(which == piece) for piece in np.flatnonzero(count > 1)]
                picking.put_back(merged, found.classes, found.class_names)
            except (ImageError, ParameterError) as error:
                log.warning("what was saved by itself cannot be put back: %s", error)

    def examples(
        self, picked: Picked, source: LayerImage, settings: Settings, control: Control
    ) -> tuple[_Pieces, Examples]:
        """Return what the pieces look like, and those that are painted."""
        description = self._describe(picked, source, settings, control)
        if self._pieces is None or not self._pieces.are(picked.pieces, description):
            self._pieces = _Pieces.of(picked.pieces, description)
        pieces = self._pieces
        group, count = pieces.group, len(pieces.features)
        low = np.full(count, 255)
        known = picked.classes > 0
        np.minimum.at(low, group[known], picked.classes[known])
        high = np.zeros(count, np.int64)
        np.maximum.at(high, group, picked.classes)
        painted = np.flatnonzero(low == high)  # and not of several classes
        return pieces, Examples(pieces.features[painted], high[painted], description.names)

    def _describe(
        self, picked: Picked, source: LayerImage, settings: Settings, control: Control
    ) -> Description:
        """Return what the leaves look like; the last description if nothing has changed."""
        model = settings.model_of(source)
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
                **(source.reading | by_slice(source)),
                mask=source.load_mask(control),
                kind=source.kind,
                model=model,
                device=settings.device,
                progress=control.progress,
            )
            self._described = key
        return self._description


def results(classes: Classes, picking: Picking) -> None:
    """Show a classification: the class of every superpixel, and hidden how sure that is."""
    table = np.concatenate([[0], classes.numbers[classes.probability.argmax(axis=1)]])
    sure = np.concatenate([[0], classes.probability.max(axis=1)]).astype(np.float32)
    overlays = picking.overlays
    assert overlays is not None
    picking.about.extra["prediction"] = classes
    predicted = overlays.result(
        "predicted", table.astype(np.uint8)[classes.base], colormap=class_colours(), opacity=0.5
    )
    overlays.show("predicted", predicted)
    confidence = overlays.result(
        "confidence", sure[classes.base], colormap="viridis",
        contrast_limits=(1 / len(classes.numbers), 1.0), visible=False,
    )  # fmt: skip
    overlays.show("confidence", confidence)


def least_certain(picking: Picking) -> int:
    """Return the superpixel whose class is the least certain, of those that are not painted."""
    classes: Classes | None = picking.about.extra.get("prediction")
    if classes is None or classes.base is not picking.pieces.base:
        raise ParameterError("nothing is predicted yet: paint two classes and press Predict")
    pieces, first = np.unique(picking.pieces.table()[1:], return_index=True)
    sure = classes.probability[first].max(axis=1)
    painted = picking.pieces.classes()
    sure[[label in painted for label in pieces.tolist()]] = np.inf
    return int(pieces[sure.argmin()])


def _picked(settings: Settings) -> Picked:
    if settings.picked is None:
        raise ParameterError("press Refine and paint superpixels of two classes first")
    return settings.picked


def classes(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Carry the classes of the painted superpixels to all others."""
    return settings.classify(source, settings, control)


CLASSES = DockStep(
    "Predict",
    "Give every superpixel the class of the painted ones that look like it.",
    classes,
    at_picks=True,
)
