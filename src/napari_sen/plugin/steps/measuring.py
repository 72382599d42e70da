"""What superpixels are like: size, place, mean values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.image import interpret
from ...core.regions import region_table
from ..state.layer_image import LayerImage

__all__ = ["measure"]


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
    if source.finite_only:  # what is left out is in no superpixel
        intensity = {name: np.nan_to_num(plane) for name, plane in intensity.items()}
    return region_table(
        labels, intensity=intensity, embedding=embedding, spacing=source.spacing, unit=source.unit
    )
