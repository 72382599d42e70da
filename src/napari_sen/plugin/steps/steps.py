"""The steps of the dock: what each is called, which parameters it shows, and what it runs.

The functions here run in a worker thread: they call the public API, which imports torch on
first use, and put its arrays into results. No science and no widget is in here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np

from ...core.hierarchy import Hierarchy
from ...core.image import interpret
from ...core.regions import region_table
from ...errors import ImageError
from ...params import (
    ContourParams,
    EmbedParams,
    HierarchyParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    Params,
    PseudoLabelParams,
    SegmentParams,
    TrainParams,
)
from ..layers.display import for_display, pyramid
from ..layers.results import Finished, Result, Tree
from ..state.control import Control
from ..state.placement import Placement, with_axis
from ..state.source import LayerImage
from ..state.storage import is_tiled
from .settings import Settings
from .tiled_steps import (
    CONTOURS,
    by_slice,
    common,
    model_note,
    tiled_contours,
    tiled_embedding,
    tiled_superpixels,
)
from .training import check, train

__all__ = ["STEPS", "DockStep"]


@dataclass(frozen=True)
class DockStep:
    """One step: its button, its explanation, its form, its work.

    ``essential`` are the fields (class and name) that are always visible; all others of
    ``params`` are folded under "Advanced". ``hidden`` fields have no row of their own. A step
    also ``uses`` the parameters of other steps. Its image is the slice that the viewer shows, or
    the one of the picked superpixels (``at_picks``), or it finds its own (``own_images``).
    """

    title: str
    about: str
    params: tuple[type[Params], ...]
    essential: tuple[str, ...]
    perform: Callable[[Any, Settings, Control], Finished]
    check: Callable[[Settings], object] = lambda settings: None
    hidden: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    at_picks: bool = False
    own_images: bool = False


def _loaded(source: LayerImage, settings: Settings, control: Control) -> np.ndarray:
    """Return the image in memory; ImageError where the work on it would not fit."""
    if not source.fits("hierarchy", settings.model is not None):
        raise ImageError(
            f"the {' x '.join(map(str, source.shape))} pixels of {source.name!r} are too many for "
            "the memory that is free: choose a region, the current view or a slice. Superpixels, "
            "embeddings and contours alone are made tile by tile"
        )
    return source.load(control)


def _inside(values: np.ndarray, inside: np.ndarray | None) -> np.ndarray:
    """Return ``values``, 0 outside the mask; for steps that take no mask."""
    return values if inside is None else np.where(inside, values, 0).astype(values.dtype)


def _labels(
    source: LayerImage,
    labels: np.ndarray,
    name: str,
    *,
    visible: bool = True,
    table: dict[str, Any] | None = None,
) -> Result:
    options: dict[str, Any] = {"visible": visible}
    if table is not None:
        options["features"] = table
    data = pyramid(source.placement.shape(for_display(labels)))
    return Result("labels", name, data, source.placement, options, contour=1)


def pseudo_labels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Colour superpixels at every scale and compactness: one Labels layer for each pair."""
    import napari_sen

    params = settings[PseudoLabelParams]
    image, inside = _loaded(source, settings, control), source.load_mask(control)
    maps = napari_sen.pseudo_labels(
        image,
        **by_slice(source),
        **params.to_dict(),
        progress=control.progress,
    )
    results = [
        _labels(
            source,
            _inside(labels, inside),
            # Short, and what differs last: napari's list cuts long names in the middle.
            f"{source.name} pseudo {spacing:g} px, m={compactness:g}",
            visible=index == 0,
        )
        for index, ((spacing, compactness), labels) in enumerate(maps.items())
    ]
    return Finished(results, f"{len(results)} pseudo-label maps; the first one is shown")


