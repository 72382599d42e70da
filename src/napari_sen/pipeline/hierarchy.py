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

    Fine superpixels (SNIC on the same features as in :func:`napari_sen.segment`) merge, the
    cheapest pair of neighbours first, until one is left. Merging a pair costs

    .. math:: w_{ab} = (2 n_a n_b / (n_a + n_b))^p
              (\sqrt{w_c |Lab_a - Lab_b|^2 + w_e \Psi_{ab}} + w_b B_{ab} + x_{ab})
              (\min(l_a, l_b) / l_{ab})^q

    Here n are the sizes, Lab the mean colours, Psi is the distance of the mean embeddings (eq. 2),
    and l are the lengths of all borders of a region or, with two letters, of the common border.
    B is the mean boundary strength along the common border (gradient and half-disc histogram
    difference of the colour), and x is what still differs after a walk on the region graph. The
    tree is an addition to the method of Gaur & Manjunath (2020).

    Parameters
    ----------
    image : array, path or list
        As for :func:`napari_sen.segment`. It must be one image or one volume, not a stack.
    n_fine : int, optional
        Number of finest superpixels, at least 1; about five times the largest number that you
        will ask a cut for is a good choice. By default it follows from ``fine_size``.
    model : Model, name, path or None
        As for :func:`napari_sen.segment`.
    mask, spacing, channel_axis, rgb, kind, nodata, series
        As for :func:`napari_sen.segment`.
    slices : "volume", optional
        Needed where there are three spatial axes, which then make one 3-D tree.
    fine_size : float, optional
        Diameter of the finest superpixels in pixels of the finest axis, above 1; by default 10.
    evenness : float, optional
        The exponent p, from 0 to 2: 1 gives superpixels of about equal size, 0.25 follows
        objects whatever their size. By default 0.4 for photographs, 0.7 for microscopy.
    texture : float, optional
        Weight of the half-disc histogram difference
        (:func:`napari_sen.core.strength.half_disc_difference`) beside the gradient, at least 0.
        Larger values keep fine texture whole. By default 30 for photographs, 0 for microscopy.
    fine_compactness, smoothing, colour_weight, embedding_weight
        See :class:`napari_sen.params.HierarchyParams`, whose defaults None stands for.
    boundary_weight, boundary_smoothing, border_exponent, walk_weight, walk_sigma, walk_steps
        See :class:`napari_sen.params.HierarchyParams`, whose defaults None stands for.
    device : str
        As for :func:`napari_sen.segment`.
    tile, out, scheduler, resume, overwrite
        As for :func:`napari_sen.segment`.
    progress : callable, optional
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Hierarchy
        Its ``cut(n)`` gives exactly n superpixels, each one connected piece. In tiles you get a
        :class:`~napari_sen.pipeline.stored.StoredTree`: its leaves are in a store on disk, with
        the tree beside them, and its cuts are dask arrays. The tree itself is merged in memory,
        which takes half a kilobyte per leaf.

    Raises
    ------
    SenError
        Before any work, if an argument cannot be used; later, if the work fails. The message
        names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import hierarchy
    >>> image = np.zeros((60, 90), np.uint8)
    >>> image[:, 45:] = 200
    >>> tree = hierarchy(image, model=None)
    >>> tree.n_leaves
    54
    >>> np.unique(tree.cut(2))
    array([1, 2], dtype=int32)
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
