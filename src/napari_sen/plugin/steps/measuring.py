"""What superpixels are like: size, place, mean values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.image import interpret
from ...core.regions import region_table
from ..layers.results import Trees
from ..state.layer_image import LayerImage
from ..state.sizes import Extent

if TYPE_CHECKING:
    from ...pipeline.live import Forest

__all__ = ["counted", "extent_of", "measure"]


def extent_of(forest: Forest, source: LayerImage) -> Extent:
    """Return how much a tree cuts: of the slice with the most pixels inside."""
    axes = tuple(range(-len(source.spacing), 0))
    return replace(source.extent, inside=int(np.count_nonzero(forest.leaves, axis=axes).max()))


def counted(trees: Trees) -> str:
    """Return how many superpixels were asked for, and of what, for people."""
    wanted = trees.forest.wanted
    count = int(trees.forest.groups(max(wanted)).max()) if len(wanted) == 1 else 0
    what = f"{count} superpixels" if count else f"superpixels of {len(wanted)} slices"
    return f"{what} of {trees.where}" if trees.where else what


def measure(
    labels: NDArray[Any],
    image: NDArray[Any],
    source: LayerImage,
    embedding: NDArray[Any] | None,
) -> dict[str, NDArray[Any]]:
    """Return what each superpixel is like, one row a label; see :func:`region_table`."""
    data = interpret(image, **source.reading).data
    names = source.channel_names
    intensity = {name: data[..., c] for c, name in enumerate(names)}
    return region_table(
        labels, intensity=intensity, embedding=embedding, spacing=source.spacing, unit=source.unit
    )
