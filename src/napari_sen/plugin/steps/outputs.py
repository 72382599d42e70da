"""The steps that show what else there is: embedding, contours, boundary map, pseudo-labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError, ParameterError
from ...options import Reading
from ...params import ContourParams, EmbedParams, NetworkParams, PseudoLabelParams
from ...pipeline.plan import colour_run, contour_run, embedding_run
from ..layers.boundary_map import boundary_map
from ..layers.display import for_display
from ..layers.growing import Growth, grow
from ..layers.made import mark
from ..layers.results import Finished, Result, Trees
from ..state.control import Control
from ..state.cut import lazy_cut
from ..state.layer_image import LayerImage
from ..state.placement import Placement, with_axis
from ..state.storage import EMBEDDING, colours_beside, plan_plain, prepare
from .settings import Settings
from .step import DockStep, Tiled, by_slice

__all__ = ["BOUNDARY_MAP", "CONTOURS", "EMBED", "PSEUDO_LABELS"]

# How a layer of contours looks.
_LOOK = {"contrast_limits": (0.0, 1.0), "colormap": "inferno", "blending": "additive"}


def _named(source: LayerImage, what: str) -> str:
    """Return what a result is called: of what, what, and of which slice."""
    return f"{source.name} {what}" + (f", {source.where}" if source.where else "")


def embed(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Embed every pixel, and show the main directions as colours."""
    import napari_sen

    from ...core.pca import pca_rgb

    params = settings[EmbedParams]
    inside = source.load_mask(control)
    embedding = napari_sen.embed(
        source.load(control),
        **settings.reading(source),
        clustered=params.clustered,
        mask=inside,
        progress=control.progress,
    )
    control.progress(0, 1, "colours")
    if inside is not None:
        embedding = np.where(inside[..., None], embedding, 0)
    picture = source.placement.shape(pca_rgb(embedding))
    options = {"rgb": True, **mark("embedding")}
    name = _named(source, "embedding (clustered)" if params.clustered else "embedding")
    results = [Result("image", name, picture, source.placement, options)]
    if settings.all_channels:
        results.append(_all_channels(embedding, source))
    return Finished(results, f"{embedding.shape[-1]} values per pixel, shown as 3 colours")


def _all_channels(embedding: NDArray[np.float32], source: LayerImage) -> Result:
    """Return the embedding as an image with the channels as its first axis."""
    data = np.stack([source.placement.shape(plane) for plane in np.moveaxis(embedding, -1, 0)])
    place = Placement((), with_axis(source.placement.transform, "channel"))
    options = {"colormap": "gray", "contrast_limits": (-1.0, 1.0), "visible": False}
    name = _named(source, "embedding (all channels)")
    return Result("image", name, data, place, {**options, **mark("embedding channels")})


