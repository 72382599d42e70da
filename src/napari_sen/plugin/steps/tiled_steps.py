"""The steps that work tile by tile, into stores on disk that the viewer shows as they grow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ImageError
from ...options import Execution, Reading
from ...params import ContourParams, EmbedParams, SegmentParams
from ...pipeline.plan import colour_run, contour_run, embedding_run, superpixel_run
from ..layers.growing import Growth, grow
from ..layers.results import Finished
from ..state.control import Control
from ..state.cut import lazy_cut
from ..state.placement import Placement, with_axis
from ..state.source import LayerImage
from ..state.storage import Storage, colours_beside, prepare
from .settings import Settings

__all__ = [
    "CONTOURS",
    "by_slice",
    "common",
    "model_note",
    "tiled_contours",
    "tiled_embedding",
    "tiled_superpixels",
]

# How a layer of contours looks.
CONTOURS = {"contrast_limits": (0.0, 1.0), "colormap": "inferno", "blending": "additive"}


def common(source: LayerImage, settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that tell the API how to read an image, and the model."""
    model = model_of(source, settings)
    return {**source.reading, "kind": source.kind, "model": model, "device": settings.device}


def model_of(source: LayerImage, settings: Settings) -> Any:
    """Return the model, loaded, that is used for an image; None for colour alone."""
    return settings.models.get(settings.model, source)


def by_slice(source: LayerImage) -> dict[str, Any]:
    """Return how to read the image where volumes are taken slice by slice."""
    return source.reading | ({"slices": "each"} if source.slices else {})


def model_note(source: LayerImage, settings: Settings) -> str:
    """Return which model is used, for people."""
    model = settings.models.get(settings.model, source)
    return "colour only" if model is None else f"model {model.name}"


def tiled_superpixels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Make superpixels tile by tile, into a store on disk that the viewer shows as it grows."""
    storage = settings.storage["superpixels"]
    goal = Path(storage.path)
    prepare(goal, storage.overwrite)
    params = settings[SegmentParams]
    run = superpixel_run(
        lazy_cut(source.data, source.index),
        params,
        model=model_of(source, settings),
        reading=replace(source.asked, mask=source.lazy_mask),
        execution=_execution(settings, storage, goal),
    )
    growth = Growth(goal, "labels", f"{source.name} superpixels", source.placement)
    grow(run, growth, control)
    count = f"{run.found()['superpixels']} superpixels ({model_note(source, settings)})"
    return Finished([growth.final(run.path)], f"{count}, in {goal}")


def tiled_embedding(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Embed tile by tile; then show the main directions as colours, from a store beside it."""
    storage = settings.storage["embed"]
    goal, params = Path(storage.path), settings[EmbedParams]
    colours = colours_beside(goal)
    for each in (goal, colours):
        prepare(each, storage.overwrite)
    run = embedding_run(
        lazy_cut(source.data, source.index),
        clustered=params.clustered,
        model=model_of(source, settings),
        reading=replace(source.asked, mask=source.lazy_mask),
        execution=_execution(settings, storage, goal),
    )
    name, place = f"{source.name} embedding", source.placement
    ahead = Placement(
        tuple(axis + 1 for axis in place.expand), with_axis(place.transform, "channel")
    )
    options = {"colormap": "gray", "contrast_limits": (-1.0, 1.0)}
    growth = Growth(goal, "image", f"{name} (all channels)", ahead, options)
    grow(run, growth, control)
    whole = growth.final(run.path)
    control.live(whole)
    kind = "clustered" if params.clustered else "PCA"
    picture = colour_run(
        run.path, reading=Reading(slices=source.slices),
        execution=_execution(settings, storage, colours),
    )  # fmt: skip
    growth = Growth(colours, "image", f"{name} ({kind})", place, {"rgb": True})
    grow(picture, growth, control)
    message = f"{run.found()['dimensions']} values per pixel, in {goal}, shown as 3 colours"
    return Finished([whole, growth.final(picture.path)], message)


def tiled_contours(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Draw contours tile by tile, of the whole image."""
    if source.lazy_mask is not None:
        raise ImageError(
            "in tiles contours are drawn of the whole image: choose no mask, and hide what lies "
            "outside afterwards"
        )
    storage = settings.storage["contours"]
    goal = Path(storage.path)
    prepare(goal, storage.overwrite)
    run = contour_run(
        lazy_cut(source.data, source.index),
        settings[ContourParams],
        model=model_of(source, settings),
        reading=replace(source.asked, slices="each" if source.slices else None),
        execution=_execution(settings, storage, goal),
    )
    growth = Growth(goal, "image", f"{source.name} contours", source.placement, CONTOURS)
    grow(run, growth, control)
    message = f"contours ({model_note(source, settings)}), strength 0 to 1, in {goal}"
    return Finished([growth.final(run.path)], message)


def _execution(settings: Settings, storage: Storage, goal: Path) -> Execution:
    """Return where a run works: it goes on with what is at its goal, or overwrites it."""
    return Execution(
        settings.device, storage.tile, out=goal, resume=not storage.overwrite,
        overwrite=storage.overwrite,
    )  # fmt: skip
