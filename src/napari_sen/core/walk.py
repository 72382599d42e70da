"""A walk on the region graph: like regions, joined by cheap borders, pull each other together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..params import MergeSettings
from ..progress import Progress
from . import _kernel
from .graph import Regions

__all__ = [
    "WalkScale",
    "edge_costs",
    "median_difference",
    "walk_costs",
    "walk_gain",
    "walk_scale",
    "walk_sums",
    "walked_strength",
]


@dataclass(frozen=True)
class WalkScale:
    """What a walk takes from the whole image, so that its parts can be walked on alike.

    Attributes
    ----------
    median_difference : float
        Median difference of neighbours, of those that differ at all.
    gain : float
        Mean merge cost divided by the mean difference that the walk leaves; 0 where it leaves none.
    """

    median_difference: float
    gain: float


def walk_scale(regions: Regions, merging: MergeSettings) -> WalkScale:
    """Measure the constants of :func:`walk_costs` on the region graph of a whole image."""
    median = median_difference(edge_costs(regions))
    return WalkScale(median, walk_gain([walk_sums(regions, merging, median)]))


def edge_costs(regions: Regions, boundary_weight: float = 0.0) -> NDArray[np.float64]:
    """Return the merge cost of every edge, sizes apart: without a weight the difference alone."""
    costs: NDArray[np.float64] = _kernel.edge_costs(
        regions.edges, regions.length, regions.strength, regions.means, float(boundary_weight)
    )
    return costs


def median_difference(differences: NDArray[np.float64]) -> float:
    """Return the median of those above 0; 1 where there is none, and nothing to tell apart."""
    some = differences[differences > 0]
    return float(np.median(some)) if some.size else 1.0


def walk_sums(
    regions: Regions,
    merging: MergeSettings,
    median: float,
    of: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> tuple[float, float]:
    """Return what :func:`walk_gain` needs of a part of an image.

    Parameters
    ----------
    regions : Regions
    merging : MergeSettings
    median : float
        Of the whole image's differences.
    of : (E,) bool array, optional
        The edges that count here; all by default.
    progress : callable, optional

    Returns
    -------
    costs, left : float
        Sums of the merge costs, and of the differences that the walk leaves.
    """
    chosen = slice(None) if of is None else of
    costs = edge_costs(regions, merging.boundary_weight)[chosen]
    left = _walk(regions, median, merging, progress)[chosen]
    # Exact sums, rounded once: they do not depend on the order of the edges.
    return math.fsum(costs.tolist()), math.fsum(left.tolist())


def walk_gain(sums: Sequence[tuple[float, float]]) -> float:
    """Return the mean merge cost divided by the mean difference left, of all parts together."""
    costs, left = (math.fsum(values) for values in zip(*sums, strict=True))
    return costs / left if left > 0 else 0.0


def walk_costs(
    regions: Regions,
    merging: MergeSettings,
    scale: WalkScale | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    r"""Return what the walk adds to the cost of merging each pair of neighbours.

    Regions average their mean features f with their neighbours', again and again. A border lets
    through the more, the longer it is and the more alike both sides are:

    .. math:: W_{ab} = l_{ab}\, e^{-|f_a - f_b| / (\sigma d)},\quad
              P = (I + D^{-1} W) / 2,\quad X = P^t f,

    with the border's length l and the median d of all :math:`|f_a - f_b|`. Two regions still
    differ after t steps if *every* way from the one to the other crosses a change. So
    :math:`w |X_a - X_b|`, in units of the mean cost :math:`|f_a - f_b| + w_b B_{ab}`, is added to
    that cost. Sums run in a fixed order, so the result is the same on every machine.

    Parameters
    ----------
    regions : Regions
        The region graph of the image, or of a part of it. Parts that do not touch are walked on
        apart.
    merging : MergeSettings
        ``walk_weight`` w, ``walk_sigma``, ``walk_steps`` t and ``boundary_weight`` w_b are used.
    scale : WalkScale, optional
        Of the whole image, where ``regions`` are a part of it; measured here by default.
    progress : callable, optional
        Called as ``progress(0, n, "merging")``; may raise Cancelled.

    Returns
    -------
    (E,) float64 array
    """
    if scale is None:
        median = median_difference(edge_costs(regions))
        left = _walk(regions, median, merging, progress)
        costs = edge_costs(regions, merging.boundary_weight)
        gain = walk_gain([(math.fsum(costs.tolist()), math.fsum(left.tolist()))])
    else:
        left, gain = _walk(regions, scale.median_difference, merging, progress), scale.gain
    result: NDArray[np.float64] = left * (merging.walk_weight * gain)
    return result


def walked_strength(
    regions: Regions,
    merging: MergeSettings,
    scale: WalkScale | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return all that borders cost beside the difference, summed along each, (E,).

    That is the weighted boundary strength and the walk's part; merged with a
    ``boundary_weight`` of 1 it is what :func:`walk_costs` describes.
    """
    walk = walk_costs(regions, merging, scale, progress)
    strength: NDArray[np.float64] = float(merging.boundary_weight) * regions.strength
    return strength + regions.length * walk


def _walk(
    regions: Regions,
    median: float,
    merging: MergeSettings,
    progress: Progress | None,
) -> NDArray[np.float64]:
    """Return how far apart neighbours are after the walk."""
    n = len(regions.sizes)
    left: NDArray[np.float64] = _kernel.walk(
        regions.edges,
        regions.length,
        edge_costs(regions),
        regions.means,
        merging.walk_sigma * median,
        int(merging.walk_steps),
        poll=None if progress is None else lambda: progress(0, n, "merging"),
    )
    return left
