"""Image to contours: boundaries that superpixels of many sizes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..io.read import resolve
from ..params import ContourParams, SegmentParams
from ..progress import Progress, part
from .choose import choose_model, suit
from .contour_strength import slice_contours, tree_params
from .prepare import image_kind, prepare
from .route import is_tiled

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contours"]


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
    size_exponent: float | None = None,
    texture: float | None = None,
    compactness: float | None = None,
    model: Model | str | PathLike[str] | None = "auto",
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
    progress: Progress | None = None,
) -> Any:
    r"""Return contour strength: how many sizes of superpixels have a boundary at a pixel.

    Method "trees" averages over all cuts of merge trees, K in equal ratios, on several finest
    partitions of the image, and weighs the mean by the root of the boundary strength (gradient
    and half-disc difference). Method "sizes" is the paper's (Fig. 11): flat
    superpixels of ``n_sizes`` sizes, from ``smallest`` to ``largest`` many in equal ratios.
    Weak strengths are dropped, and the rest is thinned by oriented non-maximum suppression.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; stacks slice by slice.
    method, n_sizes, smallest, largest, threshold, thin, compactness
        See :class:`napari_sen.params.ContourParams`, whose defaults None stands for.
    fine_sizes, size_exponent, texture
        Likewise; method "trees" only.
    model, spacing, channel_axis, rgb, slices, device, progress
        As for :func:`napari_sen.segment`.
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`: images that do not fit in memory go in tiles (method
        "trees" only; its trees are merged in memory, half a kilobyte a superpixel).

    Returns
    -------
    float32 array
        The image's shape without its channels; 0...1. A NumPy array; in tiles a dask array over
        an OME-Zarr store.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.
    """
    params = ContourParams.given(
        method=method,
        n_sizes=n_sizes,
        smallest=smallest,
        largest=largest,
        threshold=threshold,
        thin=thin,
        fine_sizes=fine_sizes,
        size_exponent=size_exponent,
        texture=texture,
        compactness=compactness,
    )
    if (resume or overwrite) and out is None:
        raise ParameterError("resume and overwrite speak of an output: give out= as well")
    each = slices or "each"
    options = {"out": out, "tile": tile, "scheduler": scheduler}
    if is_tiled(image, **options, with_model=model is not None):
        from .lazy import contour_run, open_result  # zarr takes a moment to import

        run = contour_run(
            image,
            params,
            model=model,
            spacing=spacing,
            channel_axis=channel_axis,
            rgb=rgb,
            slices=each,
            device=device,
            resume=resume,
            overwrite=overwrite,
            **options,
        )
        run.run(progress)
        return open_result(run.path)[0]
    file = resolve(image)
    kind = image_kind(file, rgb=rgb, channel_axis=channel_axis, slices=each, spacing=spacing)
    chosen = choose_model(model, device, kind=kind)
    params = suit(params, chosen, kind)
    merging = suit(tree_params(params), chosen, kind)
    segmenting = suit(SegmentParams(compactness=params.compactness), chosen, kind)
    prepared = prepare(
        file, rgb=rgb, channel_axis=channel_axis, slices=each, spacing=spacing, model=chosen
    )
    canvas = prepared.canvas
    result = np.zeros(canvas.shape, np.float32)
    for done, index in enumerate(canvas.slices()):
        inner = part(progress, done, len(canvas))
        settings = merging if params.method == "trees" else segmenting
        result[index] = slice_contours(prepared, index, params, settings, chosen, device, inner)
    return result
