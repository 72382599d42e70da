"""Image to superpixel hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..io.hierarchy_file import Hierarchy
from ..options import Execution, Reading
from ..params import HierarchyParams, Kind
from ..progress import Progress
from .plan import tree_run
from .renamed import renamed
from .stored import StoredTree

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["hierarchy"]


@renamed(size_exponent="evenness")
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
    kind: Kind | None = None,
    nodata: float | None = None,
    series: int | None = None,
    fine_size: float | None = None,
    fine_compactness: float | None = None,
    evenness: float | None = None,
    smoothing: float | None = None,
    colour_weight: float | None = None,
    embedding_weight: float | None = None,
    boundary_weight: float | None = None,
    boundary_smoothing: float | None = None,
    texture: float | None = None,
    border_exponent: float | None = None,
    walk_weight: float | None = None,
    walk_sigma: float | None = None,
    walk_steps: int | None = None,
    device: str = "auto",
    tile: int | Sequence[int] | None = None,
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Hierarchy | StoredTree:
    r"""Build a tree that holds superpixels of every granularity.

    Fine superpixels (SNIC on the same features) merge, cheapest pair of neighbours first, until
    one is left. Merging a pair costs

    .. math:: w_{ab} = (2 n_a n_b / (n_a + n_b))^p
              (\sqrt{w_c |Lab_a - Lab_b|^2 + w_e \Psi_{ab}} + w_b B_{ab} + x_{ab})
              (\min(l_a, l_b) / l_{ab})^q

    with the sizes n, mean colours, mean embeddings (eq. 2), the lengths l of borders, the mean
    boundary strength B along the common border (gradient and half-disc histogram difference of
    the colour), and x, what still differs after a walk on the region graph. This is an addition
    to the method of Gaur & Manjunath (2020).

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`; one image or volume.
    n_fine : int, optional
        Number of finest superpixels; about five times the largest number that you will cut at
        is a good choice. By default it follows from ``fine_size``.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`; None uses colour alone.
    mask, spacing, channel_axis, rgb, slices, kind, nodata, series
        As for :func:`napari_sen.segment`; a stack needs ``slices="volume"``.
    fine_size : float, optional
        Diameter of the finest superpixels in pixels (of the finest axis), 10 by default.
    evenness : float, optional
        p: 1 gives superpixels of about equal size, 0.25 follows objects whatever their size.
        By default 0.4 for photographs (the model ``natural``, or a colour image without a pixel
        size), 0.7 for microscopy.
    texture : float, optional
        Weight of the half-disc histogram difference
        (:func:`napari_sen.core.strength.half_disc_difference`) beside the gradient: larger
        keeps fine texture whole. By default 30 for photographs, 0 for microscopy.
    fine_compactness, smoothing, colour_weight, embedding_weight
        See :class:`napari_sen.params.HierarchyParams`, whose defaults None stands for.
    boundary_weight, boundary_smoothing, border_exponent, walk_weight, walk_sigma, walk_steps
        See :class:`napari_sen.params.HierarchyParams`, whose defaults None stands for.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda", ...
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`. In tiles the leaves go to a store, with the tree
        beside them; it is merged in memory, which takes half a kilobyte per leaf.
    progress : callable, optional
        Called as ``progress(done, total, stage)``; may raise Cancelled to stop the work.

    Returns
    -------
    Hierarchy
        Its ``cut(n)`` gives exactly n superpixels, each one connected piece. In tiles a
        :class:`~napari_sen.pipeline.stored.StoredTree`, whose cuts are dask arrays.

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
    params = HierarchyParams.among(locals())
    if n_fine is not None and fine_size is not None:
        raise ParameterError("give either n_fine or fine_size, not both")
    reading = Reading(rgb, channel_axis, slices, spacing, kind, mask, nodata, series)
    execution = Execution(device, tile, scheduler, out, resume, overwrite)
    run = tree_run(image, params, n_fine, model=model, reading=reading, execution=execution)
    run.run(progress)
    tree: Hierarchy | StoredTree = run.result()
    return tree
