"""Sample images that come with the package; README.md beside them says whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageError

__all__ = ["DEMO", "load_sample", "sample_names", "sample_path"]

DEMO = "coffee"

_SAMPLES: dict[str, dict[str, Any]] = {
    "coffee": {"file": "coffee.png", "rgb": True, "title": "Coffee cup (photograph)"},
    "tissue": {"file": "tissue.png", "rgb": True, "title": "Stained tissue nuclei"},
    "nuclei": {"file": "nuclei.png", "rgb": False, "title": "Fluorescent nuclei"},
    "phase": {"file": "phase.tif", "rgb": False, "title": "Cells in phase contrast"},
    "embryo": {
        "file": "embryo.tif",
        "rgb": False,
        "title": "Mouse embryo nuclei (3-D)",
        "slices": "volume",
        "spacing": (2.18, 1.0, 1.0),
    },
}


def sample_names() -> list[str]:
    """Return the names of the sample images."""
    return list(_SAMPLES)


def sample_path(name: str) -> Path:
    """Return the path of a sample image; an unknown name raises an ImageError."""
    return Path(__file__).parent / str(_entry(name)["file"])


def load_sample(name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a sample image, and what is known about it.

    Parameters
    ----------
    name : str
        One of :func:`sample_names`.

    Returns
    -------
    image : ndarray
        ``(Y, X, 3)`` uint8, ``(Y, X)`` uint8 or uint16, or ``(Z, Y, X)`` uint16.
    about : dict
        ``title`` (str), ``rgb`` (bool), ``channel_axis`` (None: no sample has one), ``slices``
        (``"volume"`` for a volume, else None), ``spacing`` (tuple of float, or None).

    Raises
    ------
    ImageError
        If there is no such sample.
    """
    from ..io.read import read_image

    about = {"channel_axis": None, "slices": None, "spacing": None} | _entry(name)
    about.pop("file")
    return np.asarray(read_image(sample_path(name)).data), about


def _entry(name: str) -> dict[str, Any]:
    if name not in _SAMPLES:
        known = ", ".join(_SAMPLES)
        raise ImageError(f"there is no sample image {name!r}; there are {known}")
    return dict(_SAMPLES[name])
