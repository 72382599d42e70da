"""Which pixels of an image are inside: by a mask as people have it, and by the image itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..io.image_file import ImageFile
from ..io.place import resolved
from .raster import Opening, Raster, Source

__all__ = ["empty_mask", "given_mask", "mask_of"]

log = logging.getLogger("napari_sen")

_HALF = 128  # JPEG blurs: its darker half is outside

Keys = tuple[int | slice, ...]


@dataclass(frozen=True)
class Given:
    """A mask that was given, seen in the shape of the image; read by index.

    Attributes
    ----------
    source : Source
    shape : tuple of int
        Of the image.
    kept : tuple of int
        Axes of the mask that are the last axes of the image; the others are of length 1.
    n_axes : int
        Number of the mask's axes, without that of its colours.
    is_colour : bool
        Whether one more axis holds red, green, blue (and alpha): black is outside.
    least : int
        The smallest value inside.
    """

    source: Source
    shape: tuple[int, ...]
    kept: tuple[int, ...]
    n_axes: int
    is_colour: bool
    least: int

    def __getitem__(self, keys: Keys) -> NDArray[np.bool_]:
        """Return a part, of the shape that the image has there."""
        own = keys[len(keys) - len(self.kept) :]
        stored: list[int | slice] = [0] * self.n_axes
        for axis, key in zip(self.kept, own, strict=True):
            stored[axis] = key
        if self.is_colour:
            stored.append(slice(None))
        values = self.source.read(stored)
        if values.dtype.kind == "f" and not np.isin(values, (0, 1)).all():
            raise ImageError(
                f"mask holds {values.dtype} values other than 0 and 1: give one of bool or whole "
                "numbers, for example mask > 0.5"
            )
        inside: Any = values != 0 if self.least == 1 else values >= self.least
        if self.is_colour:
            inside = inside[..., :3].any(axis=-1) & inside[..., 3:].all(axis=-1)
        shape = [len(range(*key.indices(n))) for key, n in zip(keys, self.shape, strict=True)
                 if isinstance(key, slice)]  # fmt: skip
        found: NDArray[np.bool_] = np.broadcast_to(inside, shape)
        return found


def empty_mask() -> ImageError:
    """Return the error for an image of which nothing is inside."""
    return ImageError("mask is empty: pixels to keep must not be 0, and some pixels must have data")


def given_mask(
    file: ImageFile, image: Raster, *, path: str | None = None, is_lazy: bool = False
) -> Given:
    """Return a mask of bool, whole numbers, 0 and 1, or colours, as one of the image's shape.

    Parameters
    ----------
    file : ImageFile
        The mask: of the image's shape without channels, or of its last two or three axes (for
        every slice the same), with axes of length 1 or of colours beside them.
    image : Raster
    path : str, optional
        Where it is from.
    is_lazy : bool
        Whether it is opened there again by every process.

    Raises
    ------
    ImageError
        If it fits neither in shape nor in kind.
    """
    dtype, shape = np.dtype(file.data.dtype), tuple(int(n) for n in file.data.shape)
    if dtype.kind not in "biuf":
        raise ImageError(f"mask must be bool or whole numbers, got dtype {dtype}")
    is_colour = False
    kept = _kept(shape, image.shape)
    if kept is None and shape[-1:] in ((3,), (4,)):
        kept, is_colour = _kept(shape[:-1], image.shape), True
    if kept is None:
        raise ImageError(
            f"mask has shape {shape}, but the image has {image.shape}: give one of that shape, or "
            "of one slice for all"
        )
    is_jpeg = path is not None and path.lower().endswith((".jpg", ".jpeg"))
    place = resolved(path) if path is not None and is_lazy else None
    return Given(
        Source(place, file.data, Opening(labels=True)), image.shape, kept,
        len(shape) - is_colour, is_colour, _HALF if is_jpeg else 1,
    )  # fmt: skip


def _kept(shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes that are the last of those wanted, once axes of length 1 are dropped."""
    axes = tuple(range(len(shape)))
    last = max((k for k in axes if shape[k] != 1), default=-1)
    first = min((k for k in axes if shape[k] != 1), default=0)
    for kept in (
        axes, axes[: last + 1], axes[first:], axes[first : last + 1],
        tuple(k for k in axes if shape[k] != 1),
    ):  # fmt: skip
        if len(kept) >= 2 and tuple(shape[k] for k in kept) == wanted[-len(kept) :]:
            return kept
    return None


