"""Objects of an image, and the files that they go to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.objects import CLASS_COLOURS
from ..core.outlines import outlines
from .atomic import check_output
from .geojson import Shape, write_geojson
from .grid import Grid
from .imagej import check_roifile, write_rois
from .table_file import save_table
from .write import LABELS_OUT, check_axes_fit, check_labels_fit, write_labels

__all__ = ["OBJECTS_OUT", "Objects", "check_objects_out"]

OBJECTS_OUT = (".csv", ".geojson", ".zip", *LABELS_OUT)
_NO_MEASUREMENT = ("index", "class", "bbox")


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of an image: superpixels of one class that touch, counted and measured.

    Attributes
    ----------
    labels : int32 array
        The object of every pixel, in the shape of the superpixels; 0 for none.
    table : dict of str to array
        Columns with one row per object: "index" (its label), "class" (the name of its class),
        "superpixels" (how many it has); "area (px)" or, in 3-D, "volume (px)", and the same in
        the image's unit where that is known; "centroid-0", ..., and "bbox-0", ... (the first
        pixel along each axis, then the one behind the last), in pixels of the full image; "mean
        NAME" for each channel.
    class_names : tuple of str
        Names of the classes 1, 2, ...
    grid : Grid
        Axes and pixel size of the labels.
    offset : tuple of int
        Where the first pixel lies in the full image, along the axes of ``labels``.
    beside : tuple
        The image, its axis of channels (or None) and whether these are colours, for formats that
        hold the labels beside their image. Empty where there is no image.
    """

    labels: NDArray[np.int32]
    table: dict[str, NDArray[Any]]
    class_names: tuple[str, ...]
    grid: Grid
    offset: tuple[int, ...]
    beside: tuple[Any, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.table["index"])

    def counts(self) -> dict[str, int]:
        """Return the number of objects of each class."""
        return {name: int((self.table["class"] == name).sum()) for name in self.class_names}

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the objects in the format that the suffix names.

        Parameters
        ----------
        path : path
            ``.csv`` holds the table. ``.geojson`` holds outlines with classes and measurements, as
            QuPath reads them. ``.zip`` is a set of ImageJ ROIs, which needs roifile. ``.tif``,
            ``.png``, ``.npy`` and ``.zarr`` hold the label image. The folder must exist.
        overwrite : bool
            Replace an existing file.

        Raises
        ------
        OutputError
            If the file exists, cannot be written there, or cannot hold the objects.
        """
        check_objects_out(path, overwrite=overwrite)
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".csv":
            save_table(path, self.table, overwrite=overwrite)
        elif suffix == ".geojson":
            write_geojson(path, self.shapes(), overwrite=overwrite)
        elif suffix == ".zip":
            write_rois(path, self.shapes(), is_stack=self.labels.ndim > 2, overwrite=overwrite)
        else:
            image, channel_axis, rgb = self.beside or (None, None, False)
            check_axes_fit(path, self.labels.ndim)
            check_labels_fit(path, self.labels.ndim, 1)
            write_labels(
                path, self.labels, grid=self.grid, image=image, channel_axis=channel_axis,
                rgb=rgb, name="objects", overwrite=overwrite,
            )  # fmt: skip

    def shapes(self) -> Iterator[Shape]:
        """Yield the outlines of every object; in a stack, separately for each plane.

        Coordinates are in pixels of the full image; the corner of the first pixel is at 0.
        """
        row = {label: k for k, label in enumerate(self.table["index"].tolist())}
        corner = np.array(self.offset[-2:])
        leading = self.labels.shape[:-2]
        axes = self.grid.axes[: len(leading)]
        for index in np.ndindex(leading):
            place = dict(zip(axes, np.add(index, self.offset[: len(leading)]), strict=True))
            plane = (int(place.get("z", 0)), int(place.get("t", 0)))
            for label, polygons in sorted(outlines(self.labels[index]).items()):
                moved = [[ring + corner for ring in rings] for rings in polygons]
                yield self._shape(label, row[label], moved, plane)

    def _shape(self, label: int, row: int, polygons: Any, plane: tuple[int, int]) -> Shape:
        name = str(self.table["class"][row])
        colour = None
        if name:
            colours = CLASS_COLOURS[self.class_names.index(name) % len(CLASS_COLOURS)]
            red, green, blue = bytes.fromhex(colours[1:])
            colour = (red, green, blue)
        measured = {
            key: float(column[row])
            for key, column in self.table.items()
            if not key.startswith(_NO_MEASUREMENT)
        }
        return Shape(polygons, name, colour, str(label), plane, measured)


def check_objects_out(path: str | PathLike[str], *, overwrite: bool = False, **about: Any) -> None:
    """Raise OutputError unless objects can be written to a path; see `check_output`."""
    check_output(path, suffixes=OBJECTS_OUT, overwrite=overwrite, **about)
    if Path(path).suffix.lower() == ".zip":
        check_roifile()
