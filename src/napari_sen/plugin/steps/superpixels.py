"""The steps that make superpixels: of the merge tree, with a live granularity, and flat ones."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SenError
from ...params import SegmentParams
from ...pipeline.live import forest
from ...pipeline.tiling import planned_tiles
from ...tiles.geometry import TileGrid, tile_sides
from ..layers.display import for_display, pyramid
from ..layers.made import mark
from ..layers.results import Finished, Result, Trees
from ..state.control import Control
from ..state.layer_image import LayerImage
from ..state.sizes import suited_diameter
from ..state.storage import plan_tiles
from .in_tiles import fixed_in_tiles, trees_in_tiles
from .measuring import counted, extent_of, measure
from .settings import Settings
from .step import DockStep, Tiled

__all__ = ["FLAT", "SUPERPIXELS", "asked_of_tree"]


def asked_of_tree(source: LayerImage, settings: Settings) -> SegmentParams:
    """Return how many superpixels of the tree are asked for, and how even."""
    asked = _sized(source, settings, SegmentParams())
    return replace(asked, method="tree", evenness=settings.evenness)


def _asked_flat(source: LayerImage, settings: Settings) -> SegmentParams:
    return replace(
        _sized(source, settings, settings[SegmentParams]), method="snic", evenness=None, level=None
    )


def _sized(source: LayerImage, settings: Settings, params: SegmentParams) -> SegmentParams:
    if settings.size_by == "number":
        return replace(params, n_segments=settings.number, size=None)
    suited = settings.size_by == "image"
    return replace(params, size=suited_diameter(source.extent) if suited else settings.diameter)


def superpixels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Build the merge trees of the image; the session shows them at any number."""
    image, inside = source.load(control), source.load_mask(control)
    model = settings.model_of(source)
    found = forest(
        image,
        asked_of_tree(source, settings),
        model=model,
        reading=replace(source.asked, mask=inside),
        device=settings.device,
        progress=control.progress,
    )
    embedding = _embedding(image, inside, source, settings, control)
    control.progress(0, 1, "measuring")
    table = measure(found.leaves, image, source, embedding)
    extent = extent_of(found, source)
    trees = Trees(found, source.placement, source.name, source.where, extent, table)
    message = f"{counted(trees)} ({settings.model_note(source)})"
    return Finished([], message, trees=trees, image=settings.image)


def tiled_superpixels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Make superpixels of the tree tile by tile."""
    return trees_in_tiles(asked_of_tree(source, settings), source, settings, control)


def flat(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Cut the image into superpixels of about one size, with a table of what each is like."""
    import napari_sen

    params = _asked_flat(source, settings)
    options = params.to_dict()
    del options["n_segments" if params.size is not None else "size"]
    image, inside = source.load(control), source.load_mask(control)
    labels = napari_sen.segment(
        image, **settings.reading(source), **options, mask=inside, progress=control.progress
    )
    embedding = None
    if params.embedding_weight != 0:
        embedding = _embedding(image, inside, source, settings, control)
    control.progress(0, 1, "measuring")
    table = measure(labels, image, source, embedding)
    name = f"{source.name} flat superpixels" + (f", {source.where}" if source.where else "")
    data = pyramid(source.placement.shape(for_display(labels)))
    result = Result("labels", name, data, source.placement, contour=1)
    result = replace(result, options=mark("superpixels", table=table, extent=source.extent))
    count = len(table["index"])
    return Finished([result], f"{count} flat superpixels ({settings.model_note(source)})")


def tiled_flat(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Make flat superpixels tile by tile."""
    return fixed_in_tiles("flat", _asked_flat(source, settings), source, settings, control)


def _embedding(
    image: Any,
    inside: NDArray[np.bool_] | None,
    source: LayerImage,
    settings: Settings,
    control: Control,
) -> NDArray[Any] | None:
    """Return the embedding of an image just segmented; None if none was, or it is too large."""
    import napari_sen

    model = settings.model_of(source)
    if model is None or prod(source.shape) * model.dim * 4 > model.limit:
        return None
    found: NDArray[Any] = napari_sen.embed(
        image, **settings.reading(source), mask=inside, progress=control.progress
    )
    return found


def _plan_tree(source: LayerImage, settings: Settings, tile: int | None, goal: Path) -> str:
    n = len(source.spacing)
    try:
        grid = TileGrid(source.shape[-n:], tile_sides(tile, source.shape[-n:], n_spatial=n))
    except SenError as error:
        return f"Not possible: {error}."
    return _plan(len(grid), source, goal)


def _plan_flat(source: LayerImage, settings: Settings, tile: int | None, goal: Path) -> str:
    spatial = source.shape[-len(source.spacing) :]
    size = source.spacing if source.is_scaled else (1.0,) * len(spatial)
    try:
        grid = planned_tiles(_asked_flat(source, settings), spatial, size, tile)
    except SenError as error:
        return f"Not possible: {error}."
    return _plan(len(grid), source, goal)


def _plan(tiles: int, source: LayerImage, goal: Path) -> str:
    leading = prod(source.shape[: -len(source.spacing)])
    size_text = "at most {}, as a rule below a tenth of it"
    return plan_tiles(tiles * leading, prod(source.shape) * 4, size_text, goal)


SUPERPIXELS = DockStep(
    "Make superpixels",
    "Cut the image into pieces that follow its objects. Then slide: coarser or finer, at once.",
    superpixels,
    tiled=Tiled("superpixels", "superpixels", _plan_tree, tiled_superpixels),
)
FLAT = DockStep(
    "Flat superpixels",
    "Pieces of about one size everywhere, grown from a grid of seeds (SNIC).",
    flat,
    (SegmentParams,),
    ("compactness",),
    hidden=("n_segments", "size", "method", "evenness", "level"),
    tiled=Tiled("flat-superpixels", "superpixels", _plan_flat, tiled_flat),
)