@dataclass(frozen=True)
class Inside:
    """Where all agree that a pixel is inside; read by index as an array of the image's shape.

    Attributes
    ----------
    image : Raster
        Says itself which of its pixels count.
    given : Given or None
    own : Source or None
        The image's own mask.
    own_axis : int or None
        The axis of channels that it has.
    finite : bool
        Whether pixels that are not finite are outside.
    """

    image: Raster
    given: Given | None
    own: Source | None
    own_axis: int | None
    finite: bool

    dtype = np.dtype(bool)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self.image.shape

    @property
    def asks_the_image(self) -> bool:
        """Whether values of the image say what is outside."""
        image = self.image
        is_asked = self.finite and image.dtype.kind == "f"
        return image.has_alpha or image.nodata is not None or is_asked

    def __getitem__(self, keys: Keys) -> NDArray[np.bool_]:
        """Return a part; keys are whole numbers for the slice, then intervals."""
        n = len(self.image.leading)
        box = tuple((key.start, key.stop) for key in keys[n:] if isinstance(key, slice))
        index = tuple(key for key in keys[:n] if isinstance(key, int))
        if self.asks_the_image:
            found = self.image.counts(index, box, finite=self.finite)
        else:
            found = np.ones([stop - start for start, stop in box], bool)
        if self.given is not None:
            found &= self.given[keys]
        if self.own is not None:
            found &= self._own(keys)
        return found

    def _own(self, keys: Keys) -> NDArray[np.bool_]:
        assert self.own is not None
        if self.own_axis is None:
            plain: NDArray[np.bool_] = self.own.read(keys) != 0
            return plain
        stored = [*keys[: self.own_axis], slice(None), *keys[self.own_axis :]]
        place = sum(isinstance(key, slice) for key in stored[: self.own_axis])
        found: NDArray[np.bool_] = (self.own.read(stored) != 0).all(axis=place)
        return found


def mask_of(
    file: ImageFile, image: Raster, given: Given | None, *, finite: bool = False
) -> Raster | None:
    """Return which pixels are inside; None where all are.

    In memory it is looked at; of a lazy image, where anything might be outside, it is read when
    its pixels are.

    Parameters
    ----------
    file : ImageFile
        The image, with its own mask if it has one.
    image : Raster
        The same, understood.
    given : Given, optional
        A mask that was given.
    finite : bool
        Whether pixels that are NaN or infinite are outside.

    Raises
    ------
    ImageError
        If no pixel of an image in memory is inside.
    """
    own, axis = None, None
    if file.inside is not None:
        opening = image.source.opening
        own = Source(image.path, file.inside, Opening(opening.series, part="inside"))
        axis = image.channel_axis if len(file.inside.shape) > len(image.shape) else None
    inside = Inside(image, given, own, axis, finite)
    if given is None and own is None and not inside.asks_the_image:
        return None
    if image.path is not None or not isinstance(image.array, np.ndarray):
        return _raster(inside, image)
    found = np.empty(image.shape, bool)
    for index in np.ndindex(*image.leading):
        found[index] = inside[(*index, *(slice(0, n) for n in image.spatial))]
    if found.all() and given is None:
        return None
    if not found.any():
        is_alpha = image.has_alpha and given is None and own is None and image.nodata is None
        if not is_alpha:
            raise empty_mask()
        log.warning("alpha is 0 everywhere: it is passed over")  # it means something else
        return None
    return _raster(found, image)


def _raster(array: Any, image: Raster) -> Raster:
    return Raster(Source(None, array), image.leading, image.spatial, 1, np.dtype(bool), False, None)
