"""Image and label map to what every region looks like."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import checked_labels, region_borders
from ..core.regions import Borders, Histograms, Moments, histograms, moments
from ..errors import ImageError
from ..options import Reading
from ..params import Kind
from ..progress import Progress, check_progress, part, report
from .plan import scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..learn.model import Model
    from .features import Scene

__all__ = ["Description", "describe"]

QUARTILES = {"lower-quartile": 0.25, "median": 0.5, "upper-quartile": 0.75}
_ENDS = (0.5, 99.5)  # percentiles between which histograms have their bins


class Description:
    """Colour, embedding and borders of regions; those of unions follow from them.

    Attributes
    ----------
    colour, embedding : Moments or None
        Over the regions; no embedding without a model.
    histograms : Histograms
        Of the colour.
    touching : Borders
        Which regions are neighbours.
    """

    def __init__(
        self,
        colour: Moments,
        embedding: Moments | None,
        histograms: Histograms,
        touching: Borders,
    ) -> None:
        self.colour, self.embedding = colour, embedding
        self.histograms, self.touching = histograms, touching

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of :meth:`features` are."""
        channels = range(self.colour.sums.shape[1])
        kinds = ("colour", "spread", *QUARTILES)
        names = [f"{kind}-{c}" for kind in kinds for c in channels]
        if self.embedding is not None:
            names += [f"embedding-{k}" for k in range(self.embedding.sums.shape[1])]
        return tuple(names)

    def features(
        self, group: NDArray[np.integer] | None = None, count: int = 0
    ) -> NDArray[np.float64]:
        """Return one row per region, or per union of regions: r belongs to ``group[r]``."""
        colour, embedding, histograms = self.colour, self.embedding, self.histograms
        if group is not None:
            colour, histograms = colour.merged(group, count), histograms.merged(group, count)
            embedding = None if embedding is None else embedding.merged(group, count)
        columns = [colour.means, colour.deviations]
        columns += [histograms.quantiles(share) for share in QUARTILES.values()]
        if embedding is not None:
            columns.append(embedding.means)
        return np.concatenate(columns, axis=1)

    def borders(self, group: NDArray[np.integer] | None = None) -> Borders:
        """Return which regions touch, or which unions of regions: r belongs to ``group[r]``."""
        return self.touching if group is None else self.touching.merged(group)


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
    """Return what every region looks like: its colour, its embedding, and which others it touches.

    Colour is described by its mean, spread and quartiles, the embedding by its mean.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`.
    labels : int array
        Regions 1...n without gaps, 0 for none, in the image's shape without its channels.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`.
    spacing, channel_axis, rgb, slices, kind, mask, device, progress
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Description
        Row r is that of label r + 1.

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
    """
    check_progress(progress)
    reading = Reading(rgb, channel_axis, slices, spacing, kind, mask)
    opened, parts, chosen = scenes(image, reading, model=model, device=device, takes_mask=True)
    regions, count = np.asarray(labels), int(np.max(labels, initial=0))
    if regions.shape != opened.shape:
        raise ImageError(
            f"the superpixels have shape {regions.shape} but the image {opened.shape}: choose the "
            "image that they were made of"
        )
    checked_labels(regions.reshape(-1, regions.shape[-1]))
    low, high = _ends(parts, regions, progress)
    colour: Moments | None = None
    embedding: Moments | None = None
    counts: Histograms | None = None
    borders: list[Borders] = []
    for done, scene in enumerate(parts):
        inner = part(progress, done, len(parts))
        report(inner, 0, 1, "describing")
        which = _numbers(regions, scene)
        values = scene.sharp(scene.whole, inner)
        colour = _add(colour, moments(which, values, count))
        found = histograms(which, values, count, low, high)
        counts = found if counts is None else counts + found
        if which.max() >= 0:
            edges, length, _ = region_borders(which + 1, spacing=opened.spacing)
            borders.append(Borders(edges, length))
        if chosen is not None:
            rows = scene.embedding(scene.whole, progress=inner)
            embedding = _add(embedding, moments(which, rows, count))
    assert colour is not None
    assert counts is not None
    touching = Borders(
        np.concatenate([each.edges for each in borders]),
        np.concatenate([each.length for each in borders]),
    )
    return Description(colour, embedding, counts, touching)


def _ends(
    parts: Sequence[Scene], regions: NDArray[np.integer], progress: Progress | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the histograms begin and end: the same for all slices, so that they add up."""
    found = []
    for scene in parts:
        inside = _numbers(regions, scene) >= 0
        if inside.any():
            values = scene.sharp(scene.whole, progress)[inside]
            found.append(np.percentile(values, _ENDS, axis=0))
    return np.min(found, axis=0)[0], np.max(found, axis=0)[1]


def _numbers(regions: NDArray[np.integer], scene: Scene) -> NDArray[np.int64]:
    """Return the regions of a slice, from 0 up; -1 is none."""
    numbers: NDArray[np.int64] = regions[scene.index].astype(np.int64) - 1
    return numbers


def _add(before: Moments | None, new: Moments) -> Moments:
    if before is None:
        return new
    return Moments(before.sizes + new.sizes, before.sums + new.sums, before.squares + new.squares)
