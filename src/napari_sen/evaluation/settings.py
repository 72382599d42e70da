"""What each compared method runs with, chosen once on validation images and frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ParameterError
from ..params import HierarchyParams, Params, SegmentParams, param, shown

__all__ = [
    "BASELINE",
    "CHOSEN",
    "DEFAULT_METHODS",
    "GRIDS",
    "SIZES",
    "Contender",
    "FelzenszwalbSettings",
    "HigraSettings",
    "LscSettings",
    "OpencvSlicSettings",
    "SeedsSettings",
    "SlicSettings",
    "WatershedSettings",
    "contender",
    "grid",
]


@dataclass(frozen=True)
class SlicSettings(Params):
    """scikit-image's SLIC and fast-slic."""

    compactness: float = param(10.0, "as SNIC's: weight of position", above=0)
    smoothing: float = param(1.0, "sigma of the Gaussian on the colour features", low=0, unit="px")


@dataclass(frozen=True)
class FelzenszwalbSettings(Params):
    """The graph-based segmentation of Felzenszwalb and Huttenlocher (2004).

    It takes no number. Both of its sizes are tied to the mean size asked for, so that one
    number, which is searched, governs it.
    """

    scale: float = param(0.3, "observation scale, per pixel of mean size", above=0)
    smallest: float = param(0.1, "smallest region, as a share of the mean size", low=0, high=1)
    smoothing: float = param(0.8, "sigma of the Gaussian on the colour features", low=0, unit="px")


@dataclass(frozen=True)
class WatershedSettings(Params):
    """Compact watershed (Neubert and Protzel, 2014) of the colour gradient; plain at 0."""

    compactness: float = param(0.0, "weight of the distance to the seed", low=0)
    smoothing: float = param(2.0, "sigma of the Gaussian before the gradient", low=0, unit="px")


@dataclass(frozen=True)
class HigraSettings(Params):
    """Higra's hierarchical watersheds of the colour gradient."""

    smoothing: float = param(2.0, "sigma of the Gaussian before the gradient", low=0, unit="px")


@dataclass(frozen=True)
class SeedsSettings(Params):
    """OpenCV's SEEDS (Van den Bergh et al., 2012)."""

    levels: int = param(4, "levels of blocks", low=1)
    prior: int = param(0, "smoothing of the shape", low=0, high=5)
    bins: int = param(5, "histogram bins", low=2)
    iterations: int = param(10, "passes over the pixels", low=1)
    smoothing: float = param(1.0, "sigma of the Gaussian on the colour features", low=0, unit="px")


@dataclass(frozen=True)
class LscSettings(Params):
    """OpenCV's LSC (Li and Chen, 2015)."""

    ratio: float = param(0.05, "weight of position against colour", above=0)
    iterations: int = param(10, "rounds of clustering", low=1)
    smoothing: float = param(1.0, "sigma of the Gaussian on the colour features", low=0, unit="px")


@dataclass(frozen=True)
class OpencvSlicSettings(Params):
    """OpenCV's SLIC and SLICO."""

    ruler: float = param(10.0, "weight of position (SLICO finds its own)", above=0)
    iterations: int = param(10, "rounds of clustering", low=1)
    smoothing: float = param(1.0, "sigma of the Gaussian on the colour features", low=0, unit="px")


# What is compared where no method is named, and what the others are compared with.
BASELINE = "snic-smooth"
DEFAULT_METHODS = ("snic", BASELINE, "slic", "tree", "sen-tree")

# Numbers of superpixels at which methods are compared.
SIZES = (25, 50, 100, 200, 300, 400, 500, 1000)

# Weight of the embedding where it stands alone. No default of the package, which keeps colour:
# the paper leaves the scale of eq. 7 open, and this suits the default compactness.
WEIGHT_ALONE = 1000.0

_SEGMENT = SegmentParams()
_COLOUR = replace(_SEGMENT, embedding_weight=0.0, boundary_weight=0.0, compactness=10.0)
_ALONE = replace(_COLOUR, colour_weight=0.0, embedding_weight=WEIGHT_ALONE, compactness=5.0)

