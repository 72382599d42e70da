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
    """Return the strength of contours: how many granularities have a boundary at a pixel.

    Method "trees" builds several merge trees, from finest superpixels of different sizes. It
    averages the boundaries of all their cuts, evenly over the logarithm of the number of
    superpixels, and weights the mean by the square root of the boundary strength (gradient and
    half-disc difference). Method "sizes" is the paper's (Fig. 11): it averages flat superpixels
    of ``n_sizes`` sizes, whose numbers run from ``smallest`` to ``largest`` in equal ratios. Both
    drop weak contours and thin the rest by oriented non-maximum suppression.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`. No mask is taken, and alpha is ignored.
    method, n_sizes, smallest, largest, threshold, thin, compactness
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    fine_sizes, evenness, texture
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    model, spacing, channel_axis, rgb, kind, series, device, resume, overwrite, progress
        As for :func:`napari_sen.segment`.
    slices : "each", optional
        Stacks are processed slice by slice.
    tile, out, scheduler
        As for :func:`napari_sen.segment`.

    Returns
    -------
    float32 array
        Strengths from 0 to 1, in the image's shape without its channels. You get a NumPy array;
        in tiles, a dask array over an OME-Zarr store. Only method "trees" works in tiles; it merges
        its trees in memory, which takes half a kilobyte per finest superpixel.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; later, if the work fails. The message
        names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import contours
    >>> image = np.zeros((60, 90), np.uint8)
    >>> image[:, 45:] = 200
    >>> strength = contours(image, model=None)
    >>> strength.shape, np.unique(np.argmax(strength, axis=1))
    ((60, 90), array([44]))
    """
    params = ContourParams.among(locals())
    reading = Reading(rgb, channel_axis, slices, spacing, kind, series=series)
    execution = Execution(device, tile, scheduler, out, resume, overwrite)
    run = contour_run(image, params, model=model, reading=reading, execution=execution)
    run.run(progress)
    return run.result()
