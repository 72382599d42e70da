"""The boundary detectors that are compared, and the settings each runs with; light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..params import ContourParams, HierarchyParams, Params, SegmentParams
from ..pipeline.contour_maps import tree_params

__all__ = [
    "DEFAULT_DETECTORS",
    "DETECTORS",
    "FLAT",
    "LEARNT",
    "MERGING",
    "PLAIN",
    "SIGMA",
    "SIZES",
    "TREES",
    "About",
]

SIGMA = 2.0  # px, of the gradient that stands for Canny's detector
# All strengths are kept, for the benchmark tries the thresholds.
TREES = ContourParams(threshold=0.0)
SIZES = replace(TREES, method="sizes")


@dataclass(frozen=True)
class About:
    """What a detector is, in words, and the settings that decide what it finds."""

    about: str
    settings: dict[str, Any] = field(default_factory=dict)


def _settings(contour: Params, of_superpixels: Params) -> dict[str, Any]:
    return {"contours": contour.to_dict(), "superpixels": of_superpixels.to_dict()}


FLAT = SegmentParams(compactness=SIZES.compactness)
MERGING = tree_params(TREES)
PLAIN = HierarchyParams()

DETECTORS: Mapping[str, About] = {
    "human": About("each annotator against the others"),
    "sobel": About("Sobel's filter of the grey image"),
    "canny": About(
        "gradient of a Gaussian with non-maximum suppression, as in Canny's detector",
        {"sigma": SIGMA},
    ),
    "half-disc": About("half-disc histogram difference of the colour, suppressed likewise"),
    "snic": About("the paper's average over 13 sizes, on colour", _settings(SIZES, FLAT)),
    "sen": About("the same with the embedding (Fig. 11)", _settings(SIZES, FLAT)),
    "tree": About("closed contours: the cuts of the default tree on colour", PLAIN.to_dict()),
    "sen-tree": About("the same with the embedding", PLAIN.to_dict()),
    "trees": About(
        "napari_sen.contours without a model: cuts of several trees on colour",
        _settings(TREES, MERGING),
    ),
    "sen-trees": About(
        "napari_sen.contours: the same with the embedding", _settings(TREES, MERGING)
    ),
}
LEARNT = frozenset(name for name in DETECTORS if name.startswith("sen"))
DEFAULT_DETECTORS = tuple(DETECTORS)
