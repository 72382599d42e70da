"""Image and label map to what every region looks like."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import checked_labels
from ..core.regions import Moments, moments
from ..errors import ImageError
from ..options import Reading
from ..params import Kind
from ..progress import Progress, check_progress, part, report
from .plan import scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..learn.model import Model

__all__ = ["Description", "describe"]


class Description:
    """Colour and embedding of regions; those of unions follow from them.

    Attributes
    ----------
    colour, embedding : Moments or None
        Over the regions; no embedding without a model.
    """

    def __init__(self, colour: Moments, embedding: Moments | None) -> None:
        self.colour, self.embedding = colour, embedding

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of :meth:`features` are."""
        channels = self.colour.sums.shape[1]
        names = [f"colour-{c}" for c in range(channels)]
        names += [f"spread-{c}" for c in range(channels)]
        if self.embedding is not None:
            names += [f"embedding-{k}" for k in range(self.embedding.sums.shape[1])]
        return tuple(names)

    def features(
        self, group: NDArray[np.integer] | None = None, count: int = 0
    ) -> NDArray[np.float64]:
        """Return one row per region, or per union of regions: r belongs to ``group[r]``."""
        parts = [self.colour] if self.embedding is None else [self.colour, self.embedding]
        if group is not None:
            parts = [each.merged(group, count) for each in parts]
        columns = [parts[0].means, parts[0].deviations, *(each.means for each in parts[1:])]
        return np.concatenate(columns, axis=1)


def describe(
    image: Any,
    labels: Any,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    kind: Kind | None = None,
    mask: Any = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Description:
    """Return mean and spread of the colour, and the mean embedding, of every region.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`.
    labels : int array
        The image's shape without channels; regions 1...n without gaps, 0 is none.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`; None describes by colour alone.
    spacing, channel_axis, rgb, slices, kind, mask, device, progress
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Description
        Of region r (label r + 1).

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
    """
    check_progress(progress)
    reading = Reading(rgb, channel_axis, slices, spacing, kind, mask)
    opened, parts, chosen = scenes(image, reading, model=model, device=device)
    regions, count = np.asarray(labels), int(np.max(labels, initial=0))
    if regions.shape != opened.shape:
        raise ImageError(
            f"the superpixels have shape {regions.shape} but the image {opened.shape}: choose the "
            "image that they were made of"
        )
    checked_labels(regions.reshape(-1, regions.shape[-1]))
    colour: Moments | None = None
    embedding: Moments | None = None
    for done, scene in enumerate(parts):
        inner = part(progress, done, len(parts))
        report(inner, 0, 1, "describing")
        own = regions[scene.index].astype(np.int64) - 1
        colour = _add(colour, moments(own, scene.sharp(scene.whole, inner), count))
        if chosen is not None:
            rows = scene.embedding(scene.whole, progress=inner)
            embedding = _add(embedding, moments(own, rows, count))
    assert colour is not None
    return Description(colour, embedding)


def _add(before: Moments | None, new: Moments) -> Moments:
    if before is None:
        return new
    return Moments(before.sizes + new.sizes, before.sums + new.sums, before.squares + new.squares)
