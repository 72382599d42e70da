"""How an image is read, and how the work on it is done: settled at the door, handed on whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from typing import Any

from .errors import ParameterError
from .params import KINDS, Kind, require, shown

__all__ = ["Execution", "Reading"]


@dataclass(frozen=True)
class Reading:
    """How an image is to be understood; None leaves it to what the image says of itself.

    Attributes
    ----------
    rgb : bool or None
        Whether the last axis, 3 or 4 long, is colour.
    channel_axis : int or None
        Axis that holds channels which are not colours.
    slices : {"each", "volume"} or None
        For more than two spatial axes: every slice for itself, or 3-D.
    spacing : sequence of float or None
        Pixel size along the spatial axes.
    kind : {"natural", "microscopy"} or None
        What the image shows; decides the model and the parameters that suit it.
    mask : array, path, "nan" or None
        Where 0, pixels stay outside; "nan": those that are NaN or infinite.
    nodata : float or None
        The value of pixels without data, which stay outside: of any channel, or of all three
        colours.
    series : int or None
        Which image, counted from 0, where a file holds several.
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
    """How the work is done and where a result on disk goes.

    Attributes
    ----------
    device : str
        Where the network runs: "auto" (CUDA where there is one), "cpu", "cuda", ...
    tile : int, sequence of int or None
        Side of a tile.
    scheduler : int, str, dask.distributed.Client or None
        Where tiles are worked on: so many threads, or the workers of a cluster.
    out : path or None
        Where a result on disk goes.
    resume : bool
        Go on with an unfinished run at ``out``.
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
            raise ParameterError("resume and overwrite speak of an output: give out= as well")

    @property
    def asks_for_tiles(self) -> bool:
        """Whether an option says that the result goes to a store on disk, tile by tile."""
        return any(option is not None for option in (self.out, self.tile, self.scheduler))
