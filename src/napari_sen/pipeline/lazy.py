"""Which images are worked on in tiles, and how such a run is put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..large.executor import check_scheduler
from ..large.image_file import ImageFile
from ..large.memory import available_memory
from ..large.place import find_place
from ..large.source import Source, open_source
from ..large.store import open_image
from ..params import SegmentParams
from .choose import choose_compared
from .tiled import SegmentRun

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["fits_in_memory", "is_tiled", "open_result", "segment_run"]

# Bytes a pixel at the peak of the in-memory path: without a model, and with one.
_PER_PIXEL = {False: 120, True: 700}


def is_tiled(
    image: Any,
    *,
    out: Any = None,
    tile: Any = None,
    scheduler: Any = None,
    with_model: bool = True,
) -> bool:
    """Return whether an image is worked on in tiles: whether the result is lazy.

    So are lazy arrays (dask, zarr), files that would not fit in half of the free memory, and
    whatever is asked for with ``out``, ``tile`` or ``scheduler``. NumPy arrays are not.
    """
    if any(option is not None for option in (out, tile, scheduler)):
        return True
    if isinstance(image, np.ndarray):
        return False
    file = open_image(image)
    if isinstance(file.data, np.ndarray) and not isinstance(image, str | os.PathLike):
        return False
    if not isinstance(image, str | os.PathLike | ImageFile):
        return True
    return not fits_in_memory(file.data.shape, with_model)


def fits_in_memory(shape: Sequence[int], with_model: bool = True) -> bool:
    """Return whether an image of this many pixels can be worked on in half of the free memory."""
    free = available_memory()
    pixels = int(np.prod(shape, dtype=np.float64))
    return free is None or 2 * pixels * _PER_PIXEL[with_model] <= free


def segment_run(
    image: Any,
    params: SegmentParams,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    mask: Any = None,
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
) -> SegmentRun:
    """Return a tiled run of :func:`napari_sen.segment`, checked, that has not begun yet.

    This is what a viewer works with: it iterates over :meth:`SegmentRun.steps` in a thread of
    its own, opens :attr:`SegmentRun.path` with :func:`open_result` once it is there, shows each
    ``Step.box`` as it comes, closes the iterator to stop, and makes the same run with
    ``resume=True`` to go on, even after a restart.

    Parameters
    ----------
    image, model, mask, spacing, channel_axis, rgb, slices, device, tile, out, scheduler
        As for :func:`napari_sen.segment`.
    params : SegmentParams
        How superpixels are made; ``mode`` must be "flat".
    resume, overwrite
        As for :func:`napari_sen.segment`.

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> from napari_sen.params import SegmentParams
    >>> from napari_sen.pipeline.lazy import open_result, segment_run
    >>> image = da.zeros((300, 200), chunks=100, dtype=np.uint16)
    >>> run = segment_run(image, SegmentParams(size=20), model=None, tile=128)
    >>> [step.box for step in run.steps() if step.stage == "superpixels" and step.box][0]
    ((0, 128), (0, 128))
    >>> [level.shape for level in open_result(run.path)]
    [(300, 200), (150, 100)]
    """
    if params.mode != "flat":
        raise ParameterError(f"{params.mode} superpixels are not made in tiles: use mode='flat'")
    check_scheduler(scheduler)
    file, source = _opened(image, rgb=rgb, channel_axis=channel_axis, slices=slices)
    scaled = spacing is not None or file.spacing is not None
    kind = "natural" if source.rgb and not scaled else "microscopy"
    chosen = choose_compared(model, params, device, kind)
    inside = None
    if mask is not None:
        _, inside = _opened(mask, what="the mask", slices=slices or "each", rgb=False)
    if not (scheduler is None or isinstance(scheduler, int)) and source.path is None:
        _check_travels(source)
    inputs = [given for given in (source.path, inside and inside.path) if given]
    place = find_place(out, inputs=inputs, resume=resume, overwrite=overwrite)
    return SegmentRun(
        file,
        source,
        inside,
        params,
        place,
        model=chosen,
        spacing=spacing,
        tile=tile,
        device=device,
        scheduler=scheduler,
        overwrite=overwrite,
    )


def _opened(image: Any, *, what: str = "the image", **how: Any) -> tuple[ImageFile, Source]:
    file = open_image(image, what=what)
    path = os.fspath(image) if isinstance(image, str | os.PathLike) else None
    return file, open_source(file, path=path, **how)


def _check_travels(source: Source) -> None:
    if isinstance(source.array, np.ndarray):
        raise ParameterError(
            "an array in memory cannot be worked on by a cluster: write it to zarr and give its "
            "path"
        )


def open_result(path: str | PathLike[str]) -> list[Any]:
    """Return the levels of a growing or finished result as dask arrays, finest first.

    Channels, where there are any, come last.
    """
    import dask.array as da
    import zarr

    group = zarr.open_group(str(path), mode="r")
    about: Any = group.attrs["ome"]["multiscales"][0]  # type: ignore[index,call-overload]
    axes = [axis["name"] for axis in about["axes"]]
    levels = []
    for entry in about["datasets"]:
        array: Any = group[entry["path"]]
        level = da.from_zarr(array, chunks=array.shards or array.chunks)
        levels.append(da.moveaxis(level, axes.index("c"), -1) if "c" in axes else level)
    return levels
