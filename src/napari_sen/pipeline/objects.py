"""Superpixels and their classes to objects, measured on the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import renumbered
from ..core.image import Canvas, interpret
from ..core.objects import Joined, join, object_table
from ..errors import ImageError, ParameterError
from ..io.image_file import ImageFile
from ..io.objects import Objects
from ..io.pixel_size import unit_symbol
from ..io.read import resolve
from ..options import Reading
from ..params import require_texts, shown
from ..tiles.image import Image, settle

__all__ = ["Measured", "label_file", "measured_on", "named_classes", "objects", "objects_of"]


@dataclass(frozen=True, eq=False)
class Measured:
    """An image in memory that objects are measured on.

    Attributes
    ----------
    image : Image
        Settled: pixel size, grid, axes.
    canvas : Canvas or None
        The pixels, channels last; None where only the labels are known.
    channel_names : tuple of str
    """

    image: Image
    canvas: Canvas | None
    channel_names: tuple[str, ...]


def objects(
    labels: Any,
    classes: Any = None,
    *,
    class_names: Sequence[str] = (),
    image: Any = None,
    channel_names: Sequence[str] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    spacing: Sequence[float] | None = None,
    unit: str | None = None,
    offset: Sequence[int] | None = None,
) -> Objects:
    """Join superpixels of one class that touch, and measure the objects that they make.

    Parameters
    ----------
    labels : int array or path
        Superpixels from 1 up, 0 for none, as :func:`napari_sen.segment` makes them; 2 to 4 axes.
        They are read into memory.
    classes : array of int or mapping, optional
        The class of every label, beginning with label 0, as :func:`napari_sen.read_classes`
        returns it; or a dictionary from labels to classes. Superpixels of class 0 are left out.
        Without classes every superpixel is an object of its own.
    class_names : sequence of str
        Names of the classes 1, 2, ...; by default "class 1", ...
    image : array or path, optional
        The image to measure on: it gives the pixel size, and the mean of each channel in every
        object, over the pixels that have a value. It has the shape of the labels, besides its
        channels.
    channel_names : sequence of str
        What the channels are called; by default "intensity", "red", ..., "channel 0", ...
    channel_axis, rgb
        As for :func:`napari_sen.segment`.
    slices : {"each", "volume"}, optional
        How the image or, without one, the stack of labels is read: with "each", no object extends
        over several slices; with "volume", the stack is one volume.
    spacing : sequence of float, optional
        Pixel size along the spatial axes, above 0; by default what the image or the file of the
        labels says.
    unit : str, optional
        Unit of ``spacing``, such as "micrometer"; the table then gives sizes in this unit too.
    offset : sequence of int, optional
        Where the first pixel lies in the full image, along the axes of ``labels``, if these are
        part of a larger image.

    Returns
    -------
    Objects
        ``.table`` has one row for each object, and ``.save(path)`` writes them.

    Raises
    ------
    SenError
        If an argument cannot be used. The message names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import objects
    >>> labels = np.array([[1, 1, 2, 3], [4, 4, 2, 3]])
    >>> names = ["nucleus", "background"]
    >>> found = objects(labels, {1: 1, 4: 1, 2: 2}, class_names=names)
    >>> found.counts()
    {'nucleus': 1, 'background': 1}
    >>> found.table["area (px)"].tolist()
    [4, 2]
    """
    file = label_file(labels)
    reading = Reading(rgb, channel_axis, slices, spacing)
    on = (
        measured_on(image, reading, channel_names)
        if image is not None
        else _unmeasured(file, reading)
    )
    if unit is not None:
        if not isinstance(unit, str):
            raise ParameterError(f"unit must be a text, such as 'micrometer', got {shown(unit)}")
        on = replace(on, image=_in_unit(on.image, unit))
    return objects_of(np.asarray(file.data), classes, class_names, on, offset)


def label_file(labels: Any) -> ImageFile:
    """Return superpixels as they are read; ImageError if they are none."""
    file = resolve(labels, labels=True, what="the superpixels")
    data = np.asarray(file.data)
    if data.dtype.kind not in "iu" or not 2 <= data.ndim <= 4 or data.size == 0:
        raise ImageError(
            f"superpixels are whole numbers of 2 to 4 axes, got {data.dtype} of shape {data.shape}"
        )
    low, high = int(data.min()), int(data.max())
    if low < 0 or high > np.iinfo(np.int32).max:
        raise ImageError(
            f"superpixels must lie in 0...2^31 - 1, got {low} to {high}: renumber them"
        )
    return replace(file, data=data, rgb=False, channel_axis=None, inside=None, nodata=None)


def _unmeasured(file: ImageFile, reading: Reading) -> Measured:
    return Measured(settle(file, replace(reading, rgb=False, channel_axis=None)), None, ())


def _in_unit(image: Image, unit: str) -> Image:
    size = replace(image.pixel_size, unit=unit, source=image.pixel_size.source or "unit")
    grid = replace(
        image.grid, units=tuple(unit if axis in "zyx" else "" for axis in image.grid.axes)
    )
    return replace(image, pixel_size=size, grid=grid)


def measured_on(image: Any, reading: Reading, channel_names: Sequence[str] = ()) -> Measured:
    """Return an image in memory, ready to have objects measured on it.

    Parameters
    ----------
    image : array, path or ImageFile
    reading : Reading
    channel_names : sequence of str
        One for each channel, or none.
    """
    file = resolve(image, series=reading.series)
    opened = settle(file, reading)
    raster = opened.raster
    canvas = interpret(
        np.asarray(raster.array), rgb=raster.rgb,
        channel_axis=None if raster.rgb else raster.channel_axis, slices=reading.slices,
    )  # fmt: skip
    count = canvas.data.shape[-1]
    names = require_texts("channel_names", channel_names) or _channel_names(canvas.rgb, count)
    if len(names) != count:
        raise ParameterError(f"there are {len(names)} channel_names, but {count} channels")
    return Measured(opened, canvas, names)


def _channel_names(rgb: bool, count: int) -> tuple[str, ...]:
    if rgb:
        return ("red", "green", "blue")
    return ("intensity",) if count == 1 else tuple(f"channel {k}" for k in range(count))


def objects_of(
    labels: NDArray[np.integer],
    classes: Any,
    class_names: Sequence[str],
    on: Measured,
    offset: Sequence[int] | None = None,
) -> Objects:
    """Return objects of superpixels on an image that was opened; see :func:`objects`."""
    opened = on.image
    if labels.shape != opened.shape:
        raise ImageError(
            f"the superpixels have shape {labels.shape}, but the image {opened.shape}: give those "
            "that were made of it"
        )
    start = _offset(offset, labels.ndim)
    joined = _joined(labels, classes, opened.n_spatial)
    names = named_classes(class_names, int(joined.classes.max(initial=0)))
    intensity: dict[str, NDArray[Any]] = {}
    beside: tuple[Any, ...] = ()
    if on.canvas is not None:
        data = on.canvas.data
        intensity = {name: data[..., c] for c, name in enumerate(on.channel_names)}
        has_channels = on.canvas.rgb or data.shape[-1] > 1
        shown = data if has_channels else data[..., 0]
        beside = (shown, data.ndim - 1 if has_channels else None, on.canvas.rgb)
    unit = unit_symbol(opened.pixel_size.unit) or "px"
    table = object_table(joined, names, intensity=intensity, spacing=opened.spacing, unit=unit)
    for axis, first in enumerate(start):
        for key in (f"centroid-{axis}", f"bbox-{axis}", f"bbox-{axis + labels.ndim}"):
            table[key] = table[key] + first
    grid = opened.grid
    place = tuple(first * step for first, step in zip(start, grid.spacing, strict=True))
    moved = tuple(a + b for a, b in zip(grid.translation, place, strict=True))
    return Objects(joined.labels, table, names, replace(grid, translation=moved), start, beside)


def _offset(offset: Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    start = (0,) * ndim if offset is None else offset
    if (
        not isinstance(start, list | tuple)
        or len(start) != ndim
        or not all(isinstance(each, int | np.integer) for each in start)
    ):
        raise ParameterError(f"offset needs {ndim} whole numbers, one for each axis of the labels")
    return tuple(int(each) for each in start)


def _joined(labels: NDArray[np.integer], classes: Any, n_spatial: int) -> Joined:
    if classes is None:
        names = renumbered(labels)[0][1:]
        ones = np.ones(len(names), np.int64)
        return Joined(labels.astype(np.int32), 0 * ones, ones)
    if isinstance(classes, Mapping):
        classes = _class_table(classes, int(labels.max(initial=0)) + 1)
    return join(labels, classes, n_spatial=n_spatial)


def _class_table(classes: Mapping[Any, Any], count: int) -> NDArray[np.int64]:
    """Return classes that are given by their labels as a table."""
    table = np.zeros(count, np.int64)
    for label, value in classes.items():
        whole = isinstance(label, int | np.integer) and isinstance(value, int | np.integer)
        if not whole or not 0 <= value < 1 << 31:
            raise ParameterError(
                f"classes must be whole numbers by labels, got {shown({label: value})}"
            )
        if not 0 < label < count:
            raise ParameterError(f"classes names the label {shown(label)}, which is not there")
        table[label] = value
    return table


def named_classes(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Return a name for each class; those without one are numbered."""
    found = list(require_texts("class_names", names))
    if len(set(found)) < len(found):
        raise ParameterError("class_names must all be different")
    found += [f"class {k + 1}" for k in range(len(found), count)]
    return tuple(found)
