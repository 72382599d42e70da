"""Where models are found by name: the user's data folder, then the bundled ones."""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from ..disk import atomic, check_plain
from ..errors import ModelError, OutputError, ParameterError
from ..params import check_model_name, shown
from .model_file import read_metadata, read_model

__all__ = [
    "ModelInfo",
    "bundled_models_folder",
    "find_model",
    "import_model",
    "models",
    "user_folder",
]

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelInfo:
    """A model that :func:`napari_sen.load_model` knows by name.

    Attributes
    ----------
    name : str
        The name by which it is loaded.
    path : Path
        The model file.
    bundled : bool
        Whether it came with the package.
    planes : int
        Number of input planes.
    dim : int
        Length D of a pixel's embedding.
    problem : str
        Why the file cannot be loaded; empty if it can.
    """

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
    """Return the models that :func:`napari_sen.load_model` knows by name.

    Returns
    -------
    list of ModelInfo
        Sorted by name. A file that cannot be loaded is listed too, with its ``problem``.
    """
    result = []
    for name, (path, bundled) in sorted(_files().items()):
        try:
            network = read_metadata(path)["network"]
        except ModelError as error:
            result.append(ModelInfo(name, path, bundled, problem=str(error)))
            continue
        result.append(ModelInfo(name, path, bundled, network["planes"], network["dim"]))
    return result


def import_model(path: str | os.PathLike[str]) -> str:
    """Copy a model file, once it is checked, among the user's own models; return its name.

    Raises
    ------
    ModelError
        If it is no model file, or its name cannot be a model's.
    OutputError
        If there is another model of this name, or the copy cannot be written.
    """
    source = Path(path)
    read_model(source)
    try:
        name = check_model_name(source.stem)
    except ParameterError as error:
        raise ModelError(f"rename the file {source.name}: {error}") from error
    goal = user_folder() / f"{name}{SUFFIX}"
    try:
        if goal.exists():
            check_plain(goal)
            if goal.read_bytes() != source.read_bytes():
                raise OutputError(f"there is another model {name!r} already: rename the file")
            return name
        goal.parent.mkdir(parents=True, exist_ok=True)
        card = source.with_suffix(".md")
        if card.is_file():
            shutil.copyfile(card, goal.with_suffix(".md"))
        with atomic(goal, overwrite=True) as partial:
            shutil.copyfile(source, partial)
    except OSError as error:
        where = f"{source.name} to {goal.parent}"
        raise OutputError(f"cannot copy {where}: {error.strerror}") from error
    return name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a model given by name or by path.

    Raises
    ------
    ModelError
        If there is no such model or file.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise ModelError(
            f"a model is given by its name, its path, or as a Model, got {shown(name_or_path)}"
        )
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(SUFFIX) or os.sep in text or "/" in text:
        path = Path(text).expanduser()
        if not _is_file(path):
            raise ModelError(f"there is no model file {shown(str(path))}: check the path")
        return path
    known = _files()
    if text in known:
        return known[text][0]
    close = difflib.get_close_matches(text, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    names = ", ".join(known) or "none"
    raise ModelError(
        f"there is no model {shown(text)}{hint}: known are {names}; or give the path of a "
        f"{SUFFIX} file"
    )
