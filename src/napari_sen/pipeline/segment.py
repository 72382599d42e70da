"""Image to superpixels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..options import Execution, Reading
from ..params import Kind, SegmentParams
from ..progress import Progress
from .counts import granularities
from .plan import superpixel_run
from .renamed import renamed

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["segment"]


@renamed(mode="method", size_exponent="evenness")
def segment(
    image: Any,
    n_segments: int | Sequence[int] | None = None,
    *,
    size: float | Sequence[float] | None = None,
    level: float | Sequence[float] | None = None,
    method: str = "tree",
    compactness: float | None = None,
    evenness: float | None = None,
    model: Model | str | PathLike[str] | None = "auto",
    mask: Any = None,
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    kind: Kind | None = None,
    nodata: float | None = None,
    series: int | None = None,
    connectivity: int | None = None,
    smoothing: float | None = None,
    colour_weight: float | None = None,
    embedding_weight: float | None = None,
    boundary_weight: float | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    r"""Cut an image into superpixels that follow its objects.

    By default they are a cut of the merge tree (:func:`napari_sen.hierarchy`): fine superpixels
    merge, the cheapest pair of neighbours first, until as many are left as you asked for.

    With ``method="snic"`` they are flat: SNIC on smoothed colour and the learnt embedding (eq. 7
    of Gaur & Manjunath 2020, with colour kept and a boundary term added). A pixel joins a
    superpixel at the distance

    .. math:: d = w_c |Lab|^2 + w_e \Psi + |x|^2 m^2 / s^2 + w_b h

    Here Lab and x are the differences in colour and position, Psi is the distance of the
    embeddings (eq. 2), m the compactness and s the seed spacing. The half-disc difference h, from
    0 to 1 (:func:`napari_sen.core.strength.half_disc_difference`), makes the pixels where a
    colour or texture ends join last.

    Parameters
    ----------
    image : array, path or list
        A NumPy, dask, zarr or xarray array, a napari layer, a list of levels (the finest is
        taken), or the path of an image file. Any real dtype. (Y, X) is grey, (Y, X, 3 or 4) in
        uint8 is colour; further axes need ``channel_axis`` or ``slices``.
    n_segments : int or sequence of int, optional
        Number of superpixels in each slice (or volume), at least 1; 500 by default. Without a
        mask you get exactly this many. Several numbers (or sizes, or levels) give several
        granularities of one tree: every border of a coarser one is also a border of the finer
        ones.
    size : float or sequence of float, optional
        Diameter of a superpixel in units of ``spacing``, above 0; give it instead of a number.
    level : float or sequence of float, optional
        For method "tree", instead of a number: merge while the cheapest pair costs at most this
        much (0 or more), as :meth:`napari_sen.Hierarchy.cut` does.
    method : {"tree", "snic"}
        "tree": a cut of the merge tree (:func:`napari_sen.hierarchy`), whose superpixels are
        large where the image is smooth and small where it is not. "snic": flat superpixels, all
        of about the same size.
    compactness : float, optional
        For method "snic", above 0: larger values make superpixels rounder, smaller ones let
        them follow edges; try 1 to 100. By default 5, but 10 in microscopy for superpixels
        below 22 px, which are then made without the boundary term. With the tree it is that of
        its finest superpixels, by default 3.
    evenness : float, optional
        For method "tree", from 0 to 2: 1 gives superpixels of about equal size, 0.25 follows
        objects whatever their size. By default 0.4 for photographs, 0.7 for microscopy.
    model : Model, name, path or None
        "auto" chooses the bundled model that suits the kind of image; None uses colour alone.
    mask : array, path or "nan", optional
        Pixels where it is 0 are outside. It has the shape of the image without
        channels, or of one slice; "nan" leaves out pixels that are NaN or infinite. A masked
        array brings its own mask, and fully transparent pixels (alpha 0) are outside.
    spacing : sequence of float, optional
        Pixel size along the spatial axes, (y, x) or (z, y, x), above 0. By default what the
        file or layer says, else 1.
    channel_axis : int, optional
        The axis of the channels, if these are not colours (red, green, blue).
    rgb : bool, optional
        Whether the last axis, of length 3 or 4, is colour; needed where the dtype is not uint8.
    slices : {"each", "volume"}, optional
        Needed where there are more than two spatial axes. "each" treats every slice on its own
        (labels are unique over the stack), and "volume" treats the stack as one volume.
    kind : {"natural", "microscopy"}, optional
        What the image shows; this decides the model and the parameters that suit it. By default
        "natural" for colour images without a pixel size, "microscopy" for all others.
    nodata : float, optional
        The value of pixels without data, which are outside: those where any channel has it or, in
        colour images, all three colours do. By default the value that a GeoTIFF names.
    series : int, optional
        Which image to read, counted from 0, where a file holds several; by default the first.
    connectivity, smoothing, colour_weight, embedding_weight, boundary_weight
        See :class:`napari_sen.params.SegmentParams`, whose defaults None stands for.
    device : str
        Where the network runs: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", "mps".
    tile : int or sequence of int, optional
        Side of the tiles in pixels, a multiple of 32 along y and x: one number for both (tiles of
        a volume are then 64 thick), or one per spatial axis. By default 768, for volumes 64, 256
        and 256. If you give it, the work is done in tiles, as it is for lazy arrays.
    out : path, optional
        Where a tiled result goes: a new ``NAME.zarr``, or ``IMAGE.zarr/labels/NAME`` inside an
        OME-Zarr 0.5 image. By default a temporary store, logged and removed when Python ends.
    scheduler : int, str or dask.distributed.Client, optional
        Where tiles are processed: on this many threads (one per core by default), or on the
        workers of a dask cluster, given by its client or address. The workers must see the same
        files.
    resume : bool
        Continue an unfinished run at ``out`` if there is one with the same arguments.
    overwrite : bool
        Replace what is at ``out``.
    progress : callable, optional
        Called as ``progress(done, total, stage)``; it may raise
        :class:`~napari_sen.Cancelled` to stop the work.

    Returns
    -------
    int32 array
        Labels 1, 2, ..., each one connected piece, and 0 outside the mask, in the image's shape
        without its channels. Several granularities are stacked along a first axis, each with
        its own labels. The same input gives the same labels on any number of threads.
        You get a NumPy array; in tiles, a dask array over an OME-Zarr store (int64 beyond 2^31
        labels). The work is done in tiles if the image is a lazy array (dask, zarr), or if you
        give ``tile``, ``out`` or ``scheduler``; on images like those tested, at least 99.9 % of
        the pixels then get the label that they get in memory. An image that is too large for the
        memory is refused unless it is processed in tiles.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; later, if the work fails (a full disk, a
        GPU with too little memory). The message names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import segment
    >>> image = np.zeros((60, 90), np.uint8)
    >>> image[:, 45:] = 200
    >>> labels = segment(image, 6, model=None)
    >>> labels.shape, int(labels.max())
    ((60, 90), 6)
    """
    granularity = {"n_segments": n_segments, "size": size, "level": level}
    if sum(each is not None for each in granularity.values()) > 1:
        raise ParameterError("give only one of n_segments, size and level")
    params = SegmentParams.among(locals() | dict.fromkeys(granularity))
    reading = Reading(rgb, channel_axis, slices, spacing, kind, mask, nodata, series)
    execution = Execution(device, tile, scheduler, out, resume, overwrite)
    asked = granularities(params, granularity)
    run = superpixel_run(image, asked, model=model, reading=reading, execution=execution)
    run.run(progress)
    return run.result()
