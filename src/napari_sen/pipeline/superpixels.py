"""Flat superpixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..core.lattice import mean_diameter
from ..disk import ATTRIBUTE
from ..params import Kind, SegmentParams
from ..progress import Progress
from ..tiles.image import Image
from .counts import CountRule, segment_count
from .growth import grow_superpixels, mend
from .limits import find_limits
from .seeding import find_seeds
from .tasks import Common, Growth, label_dtype
from .tiling import HALO, settle_tiles
from .work import Product, Steps, Work, measure

__all__ = ["Superpixels", "superpixels_found"]


@dataclass(frozen=True)
class Superpixels(Product):
    """The product of :func:`napari_sen.segment` with ``method="snic"``.

    Attributes
    ----------
    params : SegmentParams
    kind : {"natural", "microscopy"}
        What the parameters that are not chosen are to suit.
    """

    params: SegmentParams
    kind: Kind

    name = "superpixels"
    usual_halo = HALO

    def identity(self) -> dict[str, Any]:
        """Return all that the labels depend on beside image and model."""
        mine = {"parameters": self.params.to_dict(), "kind": self.kind}
        return super().identity() | mine

    def rule(self, image: Image) -> CountRule:
        """Return how many superpixels a slice gets, by its number of pixels inside."""
        return segment_count(self.params, image)

    def stages(self, work: Work) -> Steps:
        """Measure, find seeds, grow, mend the seams."""
        image, rule = work.image, self.rule(work.image)
        stats = yield from measure(work)
        seeds = yield from find_seeds(work, rule, self.params.connectivity)
        count = sum(map(rule, seeds.pixels))
        diameter = mean_diameter(sum(seeds.pixels), count, image.spacing)
        settings = self.params.growth(self.kind, diameter)
        sides, halo = settle_tiles(seeds, self.tile, self.halo_of(image.n_spatial))
        grid = work.grid(sides)
        limits = None
        if settings.boundary_weight and not work.is_whole:
            limits = yield from find_limits(work, stats)
        common = Common.of(work, stats, grid, limits)
        target = work.target(None, label_dtype(seeds.total), grid, n_labels=seeds.total)
        growth = Growth(settings, seeds, halo, target)
        yield from work.pieces(
            "superpixels", partial(_grow_tile, common, growth), common.n_tiles, where=common.where
        )
        yield from mend(work, common, growth, [*work.done("superpixels").values()])
        yield from work.finish(target)
        return target

    def found(self, result: Any) -> dict[str, Any]:
        """Return the number of superpixels made."""
        return superpixels_found(result)


def superpixels_found(result: Any) -> dict[str, Any]:
    """Return the number of labels of a label map, or of the open store that holds it."""
    if isinstance(result, np.ndarray):
        return {"superpixels": int(np.count_nonzero(np.bincount(result.ravel())[1:]))}
    return {"superpixels": result.attrs[ATTRIBUTE]["labels"]}


def _grow_tile(common: Common, growth: Growth, item: int, poll: Progress | None) -> list[int]:
    """Write the superpixels of one tile; return how far, per axis, they reach from their seeds."""
    which, _ = common.place(item)
    return grow_superpixels(common, growth, common.scene(which), item, poll)
