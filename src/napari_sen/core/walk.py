"""A walk on the region graph: like regions, joined by cheap borders, pull each other together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..params import HierarchyParams
from ..progress import Progress
from . import _kernel
from .graph import Regions

__all__ = ["WalkScale", "walk_costs", "walk_scale"]


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


def walk_scale(parts: Sequence[Regions], params: HierarchyParams) -> WalkScale:
    """Measure the constants of :func:`walk_costs` on a whole image, or on a sample of its parts.

    Parameters
    ----------
    parts : sequence of Regions
        The region graph of the image, or those of some tiles.
    params : HierarchyParams
        As for :func:`walk_costs`.

    Returns
    -------
    WalkScale
    """
    params = params.settled("natural")
    median = _median(np.concatenate([_costs(regions, 0.0) for regions in parts]))
    costs = [_costs(regions, params.boundary_weight) for regions in parts]
    left = [_walk(regions, median, params) for regions in parts]
    return WalkScale(median, _gain(np.concatenate(costs), np.concatenate(left)))


def walk_costs(
    regions: Regions,
    params: HierarchyParams,
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
    params : HierarchyParams
        ``walk_weight`` w, ``walk_sigma``, ``walk_steps`` t and ``boundary_weight`` w_b are used.
    scale : WalkScale, optional
        Of the whole image, where ``regions`` are a part of it; measured here by default.
    progress : callable, optional
        Called as ``progress(0, n, "merging")``; may raise Cancelled.

    Returns
    -------
    (E,) float64 array
    """
    params = params.settled("natural")
    median = _median(_costs(regions, 0.0)) if scale is None else scale.median_difference
    left = _walk(regions, median, params, progress)
    if scale is None:
        gain = _gain(_costs(regions, params.boundary_weight), left)
    else:
        gain = scale.gain
    result: NDArray[np.float64] = left * (params.walk_weight * gain)
    return result


def _costs(regions: Regions, boundary_weight: float) -> NDArray[np.float64]:
    """Return the merge cost of every edge, sizes apart; without boundaries the difference."""
    costs: NDArray[np.float64] = _kernel.edge_costs(
        regions.edges,
        regions.length,
        regions.strength,
        regions.means,
        float(boundary_weight),
    )
    return costs


def _walk(
    regions: Regions,
    median: float,
    params: HierarchyParams,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return how far apart neighbours are after the walk."""
    assert params.walk_sigma is not None
    assert params.walk_steps is not None
    n = len(regions.sizes)
    left: NDArray[np.float64] = _kernel.walk(
        regions.edges,
        regions.length,
        _costs(regions, 0.0),
        regions.means,
        params.walk_sigma * median,
        int(params.walk_steps),
        poll=None if progress is None else lambda: progress(0, n, "merging"),
    )
    return left


def _median(differences: NDArray[np.float64]) -> float:
    """Return the median of those above 0; 1 where there is none, and nothing to tell apart."""
    some = differences[differences > 0]
    return float(np.median(some)) if some.size else 1.0


def _gain(costs: NDArray[np.float64], left: NDArray[np.float64]) -> float:
    # Exact sums, rounded once: they do not depend on the order of the edges.
    total = math.fsum(left.tolist())
    return math.fsum(costs.tolist()) / total if total > 0 else 0.0
