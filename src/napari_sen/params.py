"""Every parameter of the package, once: default, range, unit and meaning.

The API's defaults, the command line's options, the plugin's forms and the model cards are all
derived from these dataclasses. A class validates itself when it is made, so a parameter set
that exists is a valid one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np

from .errors import ParameterError
from .texts import is_writable

__all__ = [
    "KINDS",
    "MODEL_KINDS",
    "ContourParams",
    "ContrastParams",
    "EmbedParams",
    "FeatureSettings",
    "HierarchyParams",
    "Kind",
    "LossParams",
    "MeanShiftParams",
    "MergeSettings",
    "NetworkParams",
    "Params",
    "PseudoLabelParams",
    "RegionParams",
    "SegmentParams",
    "SnicSettings",
    "TrainParams",
    "TreeSettings",
    "check_model_name",
    "require",
    "shown",
]


# Kinds of images. Where a parameter is None, what suits the kind is taken: chosen on validation
# images of BSDS500 for photographs, on the tune halves of 17 sets for microscopy.
Kind: TypeAlias = Literal["natural", "microscopy"]
KINDS: tuple[Kind, ...] = ("natural", "microscopy")
# What the bundled models were trained for.
MODEL_KINDS: Mapping[str, Kind] = {
    "natural": "natural",
    "natural-full": "natural",
    "microscopy": "microscopy",
    "microscopy-full": "microscopy",
}
Suited: TypeAlias = Mapping[str, Mapping[str, float]]


def param(
    default: Any,
    help: str,  # noqa: A002  (the word that argparse uses for it)
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] | None = None,
    advanced: bool = False,
) -> Any:
    """Return a dataclass field that carries its own range, unit and help.

    ``low`` and ``high`` are inclusive, ``above`` is exclusive. A tuple-valued field is checked
    entry by entry. ``None`` as default means that None is legal.
    """
    limits = {"low": low, "high": high, "above": above}
    about = {"help": help, "unit": unit, "choices": choices, "advanced": advanced}
    return field(default=default, metadata=limits | about)


def require(name: str, value: Any, kind: type, limits: Mapping[str, Any]) -> None:
    """Raise ParameterError unless ``value`` is a finite ``kind`` (int, float, bool) in range."""
    what = {int: "a whole number", float: "a finite number", bool: "True or False"}[kind]
    is_bool = isinstance(value, bool | np.bool_)
    is_number = isinstance(value, int | float | np.integer | np.floating) and not is_bool
    legal = is_bool if kind is bool else is_number and _is_finite(value)
    if not legal or (kind is int and int(value) != value):
        raise ParameterError(f"{name} must be {what}, got {shown(value)}")
    if kind is bool:
        return
    low, high, above = (limits.get(key) for key in ("low", "high", "above"))
    if above is not None and value <= above:
        raise ParameterError(f"{name} must be greater than {above:g}, got {shown(value)}")
    if low is not None and value < low:
        raise ParameterError(f"{name} must be at least {low:g}, got {shown(value)}")
    if high is not None and value > high:
        raise ParameterError(f"{name} must be at most {high:g}, got {shown(value)}")


def _is_finite(value: Any) -> bool:
    """Return whether a number is finite, and no integer beyond what a float can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def require_texts(name: str, values: Any) -> tuple[str, ...]:
    """Return a list of texts as a tuple, or raise ParameterError."""
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise ParameterError(f"{name} must be a list of texts, got {shown(values)}")
    if not all(map(is_writable, values)):
        raise ParameterError(f"{name} holds an incomplete character, got {shown(values)}")
    return tuple(values)


