"""Where a step that works in tiles puts its result, and what lies there; no Qt in here."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from ...disk import is_ours
from ...errors import OutputError, SenError
from ...io.memory import available_memory
from ...tiles.geometry import TileGrid, tile_sides
from .layer_image import LayerImage

__all__ = [
    "EMBEDDING",
    "SUFFIX",
    "Storage",
    "colours_beside",
    "image_path",
    "is_tiled",
    "plan_plain",
    "plan_tiles",
    "prepare",
    "suggest",
    "what_lies_at",
    "why_tiled",
]

EMBEDDING = "embedding"  # what the stores of embeddings are called: their colours lie beside them
SUFFIX = ".sen.zarr"  # of suggestions: napari opens such folders with our reader
_SUFFIXES = (".zarr", ".sen", ".ome", ".tif", ".tiff", ".npy", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Storage:
    """How a step stores its result when it works in tiles.

    Attributes
    ----------
    wanted : bool
        Work in tiles even where the image fits in memory.
    path : str
        Of the store; empty: :func:`suggest`.
    tile : int or None
        Side of a tile, px; None: the default.
    overwrite : bool
        Replace what lies there; for the next run alone.
    """

    wanted: bool = False
    path: str = ""
    tile: int | None = None
    overwrite: bool = False

    def goal(self, layer: Any, what: str) -> Path:
        """Return where the result goes."""
        return Path(self.path).expanduser() if self.path else suggest(layer, what)


def is_tiled(source: LayerImage, product: str, with_model: bool, storage: Storage) -> bool:
    """Return whether a step works in tiles: where that is wanted, or memory does not suffice."""
    return storage.wanted or not source.fits(product, with_model)


def why_tiled(source: LayerImage, product: str, with_model: bool) -> str:
    """Return one line: why an image is worked on in tiles; empty where it need not be."""
    if source.fits(product, with_model):
        return ""
    needed, free = _bytes(source.needs(product, with_model)), _bytes(available_memory())
    return f"This needs {needed} of memory, {free} are free: it is made in tiles, on disk."


def image_path(layer: Any) -> Path | None:
    """Return the file or the outermost zarr folder that a layer was opened from, if it says so."""
    found = getattr(getattr(layer, "source", None), "path", None)
    if not found:
        data = layer.data[0] if layer.multiscale else layer.data
        found = getattr(getattr(data, "store", None), "root", None)
    if not found or "://" in str(found):
        return None
    path = Path(found).expanduser().absolute()
    outer = [folder for folder in (*reversed(path.parents), path) if folder.suffix == ".zarr"]
    path = outer[0] if outer else path
    return path if path.exists() else None


def results_folder() -> Path:
    """Return the folder of results whose image has no place on the disk."""
    return user_data_path("napari-sen", appauthor=False) / "results"


def suggest(layer: Any, what: str) -> Path:
    """Return a place for a new result, or that of one that was begun and has not ended.

    It is beside the image, where that says where it lies and files may be made there; otherwise
    in the user's data folder.
    """
    path = image_path(layer)
    if path is not None and os.access(path.parent, os.W_OK):
        folder, stem = path.parent, path.name
        while Path(stem).suffix.lower() in _SUFFIXES:
            stem = Path(stem).stem
    else:
        folder = results_folder()
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in layer.name)
    goal, number = folder / f"{stem}_{what}{SUFFIX}", 1
    while goal.exists() and (what != EMBEDDING or colours_beside(goal).exists()):
        number += 1
        goal = folder / f"{stem}_{what}_{number}{SUFFIX}"
    return goal


def colours_beside(goal: Path) -> Path:
    """Return the place of the colours of an embedding."""
    stem = goal.name.removesuffix(".zarr").removesuffix(".sen")
    return goal.with_name(f"{stem}_colours{SUFFIX}")


def what_lies_at(goal: Path) -> str:
    """Return "nothing", "unfinished", "result" (of ours), or "other"."""
    unfinished = goal.with_name(f"{goal.name}.partial")
    if unfinished.exists():
        return "unfinished" if is_ours(unfinished) else "other"
    if not goal.exists():
        return "nothing"
    return "result" if is_ours(goal) else "other"


def prepare(goal: Path, overwrite: bool) -> None:
    """Make the folder of results if it goes there; see that nothing of others is overwritten.

    Raises
    ------
    OutputError
        If it would be.
    """
    if overwrite and goal.exists() and not is_ours(goal):
        raise OutputError(
            f"{goal} is not a result of napari-sen and is not overwritten: choose another place"
        )
    if goal.parent == results_folder():
        goal.parent.mkdir(parents=True, exist_ok=True)


def plan_plain(source: LayerImage, n: int, pixel: int, tile: int | None, goal: Path) -> str:
    """Return the plan of a result of so many bytes a pixel, of slices with n axes."""
    leading, spatial = source.shape[:-n], source.shape[-n:]
    try:
        grid = TileGrid(spatial, tile_sides(tile, spatial, n_spatial=n))
    except SenError as error:
        return f"Not possible: {error}."
    return plan_tiles(len(grid) * prod(leading), prod(source.shape) * pixel, "about {}", goal)


def plan_tiles(tiles: int, finest: int, size_text: str, goal: Path) -> str:
    """Return the sentences; ``finest`` are the bytes of the finest level."""
    most = finest * 4 / 3  # a quarter for each level more
    text = f"{tiles} tile{'s' * (tiles != 1)}, {size_text.format(_bytes(most))}."
    free = _free(goal)
    if free is not None and free < most:
        text += f" {_bytes(free)} are free."
    return text + _THERE[what_lies_at(goal)]


# What a plan says of what lies there.
_THERE = {
    "nothing": "",
    "unfinished": " An unfinished run is there: the button goes on with it.",
    "result": " A finished result is there: the same parameters show it.",
    "other": " Something else is there: choose another place.",
}


def _free(goal: Path) -> int | None:
    folder = next((path for path in goal.parents if path.exists()), None)
    return None if folder is None else shutil.disk_usage(folder).free


def _bytes(number: float) -> str:
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 1000:
            return f"{number:.2g} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{number / 1000:.3g} TB"
