"""Outlines as a set of ImageJ ROIs: a zip that its ROI manager opens."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic, refused
from ..errors import DiskError, OutputError
from .geojson import Shape

__all__ = ["check_roifile", "write_rois"]

_FARTHEST = 60535  # the largest place that the format knows
_MOVE, _LINE, _CLOSE = 0, 1, 4


def check_roifile() -> ModuleType:
    """Return the library that knows the format; OutputError where it is not installed."""
    try:
        import roifile
    except ImportError as error:
        raise OutputError(
            "ImageJ ROIs need the library roifile: pip install 'napari-sen[imagej]'"
        ) from error
    module: ModuleType = roifile
    return module


def write_rois(
    path: str | PathLike[str],
    shapes: Iterable[Shape],
    *,
    is_stack: bool = False,
    overwrite: bool = False,
) -> None:
    """Write one ROI a shape to ``NAME.zip``: traced where it has no holes, else composite.

    Parameters
    ----------
    path : path
    shapes : iterable of Shape
        Their places are whole numbers.
    is_stack : bool
        Whether ROIs belong to a slice each.
    overwrite : bool

    Raises
    ------
    OutputError
        If roifile is missing, a shape lies too far out, or the file cannot be written.
    """
    library, path = check_roifile(), Path(path)
    rois = [_roi(library, path, shape, is_stack, k) for k, shape in enumerate(shapes)]
    try:
        with atomic(path, overwrite=overwrite) as partial:
            library.roiwrite(partial, rois, mode="x")
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def _roi(library: ModuleType, path: Path, shape: Shape, is_stack: bool, number: int) -> Any:
    rings = [ring for polygon in shape.polygons for ring in polygon]
    points = np.concatenate(rings)[:, ::-1]
    if points.max() > _FARTHEST:
        raise OutputError(
            f"cannot write {path}: ImageJ ROIs reach up to {_FARTHEST} pixels; write .geojson"
        )
    # The number keeps names apart: a zip holds each once.
    name = f"{shape.class_name or 'superpixel'} {shape.name or number + 1}".replace("/", "-")
    z, t = shape.plane if is_stack else (None, None)
    roi = library.ImagejRoi.frompoints(
        points.astype(np.int32), name=f"{number + 1:06d} {name}", z=z, t=t
    )
    roi.roitype = library.ROI_TYPE.TRACED
    if shape.colour is not None:
        roi.stroke_color = bytes((255, *shape.colour))
    if len(rings) > 1:
        roi.roitype = library.ROI_TYPE.RECT
        roi.integer_coordinates, roi.n_coordinates = None, 0
        roi.right, roi.bottom = (int(side) for side in points.max(axis=0))
        roi.multi_coordinates = np.concatenate([_path(ring) for ring in rings])
        roi.shape_roi_size = len(roi.multi_coordinates)
    return roi


def _path(ring: NDArray[Any]) -> NDArray[np.float32]:
    """Return a ring as Java's path: each point behind what is done there."""
    moves = np.full((len(ring), 3), _LINE, np.float32)
    moves[0, 0] = _MOVE
    moves[:, 1:] = ring[:, ::-1]
    return np.append(moves.ravel(), np.float32(_CLOSE))