def shown(value: Any) -> str:
    """Return a value as messages show it, on one line and not too long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001  (an int of very many digits, or any object of a user's)
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_model_name(name: str) -> str:
    """Return a name under which a model can be kept and found, or raise ParameterError."""
    if not (isinstance(name, str) and re.fullmatch(r"\w[\w.-]*", name)) or name in ("auto", "none"):
        raise ParameterError(
            f"{shown(name)} cannot name a model: begin with a letter, a digit or '_', go on with "
            "these, '-' and '.', and take neither 'auto' nor 'none'"
        )
    return name


@dataclass(frozen=True)
class Params:
    """Base of all parameter sets: validation, and the way to and from plain dictionaries.

    ``suited`` names, for each kind of image, the values of parameters that are None by default.
    """

    suited: ClassVar[Suited] = {kind: {} for kind in KINDS}

    def __post_init__(self) -> None:
        """Check every field against its own metadata."""
        for item in fields(self):
            value, limits = getattr(self, item.name), item.metadata
            if value is None and item.default is None:
                continue
            if limits.get("choices"):
                if not isinstance(value, str) or value not in limits["choices"]:
                    known = ", ".join(map(repr, limits["choices"]))
                    raise ParameterError(f"{item.name} must be one of {known}; got {shown(value)}")
                continue
            if isinstance(item.default, tuple):
                value = value.tolist() if isinstance(value, np.ndarray) else value
                if not isinstance(value, tuple | list) or len(value) == 0:
                    raise ParameterError(
                        f"{item.name} must be a list of numbers, got {shown(value)}"
                    )
                object.__setattr__(self, item.name, tuple(value))
                for entry in value:
                    require(item.name, entry, type(item.default[0]), limits)
                continue
            kind = float if item.default is None else type(item.default)
            if item.type in ("int", "int | None"):
                kind = int
            require(item.name, value, kind, limits)
            if kind is int:
                object.__setattr__(self, item.name, int(value))  # 3.0, or NumPy's own kind

    def settled(self, kind: Kind) -> Self:
        """Return the parameters with what suits a kind of image where nothing was chosen."""
        return self._filled(self.suited[kind])

    def _filled(self, values: Mapping[str, Any]) -> Self:
        """Return the parameters with ``values`` where nothing was chosen."""
        chosen = {key: value for key, value in self.to_dict().items() if value is not None}
        return type(self)(**{**values, **chosen})

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON-able values."""
        return asdict(self)

    @classmethod
    def given(cls, **values: Any) -> Self:
        """Return the parameter set with the defaults for those values that are None."""
        return cls(**{name: value for name, value in values.items() if value is not None})

    @classmethod
    def among(cls, arguments: Mapping[str, Any]) -> Self:
        """Return the parameter set of those of a function's arguments that are its own.

        What is None keeps its default.
        """
        return cls.given(
            **{item.name: arguments[item.name] for item in fields(cls) if item.name in arguments}
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the parameter set made from a dictionary; unknown names are an error."""
        names = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise ParameterError(f"{cls.__name__} has no parameter {unknown[0]!r}")
        return cls(**values)


@dataclass(frozen=True)
class FeatureSettings:
    """What pixels are compared by, settled.

    Attributes
    ----------
    smoothing : float
        Sigma of the Gaussian on the colour, in px.
    colour_weight, embedding_weight : float
        Of the squared colour distance, and of Psi (eq. 2).
    """

    smoothing: float
    colour_weight: float
    embedding_weight: float


@dataclass(frozen=True)
class SnicSettings:
    """How flat superpixels grow, settled.

    Attributes
    ----------
    features : FeatureSettings
    compactness : float
    connectivity : int
        1 or 2.
    boundary_weight : float
        Of the half-disc difference, which growth enters last.
    """

    features: FeatureSettings
    compactness: float
    connectivity: int = 1
    boundary_weight: float = 0.0


@dataclass(frozen=True)
class MergeSettings:
    """How the finest superpixels merge, settled; see :class:`HierarchyParams`.

    Attributes
    ----------
    evenness : float
        p of the merge cost.
    boundary_weight, texture, boundary_smoothing : float
        Of the boundary strength, and what it is made of.
    border_exponent : float
        q of the merge cost.
    walk_weight : float
        0: no walk.
    walk_sigma : float
    walk_steps : int
    """

    evenness: float
    boundary_weight: float
    texture: float
    boundary_smoothing: float
    border_exponent: float
    walk_weight: float
    walk_sigma: float
    walk_steps: int


@dataclass(frozen=True)
class TreeSettings:
    """How the finest superpixels are made and merged, settled.

    Attributes
    ----------
    fine_size : float
        Their diameter in px of the finest axis.
    leaves : SnicSettings
        How they grow.
    merging : MergeSettings
    """

    fine_size: float
    leaves: SnicSettings
    merging: MergeSettings


@dataclass(frozen=True)
class SegmentParams(Params):
    """Image to superpixels: a cut of the merge tree, or SNIC (eq. 7 of the paper)."""

    suited: ClassVar[Suited] = {
        "natural": {"compactness": 5.0, "embedding_weight": 2000.0, "boundary_weight": 3000.0},
        "microscopy": {"compactness": 5.0, "embedding_weight": 1000.0, "boundary_weight": 200.0},
    }
    # Superpixels smaller than the discs that the boundary strength compares.
    fine_below: ClassVar[float] = 22.0  # px
    suited_fine: ClassVar[Suited] = {
        "natural": {},
        "microscopy": {"compactness": 10.0, "boundary_weight": 0.0},
    }

    n_segments: int = param(500, "number of superpixels wanted", low=1)
    size: float | None = param(
        None, "superpixel diameter, instead of a number", above=0, high=1e12,
        unit="units of spacing",
    )  # fmt: skip
    level: float | None = param(
        None, "method tree: cut where merging costs more than this, instead of at a number; see "
        "the levels of a hierarchy", low=0, high=1e12, advanced=True,
    )  # fmt: skip
    method: str = param(
        "tree", "tree: a cut of the merge tree, follows edges closely; snic: flat superpixels, "
        "round and of about one size", choices=("tree", "snic"),
    )  # fmt: skip
    compactness: float | None = param(
        None, "method snic: larger values make superpixels rounder, smaller ones let them follow "
        "edges; by default 5, in microscopy 10 for superpixels below 22 px; method tree: that of "
        "the finest superpixels, by default 3", above=0, high=1e6,
    )  # fmt: skip
    evenness: float | None = param(
        None, "method tree: 1 gives superpixels of about equal size, 0.25 follows objects "
        "whatever their size; by default 0.4 for photographs, 0.7 for microscopy",
        low=0, high=2, advanced=True,
    )  # fmt: skip
    connectivity: int = param(
        1, "1: pixels touch by their faces (4 in 2-D, 6 in 3-D); 2: also by corners (8, 26)",
        low=1, high=2, advanced=True,
    )  # fmt: skip
    smoothing: float = param(
        1.0, "sigma of the Gaussian on the colour features; 0 switches it off",
        low=0, high=50, unit="px", advanced=True,
    )  # fmt: skip
    colour_weight: float = param(
        1.0, "weight of the squared colour distance (CIELAB, L in 0...100)",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    embedding_weight: float | None = param(
        None, "weight of the embedding distance Psi (eq. 2) beside the squared colour distance; "
        "by default 2000 for photographs, 1000 for microscopy",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    boundary_weight: float | None = param(
        None, "method snic: weight of the boundary strength (half-disc difference); pixels on "
        "boundaries are added last; by default 3000 for photographs, 200 for microscopy (0 for "
        "superpixels below 22 px)",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip

    def settled(self, kind: Kind, diameter: float = math.inf) -> Self:
        """Return the parameters with what suits the image and the superpixels' diameter in px."""
        fine = self.suited_fine[kind] if diameter < self.fine_below else {}
        return self._filled({**self.suited[kind], **fine})

    def growth(self, kind: Kind, diameter: float = math.inf) -> SnicSettings:
        """Return how superpixels of this diameter in px grow in this kind of image."""
        chosen = self.settled(kind, diameter)
        return SnicSettings(
            _features_of(chosen),
            _settled(chosen.compactness),
            self.connectivity,
            _settled(chosen.boundary_weight),
        )


@dataclass(frozen=True)
class HierarchyParams(Params):
    """Fine superpixels and the cost by which they merge.

    ``napari_sen.hierarchy`` gives the formula of the cost; p and q are its exponents.
    """

    suited: ClassVar[Suited] = {
        "natural": {
            "evenness": 0.4, "texture": 30.0, "embedding_weight": 2000.0,
            "border_exponent": 0.125, "walk_sigma": 0.4, "walk_steps": 128,
        },
        "microscopy": {
            "evenness": 0.7, "texture": 0.0, "embedding_weight": 1000.0,
            "border_exponent": 0.0, "walk_sigma": 0.2, "walk_steps": 64,
        },
    }  # fmt: skip

    fine_size: float = param(
        10.0, "diameter of the finest superpixels", above=1, high=4096, unit="px"
    )
    fine_compactness: float = param(
        3.0, "compactness of the finest superpixels", above=0, high=1e6, advanced=True
    )
    evenness: float | None = param(
        None, "p: 1 gives superpixels of about equal size, 0.25 follows objects; by default 0.4 "
        "for photographs, 0.7 for microscopy", low=0, high=2,
    )  # fmt: skip
    smoothing: float = param(
        1.0, "sigma of the Gaussian on the colour features", low=0, high=50, unit="px",
        advanced=True,
    )  # fmt: skip
    colour_weight: float = param(
        1.0, "weight of the squared colour distance (CIELAB, L in 0...100)",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    embedding_weight: float | None = param(
        None, "weight of the embedding distance Psi (eq. 2) beside the squared colour distance; "
        "by default 2000 for photographs, 1000 for microscopy",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    boundary_weight: float = param(
        10.0, "weight of the boundary strength: the gradient of CIELAB, per px, and the borders of "
        "texture", low=0, high=1e6, advanced=True,
    )  # fmt: skip
    texture: float | None = param(
        None, "weight of texture borders in the boundary strength, beside the gradient: larger "
        "values keep fine texture whole; by default 30 for photographs, 0 for microscopy",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    boundary_smoothing: float = param(
        1.5, "sigma of the Gaussian before the gradient", low=0, high=50, unit="px",
        advanced=True,
    )  # fmt: skip
    border_exponent: float | None = param(
        None, "q: how much more it costs to merge regions that share little of their borders; "
        "larger values make outlines smoother; by default 0.125 for photographs, 0 for microscopy",
        low=0, high=2, advanced=True,
    )  # fmt: skip
    walk_weight: float = param(
        0.3, "weight of what still differs after a walk on the graph of the finest superpixels, "
        "which brings similar ones together; in units of the mean cost; 0 switches it off",
        low=0, high=1e6, advanced=True,
    )  # fmt: skip
    walk_sigma: float | None = param(
        None, "how large a difference the walk still crosses, in units of the median difference of "
        "neighbours; by default 0.4 for photographs, 0.2 for microscopy",
        above=0, high=1e6, advanced=True,
    )  # fmt: skip
    walk_steps: int | None = param(
        None, "steps of the walk, which reaches that many superpixels far; by default 128 for "
        "photographs, 64 for microscopy", low=0, high=100_000, advanced=True,
    )  # fmt: skip

    def tree(self, kind: Kind) -> TreeSettings:
        """Return how the finest superpixels are made and merged in this kind of image."""
        chosen = self.settled(kind)
        merging = {
            item.name: _settled(getattr(chosen, item.name)) for item in fields(MergeSettings)
        }
        leaves = SnicSettings(_features_of(chosen), self.fine_compactness)
        return TreeSettings(self.fine_size, leaves, MergeSettings(**merging))


def _features_of(params: SegmentParams | HierarchyParams) -> FeatureSettings:
    weight = _settled(params.embedding_weight)
    return FeatureSettings(params.smoothing, params.colour_weight, weight)


def _settled(value: Any) -> Any:
    """Return a value that is settled; it is a fault of ours where it is not."""
    if value is None:
        raise TypeError("a parameter is used before it is settled")
    return value


@dataclass(frozen=True)
class PseudoLabelParams(Params):
    """Colour superpixels at many scales: what the network learns from."""

    spacings: tuple[float, ...] = param(
        (6.0, 9.0, 13.0, 19.0, 28.0, 40.0), "seed spacings", low=2, high=4096, unit="px"
    )
    compactnesses: tuple[float, ...] = param(
        (5.0, 10.0, 20.0, 40.0), "compactness values", above=0, high=1e6
    )
    smoothing: float = param(
        1.0, "sigma of the Gaussian on the colour features", low=0, high=50, unit="px"
    )


@dataclass(frozen=True)
class RegionParams(Params):
    """Cuts of the merge tree: what the recipe "regions" and the teacher "regions" learn from."""

    counts: tuple[int, ...] = param((25, 60, 150), "regions of a whole image", low=2, high=100_000)
    exponents: tuple[float, ...] = param(
        (0.5, 1.0), "exponents p (evenness) of the merge cost", low=0, high=2
    )
    smoothing: float = param(
        1.0, "sigma of the Gaussian on the colour features", low=0, high=50, unit="px"
    )
    texture: float = param(
        0.0, "weight of texture borders in the boundary strength of the tree", low=0, high=1e6
    )
    embedding_weight: float = param(
        0.0, "weight, in the tree, of the embedding of the model that training starts from: its "
        "own regions teach a second round", low=0, high=1e6,
    )  # fmt: skip


@dataclass(frozen=True)
class NetworkParams(Params):
    """Shape of the U-Net."""

    planes: int = param(3, "input planes", low=1, high=64, advanced=True)
    dim: int = param(16, "embedding size D", low=2, high=256)
    base_width: int = param(16, "channels of the first level", low=4, high=256)
    width_cap: int = param(128, "largest number of channels of a level", low=4, high=1024)
    levels: int = param(5, "number of halvings", low=1, high=5, advanced=True)
    design: str = param(
        "paper", "paper: all levels of the paper; lean: works at half the resolution, for a "
        "quarter of the time", choices=("paper", "lean"), advanced=True,
    )  # fmt: skip
    growth: float = param(
        2.0, "factor by which channels increase from level to level", low=1, high=4, advanced=True
    )


@dataclass(frozen=True)
class MeanShiftParams(Params):
    """Differentiable mean shift on the unit sphere (eq. 5, 6)."""

    iterations: int = param(3, "mean-shift iterations; 0 switches it off", low=0, high=50)
    landmarks: int = param(
        1024, "pixels on a fixed lattice that stand for the image's density", low=1, high=65536
    )
    kappa: float = param(10.0, "initial bandwidth kappa (learnt afterwards)", low=1, high=200)
    eta: float = param(1.0, "step size of one iteration", above=0, high=1, advanced=True)


@dataclass(frozen=True)
class LossParams(Params):
    """Variable-margin loss (eq. 1, 3, 4)."""

    alpha: float = param(0.02, "pull margin on Psi for pixels of one superpixel", low=0, high=1)
    beta_max: float = param(0.5, "largest push margin on Psi", above=0, high=1)
    beta_slope: float = param(
        0.02, "push margin per unit of CIELAB distance between the superpixels' means", low=0
    )
    dilations: tuple[int, ...] = param(
        (1, 2, 3), "dilations of the 3 x 3 windows of pairs", low=1, high=64, unit="px"
    )
    sampled: float = param(0.5, "share of pixels that enter a step", above=0, high=1)
    pairs: str = param(
        "all", "all offsets, or 3 of each dilation at random", choices=("all", "paper")
    )


@dataclass(frozen=True)
class ContrastParams(Params):
    """Contrastive loss of the recipe "regions", and the two views of an image that it compares."""

    temperature: float = param(0.1, "temperature that divides the cosines", above=0, high=100)
    pair_weight: float = param(
        0.0, "weight, beside the contrast, of the variable-margin loss of pairs under the same "
        "regions, which trains the mean shift too", low=0, high=1e6,
    )  # fmt: skip
    sampled: int = param(1024, "pixels of each crop that look for their region", low=1)
    smallest: int = param(20, "regions with fewer pixels in a crop have no mean there", low=1,
                          unit="px", advanced=True)  # fmt: skip
    colour_scale: float = param(
        25.0, "CIELAB distance from which regions of one image are full negatives",
        above=0, high=1e6,
    )  # fmt: skip
    shift: int = param(
        64, "largest offset between the two crops in each axis", low=0, high=4096, unit="px"
    )
    gamma: float = param(0.3, "largest change of log gamma", low=0, high=3, advanced=True)
    gain: float = param(0.15, "largest change of log gain of a plane", low=0, high=3, advanced=True)
    offset: float = param(
        0.05, "largest offset of a plane, in units of its 0...1 range", low=0, high=1, advanced=True
    )
    grey: float = param(0.2, "share of crops made grey", low=0, high=1, advanced=True)
    blurred: float = param(0.3, "share of crops blurred", low=0, high=1, advanced=True)
    blur: float = param(1.5, "largest sigma of the blur", low=0, high=50, unit="px", advanced=True)


@dataclass(frozen=True)
class TrainParams(Params):
    """Training schedule."""

    recipe: str = param(
        "pairs", "pairs: the paper's loss on neighbouring pixels; regions: contrast of regions",
        choices=("pairs", "regions"),
    )  # fmt: skip
    teacher: str = param(
        "auto", "what the recipe learns from: colour superpixels, or regions of the merge tree; "
        "auto: superpixels for pairs, regions for regions",
        choices=("auto", "superpixels", "regions"),
        advanced=True,
    )  # fmt: skip
    steps: int = param(2000, "optimiser steps", low=1, high=10_000_000)
    batch: int = param(4, "crops in a step", low=1, high=1024)
    crop: int = param(128, "side of a crop, a multiple of 32", low=32, high=4096, unit="px")
    learning_rate: float = param(2e-3, "peak learning rate of AdamW (cosine)", above=0, high=1)
    weight_decay: float = param(1e-4, "AdamW weight decay", low=0, high=1, advanced=True)
    noise: float = param(
        0.05, "sigma of normal noise on the input, in units of its 0...1 range", low=0, high=1
    )
    ema: float = param(
        0.998, "decay of the running average of the weights; 0 switches it off",
        low=0, high=0.99999, advanced=True,
    )  # fmt: skip
    precision: str = param(
        "auto", "precision of the network's layers; auto: bfloat16 on CUDA, float32 elsewhere",
        choices=("auto", "float32", "bfloat16"), advanced=True,
    )  # fmt: skip
    seed: int = param(0, "random seed of weights, crops and noise", low=0, high=2**31 - 1)
    validation: float = param(
        0.05, "share of images held out for the validation loss", low=0, high=0.5
    )

    warmup: int = param(
        100, "steps over which the learning rate rises, at most a tenth of all",
        low=0, high=1_000_000, unit="steps", advanced=True,
    )  # fmt: skip
    landmarks: int = param(
        256, "mean-shift landmarks of one crop in training", low=1, high=65536, advanced=True
    )
    checkpoint_every: int = param(
        200, "steps between two checkpoints", low=1, unit="steps", advanced=True
    )
    validate_every: int = param(
        200, "steps between two validation losses", low=1, unit="steps", advanced=True
    )
    patience: int = param(
        0, "validation losses in a row without a new lowest one after which training ends early; "
        "0: never", low=0, high=1_000_000, advanced=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the fields, and that crops fit the network's five halvings."""
        super().__post_init__()
        if self.crop % 32:
            raise ParameterError(f"crop must be a multiple of 32, got {self.crop}")
        if self.recipe == "regions" and self.teacher == "superpixels":
            raise ParameterError(
                "the recipe 'regions' learns from regions: leave teacher on 'auto', or take the "
                "recipe 'pairs'"
            )


@dataclass(frozen=True)
class EmbedParams(Params):
    """Embedding of a whole image."""

    clustered: bool = param(False, "return the embedding after the mean shift instead of before")


@dataclass(frozen=True)
class ContourParams(Params):
    """Boundaries averaged over superpixels of many sizes."""

    suited: ClassVar[Suited] = {"natural": {"texture": 30.0}, "microscopy": {"texture": 10.0}}

    method: str = param(
        "trees", "trees: all cuts of merge trees, weighted by boundary strength; sizes: flat "
        "superpixels of several sizes, as in the paper (Fig. 11)", choices=("trees", "sizes"),
    )  # fmt: skip
    fine_sizes: tuple[float, ...] = param(
        (8.0, 10.0, 13.0), "method trees: diameters of the finest superpixels, one tree for each",
        above=1, high=4096, unit="px", advanced=True,
    )  # fmt: skip
    evenness: float = param(
        0.1, "method trees: p of the merge cost; small values follow objects", low=0, high=2,
        advanced=True,
    )  # fmt: skip
    texture: float | None = param(
        None, "method trees: weight of texture borders in the boundary strength, beside the "
        "gradient; by default 30 for photographs, 10 for microscopy", low=0, high=1e6,
        advanced=True,
    )  # fmt: skip
    n_sizes: int = param(13, "method sizes: number of sizes", low=1, high=1000)
    smallest: int = param(50, "method sizes: smallest number of superpixels", low=1)
    largest: int = param(700, "method sizes: largest number of superpixels", low=1)
    compactness: float = param(
        10.0, "method sizes: compactness of the flat superpixels", above=0, high=1e6, advanced=True
    )
    threshold: float = param(0.1, "contours weaker than this are set to 0", low=0, high=1)
    thin: bool = param(True, "thin contours to one pixel (oriented non-maximum suppression)")

    def __post_init__(self) -> None:
        """Check the fields and their order."""
        super().__post_init__()
        if self.smallest > self.largest:
            raise ParameterError(
                f"smallest ({self.smallest}) must not exceed largest ({self.largest})"
            )
