"""How a run in tiles is put together, and how its result is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..large.executor import check_scheduler
from ..large.image_file import ImageFile
from ..large.place import Place, find_place
from ..large.source import Source, open_source
from ..large.store import open_image
from ..params import ContourParams, HierarchyParams, SegmentParams
from .adaptive_tiled import AdaptiveRun
from .choose import choose_compared, choose_model, suit
from .contour_strength import tree_params
from .contours_tiled import ContourRun
from .embed_tiled import EmbedRun
from .embedding import warn_of_mean_shift
from .pca_tiled import PcaRun
from .tiled import SegmentRun
from .tree_tiled import fine_params

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["contour_run", "embed_run", "open_result", "pca_run", "segment_run"]


def segment_run(
    image: Any,
    params: SegmentParams,
    *,
    tree: HierarchyParams | None = None,
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
        How superpixels are made.
    tree : HierarchyParams, optional
        How the tree is made that superpixels of ``mode="adaptive"`` are cut from.
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
    check_scheduler(scheduler)
    file, source, kind = _opened(
        image, rgb=rgb, channel_axis=channel_axis, slices=slices, spacing=spacing
    )
    chosen = choose_compared(model, params, device, kind)
    inside = _opened_mask(mask, slices)
    _check_travels(source, scheduler)
    params = suit(params, chosen, kind)
    place = _place(out, source, inside, resume=resume, overwrite=overwrite)
    options: dict[str, Any] = {
        "model": chosen,
        "spacing": spacing,
        "tile": tile,
        "device": device,
        "scheduler": scheduler,
        "overwrite": overwrite,
    }
    if params.mode == "flat":
        return SegmentRun(file, source, inside, params, place, **options)
    tree = suit(tree or HierarchyParams(), chosen, kind)
    leaves = fine_params(tree, params.n_segments)
    return AdaptiveRun(file, source, inside, leaves, place, wanted=params, tree=tree, **options)


def embed_run(
    image: Any,
    *,
    model: Model | str | PathLike[str] = "auto",
    clustered: bool = False,
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
) -> EmbedRun:
    """Return a tiled run of :func:`napari_sen.embed`, checked, that has not begun yet.

    As :func:`segment_run`, with the arguments of :func:`napari_sen.embed`.
    """
    check_scheduler(scheduler)
    file, source, kind = _opened(
        image, rgb=rgb, channel_axis=channel_axis, slices=slices, spacing=spacing
    )
    chosen = choose_model(model, device, kind=kind, required=True)
    assert chosen is not None
    warn_of_mean_shift(chosen, clustered)
    inside = _opened_mask(mask, slices)
    _check_travels(source, scheduler)
    return EmbedRun(
        file,
        source,
        inside,
        _place(out, source, inside, resume=resume, overwrite=overwrite, name="embedding"),
        chosen,
        clustered=clustered,
        spacing=spacing,
        tile=tile,
        device=device,
        scheduler=scheduler,
        overwrite=overwrite,
    )


def contour_run(
    image: Any,
    params: ContourParams,
    *,
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
) -> ContourRun:
    """Return a tiled run of :func:`napari_sen.contours`, checked, that has not begun yet.

    As :func:`segment_run`, with the arguments of :func:`napari_sen.contours`.
    """
    check_scheduler(scheduler)
    if params.method != "trees":
        raise ParameterError(
            "in tiles contours are made by method='trees': superpixels of 13 sizes, some as large "
            "as an eighth of the image, need the whole of it"
        )
    file, source, kind = _opened(
        image, rgb=rgb, channel_axis=channel_axis, slices=slices, spacing=spacing
    )
    if source.n_spatial != 2:
        raise ParameterError("contours are made slice by slice: give slices='each'")
    chosen = choose_model(model, device, kind=kind)
    _check_travels(source, scheduler)
    params = suit(params, chosen, kind)
    return ContourRun(
        file,
        source,
        _place(out, source, None, resume=resume, overwrite=overwrite, name="contours"),
        contours=params,
        tree=suit(tree_params(params), chosen, kind),
        model=chosen,
        spacing=spacing,
        tile=tile,
        device=device,
        scheduler=scheduler,
        overwrite=overwrite,
    )


def pca_run(
    embedding: str | PathLike[str],
    out: str | PathLike[str],
    *,
    slices: str | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
) -> PcaRun:
    """Return a run that writes an embedding's three main directions as colours.

    Parameters
    ----------
    embedding : path
        The store that :func:`embed_run` wrote.
    out : path
        A new ``NAME.zarr``.
    slices, scheduler, resume, overwrite
        As for :func:`napari_sen.embed`.
    """
    check_scheduler(scheduler)
    file, source, _ = _opened(embedding, spacing=None, slices=slices)
    place = _place(out, source, None, resume=resume, overwrite=overwrite)
    return PcaRun(file, source, place, scheduler=scheduler, overwrite=overwrite)


def _place(out: Any, source: Source, mask: Source | None, **how: Any) -> Place:
    inputs = [given for given in (source.path, mask and mask.path) if given]
    return find_place(out, inputs=inputs, **how)


def _opened(
    image: Any, *, spacing: Sequence[float] | None, **how: Any
) -> tuple[ImageFile, Source, str]:
    """Return an image, lazily, as a source, and its kind."""
    file = open_image(image)
    source = open_source(file, path=_path(image), **how)
    scaled = spacing is not None or file.spacing is not None
    return file, source, "natural" if source.rgb and not scaled else "microscopy"


def _opened_mask(mask: Any, slices: str | None) -> Source | None:
    if mask is None:
        return None
    file = open_image(mask, what="the mask")
    return open_source(file, path=_path(mask), rgb=False, slices=slices or "each")


def _path(image: Any) -> str | None:
    return os.fspath(image) if isinstance(image, str | os.PathLike) else None


def _check_travels(source: Source, scheduler: Any) -> None:
    is_local = scheduler is None or isinstance(scheduler, int)
    if not is_local and source.path is None and isinstance(source.array, np.ndarray):
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
        # A name of its own: another store may take this place, and chunks are cached by name.
        level = da.from_zarr(array, chunks=array.shards or array.chunks, name=False)
        levels.append(da.moveaxis(level, axes.index("c"), -1) if "c" in axes else level)
    return levels
