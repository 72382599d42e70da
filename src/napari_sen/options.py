"""How an image is read, and how the work on it is done: settled at the door, handed on whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from typing import Any

from .errors import ParameterError
from .params import KINDS, Kind, require, shown

__all__ = ["Execution", "Reading", "is_nan"]


@dataclass(frozen=True)
class Reading:
    """How an image is read. Where a value is None, what the image says about itself decides.

    Attributes
    ----------
    rgb : bool or None
        Whether the last axis, of length 3 or 4, is colour.
    channel_axis : int or None
        The axis of the channels, if these are not colours (red, green, blue).
    slices : {"each", "volume"} or None
        Where there are more than two spatial axes: every slice on its own, or one volume.
    spacing : sequence of float or None
        Pixel size along the spatial axes, above 0.
    kind : {"natural", "microscopy"} or None
        What the image shows; this decides the model and the parameters that suit it.
    mask : array, path, "nan" or None
        Pixels where it is 0 are outside; "nan" leaves out those that are NaN or infinite.
    nodata : float or None
        The value of pixels without data, which are outside: those where any channel has it or, in
        colour images, all three colours do.
    series : int or None
        Which image to read, counted from 0, where a file holds several.
    """

    rgb: bool | None = None
    channel_axis: int | None = None
    slices: str | None = None
    spacing: Sequence[float] | None = None
    kind: Kind | None = None
    mask: Any = None
    nodata: float | None = None
    series: int | None = None

    def __post_init__(self) -> None:
        """Check what needs no image; the rest is checked against it."""
        if not (self.nodata is None or _is_number(self.nodata)):
            raise ParameterError(f"nodata must be a number, got {shown(self.nodata)}")
        if self.series is not None:
            require("series", self.series, int, {"low": 0})
        if self.kind is not None and not (isinstance(self.kind, str) and self.kind in KINDS):
            known = " or ".join(map(repr, KINDS))
            raise ParameterError(f"kind must be {known}, got {shown(self.kind)}")


def is_nan(mask: Any) -> bool:
    """Return whether a mask says that pixels which are not finite are outside."""
    return isinstance(mask, str) and mask.lower() == "nan"


def _is_number(value: object) -> bool:
    """Return whether a value is a real number, NaN and infinity too, that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


@dataclass(frozen=True)
class Execution:
    """How the work is done, and where a result on disk goes.

    Attributes
    ----------
    device : str
        Where the network runs: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", "mps".
    tile : int, sequence of int or None
        Side of a tile in pixels, a multiple of 32 along y and x: one number for both, or one per
        spatial axis.
    scheduler : int, str, dask.distributed.Client or None
        Where tiles are processed: on this many threads, or on the workers of a dask cluster.
    out : path or None
        Where a result on disk goes: ``NAME.zarr``, or ``IMAGE.zarr/labels/NAME``.
    resume : bool
        Continue an unfinished run at ``out``.
    overwrite : bool
        Replace what is at ``out``.
    """

    device: str = "auto"
    tile: int | Sequence[int] | None = None
    scheduler: Any = None
    out: str | PathLike[str] | None = None
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check what contradicts."""
        if (self.resume or self.overwrite) and self.out is None:
            raise ParameterError("resume and overwrite need an output: give out= as well")

    @property
    def asks_for_tiles(self) -> bool:
        """Whether an option asks for a store on disk, made tile by tile."""
        return any(option is not None for option in (self.out, self.tile, self.scheduler))
