"""What OME metadata of a TIFF claim: tifffile believes it, and makes room for all of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from ..errors import ImageError

__all__ = ["check_claims"]

_MOST_PLANES = 1 << 22
_SIDES = ("SizeX", "SizeY", "SizeZ", "SizeC", "SizeT")
_COUNTS = ("PlaneCount", "NumPlanes", "IFD", "FirstZ", "FirstC", "FirstT")


def check_claims(tiff: tifffile.TiffFile, path: Path) -> None:
    """Raise ImageError for more planes than any file has, or a file of the set that is none.

    What is no number, or no XML, is left for tifffile to judge.
    """
    if not tiff.is_ome:
        return
    try:
        root = ElementTree.fromstring(tiff.ome_metadata or "")
    except (ElementTree.ParseError, ValueError):
        return
    page = max(int(tiff.pages.first.size), 1)
    planes = max(_planes(root, page), default=0)
    if planes > _MOST_PLANES:
        raise ImageError(
            f"cannot read {path}: it is damaged (its OME metadata claim {planes:.3g} planes); get "
            "it anew"
        )
    for name in _names(root):
        other = os.path.join(path.parent, name)
        if os.path.exists(other) and not os.path.isfile(other):
            raise ImageError(
                f"cannot read {path}: {name}, a file of its set, is not a regular file"
            )


def _planes(root: ElementTree.Element, page: int) -> Iterator[float]:
    for node in root.iter():
        if _tag(node) == "Pixels":
            yield math.prod(max(_number(node.get(side)), 1.0) for side in _SIDES) / page
        elif _tag(node) == "TiffData":
            yield from (_number(node.get(name)) for name in _COUNTS)


def _names(root: ElementTree.Element) -> Iterator[str]:
    return (node.get("FileName", "") for node in root.iter() if _tag(node) == "UUID")


def _tag(node: ElementTree.Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _number(text: Any) -> float:
    try:
        return float(int(text))
    except (TypeError, ValueError):
        return 0.0
    except OverflowError:
        return math.inf
