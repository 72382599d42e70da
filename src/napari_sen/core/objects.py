"""Superpixels with classes to objects: what hangs together and is of one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from ..errors import ImageError
from .regions import region_table

__all__ = ["CLASS_COLOURS", "Joined", "class_votes", "join", "object_table"]

# Told apart with every kind of colour blindness (Okabe & Ito), brightest first.
CLASS_COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442", "#999999",
    "#ffffff",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Joined:
    """Objects made of superpixels.

    Attributes
    ----------
    labels : int32 array
        The object of every pixel, 1...n in the order of their first pixels; 0 is none.
    classes : (n,) int64 array
        Class of each object.
    parts : (n,) int64 array
        Superpixels in each.
    """

    labels: NDArray[np.int32]
    classes: NDArray[np.int64]
    parts: NDArray[np.int64]


def join(labels: NDArray[np.integer], classes: Any, *, n_spatial: int = 2) -> Joined:
    """Join superpixels of one class that touch by the sides of their pixels.

    Parameters
    ----------
    labels : (..., Y, X) int array
        Superpixels from 1 up; 0 is none.
    classes : (n + 1,) array of int
        The class of every label, that of 0 first; superpixels of class 0 are no part of an object.
    n_spatial : int
        So many of the last axes hang together: 2, slices for themselves, or 3.

    Returns
    -------
    Joined

    Raises
    ------
    ImageError
        If there is no class for each label.
    """
    try:
        table = np.asarray(classes)
    except ValueError:  # of lists of several lengths
        table = np.empty(0)
    most = int(labels.max(initial=0))
    if table.ndim != 1 or table.dtype.kind not in "iu" or len(table) <= most or table.min() < 0:
        raise ImageError(
            f"classes must be {most + 1} whole numbers from 0 up: one for each label, that of "
            "label 0 first"
        )
    table = table.astype(np.int64)
    table[0] = 0
    painted = table[labels]
    found = np.zeros(labels.shape, np.int32)
    last = 0
    for index in np.ndindex(labels.shape[: labels.ndim - n_spatial]):
        part = label(painted[index], background=0, connectivity=1)
        found[index] = np.where(part > 0, part + last, 0)
        last = max(last, int(found[index].max(initial=0)))
    inside = found > 0
    objects, first = np.unique(found[inside], return_index=True)
    pairs = np.unique(found[inside].astype(np.int64) * (most + 1) + labels[inside])
    parts = np.bincount(pairs // (most + 1), minlength=len(objects) + 1)[1:]
    return Joined(found, painted[inside][first], parts)


def object_table(
    joined: Joined,
    class_names: Sequence[str],
    *,
    intensity: Mapping[str, NDArray[Any]] | None = None,
    spacing: Sequence[float],
    unit: str = "px",
) -> dict[str, NDArray[Any]]:
    """Return one row per object.

    Parameters
    ----------
    joined : Joined
    class_names : sequence of str
        Names of the classes 1, 2, ...
    intensity : mapping of str to array, optional
        Named channels, of the labels' shape.
    spacing : sequence of float
        Pixel size along the spatial axes, in ``unit``.
    unit : str
        "px" where the size of a pixel is not known.

    Returns
    -------
    dict of str to (n,) array
        "index", "class", "superpixels", then as :func:`~napari_sen.core.regions.region_table` has
        them: size, "centroid-0", ... in pixels, "mean NAME"; and the bounding box in pixels,
        "bbox-0", ...: the first of each axis, then the one behind the last.
    """
    table = region_table(joined.labels, intensity=intensity, spacing=spacing, unit=unit)
    names = np.array(["", *class_names])
    found: dict[str, NDArray[Any]] = {"index": table.pop("index")}
    found["class"] = names[joined.classes]
    found["superpixels"] = joined.parts
    means = {name: table.pop(name) for name in list(table) if name.startswith("mean ")}
    found |= table
    boxes = [box for box in ndimage.find_objects(joined.labels) if box is not None]
    for axis in range(joined.labels.ndim):
        found[f"bbox-{axis}"] = np.array([box[axis].start for box in boxes], np.int64)
    for axis in range(joined.labels.ndim):
        key = f"bbox-{axis + joined.labels.ndim}"
        found[key] = np.array([box[axis].stop for box in boxes], np.int64)
    return found | means


def class_votes(
    labels: NDArray[np.integer], painted: NDArray[np.integer], share: float = 0.5
) -> NDArray[np.int64]:
    """Return the class of every superpixel from pixels that have one.

    Parameters
    ----------
    labels : int array
        Superpixels from 1 up; 0 is none.
    painted : int array
        The class of every pixel, of the same shape; 0 is none.
    share : float
        A superpixel has a class if more than this share of its pixels has a class; it is then the
        one of most of them, of equally many the smaller.

    Returns
    -------
    (n + 1,) int64 array
        That of label 0 first, which is 0.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if labels.shape != painted.shape:
        raise ImageError(
            f"the annotation has shape {painted.shape}, but the superpixels {labels.shape}: give "
            "one of the same image"
        )
    count, kinds = int(labels.max(initial=0)) + 1, int(painted.max(initial=0)) + 1
    votes = np.zeros((count, kinds), np.int64)
    np.add.at(votes, (labels.ravel(), painted.ravel()), 1)
    total = votes.sum(axis=1)
    votes[:, 0] = 0
    enough = votes.sum(axis=1) > share * total
    enough[0] = False
    return np.where(enough, votes.argmax(axis=1), 0)
