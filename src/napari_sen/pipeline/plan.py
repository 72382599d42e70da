"""The door: what is asked for becomes a run, checked before any work, in memory or into a store."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.features import Statistics, check_planes
from ..core.image import check_finite
from ..errors import ImageError, ParameterError
from ..io.image_file import ImageFile
from ..io.memory import check_fits
from ..io.place import is_remote, place_of
from ..io.read import in_memory, open_image, resolve
from ..options import Execution, Reading, is_nan
from ..params import ContourParams, HierarchyParams, SegmentParams, require
from ..processors import cores
from ..tiles.image import Image, settle
from ..tiles.mask import given_mask, mask_of
from ..tiles.pool import check_scheduler
from ..tiles.raster import Raster
from .contour_maps import SIZES_IN_TILES, ContourMap, fine_seeds, tree_params
from .counts import check_count
from .cuts import TreeSuperpixels
from .embeddings import Colours, Embedding
from .features import Scene, warn_of_mean_shift
from .model_choice import choose_compared, choose_model, kind_for
from .run import Run
from .seeding import plain_seeds
from .superpixels import Superpixels
from .tiling import check_tiles
from .trees import Tree, check_leaves
from .work import Memory, Product, measure

if TYPE_CHECKING:
    from ..learn.model import Model
    from ..tiles.output import Place

    Chosen = Model | str | PathLike[str] | None

__all__ = [
    "colour_run",
    "contour_run",
    "embedding_run",
    "goes_to_a_store",
    "scenes",
    "superpixel_run",
    "tree_of",
    "tree_run",
]


log = logging.getLogger("napari_sen")


def superpixel_run(
    image: Any,
    params: SegmentParams | Sequence[SegmentParams],
    *,
    model: Chosen = "auto",
    reading: Reading = Reading(),  # noqa: B008  (frozen)
    execution: Execution = Execution(),  # noqa: B008
    tree: HierarchyParams | None = None,
    halo: float | None = None,
    reach: float | None = None,
) -> Run:
    """Return a run of :func:`napari_sen.segment`: its arguments are checked, its work not begun.

    A viewer can work with it like this: iterate over :meth:`Run.steps` in a thread of its own;
    open :attr:`Run.path` with :func:`~napari_sen.pipeline.stored.open_result` once it exists; show
    each ``Step.box`` as it arrives; close the iterator to stop; make the same run with
    ``resume=True`` to continue, even after a restart.

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`.
    params : SegmentParams or sequence of SegmentParams
        How superpixels are made. Several may differ only in number, size or level.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`.
    reading : Reading
        How the image is read.
    execution : Execution
        How the work is done, and whether the result goes to a store.
    tree : HierarchyParams, optional
        How to make the tree that superpixels of ``method="tree"`` are cut from; by default as
        ``params`` say.
    halo : float, optional
        How far a tile sees around its core, in seed spacings.
    reach : float, optional
        How far around a tile leaves are merged with its own, in pixels.

    Returns
    -------
    Run
        The run, not yet begun.

    Raises
    ------
    SenError
        If an argument cannot be used. The message names the remedy.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> from napari_sen.options import Execution
    >>> from napari_sen.params import SegmentParams
    >>> from napari_sen.pipeline.plan import superpixel_run
    >>> image = da.zeros((300, 200), chunks=100, dtype=np.uint16)
    >>> params, how = SegmentParams(size=20), Execution(tile=128)
    >>> run = superpixel_run(image, params, model=None, execution=how)
    >>> min(step.box for step in run.steps() if step.box)  # tiles come in any order
    ((0, 128), (0, 128))
    >>> run.result().shape
    (300, 200)
    """
    is_stack = not isinstance(params, SegmentParams)
    cuts = (params,) if isinstance(params, SegmentParams) else tuple(params)
    params = cuts[0]
    tree = tree or tree_of(params)
    opened = _opened(image, reading, execution, "superpixels", _weighs(model, params))
    chosen = choose_compared(
        model, colour_weight=params.colour_weight, embedding_weight=params.embedding_weight,
        device=execution.device, kind=opened.kind,
    )  # fmt: skip
    kind = kind_for(chosen, opened.kind)
    product: Superpixels | TreeSuperpixels
    if params.method == "snic":
        if is_stack:
            raise ParameterError(
                "several granularities are cuts of one tree: leave method='snic' out, or ask for "
                "one of them"
            )
        product = Superpixels(params, kind, tile=execution.tile, halo=halo)
    else:
        product = TreeSuperpixels(
            cuts, tree.tree(kind), reach, is_stack, tile=execution.tile, halo=halo
        )
    for each in cuts:
        check_count(each, opened)
    run = _run(product, opened, chosen, execution)
    if opened.mask is None:
        seeds = plain_seeds(opened, product.rule(opened))
        if run.place is not None:
            if isinstance(product, TreeSuperpixels):
                channels = opened.raster.channels + (chosen.dim if chosen else 0)
                product.check_memory(opened, seeds, channels)
            check_tiles(seeds, execution.tile, product.halo_of(opened.n_spatial))
    return run


def tree_run(
    image: Any,
    params: HierarchyParams,
    n_fine: int | None = None,
    *,
    model: Chosen = "auto",
    reading: Reading = Reading(),  # noqa: B008
    execution: Execution = Execution(),  # noqa: B008
) -> Run:
    """Return a run of :func:`napari_sen.hierarchy`; see :func:`superpixel_run`."""
    if n_fine is not None:
        require("n_fine", n_fine, int, {"low": 1})
    reading = replace(reading, slices=reading.slices or "each")  # refused, if it is a stack
    opened = _opened(image, reading, execution, "hierarchy", _weighs(model, params))
    if opened.leading:
        plain = opened.raster.channel_axis is None
        raise ImageError(
            f"a hierarchy is made of one image, but this is a stack of {opened.n_slices}: "
            "pass one of them, or slices='volume' for a hierarchy in 3-D"
            + (", or channel_axis= if one of its axes holds channels" if plain else "")
        )
    chosen = choose_compared(
        model, colour_weight=params.colour_weight, embedding_weight=params.embedding_weight,
        device=execution.device, kind=opened.kind,
    )  # fmt: skip
    kind = kind_for(chosen, opened.kind)
    product = Tree(params.tree(kind), n_fine, tile=execution.tile)
    rule = product.rule(opened)
    pixels = opened.slice_pixels
    if opened.mask is not None and isinstance(opened.mask.array, np.ndarray):
        pixels = int(np.count_nonzero(opened.mask.array))
    count = rule(pixels)
    run = _run(product, opened, chosen, execution)
    if run.place is not None and opened.mask is None:
        halo = product.halo_of(opened.n_spatial)
        check_tiles(plain_seeds(opened, rule), execution.tile, halo)
        check_leaves(opened, chosen, count, product.remedy)
    return run


def contour_run(
    image: Any,
    params: ContourParams,
    *,
    model: Chosen = "auto",
    reading: Reading = Reading(),  # noqa: B008
    execution: Execution = Execution(),  # noqa: B008
    halo: float | None = None,
) -> Run:
    """Return a run of :func:`napari_sen.contours`; see :func:`superpixel_run`."""
    if params.method != "trees" and goes_to_a_store(image, execution):
        raise ParameterError(SIZES_IN_TILES)
    reading = replace(reading, slices=reading.slices or "each", mask=None)
    opened = _opened(image, reading, execution, "contours", model is not None, takes_mask=False)
    if opened.n_spatial != 2:
        raise ParameterError("contours are made slice by slice: give slices='each'")
    chosen = choose_model(model, execution.device, kind=opened.kind)
    kind = kind_for(chosen, opened.kind)
    params = params.settled(kind)
    tree = tree_params(params).tree(kind)
    growth = tree.leaves
    if params.method != "trees":
        growth = SegmentParams(compactness=params.compactness).growth(kind)
    product = ContourMap(params, tree.merging, growth, tile=execution.tile, halo=halo)
    run = _run(product, opened, chosen, execution)
    if run.place is not None:
        largest = fine_seeds(opened, max(params.fine_sizes))
        check_tiles(largest, execution.tile, product.halo_of(2))
        for size in params.fine_sizes:
            check_leaves(opened, chosen, fine_seeds(opened, size).counts[0], product.remedy)
    return run


def embedding_run(
    image: Any,
    *,
    model: Chosen = "auto",
    clustered: bool = False,
    reading: Reading = Reading(),  # noqa: B008
    execution: Execution = Execution(),  # noqa: B008
) -> Run:
    """Return a run of :func:`napari_sen.embed`; see :func:`superpixel_run`."""
    require("clustered", clustered, bool, {})
    opened = _opened(image, reading, execution, "embedding", True)
    chosen = choose_model(model, execution.device, kind=opened.kind, required=True)
    assert chosen is not None
    warn_of_mean_shift(chosen, clustered)
    product = Embedding.by(chosen, clustered, execution.tile)
    return _run(product, opened, chosen, execution)


def colour_run(
    embedding: str | PathLike[str],
    *,
    reading: Reading = Reading(),  # noqa: B008
    execution: Execution = Execution(),  # noqa: B008
) -> Run:
    """Return a run that writes an embedding's three main directions as colours.

    Parameters
    ----------
    embedding : path
        The store of :func:`embedding_run`.
    reading, execution
        ``out`` is a new ``NAME.zarr``.
    """
    opened = _opened(embedding, reading, replace(execution, tile=TINY), "colours", False)
    return _run(Colours(), opened, None, replace(execution, tile=TINY))


TINY = 32  # any tile: colours are made into a store


def tree_of(params: SegmentParams) -> HierarchyParams:
    """Return how the tree is made that superpixels of method "tree" are cut from.

    Raises
    ------
    ParameterError
        If a parameter of one method is given with the other.
    """
    if params.method == "snic":
        for name in ("evenness", "level"):
            if getattr(params, name) is not None:
                raise ParameterError(
                    f"{name} is for method 'tree', not 'snic': leave one of the two out"
                )
    elif params.boundary_weight is not None:
        raise ParameterError(
            "boundary_weight is for method 'snic': use napari_sen.hierarchy to weigh a tree's"
        )
    elif params.connectivity != 1:
        raise ParameterError(
            "superpixels of the tree touch by their faces: pass method='snic' for connectivity 2"
        )
    return HierarchyParams.given(
        fine_compactness=params.compactness,
        evenness=params.evenness,
        smoothing=params.smoothing,
        colour_weight=params.colour_weight,
        embedding_weight=params.embedding_weight,
    )


def goes_to_a_store(image: Any, execution: Execution) -> bool:
    """Return whether the result goes to a store on disk, and so is lazy.

    It does for lazy arrays (dask, zarr), and where ``out``, ``tile`` or ``scheduler`` is given;
    never because of how much memory happens to be free.
    """
    if execution.asks_for_tiles:
        return True
    if isinstance(image, np.ndarray | str | os.PathLike | ImageFile):
        return False
    return not isinstance(open_image(image).data, np.ndarray)


def scenes(
    image: Any,
    reading: Reading,
    *,
    model: Chosen = None,
    device: str = "auto",
    takes_mask: bool = False,
) -> tuple[Image, list[Scene], Model | None]:
    """Return an image in memory with its slices ready to be looked at, and the model chosen.

    Parameters
    ----------
    image : array, path or list
    reading : Reading
    model : Model, name, path or None
    device : str
    takes_mask : bool
        Whether pixels may lie outside; without it a masked array is refused.
    """
    opened = _opened(image, reading, None, "scenes", model is not None, takes_mask=takes_mask)
    chosen = choose_model(model, device, kind=opened.kind)
    _check_model(opened, chosen)
    stats = statistics_of(opened)
    return opened, [
        Scene(opened, which, stats, chosen, device=device, threads=cores())
        for which in range(opened.n_slices)
    ], chosen  # fmt: skip


def statistics_of(image: Image) -> Statistics:
    """Return the statistics of an image in memory."""
    steps = measure(Memory(image, None, "cpu"))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            stats: Statistics = end.value
            return stats


def _weighs(model: Chosen, params: SegmentParams | HierarchyParams) -> bool:
    return model is not None and params.embedding_weight != 0


def _run(product: Product, image: Image, model: Model | None, execution: Execution) -> Run:
    """Return the run of a product, with its place where the result goes to a store."""
    _check_model(image, model)
    in_memory = isinstance(image.raster.array, np.ndarray) and image.raster.path is None
    place: Place | None = None
    if execution.asks_for_tiles or not in_memory:
        from ..tiles.output import find_place  # an array in memory needs no zarr

        place = find_place(
            execution.out,
            inputs=image.inputs,
            resume=execution.resume,
            overwrite=execution.overwrite,
            name=product.name.split()[-1],
        )
    return Run(
        product, image, model, execution.device, place, execution.scheduler, execution.overwrite
    )


def _check_model(image: Image, model: Model | None) -> None:
    if model is not None:
        check_planes(image.raster.channels, model.planes)


def _opened(
    image: Any,
    reading: Reading,
    execution: Execution | None,
    product: str,
    with_model: bool,
    *,
    takes_mask: bool = True,
) -> Image:
    """Return an image: in memory, or lazily where its result goes to a store.

    Where no mask is taken, that of a masked array is refused, and alpha passed over.
    """
    stored = execution is not None and goes_to_a_store(image, execution)
    if execution is not None:
        check_scheduler(execution.scheduler)
    path = place_of(image) if stored else None
    file = open_image(image, series=reading.series)
    opened = settle(file, reading, path=path)
    if not stored:
        check_fits(
            opened.slice_pixels,
            opened.n_slices,
            channels=opened.raster.channels,
            itemsize=opened.raster.dtype.itemsize,
            is_read=not isinstance(file.data, np.ndarray),
            product=product,
            with_model=with_model,
        )
        is_path = place_of(image) is not None
        file = resolve(image, series=reading.series) if is_path else in_memory(file)
        opened = settle(file, reading)
    for note in file.notes:
        log.warning(note)
    if execution is not None and stored:
        _check_travels(opened.raster, execution.scheduler)
    mask = _mask(file, opened, reading, stored, takes_mask)
    paths = (image, None if is_nan(reading.mask) else reading.mask)
    places = [place_of(each) for each in paths] if stored else []
    inputs = tuple(place for place in places if place and not is_remote(place))
    opened = replace(opened, mask=mask, inputs=inputs)
    _check_values(opened)
    return opened


def _mask(
    file: ImageFile, opened: Image, reading: Reading, stored: bool, takes_mask: bool
) -> Raster | None:
    """Return which pixels are inside, None where all are."""
    if not takes_mask:
        if file.strict:
            raise ImageError(
                f"{file.name or 'the image'} is a masked array, and no mask is taken here: pass "
                "its .data, or image.filled(value)"
            )
        return None
    if reading.mask is None or is_nan(reading.mask):
        return mask_of(file, opened.raster, None, finite=reading.mask is not None)
    read = open_image if stored else resolve
    mask = read(reading.mask, what="the mask", labels=True)
    given = given_mask(mask, opened.raster, path=place_of(reading.mask), is_lazy=stored)
    return mask_of(file, opened.raster, given)


def _check_values(image: Image) -> None:
    """Raise ImageError for values in memory that cannot be used; tiles look at theirs first."""
    raster, mask = image.raster, image.mask
    if raster.path is not None or not isinstance(raster.array, np.ndarray):
        return
    data = raster.array[..., None]
    if raster.channel_axis is not None:
        data = np.moveaxis(raster.array, raster.channel_axis, -1)[..., : raster.channels]
    inside = mask.array != 0 if mask is not None and isinstance(mask.array, np.ndarray) else None
    if mask is None or inside is not None:
        check_finite(data, inside)


def _check_travels(raster: Raster, scheduler: Any) -> None:
    is_local = scheduler is None or isinstance(scheduler, int)
    if not is_local and raster.path is None and isinstance(raster.array, np.ndarray):
        raise ParameterError(
            "an array in memory cannot be worked on by a cluster: write it to zarr and give its "
            "path"
        )
