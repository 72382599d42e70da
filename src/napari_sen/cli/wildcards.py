"""Patterns of file names, which the shells of Windows hand over as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from glob import glob, has_magic

__all__ = ["expanded"]


def expanded(arguments: Iterable[str]) -> list[str]:
    """Return arguments in which the files that a pattern names stand in its place.

    What names a file itself, or no file, stays as it is.
    """
    found: list[str] = []
    for argument in arguments:
        is_pattern = has_magic(argument) and not os.path.lexists(argument)
        found += (sorted(glob(argument)) if is_pattern else []) or [argument]
    return found
