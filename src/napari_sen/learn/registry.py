"""Where models are found by name: the user's data folder, then the bundled ones."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from ..errors import ModelError
from .model_file import read_metadata

__all__ = ["ModelInfo", "bundled_models_folder", "find_model", "models", "user_folder"]

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be loaded by name; ``problem`` tells why it can not, if so."""

    name: str
    path: Path
    bundled: bool
    planes: int = 0
    dim: int = 0
    problem: str = ""


def user_folder() -> Path:
    """Return the folder of the user's own models; it need not exist."""
    return user_data_path("napari-sen", appauthor=False) / "models"


def bundled_models_folder() -> Path:
    """Return the folder of the models that come with the package."""
    return Path(__file__).parent.parent / "models"


def _files() -> dict[str, tuple[Path, bool]]:
    """Return path and origin of every model by name; the user's hide bundled ones."""
    found: dict[str, tuple[Path, bool]] = {}
    for folder, bundled in ((user_folder(), False), (bundled_models_folder(), True)):
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                found.setdefault(path.stem, (path, bundled))
    return found


def models() -> list[ModelInfo]:
    """Return the models that :func:`load_model` knows by name, sorted by name."""
    result = []
    for name, (path, bundled) in sorted(_files().items()):
        try:
            network = read_metadata(path)["network"]
        except ModelError as error:
            result.append(ModelInfo(name, path, bundled, problem=str(error)))
            continue
        result.append(ModelInfo(name, path, bundled, network["planes"], network["dim"]))
    return result


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a model given by name or by path.

    Raises
    ------
    ModelError
        There is no such model or file.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        kind = type(name_or_path).__name__
        raise ModelError(f"a model is given by its name, its path, or itself, not by a {kind}")
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(SUFFIX) or os.sep in text or "/" in text:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ModelError(f"there is no model file {path}: check the path")
        return path
    known = _files()
    if text in known:
        return known[text][0]
    close = difflib.get_close_matches(text, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    names = ", ".join(known) or "none"
    raise ModelError(
        f"there is no model {text!r}: {hint}known are: {names}; or give a path to a {SUFFIX} file"
    )
