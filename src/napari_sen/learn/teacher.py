"""What the network learns from: label maps of the clean image, made without annotations."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from scipy.ndimage import gaussian_filter

from ..core.graph import region_graph
from ..core.hierarchy import Hierarchy, merge_regions
from ..core.snic import snic
from ..core.strength import gradient_magnitude, half_disc_difference
from ..params import HierarchyParams, PseudoLabelParams, RegionParams
from ..progress import Progress, report
from .pseudo_labels import pseudo_labels, scales

__all__ = ["LabelParams", "label_maps", "n_maps", "region_labels"]

LabelParams: TypeAlias = PseudoLabelParams | RegionParams


def n_maps(params: LabelParams) -> int:
    """Return how many label maps an image gets."""
    if isinstance(params, RegionParams):
        return len(params.exponents) * len(params.counts)
    return len(scales(params))


def label_maps(
    features: np.ndarray,
    params: LabelParams,
    progress: Progress | None = None,
    *,
    embedding: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return the label maps of an image, (H, W) int32 from 1, of (H, W, C) smoothed features.

    ``embedding``, (H, W, D) unit rows, is for regions alone.
    """
    if isinstance(params, RegionParams):
        return region_labels(features, params, progress, embedding=embedding)
    return list(pseudo_labels(features, params, progress).values())


def region_labels(
    features: np.ndarray,
    params: RegionParams,
    progress: Progress | None = None,
    *,
    embedding: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return cuts of the merge tree, for each size exponent all counts.

    The tree is the default one (:class:`HierarchyParams`) on colour and, where one is given, an
    earlier model's embedding. An image with fewer fine superpixels than a count gives the fine
    ones.

    Parameters
    ----------
    features : (H, W, C) float32 ndarray
        Colour features of the whole image, smoothed by ``params.smoothing`` already.
    params : RegionParams
    progress : callable, optional
        Called many times per tree; may raise Cancelled.
    embedding : (H, W, D) float32 ndarray, optional
        Unit rows; weighted by ``params.embedding_weight``.
    """
    basis = HierarchyParams()
    area = features.shape[0] * features.shape[1]
    maps: list[np.ndarray] = []

    def poll(*_: object) -> None:
        report(progress, len(maps) // len(params.counts), len(params.exponents), "regions")

    poll()
    compared = features
    if embedding is not None:
        rows = embedding * np.float32(math.sqrt(params.embedding_weight) / 2)
        compared = np.concatenate([features, rows], axis=-1)
    fine = snic(
        compared,
        max(1, round(area / basis.fine_size**2)),
        compactness=basis.fine_compactness,
        progress=poll,
    )
    # Variances of Gaussians add: this is the image smoothed by boundary_smoothing.
    more = math.sqrt(max(0.0, basis.boundary_smoothing**2 - params.smoothing**2))
    strength = gradient_magnitude(gaussian_filter(features, (more, more, 0)))
    if params.texture > 0:
        strength += np.float32(params.texture) * half_disc_difference(features, progress=poll)
    regions = region_graph(fine, compared, strength)
    for exponent in params.exponents:
        # As the bundled models' teachers were: without the walk.
        how = HierarchyParams(evenness=exponent, walk_weight=0.0, border_exponent=0.0)
        settings = how.tree("natural").merging
        tree = Hierarchy(fine, merge_regions(regions, settings, poll))
        maps += [tree.cut(min(count, tree.n_leaves)) for count in params.counts]
    report(progress, len(params.exponents), len(params.exponents), "regions")
    return maps
