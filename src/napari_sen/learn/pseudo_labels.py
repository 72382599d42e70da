"""Pseudo-labels: colour superpixels at many scales and compactnesses."""

from __future__ import annotations

import numpy as np

from ..core.snic import snic
from ..params import PseudoLabelParams
from ..progress import Progress, report

__all__ = ["mean_colours", "pseudo_labels", "scales"]

Scale = tuple[float, float]


def scales(params: PseudoLabelParams) -> list[Scale]:
    """Return every (spacing, compactness), in the order in which they are made."""
    return [(float(s), float(m)) for s in params.spacings for m in params.compactnesses]


def pseudo_labels(
    features: np.ndarray, params: PseudoLabelParams, progress: Progress | None = None
) -> dict[Scale, np.ndarray]:
    """Return a label map for each (spacing, compactness).

    Parameters
    ----------
    features : (H, W, C) float32 ndarray
        Colour features of the whole image, smoothed by ``params.smoothing`` already.
    params : PseudoLabelParams
        A spacing of s px asks for area / s^2 superpixels, at least one.
    progress : callable, optional
        Called many times per map; may raise Cancelled.

    Returns
    -------
    dict of (spacing, compactness) to (H, W) int32 ndarray
        Labels from 1.
    """
    area = features.shape[0] * features.shape[1]
    wanted = scales(params)
    maps: dict[Scale, np.ndarray] = {}

    def poll(*_: object) -> None:
        report(progress, len(maps), len(wanted), "pseudo-labels")

    for spacing, compactness in wanted:
        count = min(area, max(1, round(area / spacing**2)))
        maps[spacing, compactness] = snic(features, count, compactness=compactness, progress=poll)
    report(progress, len(wanted), len(wanted), "pseudo-labels")
    return maps


def mean_colours(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean features of each label, (L + 1, C) float32; row 0 is zero."""
    flat = labels.ravel()
    count = np.bincount(flat)
    sums = [np.bincount(flat, features[..., c].ravel()) for c in range(features.shape[-1])]
    means = np.stack(sums, -1) / np.maximum(count, 1)[:, None]
    means[0] = 0
    return means.astype(np.float32)
