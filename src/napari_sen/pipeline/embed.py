"""Image to embedding."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..io.read import resolve
from ..params import require
from ..progress import Progress, part
from .choose import choose_model
from .embedding import embed_slice, warn_of_mean_shift
from .prepare import image_kind, prepare
from .route import is_tiled

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
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Return the embedding of every pixel: unit vectors, near for pixels that belong together.

    Parameters
    ----------
    image : array, path or list
        NumPy, dask, zarr or xarray array, a napari multiscale list, or a file.
    model : Model, name or path
        "auto" chooses as :func:`napari_sen.segment` does.
    clustered : bool
        After the mean shift (eq. 5, 6) rather than before; for models whose mean shift was
        trained, as that of the bundled ones is; for others it is logged.
    mask, channel_axis, rgb, slices, spacing
        As for :func:`napari_sen.segment`. Pixels outside the mask get an embedding too, but do
        not enter the image's statistics.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda", ...
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`: images that do not fit in memory go in tiles.
    progress : callable, optional
        Called as ``progress(done, total, "embedding")``; may raise Cancelled.

    Returns
    -------
    (..., D) float32 array
        The image's shape without its channels, and D; rows of length 1. A NumPy array; in tiles
        a dask array over an OME-Zarr store, equal to the whole's but for rounding (1e-5).

    Raises
    ------
    SenError
        If an argument cannot be used; the message names the remedy.
    """
    require("clustered", clustered, bool, {})
    if (resume or overwrite) and out is None:
        raise ParameterError("resume and overwrite speak of an output: give out= as well")
    options = {"out": out, "tile": tile, "scheduler": scheduler}
    if is_tiled(image, **options):
        from .lazy import embed_run, open_result  # zarr takes a moment to import

        run = embed_run(
            image,
            model=model,
            clustered=clustered,
            mask=mask,
            channel_axis=channel_axis,
            rgb=rgb,
            slices=slices,
            spacing=spacing,
            device=device,
            resume=resume,
            overwrite=overwrite,
            **options,
        )
        run.run(progress)
        return open_result(run.path)[0]
    file = resolve(image)
    kind = image_kind(file, rgb=rgb, channel_axis=channel_axis, slices=slices, spacing=spacing)
    chosen = choose_model(model, device, kind=kind, required=True)
    assert chosen is not None
    prepared = prepare(
        file,
        rgb=rgb,
        channel_axis=channel_axis,
        slices=slices,
        mask=mask,
        spacing=spacing,
        model=chosen,
    )
    warn_of_mean_shift(chosen, clustered)
    canvas = prepared.canvas
    result = None
    for done, index in enumerate(canvas.slices()):
        rows = embed_slice(
            prepared, index, chosen, clustered, device, part(progress, done, len(canvas))
        )
        if result is None:
            result = np.empty((*canvas.shape, rows.shape[-1]), np.float32)
        result[index] = rows
    assert result is not None
    return result