def embed(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Embed every pixel, and show the main directions as colours."""
    import napari_sen

    from ...core.pca import pca_rgb

    params = settings[EmbedParams]
    if is_tiled(source, "embedding", True, settings.storage["embed"]):
        return tiled_embedding(source, settings, control)
    image, inside = _loaded(source, settings, control), source.load_mask(control)
    embedding = napari_sen.embed(
        image,
        **common(source, settings),
        clustered=params.clustered,
        mask=inside,
        progress=control.progress,
    )
    control.progress(0, 1, "colours")
    if inside is not None:
        embedding[~inside] = 0
    picture = source.placement.shape(pca_rgb(embedding))
    kind = "clustered" if params.clustered else "PCA"
    name = f"{source.name} embedding ({kind})"
    results = [Result("image", name, picture, source.placement, {"rgb": True})]
    if settings.all_channels:
        results.append(_all_channels(embedding, source))
    return Finished(results, f"{embedding.shape[-1]} values per pixel, shown as 3 colours")


def _all_channels(embedding: np.ndarray, source: LayerImage) -> Result:
    """Return the embedding as an image with the channels as its first axis."""
    data = np.stack([source.placement.shape(plane) for plane in np.moveaxis(embedding, -1, 0)])
    place = Placement((), with_axis(source.placement.transform, "channel"))
    options = {"colormap": "gray", "contrast_limits": (-1.0, 1.0), "visible": False}
    return Result("image", f"{source.name} embedding (all channels)", data, place, options)


def superpixels(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Cut the image into superpixels, with a table of their areas and centroids."""
    import napari_sen

    params = settings[SegmentParams]
    options = params.to_dict()
    if params.size is not None:
        del options["n_segments"]
    else:
        del options["size"]
    if is_tiled(source, "superpixels", settings.model is not None, settings.storage["superpixels"]):
        return tiled_superpixels(source, settings, control)
    image, how = source.load(control), common(source, settings)
    labels = napari_sen.segment(
        image,
        **how,
        **options,
        mask=source.load_mask(control),
        spacing=source.spacing if source.is_scaled else None,
        progress=control.progress,
    )
    control.progress(0, 1, "table")
    table = region_table(
        labels,
        intensity=intensities(image, source),
        embedding=_remembered(image, source, how, settings, control),
        spacing=source.spacing,
        unit=source.unit,
    )
    result = _labels(source, labels, f"{source.name} superpixels", table=table)
    count = len(table["index"])
    return Finished([result], f"{count} superpixels ({model_note(source, settings)})")


def hierarchy(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Build the merge tree of the image; the session shows it at any number of superpixels."""
    import napari_sen

    if source.slices == "each":
        raise ImageError(
            "a hierarchy is made of one image: choose the current slice or the whole volume"
        )
    tree = napari_sen.hierarchy(
        _loaded(source, settings, control),
        **common(source, settings),
        **settings[HierarchyParams].to_dict(),
        mask=source.load_mask(control),
        spacing=source.spacing if source.is_scaled else None,
        progress=control.progress,
    )
    numbers = f"{tree.n_parts} to {tree.n_leaves} superpixels"
    return Finished(
        [],
        f"{numbers}, by the slider ({model_note(source, settings)})",
        tree=Tree(cast(Hierarchy, tree), source.placement, source.name),
    )


def intensities(image: np.ndarray, source: LayerImage) -> dict[str, np.ndarray]:
    """Return the image's channels by name, each in the shape of its label map; no alpha."""
    data = interpret(image, **source.reading).data
    count = data.shape[-1]
    names = ("red", "green", "blue") if source.rgb else tuple(f"channel {c}" for c in range(count))
    if count == 1:
        names = ("intensity",)
    return {name: data[..., c] for c, name in enumerate(names)}


def _remembered(
    image: Any,
    source: LayerImage,
    common: dict[str, Any],
    settings: Settings,
    control: Control,
) -> np.ndarray | None:
    """Return the embedding of an image just segmented; None if none was, or it is too large."""
    import napari_sen

    model, options = common["model"], settings[SegmentParams]
    if model is None or options.embedding_weight == 0:
        return None
    if prod(source.shape) * model.dim * 4 > model.limit:
        return None
    embedding: np.ndarray = napari_sen.embed(image, **common, progress=control.progress)
    return embedding


def contours(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Average the boundaries over many sizes: an image from 0 to 1."""
    import napari_sen

    if is_tiled(source, "contours", settings.model is not None, settings.storage["contours"]):
        return tiled_contours(source, settings, control)
    image, inside = source.load(control), source.load_mask(control)
    strength = napari_sen.contours(
        image,
        **(common(source, settings) | by_slice(source)),
        **settings[ContourParams].to_dict(),
        spacing=source.spacing if source.is_scaled else None,
        progress=control.progress,
    )
    result = Result(
        "image",
        f"{source.name} contours",
        source.placement.shape(_inside(strength, inside)),
        source.placement,
        CONTOURS,
    )
    return Finished([result], f"contours ({model_note(source, settings)}), strength 0 to 1")


def classes(source: LayerImage, settings: Settings, control: Control) -> Finished:
    """Carry the classes of the painted superpixels to all others."""
    return settings.classify(source, settings, control)


STEPS: dict[str, DockStep] = {
    "pseudo_labels": DockStep(
        "1  Compute pseudo-labels",
        "Colour superpixels at many scales: what a new model learns from.",
        (PseudoLabelParams,),
        ("spacings", "compactnesses"),
        pseudo_labels,
    ),
    "train": DockStep(
        "2  Train SEN",
        "Teach a new model this image, without any labels of yours.",
        (TrainParams, NetworkParams, MeanShiftParams, LossParams),
        ("steps",),
        train,
        check,
        hidden=("planes",),
        uses=("pseudo_labels",),
        own_images=True,
    ),
    "embed": DockStep(
        "3  Embed",
        "What the model sees in each pixel, as colours.",
        (EmbedParams,),
        ("clustered",),
        embed,
    ),
    "superpixels": DockStep(
        "4  Superpixels",
        "Cut the image into pieces that follow its edges.",
        (SegmentParams,),
        ("method", "compactness"),
        superpixels,
        hidden=("n_segments", "size"),
    ),
    "contours": DockStep(
        "5  Contours",
        "How strong each edge is, averaged over many sizes.",
        (ContourParams,),
        (),
        contours,
    ),
    "hierarchy": DockStep(
        "Hierarchy",
        "Superpixels of every size at once: choose how many with the slider.",
        (HierarchyParams,),
        ("fine_size", "evenness"),
        hierarchy,
    ),
    "classes": DockStep(
        "Propagate",
        "Give every superpixel the class of the painted ones that look like it.",
        (),
        (),
        classes,
        at_picks=True,
    ),
}
