"""An image named on the command line, with what the file and the options say of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.image import Canvas, interpret
from ..errors import ParameterError
from ..io.atomic import check_output
from ..io.grid import Grid
from ..io.image_file import ImageFile
from ..io.read import resolve
from ..io.write import check_image_fits, check_labels_fit

__all__ = ["Loaded", "check_fit", "check_outputs", "given_spacing", "load", "reading"]


@dataclass(frozen=True)
class Loaded:
    """An image in memory, how it is read, and where its pixels lie."""

    file: ImageFile
    canvas: Canvas
    hints: dict[str, Any]
    grid: Grid

    @property
    def stored(self) -> tuple[np.ndarray, int | None]:
        """Return the image as it goes beside its labels, and its axis of channels, if any."""
        if self.canvas.rgb or self.hints["channel_axis"] is not None:
            return self.canvas.data, self.canvas.data.ndim - 1
        return self.canvas.data[..., 0], None


def load(args: Namespace, *, slices: str | None = None) -> Loaded:
    """Read the image and settle how it is to be understood; an option beats the file.

    ``slices`` is how a stack is meant where no option says it; None: it has to be said.
    """
    file = resolve(args.image)
    hints = reading(args, file, slices=slices)
    canvas = interpret(file.data, **hints)
    n_axes = canvas.n_leading + canvas.n_spatial
    axes = file.axes.replace("c", "").replace("s", "") if file.axes is not None else None
    spacing = given_spacing(args, canvas.n_spatial)
    grid = Grid.of(n_axes, axes=axes, spacing=spacing or file.spacing, units=file.units)
    if spacing is not None:  # what the file says of it goes with the file
        hints["spacing"] = spacing
    return Loaded(file, canvas, hints, grid)


def reading(args: Namespace, file: ImageFile, *, slices: str | None = None) -> dict[str, Any]:
    """Return how the image's axes are read: as an option says, else as the file does."""
    rgb, channel_axis = file.rgb, file.channel_axis
    if args.channel_axis is not None:
        rgb, channel_axis = False, args.channel_axis
    if args.rgb is not None:
        rgb = args.rgb
        channel_axis = None if rgb else channel_axis
    return {"rgb": rgb, "channel_axis": channel_axis, "slices": args.slices or slices}


def given_spacing(args: Namespace, n_spatial: int) -> tuple[float, ...] | None:
    """Return the pixel size that an option gives along the spatial axes, None if none does."""
    given: Sequence[float] | None = getattr(args, "spacing", None)
    if given is None:
        return None
    if len(given) not in (1, n_spatial):
        raise ParameterError(
            f"spacing has {len(given)} entries: give one for all axes, or {n_spatial} for this "
            "image"
        )
    return tuple(given) if len(given) == n_spatial else tuple(given) * n_spatial


def check_outputs(
    args: Namespace, *groups: tuple[Iterable[str | Path | None], Sequence[str]]
) -> None:
    """Check every output, with the suffixes it may have, before the work."""
    inputs = [path for path in (getattr(args, "image", None), getattr(args, "mask", None)) if path]
    seen: set[Path] = set()
    for paths, suffixes in groups:
        for path in paths:
            if path is None:
                continue
            check_output(path, suffixes=suffixes, inputs=inputs, overwrite=args.overwrite)
            if Path(path).resolve() in seen:
                raise ParameterError(f"the output {path} is named twice")
            seen.add(Path(path).resolve())


def check_fit(loaded: Loaded, paths: Iterable[str], n_labels: int) -> None:
    """Check that label maps of this image, and it beside them, fit the formats asked for."""
    for path in paths:
        check_image_fits(path, loaded.canvas.data.dtype)
        check_labels_fit(path, loaded.canvas.n_leading + loaded.canvas.n_spatial, n_labels)