# Ours are the package's defaults. Those of slic, felzenszwalb, watershed, higra's, seeds and lsc
# are the best of GRIDS on 4 evenly spaced images of BSDS val at K = 50 and 200 (mean of F1 and
# ASA): few images, so near ties mean nothing. opencv-slic, slico and fast-slic were not tuned:
# they are smoothed as slic is.
CHOSEN: Mapping[str, Params] = {
    "snic": replace(_COLOUR, smoothing=0.0),
    "snic-smooth": _COLOUR,
    "snic-boundary": replace(_SEGMENT, embedding_weight=0.0),
    "tree": replace(HierarchyParams(), embedding_weight=0.0),
    "sen": _SEGMENT,
    "sen-paper-raw": _ALONE,
    "sen-paper": _ALONE,
    "sen-tree": HierarchyParams(),
    "sen-even": HierarchyParams(evenness=1.0),
    "slic": SlicSettings(),
    "felzenszwalb": FelzenszwalbSettings(),
    "watershed": WatershedSettings(),
    "higra-area": HigraSettings(),
    "higra-volume": HigraSettings(),
    "seeds": SeedsSettings(),
    "lsc": LscSettings(),
    "opencv-slic": OpencvSlicSettings(),
    "slico": OpencvSlicSettings(),
    "fast-slic": SlicSettings(),
}

_COMPACTNESS: Mapping[str, Sequence[Any]] = {"compactness": (5.0, 10.0, 20.0, 40.0)}
_SMOOTHING: Mapping[str, Sequence[Any]] = {"smoothing": (0.0, 1.0)}
_EMBEDDING: Mapping[str, Sequence[Any]] = {"embedding_weight": (100.0, 300.0, 1000.0, 3000.0)}
_EMBEDDING_ALONE: Mapping[str, Sequence[Any]] = {
    "embedding_weight": (300.0, 1000.0, 3000.0), "compactness": (2.0, 5.0, 10.0),
}  # fmt: skip
_GRADIENT: Mapping[str, Sequence[Any]] = {"smoothing": (1.0, 2.0)}
_RULER: Mapping[str, Sequence[Any]] = {"ruler": (5.0, 10.0, 20.0, 40.0), **_SMOOTHING}

# Small grids: every combination of a method is tried by tuning.
GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "snic": _COMPACTNESS,
    "snic-smooth": {"compactness": (5.0, 10.0, 20.0), "smoothing": (0.5, 1.0, 1.5)},
    "tree": {"evenness": (0.25, 0.4, 0.6, 1.0), "texture": (0.0, 30.0)},
    "snic-boundary": {"boundary_weight": (1000.0, 3000.0), "compactness": (5.0, 10.0)},
    "sen": _EMBEDDING,
    "sen-paper-raw": _EMBEDDING_ALONE,
    "sen-paper": _EMBEDDING_ALONE,
    "sen-tree": _EMBEDDING,
    "sen-even": {"evenness": (0.7, 0.8, 1.0, 1.2)},
    "slic": {**_COMPACTNESS, **_SMOOTHING},
    "felzenszwalb": {"scale": (0.1, 0.3, 1.0), "smallest": (0.05, 0.1, 0.2)},
    "watershed": {"compactness": (0.0, 0.1, 0.3, 1.0), "smoothing": (1.0, 2.0)},
    "higra-area": _GRADIENT,
    "higra-volume": _GRADIENT,
    "seeds": {"levels": (3, 4), "prior": (0, 2), **_SMOOTHING},
    "lsc": {"ratio": (0.05, 0.075, 0.15), **_SMOOTHING},
    "opencv-slic": _RULER,
    "slico": _SMOOTHING,
    "fast-slic": _COMPACTNESS,
}


@dataclass(frozen=True)
class Contender:
    """A method with its settings, under the name that tables give it."""

    label: str
    method: str
    settings: Params


def contender(name: str) -> Contender:
    """Return a method with its frozen settings, or raise ParameterError for a wrong name."""
    if name not in CHOSEN:
        raise ParameterError(f"method must be one of {', '.join(CHOSEN)}; got {shown(name)}")
    return Contender(name, name, CHOSEN[name])


def _text(value: float | None) -> str:
    return "auto" if value is None else f"{value:g}"


def grid(name: str) -> list[Contender]:
    """Return the frozen settings and every combination of the grid: ``name key=value ...``."""
    start = contender(name)
    found = [start.settings]
    for key, values in GRIDS[name].items():
        found = [replace(settings, **{key: value}) for settings in found for value in values]
    if start.settings not in found:
        found.insert(0, start.settings)
    return [
        Contender(
            " ".join([name, *(f"{key}={_text(getattr(settings, key))}" for key in GRIDS[name])]),
            name,
            settings,
        )
        for settings in found
    ]
