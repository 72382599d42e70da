"""How a run in tiles is put together, and how its result is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from ..errors import ParameterError
from ..io.image_file import ImageFile
from ..io.read import open_image
from ..params import ContourParams, HierarchyParams, SegmentParams
from ..tiles.output import Place, find_place
from ..tiles.pool import check_scheduler
from ..tiles.source import Source, open_source
from .adaptive_tiled import AdaptiveRun
from .choose import choose_compared, choose_model, kind_for, suit
from .contour_strength import tree_params
from .contours_tiled import ContourRun
from .embed_tiled import EmbedRun
from .embedding import warn_of_mean_shift
from .hierarchy import tree_of
from .pca_tiled import PcaRun
from .tiled import SegmentRun
from .tree_tiled import fine_params

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["RunOptions", "contour_run", "embed_run", "open_result", "pca_run", "segment_run"]


class RunOptions(TypedDict, total=False):
    """How an image is read, and how a run works: each as :func:`napari_sen.segment` takes it."""

    spacing: Sequence[float] | None
    channel_axis: int | None
    rgb: bool | None
    slices: str | None
    device: str
    tile: int | Sequence[int] | None
    out: str | PathLike[str] | None
    scheduler: Any
    resume: bool
    overwrite: bool


def segment_run(
    image: Any,
    params: SegmentParams,
    *,
    tree: HierarchyParams | None = None,
    model: Model | str | PathLike[str] | None = "auto",
    mask: Any = None,
    **how: Unpack[RunOptions],
) -> SegmentRun:
    """Return a tiled run of :func:`napari_sen.segment`, checked, that has not begun yet.

    This is what a viewer works with: it iterates over :meth:`SegmentRun.steps` in a thread of
    its own, opens :attr:`SegmentRun.path` with :func:`open_result` once it is there, shows each
    ``Step.box`` as it comes, closes the iterator to stop, and makes the same run with
    ``resume=True`` to go on, even after a restart.

    Parameters
    ----------
    image, model, mask
        As for :func:`napari_sen.segment`.
    params : SegmentParams
        How superpixels are made.
    tree : HierarchyParams, optional
        How the tree is made that superpixels of ``mode="adaptive"`` are cut from; by default as
        ``params`` say.
    **how
        See :class:`RunOptions`.

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
    file, source, kind = _opened(image, how)
    chosen = choose_compared(model, params, how.get("device", "auto"), kind)
    tree = tree or tree_of(params)
    inside = _opened_mask(mask, how)
    place = _place(source, inside, how)
    options = {"model": chosen, "kind": kind_for(chosen, kind), **_working(how)}
    if params.mode == "flat":
        return SegmentRun(file, source, inside, params, place, **options)
    tree = suit(tree, chosen, kind)
    leaves = fine_params(tree, params.n_segments)
    return AdaptiveRun(file, source, inside, leaves, place, wanted=params, tree=tree, **options)


def embed_run(
    image: Any,
    *,
    model: Model | str | PathLike[str] = "auto",
    clustered: bool = False,
    mask: Any = None,
    **how: Unpack[RunOptions],
) -> EmbedRun:
    """Return a tiled run of :func:`napari_sen.embed`, checked, that has not begun yet.

    As :func:`segment_run`, with the arguments of :func:`napari_sen.embed`.
    """
    file, source, kind = _opened(image, how)
    chosen = choose_model(model, how.get("device", "auto"), kind=kind, required=True)
    assert chosen is not None
    warn_of_mean_shift(chosen, clustered)
    inside = _opened_mask(mask, how)
    place = _place(source, inside, how, name="embedding")
    return EmbedRun(file, source, inside, place, chosen, clustered=clustered, **_working(how))


def contour_run(
    image: Any,
    params: ContourParams,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    **how: Unpack[RunOptions],
) -> ContourRun:
    """Return a tiled run of :func:`napari_sen.contours`, checked, that has not begun yet.

    As :func:`segment_run`, with the arguments of :func:`napari_sen.contours`.
    """
    if params.method != "trees":
        raise ParameterError(
            "in tiles contours are made by method='trees': superpixels of 13 sizes, some as large "
            "as an eighth of the image, need the whole of it"
        )
    file, source, kind = _opened(image, how)
    if source.n_spatial != 2:
        raise ParameterError("contours are made slice by slice: give slices='each'")
    chosen = choose_model(model, how.get("device", "auto"), kind=kind)
    params = suit(params, chosen, kind)
    tree = suit(tree_params(params), chosen, kind)
    place = _place(source, None, how, name="contours")
    options = {"model": chosen, "kind": kind_for(chosen, kind), **_working(how)}
    return ContourRun(file, source, place, contours=params, tree=tree, **options)


def pca_run(embedding: str | PathLike[str], **how: Unpack[RunOptions]) -> PcaRun:
    """Return a run that writes an embedding's three main directions as colours.

    Parameters
    ----------
    embedding : path
        The store that :func:`embed_run` wrote.
    **how
        ``out``, a new ``NAME.zarr``, ``slices``, ``scheduler``, ``resume`` and ``overwrite``.
    """
    file, source, _ = _opened(embedding, how)
    working = {key: how[key] for key in ("scheduler", "overwrite") if key in how}  # type: ignore[literal-required]
    return PcaRun(file, source, _place(source, None, how), **working)


def _place(source: Source, mask: Source | None, how: RunOptions, **options: Any) -> Place:
    inputs = [given for given in (source.path, mask and mask.path) if given]
    resume, overwrite = how.get("resume", False), how.get("overwrite", False)
    return find_place(how.get("out"), inputs=inputs, resume=resume, overwrite=overwrite, **options)


def _working(how: RunOptions) -> dict[str, Any]:
    """Return what the runs themselves take."""
    keys = ("spacing", "tile", "device", "scheduler", "overwrite")
    return {key: value for key, value in how.items() if key in keys}


def _opened(image: Any, how: RunOptions) -> tuple[ImageFile, Source, str]:
    """Return an image, lazily, as a source, and its kind; check how the run is to work."""
    unknown = how.keys() - RunOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {min(unknown)!r}")
    scheduler, spacing = how.get("scheduler"), how.get("spacing")
    check_scheduler(scheduler)
    file = open_image(image)
    reading = {key: how.get(key) for key in ("rgb", "channel_axis", "slices")}
    source = open_source(file, path=_path(image), **reading)  # type: ignore[arg-type]
    _check_travels(source, scheduler)
    scaled = spacing is not None or file.spacing is not None
    return file, source, "natural" if source.rgb and not scaled else "microscopy"


def _opened_mask(mask: Any, how: RunOptions) -> Source | None:
    if mask is None:
        return None
    file = open_image(mask, what="the mask")
    return open_source(file, path=_path(mask), rgb=False, slices=how.get("slices") or "each")


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
