"""Image to superpixel hierarchy, end to end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..core import hierarchy as core
from ..core.snic import snic
from ..errors import ImageError, ParameterError
from ..large.hierarchy_file import Hierarchy
from ..large.store import resolve
from ..params import HierarchyParams, SegmentParams, require
from ..progress import Progress
from .choose import choose_compared, suit
from .features import boundary_strength, slice_features
from .prepare import Prepared, image_kind, prepare

if TYPE_CHECKING:
    from ..learn.model import Model

FINE_PER_SEGMENT = 5  # leaves for each adaptive superpixel wanted, where that is the larger number

__all__ = [
    "FINE_PER_SEGMENT",
    "default_fine_count",
    "fine_count",
    "hierarchy",
    "slice_hierarchy",
    "tree_of",
]


def hierarchy(
    image: Any,
    n_fine: int | None = None,
    *,
    model: Model | str | PathLike[str] | None = "auto",
    mask: Any = None,
    spacing: Sequence[float] | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    slices: str | None = None,
    fine_size: float | None = None,
    fine_compactness: float | None = None,
    size_exponent: float | None = None,
    smoothing: float | None = None,
    colour_weight: float | None = None,
    embedding_weight: float | None = None,
    boundary_weight: float | None = None,
    boundary_smoothing: float | None = None,
    texture: float | None = None,
    walk_weight: float | None = None,
    walk_sigma: float | None = None,
    walk_steps: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Hierarchy:
    r"""Build the superpixels of every granularity at once.

    Fine superpixels (SNIC on the same features) merge, cheapest pair of neighbours first, until
    one is left. Their cost is

    .. math:: w_{ab} = (2 n_a n_b / (n_a + n_b))^p
              (\sqrt{w_c |Lab_a - Lab_b|^2 + w_e \Psi_{ab}} + w_b B_{ab})

    with sizes n, mean colour, mean embedding (eq. 2) and the mean boundary strength B along the
    common border: gradient and half-disc histogram difference of the colour. This is an addition
    to the method of Gaur & Manjunath (2020).

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; one image or volume.
    n_fine : int, optional
        Number of finest superpixels; about five times the largest number you will cut at is a
        good choice. By default so many that their diameter is ``fine_size``.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`; None uses colour alone.
    mask, spacing, channel_axis, rgb, slices
        As for :func:`napari_sen.segment`; a stack needs ``slices="volume"``.
    fine_size : float, optional
        Diameter of the finest superpixels in pixels (of the finest axis), 10 by default.
    size_exponent : float, optional
        p: 1 keeps superpixels of about equal size, 0.25 follows objects, whatever their size.
        By default 0.4 for photographs (the model ``natural``, or a colour image without a pixel
        size), 0.7 for microscopy.
    texture : float, optional
        Weight of the half-disc histogram difference
        (:func:`napari_sen.core.strength.half_disc_difference`) beside the gradient: larger
        keeps fine texture whole. By default 30 for photographs, 0 for microscopy.
    fine_compactness, smoothing, colour_weight, embedding_weight
        See :class:`napari_sen.params.HierarchyParams`, whose defaults None stands for.
    boundary_weight, boundary_smoothing, walk_weight, walk_sigma, walk_steps
        As these.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda", ...
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled to stop the work.

    Returns
    -------
    Hierarchy
        Its ``cut(n)`` gives exactly n superpixels, each one connected piece.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; the message names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import hierarchy
    >>> image = np.zeros((60, 90), np.uint8)
    >>> image[:, 45:] = 200
    >>> tree = hierarchy(image, model=None)
    >>> tree.n_leaves, tree.cut(2).max()
    (37, 2)
    """
    params = HierarchyParams.given(
        fine_size=fine_size,
        fine_compactness=fine_compactness,
        size_exponent=size_exponent,
        smoothing=smoothing,
        colour_weight=colour_weight,
        embedding_weight=embedding_weight,
        boundary_weight=boundary_weight,
        boundary_smoothing=boundary_smoothing,
        texture=texture,
        walk_weight=walk_weight,
        walk_sigma=walk_sigma,
        walk_steps=walk_steps,
    )
    if n_fine is not None and fine_size is not None:
        raise ParameterError("give either n_fine or fine_size, not both")
    file = resolve(image)
    kind = image_kind(file, rgb=rgb, channel_axis=channel_axis, slices=slices, spacing=spacing)
    chosen = choose_compared(model, params, device, kind)
    params = suit(params, chosen, kind)
    prepared = prepare(
        file,
        rgb=rgb,
        channel_axis=channel_axis,
        slices=slices,
        mask=mask,
        spacing=spacing,
        model=chosen,
    )
    if prepared.canvas.n_leading:
        raise ImageError(
            f"a hierarchy is made of one image, but this is a stack of {len(prepared.canvas)}: "
            "pass one of them, or slices='volume' for a hierarchy in 3-D"
        )
    count = default_fine_count(prepared, (), params) if n_fine is None else n_fine
    tree = slice_hierarchy(prepared, (), count, params, chosen, device, progress)
    return Hierarchy(tree.labels, tree.linkage)


def tree_of(params: SegmentParams) -> HierarchyParams:
    """Return how the tree is made that superpixels of mode "adaptive" are cut from.

    Raises
    ------
    ParameterError
        If a parameter of the one mode is given for the other.
    """
    if params.mode == "flat":
        if params.size_exponent is not None:
            raise ParameterError("size_exponent is for mode 'adaptive': pass mode='adaptive' too")
    elif params.boundary_weight is not None:
        raise ParameterError(
            "boundary_weight is for mode 'flat': use napari_sen.hierarchy to weigh a tree's"
        )
    elif params.connectivity != 1:
        raise ParameterError("adaptive superpixels touch by their faces: connectivity must be 1")
    return HierarchyParams.given(
        fine_compactness=params.compactness,
        size_exponent=params.size_exponent,
        smoothing=params.smoothing,
        colour_weight=params.colour_weight,
        embedding_weight=params.embedding_weight,
    )


def default_fine_count(prepared: Prepared, index: tuple[int, ...], params: HierarchyParams) -> int:
    """Return how many superpixels of diameter ``fine_size`` one slice (or volume) holds."""
    return fine_count(params.fine_size, prepared.spacing, prepared.pixels(index))


def fine_count(size: float, spacing: Sequence[float], pixels: int) -> int:
    """Return how many superpixels of a diameter, in px of the finest axis, so many pixels hold."""
    cell = (size * min(spacing)) ** len(spacing)
    return min(max(round(pixels * math.prod(spacing) / cell), 1), pixels)


def slice_hierarchy(
    prepared: Prepared,
    index: tuple[int, ...],
    n_fine: int,
    params: HierarchyParams,
    model: Model | None,
    device: str,
    progress: Progress | None = None,
) -> core.Hierarchy:
    """Build the hierarchy of one slice (or volume) of an image that is prepared.

    Raises
    ------
    ParameterError
        If ``n_fine`` is no number of superpixels, or nothing is left to compare.
    """
    pixels = prepared.pixels(index)
    require("n_fine", n_fine, int, {"low": 1})
    if n_fine > pixels:
        raise ParameterError(f"n_fine must be at most the number of pixels ({pixels})")
    if model is None and params.colour_weight == 0:
        raise ParameterError("colour_weight and embedding_weight are both 0, or there is no model")
    inside = prepared.slice_mask(index)
    features = slice_features(prepared, index, params, model, device, progress)
    labels = snic(
        features,
        int(n_fine),
        compactness=params.fine_compactness,
        spacing=prepared.spacing,
        mask=inside,
        progress=progress,
    )
    strength = None
    if params.boundary_weight > 0:
        strength = boundary_strength(prepared, index, params, progress)
    return core.build(
        labels, features, strength, params, spacing=prepared.spacing, progress=progress
    )
