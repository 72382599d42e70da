"""An image named on the command line, with what the file and the options say of it."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.image import Canvas, interpret
from ..errors import ParameterError
from ..io.atomic import check_output
from ..io.grid import Grid
from ..io.image_file import ImageFile
from ..io.read import resolve
from ..io.write import check_labels_fit
from ..options import Reading, is_nan
from ..tiles.image import settle

__all__ = ["Loaded", "check_fit", "check_outputs", "given_spacing", "load", "reading"]

log = logging.getLogger("napari_sen")


@dataclass(frozen=True)
class Loaded:
    """An image in memory, how it is read, and where its pixels lie."""

    file: ImageFile
    canvas: Canvas
    reading: Reading
    grid: Grid

    @property
    def stored(self) -> tuple[np.ndarray, int | None]:
        """Return the image as it goes beside its labels, and its axis of channels, if any."""
        if self.canvas.rgb or self.canvas.data.shape[-1] > 1:
            return self.canvas.data, self.canvas.data.ndim - 1
        return self.canvas.data[..., 0], None


def load(args: Namespace, *, slices: str | None = None) -> Loaded:
    """Read the image and settle how it is to be understood; an option beats the file.

    ``slices`` is how a stack is meant where no option says it; None: it has to be said.
    """
    file = resolve(args.image, series=args.series)
    how = reading(args, file, slices=slices)
    opened = settle(file, how)
    raster = opened.raster
    canvas = interpret(
        np.asarray(raster.array),
        rgb=raster.rgb,
        channel_axis=None if raster.rgb else raster.channel_axis,
        slices=how.slices,
    )
    return Loaded(file, canvas, how, opened.grid)


def reading(args: Namespace, file: ImageFile, *, slices: str | None = None) -> Reading:
    """Return how the image is read: as an option says, else as the file does."""
    shape, dtype = np.shape(file.data), getattr(file.data, "dtype", None)
    log.debug("%s: shape %s, %s, axes %s", args.image, shape, dtype, file.axes or "not named")
    rgb, channel_axis = args.rgb, args.channel_axis
    if channel_axis is not None:
        rgb = rgb or False
    elif rgb is False:
        channel_axis = file.channel_axis
    how = Reading(
        rgb, channel_axis, args.slices or slices, kind=getattr(args, "kind", None),
        nodata=getattr(args, "nodata", None), series=args.series,
    )  # fmt: skip
    given = getattr(args, "spacing", None)
    if given is None:
        return how
    return replace(how, spacing=given_spacing(given, settle(file, how).raster.n_spatial))


def given_spacing(given: Sequence[float], n_spatial: int) -> tuple[float, ...]:
    """Return the pixel size that an option gives along the spatial axes."""
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
    read = (getattr(args, "image", None), getattr(args, "mask", None))
    inputs = [path for path in read if path and not is_nan(path)]
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
    """Check that label maps of this image fit the formats asked for."""
    for path in paths:
        check_labels_fit(path, loaded.canvas.n_leading + loaded.canvas.n_spatial, n_labels)
