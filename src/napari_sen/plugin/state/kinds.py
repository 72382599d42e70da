"""What an image shows, where nobody has said it: a photograph, or what a microscope has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...params import Kind
from .placement import full_resolution

__all__ = ["KIND_NAMES", "guess_kind"]

KIND_NAMES = {"natural": "photograph", "microscopy": "microscopy"}

# Formats that only microscopes and slide scanners write.
_FORMATS = (
    ".svs", ".ndpi", ".czi", ".nd2", ".lif", ".mrxs", ".scn", ".vsi", ".oib", ".oif", ".lsm",
    ".ome.tif", ".ome.tiff", ".ome.zarr", ".dv", ".ims",
)  # fmt: skip
_SAMPLE = 128  # px along each axis are looked at


def guess_kind(layer: Any, unit: str, is_scaled: bool) -> tuple[Kind, str]:
    """Return the kind of an image, and why, for people.

    A pixel size says much, but many images have lost theirs: so the file and, of colour images,
    the colours are looked at as well.
    """
    if not layer.rgb:
        return "microscopy", "not a colour photograph"
    if is_scaled:
        return "microscopy", "it has a pixel size"
    path = str(getattr(getattr(layer, "source", None), "path", None) or "").lower()
    if path.endswith(_FORMATS):
        return "microscopy", f"a {''.join(Path(path).suffixes[-2:])} file"
    data = full_resolution(layer)
    if isinstance(data, np.ndarray) and looks_stained(data[..., :3]):
        return "microscopy", "its colours are those of a stained section"
    return "natural", "in colour, without a pixel size"


def looks_stained(rgb: NDArray[Any]) -> bool:
    """Return whether an image has the colours of haematoxylin and eosin on white.

    Nearly all pixels are then white or between blue-violet and pink: green is their weakest
    colour, and red and blue differ little from each other.
    """
    steps = [max(1, length // _SAMPLE) for length in rgb.shape[:-1]]
    part = np.asarray(rgb[tuple(slice(None, None, step) for step in steps)]).reshape(-1, 3)
    top = (
        255.0
        if part.dtype.kind in "ui" and part.max(initial=0) <= 255
        else float(max(part.max(initial=1), 1))
    )
    values = part.astype(float) / top
    red, green, blue = values.T
    white = values.min(axis=1) > 0.8
    stained = (green < np.minimum(red, blue) - 0.03) & (np.abs(red - blue) < 0.35)
    dark = values.max(axis=1) < 0.25
    return bool((white | stained).mean() > 0.9 and stained.mean() > 0.2 and dark.mean() < 0.1)