def tiled_embedding(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Embed tile by tile; then show the main directions as colours, from a store beside it."""
    storage = settings.storage["embed"]
    goal, params = Path(storage.path), settings[EmbedParams]
    colours = colours_beside(goal)
    for each in (goal, colours):
        prepare(each, storage.overwrite)
    execution = settings.execution("embed")
    run = embedding_run(
        lazy_cut(source.data, source.index),
        clustered=params.clustered,
        model=settings.model_of(source),
        reading=replace(source.asked, mask=source.lazy_mask),
        execution=execution,
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
    reading, execution = Reading(slices=source.slices), replace(execution, out=colours)
    picture = colour_run(run.path, reading=reading, execution=execution)
    kind = "clustered" if params.clustered else "PCA"
    growth = Growth(colours, "image", f"{name} ({kind})", place, {"rgb": True})
    grow(picture, growth, control)
    message = f"{run.found()['dimensions']} values per pixel, in {goal.name}, shown as 3 colours"
    return Finished([whole, growth.final(picture.path)], message)


def _plan_embedding(source: LayerImage, settings: Settings, tile: int | None, goal: Path) -> str:
    bytes_a_pixel = 4 * NetworkParams().dim + 3
    return plan_plain(source, len(source.spacing), bytes_a_pixel, tile, goal)


EMBED = DockStep(
    "Embedding",
    "What the model sees: pixels that are alike to it get similar colours.",
    embed,
    (EmbedParams,),
    ("clustered",),
    tiled=Tiled(EMBEDDING, "embedding", _plan_embedding, tiled_embedding, needs_model=True),
)


def contours(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Average the boundaries over many sizes: an image from 0 to 1."""
    import napari_sen

    image, inside = source.load(control), source.load_mask(control)
    strength = napari_sen.contours(
        image,
        **(settings.reading(source) | by_slice(source)),
        **settings[ContourParams].to_dict(),
        progress=control.progress,
    )
    if inside is not None:
        strength = np.where(inside, strength, 0).astype(strength.dtype)
    # Faint edges are seen as well.
    data, options = source.placement.shape(strength), {**_LOOK, "gamma": 0.6, **mark("contours")}
    result = Result("image", _named(source, "contours"), data, source.placement, options)
    return Finished([result], f"contours ({settings.model_note(source)}), strength 0 to 1")


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
        model=settings.model_of(source),
        reading=replace(source.asked, slices="each" if source.slices else None),
        execution=settings.execution("contours"),
    )
    growth = Growth(goal, "image", f"{source.name} contours", source.placement, _LOOK)
    grow(run, growth, control)
    message = f"contours ({settings.model_note(source)}), strength 0 to 1, in {goal.name}"
    return Finished([growth.final(run.path)], message)


def _plan_contours(source: LayerImage, settings: Settings, tile: int | None, goal: Path) -> str:
    return plan_plain(source, 2, 4, tile, goal)


CONTOURS = DockStep(
    "Contours",
    "How strong each edge is, over many sizes at once.",
    contours,
    (ContourParams,),
    tiled=Tiled("contours", "contours", _plan_contours, tiled_contours),
)


def _trees_of(settings: Settings) -> Trees:
    if settings.trees is None:
        raise ParameterError('there are no superpixels yet: press "Make superpixels" first')
    return settings.trees


def boundaries(source: None, settings: Settings, control: Control) -> Finished:
    """Show how long the borders of the superpixels at hand last."""
    control.progress(0, 1, "borders")
    trees = _trees_of(settings)
    result = boundary_map(trees)
    return Finished([result], f"boundary map of the superpixels of {trees.name}")


BOUNDARY_MAP = DockStep(
    "Boundary map",
    "How long each border lasts while superpixels merge: the longer, the brighter.",
    boundaries,
    check=_trees_of,
    own_images=True,
)


def pseudo_labels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Colour superpixels at every scale and compactness: one layer with an axis for them."""
    import napari_sen

    params = settings[PseudoLabelParams]
    if not source.fits("superpixels", False):
        raise ImageError(
            f"the {' x '.join(map(str, source.shape))} pixels of {source.name!r} are too many for "
            "the memory that is free: choose a region, the current view or a slice"
        )
    image, inside = source.load(control), source.load_mask(control)
    maps = napari_sen.pseudo_labels(
        image,
        **(source.reading | by_slice(source)),
        **params.to_dict(),
        progress=control.progress,
    )
    planes = []
    for labels in maps.values():
        shown = labels if inside is None else np.where(inside, labels, 0).astype(labels.dtype)
        planes.append(source.placement.shape(for_display(shown)))
    place = Placement((), with_axis(source.placement.transform, "scale"))
    scales = [f"{spacing:g} px, compactness {compactness:g}" for spacing, compactness in maps]
    data = np.stack([plane.astype(np.result_type(*planes)) for plane in planes])
    options = mark("pseudo-labels", scales=scales)
    result = Result("labels", _named(source, "pseudo-labels"), data, place, options, contour=1)
    message = f"{len(maps)} pseudo-label maps in one layer: the slider below goes through them"
    return Finished([result], message)


PSEUDO_LABELS = DockStep(
    "Compute pseudo-labels",
    "Superpixels by colour at many scales: what a new model learns from.",
    pseudo_labels,
    (PseudoLabelParams,),
    ("spacings", "compactnesses"),
)
