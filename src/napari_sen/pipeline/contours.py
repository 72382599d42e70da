"""Image to contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..options import Execution, Reading
from ..params import ContourParams, Kind
from ..progress import Progress
from .plan import contour_run
from .renamed import renamed

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contours"]


@renamed(size_exponent="evenness")
def contours(
    image: Any,
    *,
    method: str | None = None,
    n_sizes: int | None = None,
    smallest: int | None = None,
    largest: int | None = None,
    threshold: float | None = None,
    thin: bool | None = None,
    fine_sizes: Sequence[float] | None = None,
    evenness: float | None = None,
    texture: float | None = None,
    compactness: float | None = None,
    model: Model | str | PathLike[str] | None = "auto",
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    kind: Kind | None = None,
    series: int | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    r"""Return the strength of contours: how many granularities have a boundary at a pixel.

    Method "trees" averages over all cuts of merge trees (evenly over log K), which grow from
    several finest partitions of the image, and weights the mean by the square root of the
    boundary strength (gradient and half-disc difference). Method "sizes" is the paper's
    (Fig. 11): flat superpixels of ``n_sizes`` sizes, from ``smallest`` to ``largest`` many in
    equal ratios. Weak contours are dropped, and the rest is thinned by oriented non-maximum
    suppression.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; stacks slice by slice.
    method, n_sizes, smallest, largest, threshold, thin, compactness
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    fine_sizes, evenness, texture
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    model, spacing, channel_axis, rgb, slices, kind, series, device, progress
        As for :func:`napari_sen.segment`, but there is no mask, and alpha is ignored.
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`, with method "trees" only. Its trees are merged in
        memory, which takes half a kilobyte per finest superpixel.

    Returns
    -------
    float32 array
        The image's shape without its channels; from 0 to 1. A NumPy array; in tiles a dask
        array over an OME-Zarr store.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.
    """
    params = ContourParams.among(locals())
    reading = Reading(rgb, channel_axis, slices, spacing, kind, series=series)
    execution = Execution(device, tile, scheduler, out, resume, overwrite)
    run = contour_run(image, params, model=model, reading=reading, execution=execution)
    run.run(progress)
    return run.result()
