"""Outlines, label images and annotations of the dock to classes of superpixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.objects import class_votes
from ..core.outlines import crossings, fill
from ..core.partition import Partition
from ..errors import ImageError
from ..io.annotation_file import SUFFIX, digest_of, load_annotation
from ..io.geojson import Shape, read_geojson
from ..io.read import resolve
from ..params import require
from .objects import label_file, named_classes

__all__ = ["paint", "read_classes"]

_MOST_WORK = 4_000_000_000  # pixels of polygons that are filled: half a minute
_MOST_CLASSES = 255


def read_classes(
    labels: Any, annotation: Any, *, share: float = 0.5
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the classes that an annotation gives to superpixels.

    Parameters
    ----------
    labels : int array or path
        Superpixels from 1 up, 0 for none; 2 to 4 axes.
    annotation : int array or path
        Outlines in pixels of this image (``.geojson``, as QuPath writes them; where several
        overlap, the later one counts). Or a label image of the same shape, whose values are the
        classes, 0 for none. Or an annotation that the dock saved (``.sen.json``) for exactly these
        superpixels.
    share : float
        From 0 to 1. A superpixel gets a class if more than this share of its pixels is annotated:
        the class that most of these have. With 0, a single pixel is enough.

    Returns
    -------
    classes : (n + 1,) int64 array
        The class of every label, beginning with label 0; class 0 is none.
    class_names : tuple of str
        Names of the classes 1, 2, ...

    Raises
    ------
    SenError
        If the annotation cannot be read, or belongs to another image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import read_classes
    >>> read_classes(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 0, 2]]))
    (array([0, 1, 0]), ('class 1', 'class 2'))
    """
    require("share", share, float, {"low": 0, "high": 1})
    file = label_file(labels)
    data = np.asarray(file.data)
    if isinstance(annotation, str | os.PathLike):
        name = os.fspath(annotation).lower()
        if name.endswith(SUFFIX):
            return _of_dock(data, annotation)
        if name.endswith((".geojson", ".json")):
            axes = "".join(axis for axis in file.axes or "" if axis not in "cs")
            painted, names = paint(read_geojson(annotation), data.shape, axes)
            return class_votes(data, painted, share), names
    painted = np.asarray(resolve(annotation, labels=True, what="the annotation").data)
    if painted.dtype.kind not in "iub" or painted.min(initial=0) < 0:
        raise ImageError(
            f"an annotation holds whole numbers, 0 for none and one for each class, got "
            f"{painted.dtype}: convert it"
        )
    if painted.max(initial=0) > _MOST_CLASSES:
        raise ImageError(
            f"an annotation has up to {_MOST_CLASSES} classes, this one {int(painted.max())}: if "
            "these are numbers of objects, give the classes of the objects instead"
        )
    found = class_votes(data, painted.astype(np.int64), share)
    return found, named_classes((), int(painted.max(initial=0)))


def _of_dock(
    labels: NDArray[np.integer], path: str | PathLike[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the classes of an annotation made in the dock, on the same leaves."""
    found = load_annotation(path)
    base = Partition(labels).base
    if digest_of(base) != found.digest:
        raise ImageError(
            f"{Path(path).name} belongs to other superpixels: give those that were painted, or use "
            "its examples in a recipe"
        )
    classes = np.zeros(int(labels.max()) + 1, np.int64)
    inside = base > 0
    classes[labels[inside]] = found.classes[base[inside] - 1]
    return classes, found.class_names


def paint(
    shapes: Sequence[Shape], shape: tuple[int, ...], axes: str = ""
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return outlines as a map of classes, and the names of these.

    Parameters
    ----------
    shapes : sequence of Shape
        Those without a class are of one called "object". Classes are numbered as they come.
    shape : tuple of int
        Of the image: (Y, X), (Z, Y, X), (T, Y, X) or (T, Z, Y, X).
    axes : str
        Its axes where they are known, such as "ztyx".
    """
    axes = axes if len(axes) == len(shape) else "tzyx"[-len(shape) :]
    painted = np.zeros(shape, np.int64)
    names: dict[str, int] = {}
    work = 0
    for each in shapes:
        value = names.setdefault(each.class_name or "object", len(names) + 1)
        if value > _MOST_CLASSES:
            raise ImageError(f"the outlines have more than {_MOST_CLASSES} classes")
        z, t = each.plane
        # Slices of a single axis are counted by one of both; the other is 0.
        places = {"z": z, "t": t} if len(shape) > 3 else dict.fromkeys(axes, max(z, t))
        index = tuple(places.get(axis, 0) for axis in axes[:-2])
        if any(k >= n for k, n in zip(index, shape[:-2], strict=True)):
            continue
        for rings in each.polygons:
            work += sum(crossings([ring], shape[-2]) for ring in rings)
            box, mask = fill(rings, (shape[-2], shape[-1]))
            work += mask.size
            if work > _MOST_WORK:
                raise ImageError("the outlines cover the image too many times: leave some out")
            painted[index][box][mask] = value
    return painted, tuple(names)
