"""Painted superpixels as a JSON file: pieces, classes, and the examples that they give."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic, read_plain, refused
from ..errors import DiskError, ImageError, OutputError
from ..learn.classes import Examples
from ..texts import parsed
from .refusals import told

__all__ = ["SUFFIX", "Annotation", "digest_of", "load_annotation", "save_annotation"]

FORMAT = "napari-sen annotation 1"
SUFFIX = ".sen.json"
LARGEST = 500_000_000


@dataclass(frozen=True)
class Annotation:
    """What a person did to the superpixels of an image.

    Attributes
    ----------
    class_names : tuple of str
        Names of the classes 1, 2, ...
    digest : str
        Of the leaves' label map (:func:`digest_of`): the file fits these superpixels only.
    pieces, classes : (n,) int array
        Piece and class (0 for none) of every leaf.
    examples : Examples
        The painted superpixels' features, which serve other images as well.
    others : Examples
        Examples of other images, loaded before.
    """

    class_names: tuple[str, ...]
    digest: str
    pieces: NDArray[np.int64]
    classes: NDArray[np.int64]
    examples: Examples
    others: Examples


def digest_of(base: NDArray[np.integer]) -> str:
    """Return a checksum of a label map, of its shape and values alone."""
    values = np.ascontiguousarray(base, dtype="<i4")
    digest = hashlib.sha256(repr(values.shape).encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


def save_annotation(path: str | PathLike[str], annotation: Annotation) -> None:
    """Write an annotation to ``NAME.sen.json``; a file of that name is replaced when complete.

    Raises
    ------
    OutputError
        If the name ends otherwise, or the file cannot be written there.
    DataError
        If the examples of other images are described by other features.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise OutputError(f"cannot write {path}: its name has to end in {SUFFIX}")
    names = (annotation.others + annotation.examples).names
    content = {
        "format": FORMAT,
        "class_names": list(annotation.class_names),
        "digest": annotation.digest,
        "pieces": annotation.pieces.tolist(),
        "classes": annotation.classes.tolist(),
        "features": list(names),
        "examples": _rows(annotation.examples),
        "others": _rows(annotation.others),
    }
    try:
        with atomic(path, overwrite=True) as partial:
            partial.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def _rows(examples: Examples) -> list[dict[str, Any]]:
    return [
        {"class": int(value), "features": row.tolist()}
        for value, row in zip(examples.classes, examples.features, strict=True)
    ]


def load_annotation(path: str | PathLike[str]) -> Annotation:
    """Read an annotation that :func:`save_annotation` wrote, and check it.

    Raises
    ------
    ImageError
        If the file is missing, damaged, or no annotation.
    """
    path = Path(path)
    with told("the annotation", path, ImageError, ours=ImageError):
        content = parsed(read_plain(path, LARGEST))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ImageError(f"it is not of the format {FORMAT!r}")
        return _read(content)


def _read(content: dict[str, Any]) -> Annotation:
    names, columns = _texts(content["class_names"]), _texts(content["features"])
    pieces, classes = (_integers(content[key]) for key in ("pieces", "classes"))
    examples, others = (_examples(content[key], columns) for key in ("examples", "others"))
    found = (classes, examples.classes, others.classes)
    highest = max(int(values.max(initial=0)) for values in found)
    if not 1 <= len(names) <= 255 or highest > len(names) or len(pieces) != len(classes):
        raise ImageError("its classes do not fit its superpixels")
    if not isinstance(content["digest"], str):
        raise ImageError("its digest is not a text")
    return Annotation(names, content["digest"], pieces, classes, examples, others)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ImageError("its names must be a list of texts")
    return tuple(values)


def _examples(rows: Any, columns: tuple[str, ...]) -> Examples:
    if not isinstance(rows, list):
        raise TypeError("examples are not a list")
    if not rows:
        return Examples.none()
    features = np.array([row["features"] for row in rows], float)
    classes = _integers([row["class"] for row in rows])
    if features.shape != (len(rows), len(columns)):
        raise ValueError("examples do not fit the features")
    return Examples(features, classes, columns)


def _integers(values: Any) -> NDArray[np.int64]:
    array = np.array(values)
    if isinstance(values, list) and not values:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind != "i" or array.min() < 0:
        raise ImageError("its labels and classes must be whole numbers from 0 up")
    return array.astype(np.int64)
