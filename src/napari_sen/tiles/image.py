"""An image ready for the chain: its pixels, its mask, their size, and what it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..core.lattice import check_spacing
from ..errors import ParameterError
from ..io.grid import Grid
from ..io.image_file import ImageFile
from ..io.pixel_size import PixelSize
from ..options import Reading
from ..params import Kind, shown
from .geometry import Box
from .raster import Raster, open_raster

__all__ = ["Image", "kind_of", "settle"]


@dataclass(frozen=True)
class Image:
    """An image on disk or in memory; it travels to other processes.

    Attributes
    ----------
    raster : Raster
        The pixels, read box by box.
    mask : Raster or None
        Where 0, pixels stay outside.
    pixel_size : PixelSize
        Along the spatial axes, with where it is from.
    grid : Grid
        Where the pixels of a label map lie.
    kind : {"natural", "microscopy"}
        What it shows.
    inputs : tuple of str
        The files that are read.
    """

    raster: Raster
    mask: Raster | None
    pixel_size: PixelSize
    grid: Grid
    kind: Kind
    inputs: tuple[str, ...] = ()

    @property
    def spacing(self) -> tuple[float, ...]:
        """Pixel size along the spatial axes."""
        return self.pixel_size.spacing

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a label map of the whole."""
        return self.raster.shape

    @property
    def leading(self) -> tuple[int, ...]:
        """Shape of the axes that are looped over."""
        return self.raster.leading

    @property
    def spatial(self) -> tuple[int, ...]:
        """Shape of one slice (or volume)."""
        return self.raster.spatial

    @property
    def n_spatial(self) -> int:
        """2 or 3."""
        return self.raster.n_spatial

    @property
    def n_slices(self) -> int:
        """Number of slices (or volumes)."""
        return math.prod(self.leading)

    @property
    def slice_pixels(self) -> int:
        """Number of pixels of one slice (or volume), with those outside the mask."""
        return math.prod(self.spatial)

    @property
    def whole(self) -> Box:
        """All of a slice (or volume)."""
        return tuple((0, n) for n in self.spatial)

    def index(self, which: int) -> tuple[int, ...]:
        """Return the index of a slice (or volume) by its number."""
        return tuple(int(k) for k in np.unravel_index(which, self.leading)) if self.leading else ()

    def inside(self, index: tuple[int, ...], box: Box) -> NDArray[np.bool_] | None:
        """Return the mask of a box; None where there is no mask."""
        if self.mask is None:
            return None
        found: NDArray[np.bool_] = self.mask.read(index, box)[..., 0] != 0
        return found


def kind_of(
    rgb: bool, spacing: Sequence[float] | None = None, units: Sequence[str] | None = None
) -> Kind:
    """Return what an image shows, where nobody says it: by its colours and its pixel size.

    Colour without a pixel size is "natural", all else "microscopy". A size of 1 without a unit
    says nothing.
    """
    is_scaled = any(units or ()) or any(step != 1 for step in spacing or ())
    return "natural" if rgb and not is_scaled else "microscopy"


def settle(file: ImageFile, reading: Reading, *, path: str | None = None) -> Image:
    """Return an image whose axes, pixel size and kind are settled.

    Parameters
    ----------
    file : ImageFile
        What the source says of itself; what ``reading`` says beats it.
    reading : Reading
    path : str, optional
        Where it can be opened again.

    Raises
    ------
    ImageError, ParameterError
        If the image cannot be used, or can be read in two ways.
    """
    if reading.nodata is not None:
        file = replace(file, nodata=reading.nodata)
    raster = open_raster(
        file,
        rgb=reading.rgb,
        channel_axis=reading.channel_axis,
        slices=reading.slices,
        path=path,
        series=reading.series,
    )
    size = _pixel_size(file, reading, raster)
    axes = None if file.axes is None else "".join(a for a in file.axes if a not in "cs")
    known = size.spacing if any(step != 1 for step in size.spacing) else file.spacing
    # Five axes are read, but four are written: the grid is that of the last ones.
    ndim = min(len(raster.shape), 4)
    grid = Grid.of(ndim, axes=axes, spacing=known, units=file.units)
    said = size.spacing if size.source else None
    units = (size.unit,) if reading.spacing is None else None
    kind = reading.kind or kind_of(raster.rgb, said, units)
    return Image(raster, None, size, grid, kind)


def _pixel_size(file: ImageFile, reading: Reading, raster: Raster) -> PixelSize:
    """Return the pixel size of the spatial axes alone: as one is told, else as the source says."""
    n = raster.n_spatial
    unit = file.units[-1] if file.units else ""
    if reading.spacing is not None:
        try:
            given: Sequence[float] = np.atleast_1d(np.asarray(reading.spacing)).tolist()
        except ValueError:  # of numbers and lists
            given = ()
        if len(given) not in (n, len(raster.leading) + n):
            raise ParameterError(
                f"spacing needs {n} numbers for this image, got {shown(reading.spacing)}"
            )
        return PixelSize(check_spacing(given[-n:], n), unit, "spacing")
    if file.spacing is None:
        return PixelSize((1.0,) * n)
    # Of axes that nobody gives a size for, pixels are cubes.
    stated = (*[file.spacing[-1]] * n, *file.spacing)[-n:]
    says_nothing = not unit and all(step == 1 for step in stated)
    return PixelSize(check_spacing(stated, n), unit, "" if says_nothing else file.source)
