"""Where an image lies: a path on this machine, or an address."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

__all__ = ["is_remote", "place_of", "resolved"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_remote(place: Any) -> bool:
    """Return whether this is an address, such as ``https://`` or ``s3://``."""
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def place_of(image: Any) -> str | None:
    """Return the path or address that an image is named by, None for an array."""
    return os.fspath(image) if isinstance(image, str | os.PathLike) else None


def resolved(place: str) -> str:
    """Return a place that does not depend on the working folder."""
    return place if is_remote(place) else str(Path(place).resolve())
