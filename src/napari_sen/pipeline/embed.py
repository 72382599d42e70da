"""Image to embedding."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..options import Execution, Reading
from ..params import Kind
from ..progress import Progress
from .plan import embedding_run

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["embed"]


def embed(
    image: Any,
    *,
    model: Model | str | PathLike[str] = "auto",
    clustered: bool = False,
    mask: Any = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    spacing: Sequence[float] | None = None,
    kind: Kind | None = None,
    nodata: float | None = None,
    series: int | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Return the embedding of every pixel: unit vectors, similar where pixels belong together.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`.
    model : Model, name or path
        "auto" chooses the bundled model that suits the kind of image.
    clustered : bool
        Whether to apply the mean shift (eq. 5, 6). This is useful with models whose mean shift
        was trained, such as the bundled ones; with others, a warning is logged.
    mask
        As for :func:`napari_sen.segment`. Pixels outside get an embedding too, but do not count
        in the image's statistics.
    channel_axis, rgb, slices, spacing, kind, nodata, series
        As for :func:`napari_sen.segment`.
    device : str
        As for :func:`napari_sen.segment`.
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`.
    progress : callable, optional
        As for :func:`napari_sen.segment`.

    Returns
    -------
    (..., D) float32 array
        Vectors of length 1, D numbers each, in the image's shape without its channels. You get a
        NumPy array; in tiles, a dask array over an OME-Zarr store, equal up to rounding (1e-5).

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; later, if the work fails. The message
        names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import embed
    >>> image = np.zeros((60, 90), np.uint8)
    >>> image[:, 45:] = 200
    >>> embedding = embed(image, model="microscopy")
    >>> embedding.shape, embedding.dtype
    ((60, 90, 16), dtype('float32'))
    """
    run = embedding_run(
        image,
        model=model,
        clustered=clustered,
        reading=Reading(rgb, channel_axis, slices, spacing, kind, mask, nodata, series),
        execution=Execution(device, tile, scheduler, out, resume, overwrite),
    )
    run.run(progress)
    return run.result()
