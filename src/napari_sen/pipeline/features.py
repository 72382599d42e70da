"""What the pixels of a box are compared by, as it is in the whole image."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.features import Statistics, colour_features, network_planes, smooth, smoothing_reach
from ..core.strength import (
    STEP,
    gradient_magnitude,
    half_disc_difference,
    half_disc_limits,
    half_disc_reach,
)
from ..errors import DeviceMemoryError
from ..io.memory import ONE_PASS
from ..params import FeatureSettings, MergeSettings
from ..progress import Progress, part
from ..tiles.embedding import embed_box
from ..tiles.geometry import Box, as_slices, box_shape, grow, shift
from ..tiles.image import Image
from .parallel import in_threads

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Scene", "half_disc_box", "warn_of_mean_shift", "weighted"]

log = logging.getLogger("napari_sen")

_STRIP = 128  # rows; strips see a few dozen more on both sides


class Scene:
    """One slice (or volume), of which boxes are asked for; it remembers what it saw last.

    Parameters
    ----------
    image : Image
    which : int
        Number of the slice.
    stats : Statistics
        Of the whole image.
    model : Model or None
        For the embedding.
    device : str
        Where the network runs.
    threads : int
        How many threads the work on one box may take.
    limits : (2, C) array or None
        Where the histograms of half-discs begin and end; None: those of the whole slice, which
        is then looked at.
    """

    def __init__(
        self,
        image: Image,
        which: int,
        stats: Statistics,
        model: Model | None = None,
        *,
        device: str = "cpu",
        threads: int = 1,
        limits: NDArray[Any] | None = None,
    ) -> None:
        self.image, self.which, self.stats, self.model = image, which, stats, model
        self.index = image.index(which)
        self._device, self._threads, self._limits = device, threads, limits
        self._colour: tuple[Box, NDArray[np.float32]] | None = None
        self._features: tuple[Any, NDArray[np.float32]] | None = None

    @property
    def whole(self) -> Box:
        """All of the slice."""
        return self.image.whole

    def inside(self, box: Box) -> NDArray[np.bool_] | None:
        """Return the mask of a box, None where there is no mask."""
        return self.image.inside(self.index, box)

    def sharp(self, box: Box, progress: Progress | None = None) -> NDArray[np.float32]:
        """Return the colour features of a box, not smoothed. Read-only: it is kept."""
        kept = self._colour
        if kept is None or not _holds(kept[0], box):
            raster = self.image.raster
            found = colour_features(
                raster.read(self.index, box), raster.rgb, self.stats, progress=progress
            )
            found.flags.writeable = False
            self._colour = kept = box, found
        seen, colour = kept
        return colour[as_slices(shift(box, seen))]

    def colour(
        self, box: Box, sigma: float, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the colour features of a box, smoothed by a Gaussian of sigma px."""
        image = self.image
        if sigma == 0:
            return self.sharp(box, progress)
        reach = smoothing_reach(sigma, image.n_spatial, image.spacing)
        seen = grow(box, reach, image.spatial)
        colour = smooth(self.sharp(seen, progress), sigma, image.spacing, self.inside(seen))
        return colour[as_slices(shift(box, seen))]

    def planes(self, box: Box, planes: int | None = None) -> NDArray[np.float32]:
        """Return the network's input planes of a box; of the model's number by default."""
        raster = self.image.raster
        if planes is None:
            planes = 3 if self.model is None else self.model.planes
        return network_planes(raster.read(self.index, box), raster.rgb, self.stats, planes)

    def embedding(
        self,
        box: Box,
        *,
        clustered: bool = False,
        out: NDArray[np.float32] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Return the embedding of a box, of a volume plane by plane; written into ``out`` if given.

        After the mean shift (``clustered``) it is that of the box alone: for whole slices.
        """
        assert self.model is not None
        result = np.empty((*box_shape(box), self.model.dim), np.float32) if out is None else out
        self._embed(box, result, clustered, progress)
        return result

    def features(
        self,
        box: Box,
        settings: FeatureSettings,
        progress: Progress | None = None,
        threads: int | None = None,
    ) -> NDArray[np.float32]:
        """Return weighted colour and, with a model, the embedding of a box.

        Squared distances of the result are ``colour_weight`` times those of the colour plus
        ``embedding_weight`` times Psi = |e_i - e_j|^2 / 4 (eq. 2). The last result is kept.
        """
        if self._features is not None:
            (seen, known), found = self._features
            if known == settings and _holds(seen, box):
                return found[as_slices(shift(box, seen))]
        channels = self.image.raster.channels if settings.colour_weight > 0 else 0
        dim = self.model.dim if self.model is not None and settings.embedding_weight else 0
        result = np.empty((*box_shape(box), channels + dim), np.float32)
        if channels:
            factor = np.float32(math.sqrt(settings.colour_weight))
            # Not named: it would stay beside the embedding, which needs most memory of all.
            np.multiply(
                self.colour(box, settings.smoothing, progress), factor, out=result[..., :channels]
            )
        if dim:
            rows = result[..., channels:]
            self._embed(box, rows, False, progress, threads)
            rows *= _embedding_factor(settings)
        self._features = (box, settings), result
        return result

    def half_discs(
        self, box: Box, progress: Progress | None = None, threads: int | None = None
    ) -> NDArray[np.float32]:
        """Return the half-disc difference of a box, on several threads in strips."""
        rows = box_shape(box)[-2]
        count = min(self._threads if threads is None else threads, rows // _STRIP)
        if count < 2:
            return self._half_discs(box, progress)
        self.sharp(half_disc_box(box, self.whole), progress)  # once, before the threads part
        self._limits = self.limits(progress)
        top = box[-2][0]

        def strip(k: int, poll: Progress | None) -> NDArray[np.float32]:
            edges = (top + k * rows // count, top + (k + 1) * rows // count)
            return self._half_discs((*box[:-2], edges, box[-1]), poll)

        strips = in_threads(strip, range(count), progress, "boundaries", count)
        return np.concatenate(strips, axis=-2)

    def limits(self, progress: Progress | None = None) -> NDArray[Any]:
        """Return where the histograms of the slice begin and end."""
        if self._limits is not None:
            return self._limits
        return half_disc_limits(self.sharp(self.whole, progress), self.inside(self.whole))

    def strength(
        self,
        box: Box,
        merging: MergeSettings,
        progress: Progress | None = None,
        threads: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the gradient of a box, plus the weighted half-disc difference."""
        image = self.image
        reach = smoothing_reach(merging.boundary_smoothing, image.n_spatial, image.spacing)
        seen = grow(box, [1 + far for far in reach], image.spatial)
        colour = self.colour(seen, merging.boundary_smoothing, progress)
        gradient = gradient_magnitude(colour, spacing=image.spacing, mask=self.inside(seen))
        strength = gradient[as_slices(shift(box, seen))]
        if merging.texture:
            strength = strength + np.float32(merging.texture) * self.half_discs(
                box, progress, threads
            )
        return strength

    def _half_discs(self, box: Box, progress: Progress | None) -> NDArray[np.float32]:
        seen = half_disc_box(box, self.whole)
        found = half_disc_difference(
            self.sharp(seen, progress),
            mask=self.inside(seen),
            limits=self.limits(progress),
            progress=progress,
        )
        return found[as_slices(shift(box, seen))]

    def _embed(
        self,
        box: Box,
        out: NDArray[np.float32],
        clustered: bool,
        progress: Progress | None,
        threads: int | None = None,
    ) -> None:
        """Write the embedding of a box."""
        from ..learn.threads import few_threads  # with torch: only where there is a model

        with few_threads(self._threads if threads is None else threads):
            self._embed_planes(box, out, clustered, progress)

    def _embed_planes(
        self, box: Box, out: NDArray[np.float32], clustered: bool, progress: Progress | None
    ) -> None:
        if self.image.n_spatial == 2:
            self._embed_plane((), box, out, clustered, progress)
            return
        depths = range(*box[0])
        for k, z in enumerate(depths):
            inner = part(progress, k, len(depths))
            self._embed_plane(((z, z + 1),), box[-2:], out[k], clustered, inner)

    def _embed_plane(
        self,
        depth: Box,
        box: Box,
        out: NDArray[np.float32],
        clustered: bool,
        progress: Progress | None,
    ) -> None:
        assert self.model is not None
        height, width = self.image.spatial[-2:]

        def read(seen: Box) -> NDArray[np.float32]:
            planes = self.planes((*depth, *seen))
            return planes.reshape(planes.shape[len(depth) :])

        if box == self.whole[-2:] and (clustered or height * width <= ONE_PASS):
            try:
                found = self.model.embed(
                    read(box), clustered=clustered, device=self._device, progress=progress, out=out
                )
            except DeviceMemoryError:
                if clustered:
                    raise
            else:
                if found is not out:
                    out[...] = found
                return
        embed_box(read, (height, width), box, self.model, self._device, progress, out=out)


def _holds(outer: Box, inner: Box) -> bool:
    pairs = zip(outer, inner, strict=True)
    return all(a <= start and stop <= b for (a, b), (start, stop) in pairs)


def _embedding_factor(settings: FeatureSettings) -> np.float32:
    return np.float32(math.sqrt(settings.embedding_weight) / 2)


def weighted(rows: NDArray[np.float32], settings: FeatureSettings) -> NDArray[np.float32]:
    """Return an embedding alone, weighted as beside colour."""
    return rows * _embedding_factor(settings)


def half_disc_box(box: Box, whole: Box) -> Box:
    """Return what must be seen for the half-discs of a box to be those of the whole."""
    shape: Sequence[int] = box_shape(whole)
    reach = half_disc_reach()
    wide = grow(box, [0] * (len(box) - 2) + [reach] * 2, shape)
    # Discs lie at every third pixel of the whole.
    return (*wide[:-2], *((start // STEP * STEP, stop) for start, stop in wide[-2:]))


def warn_of_mean_shift(model: Model, clustered: bool) -> None:
    """Log it where a mean shift is asked for that was never trained."""
    if clustered and not model.mean_shift_trained:
        log.warning(
            "the mean shift of model %s was not trained: its clustered embedding tells regions "
            "apart worse than the plain one", model.name,
        )  # fmt: skip
