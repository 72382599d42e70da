"""The steps that work tile by tile, into stores on disk that the viewer shows as they grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import ImageError
from ...params import ContourParams, EmbedParams, SegmentParams
from ...pipeline import lazy
from ..layers.growing import Growth, grow
from ..layers.results import Finished
from ..state.control import Control
from ..state.cut import lazy_cut
from ..state.placement import Placement, with_axis
from ..state.source import Source
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


def common(source: Source, settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that tell the API how to read an image, and the model."""
    model = settings.models.get(settings.model, source)
    return {**source.reading, "model": model, "device": settings.device}


def by_slice(source: Source) -> dict[str, Any]:
    """Return how to read the image where volumes are taken slice by slice."""
    return source.reading | ({"slices": "each"} if source.slices else {})


def model_note(source: Source, settings: Settings) -> str:
    """Return which model is used, for people."""
    model = settings.models.get(settings.model, source)
    return "colour only" if model is None else f"model {model.name}"


def tiled_superpixels(source: Source, settings: Settings, control: Control) -> Finished:
    """Make superpixels tile by tile, into a store on disk that the viewer shows as it grows."""
    storage = settings.storage["superpixels"]
    goal = Path(storage.path)
    prepare(goal, storage.overwrite)
    params = settings[SegmentParams]
    run = lazy.segment_run(
        lazy_cut(source.data, source.index),
        params,
        **common(source, settings),
        mask=source.lazy_mask,
        spacing=source.spacing if source.is_scaled else None,
        tile=storage.tile,
        out=goal,
        **_how(storage),
    )
    growth = Growth(goal, "labels", f"{source.name} superpixels", source.placement)
    grow(run, growth, control)
    count = f"{run.n_labels} superpixels ({model_note(source, settings)})"
    return Finished([growth.final(run.path)], f"{count}, in {goal}")


def tiled_embedding(source: Source, settings: Settings, control: Control) -> Finished:
    """Embed tile by tile; then show the main directions as colours, from a store beside it."""
    storage = settings.storage["embed"]
    goal, params = Path(storage.path), settings[EmbedParams]
    colours = colours_beside(goal)
    for each in (goal, colours):
        prepare(each, storage.overwrite)
    run = lazy.embed_run(
        lazy_cut(source.data, source.index),
        **common(source, settings),
        clustered=params.clustered,
        mask=source.lazy_mask,
        spacing=source.spacing if source.is_scaled else None,
        tile=storage.tile,
        out=goal,
        **_how(storage),
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
    picture = lazy.pca_run(run.path, out=colours, slices=source.slices, **_how(storage))
    growth = Growth(colours, "image", f"{name} ({kind})", place, {"rgb": True})
    grow(picture, growth, control)
    message = f"{run.dim} values per pixel, in {goal}, shown as 3 colours"
    return Finished([whole, growth.final(picture.path)], message)


def tiled_contours(source: Source, settings: Settings, control: Control) -> Finished:
    """Draw contours tile by tile, of the whole image."""
    if source.lazy_mask is not None:
        raise ImageError(
            "in tiles contours are drawn of the whole image: choose no mask, and hide what lies "
            "outside afterwards"
        )
    storage = settings.storage["contours"]
    goal = Path(storage.path)
    prepare(goal, storage.overwrite)
    run = lazy.contour_run(
        lazy_cut(source.data, source.index),
        settings[ContourParams],
        **(common(source, settings) | by_slice(source)),
        spacing=source.spacing if source.is_scaled else None,
        tile=storage.tile,
        out=goal,
        **_how(storage),
    )
    growth = Growth(goal, "image", f"{source.name} contours", source.placement, CONTOURS)
    grow(run, growth, control)
    message = f"contours ({model_note(source, settings)}), strength 0 to 1, in {goal}"
    return Finished([growth.final(run.path)], message)


def _how(storage: Storage) -> dict[str, Any]:
    """Return whether a run goes on with what is there, or overwrites it."""
    return {"resume": not storage.overwrite, "overwrite": storage.overwrite}
