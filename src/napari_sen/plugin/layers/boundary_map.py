"""The boundary map of merge trees."""

from __future__ import annotations

from ...errors import ParameterError
from .made import mark
from .results import Result, Trees

__all__ = ["boundary_map"]


def boundary_map(trees: Trees) -> Result:
    """Return, as an image, at which height each border disappears.

    Raises
    ------
    ParameterError
        If there is more than one tree.
    """
    tree = trees.forest.hierarchy
    if tree is None:
        raise ParameterError("a boundary map is made of one image: choose the current slice")
    heights = tree.ultrametric()
    options = {
        "contrast_limits": (0.0, float(heights.max()) or 1.0),
        "gamma": 0.5,  # the last merges are far higher than the others
        "colormap": "inferno",
        "blending": "additive",
        **mark("boundary map"),
    }
    where = f", {trees.where}" if trees.where else ""
    data = trees.placement.shape(heights.reshape(trees.forest.leaves.shape))
    return Result("image", f"{trees.name} boundary map{where}", data, trees.placement, options)
