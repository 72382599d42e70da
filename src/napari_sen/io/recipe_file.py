"""A recipe: all that turns an image into classified objects, as one small JSON file.

It holds values only, no code. The painted examples are kept, not a fitted classifier: fitting again
takes milliseconds, and examples of several images add up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import atomic, read_plain, refused
from ..errors import DiskError, ImageError, ParameterError
from ..learn.classes import Examples
from ..options import Reading, is_nan
from ..params import SegmentParams, require_texts, shown
from ..texts import parsed
from .atomic import check_output
from .refusals import told

__all__ = ["Recipe"]

FORMAT = "napari-sen recipe 1"
LARGEST = 200_000_000  # bytes
_READING = ("rgb", "channel_axis", "slices", "spacing", "kind", "mask", "nodata", "series")
_NOT_FINITE = ("nan", "inf", "-inf")  # JSON has no numbers for them
_KINDS = {"superpixels": SegmentParams, "sha256": str, "reading": Reading, "examples": Examples}
_PARTS = {"format", "superpixels", "model", "image", "classes"}


@dataclass(frozen=True)
class Recipe:
    """Everything that turns an image into objects.

    :func:`napari_sen.teach` adds examples of classes, :func:`napari_sen.apply_to` follows a recipe
    on one image, and :func:`napari_sen.apply` on a folder.

    Attributes
    ----------
    superpixels : SegmentParams
        How superpixels are made.
    model : str or None
        Name or file of the model; "auto" for the one that suits each image; None for colour alone.
    sha256 : str
        Checksum of the model's weights; empty if any will do.
    reading : Reading
        How images are read. Where a value is None, each file decides. A mask of one image is
        not part of a recipe, but ``mask="nan"`` may be.
    class_names : tuple of str
        Names of the classes 1, 2, ...
    examples : Examples
        Superpixels whose class is known. Without any, every superpixel is an object.
    """

    superpixels: SegmentParams = field(default_factory=SegmentParams)
    model: str | None = "auto"
    sha256: str = ""
    reading: Reading = field(default_factory=Reading)
    class_names: tuple[str, ...] = ()
    examples: Examples = field(default_factory=Examples.none)

    def __post_init__(self) -> None:
        """Check what a file may have wrong."""
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ParameterError(
                    f"{name} of a recipe must be a {kind.__name__}, got {shown(value)}"
                )
        if self.model is not None and not isinstance(self.model, str):
            raise ParameterError(f"a recipe names its model, got {shown(self.model)}")
        if not (self.reading.mask is None or is_nan(self.reading.mask)):
            raise ParameterError(
                "a recipe is for many images and takes no mask of one: leave it out, or give 'nan'"
            )
        require_texts("class_names", self.class_names)
        most = int(self.examples.classes.max(initial=0))
        if most > len(self.class_names):
            raise ParameterError(f"there are examples of class {most}, which has no name")

    @property
    def has_classes(self) -> bool:
        """Whether there are examples, so that superpixels are classified."""
        return len(self.examples.classes) > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values, as its file holds them."""
        wanted = {k: v for k, v in self.superpixels.to_dict().items() if v is not None}
        if "size" in wanted or "level" in wanted:
            del wanted["n_segments"]
        model = None if self.model is None else {"name": self.model, "sha256": self.sha256}
        said = asdict(self.reading)
        if said["spacing"] is not None:
            said["spacing"] = [float(step) for step in said["spacing"]]
        if said["nodata"] is not None:
            value = float(said["nodata"])
            said["nodata"] = value if math.isfinite(value) else str(value)
        found: dict[str, Any] = {
            "format": FORMAT,
            "superpixels": wanted,
            "model": model,
            "image": {key: said[key] for key in _READING if said[key] is not None},
        }
        if self.has_classes:
            rows = zip(self.examples.classes, self.examples.features, strict=True)
            found["classes"] = {
                "names": list(self.class_names),
                "features": list(self.examples.names),
                "examples": [{"class": int(k), "features": row.tolist()} for k, row in rows],
            }
        return found

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the recipe to a ``.json`` file.

        Parameters
        ----------
        path : path
            Must end in ``.json``; the folder must exist.
        overwrite : bool
            Replace an existing file.

        Raises
        ------
        OutputError
            If the file exists or cannot be written there.
        """
        check_output(path, suffixes=(".json",), overwrite=overwrite)
        content = self.to_dict()
        rows = content["classes"].pop("examples") if self.has_classes else []
        text = json.dumps(content, allow_nan=False, indent=1, ensure_ascii=False)
        if rows:  # one a line: the rest can be read by people
            lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
            end = text.rindex("\n }")
            text = f'{text[:end]},\n  "examples": [\n{lines}\n  ]{text[end:]}'
        try:
            with atomic(path, overwrite=overwrite) as partial:
                partial.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise DiskError(refused(path, error)) from error

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Recipe:
        """Read a recipe that :meth:`save` wrote, and check it.

        Raises
        ------
        ParameterError
            If the file is missing, damaged, or not a recipe.
        """
        if not isinstance(path, str | PathLike):
            raise ParameterError(f"a recipe is given by its path, got {shown(path)}")
        with told("the recipe", path, ParameterError):
            return _read(parsed(read_plain(Path(path), LARGEST)))


def _read(content: Any) -> Recipe:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ParameterError(f"it is not of the format {FORMAT!r}")
    _check_known(content, _PARTS, "the recipe")
    model, image = content["model"], content["image"]
    _check_known(image, set(_READING), "its image")
    if model is not None:
        _check_known(model, {"name", "sha256"}, "its model")
        if not all(isinstance(each, str) for each in model.values()):
            raise ParameterError("its model is not a name")
    slices = image.get("slices")
    if slices not in (None, "each", "volume") or not isinstance(image.get("rgb"), bool | None):
        raise ParameterError("it does not say how images are read")
    if image.get("nodata") in _NOT_FINITE:
        image = image | {"nodata": float(image["nodata"])}
    names, examples = _classes(content.get("classes"))
    return Recipe(
        SegmentParams.from_dict(content["superpixels"]),
        None if model is None else model["name"],
        "" if model is None else model["sha256"],
        Reading(**image),
        names,
        examples,
    )


def _check_known(part: Any, names: set[str], what: str) -> None:
    """Raise ParameterError unless a part is a dictionary of known names."""
    if not isinstance(part, Mapping):
        raise ParameterError(f"{what} is not a dictionary")
    unknown = sorted(str(name) for name in part.keys() - names)
    if unknown:
        raise ParameterError(f"{what} has {shown(unknown[0])}, which is not known")


def _classes(part: Any) -> tuple[tuple[str, ...], Examples]:
    if part is None:
        return (), Examples.none()
    _check_known(part, {"names", "features", "examples"}, "its classes")
    names, columns, rows = part["names"], part["features"], part["examples"]
    for texts in (names, columns):
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ParameterError("its names must be a list of texts")
    if not 1 <= len(names) <= 255 or len(set(names)) < len(names):
        raise ParameterError("it needs 1 to 255 classes of different names")
    classes = np.array([row["class"] for row in rows])
    features = np.array([row["features"] for row in rows], float)
    if classes.dtype.kind != "i" or features.shape != (len(rows), len(columns)):
        raise ImageError("its examples do not fit its features")
    return tuple(names), Examples(features, classes.astype(np.int64), tuple(columns))
