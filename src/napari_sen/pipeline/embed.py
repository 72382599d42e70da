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
        NumPy, dask, zarr or xarray array, a napari multiscale list, or a file.
    model : Model, name or path
        "auto" chooses as :func:`napari_sen.segment` does.
    clustered : bool
        Whether to apply the mean shift (eq. 5, 6). It is useful with models whose mean shift
        was trained, such as the bundled ones; with others a warning is logged.
    mask, channel_axis, rgb, slices, spacing, kind, nodata, series
        As for :func:`napari_sen.segment`. Pixels outside the mask get an embedding too, but do
        not enter the image's statistics.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda", ...
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`.
    progress : callable, optional
        Called as ``progress(done, total, "embedding")``; may raise Cancelled.

    Returns
    -------
    (..., D) float32 array
        The image's shape without its channels, and D; rows of length 1. A NumPy array; in tiles
        a dask array over an OME-Zarr store, the same as without tiles up to rounding (1e-5).

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
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
