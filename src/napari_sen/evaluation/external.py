"""External programs as methods: an image file in, a label file out.

A program is given by a template of its command line, such as
``./RunSICLE --img {image} --nf {n_segments} --out {labels.pgm}``. It is started without a shell:
the template is split into words first, and files and numbers are filled in afterwards.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from ..disk import (
    atomic,
    discard_folder,
    open_inside,
    read_plain,
    remove_inside,
    temporary_folder,
)
from ..errors import DataError, ImageError, ParameterError, WorkError
from ..io.picture import read_picture
from ..io.read import read_image
from ..params import Params, param, require, shown
from ..pipeline.features import Scene
from .peers import FRAGMENT, Cut, absorb_fragments
from .settings import CHOSEN, Contender

__all__ = ["ExternalSettings", "digests", "external", "prepare"]

NAMED = re.compile(r"(?P<name>\w[\w.-]*)=(?P<command>.+)", re.S)
PLACE = re.compile(r"\{(?P<what>\w+)(?:\.(?P<form>\w+))?\}")
# What may stand in braces, and in which formats; the first is the usual one.
FORMATS: Mapping[str, tuple[str, ...]] = {
    "image": ("png", "ppm", "bmp", "tif"),
    "images": (),
    "n_segments": (),
    "labels": ("png", "pgm", "tif", "npy", "csv"),
    "output": (),
}
SUFFIXES = tuple(f".{form}" for form in FORMATS["labels"])
NEEDED = (("image", "images"), ("n_segments",), ("labels", "output"))
WORDS = "{image} or {images}, {n_segments}, and {labels} or {output}"
SECONDS = 300.0
LARGEST = 1 << 31  # bytes of a label file in text


@dataclass(frozen=True)
class ExternalSettings(Params):
    """The command of a program, and how long it may take for one label map."""

    command: str = field(default="", metadata={"help": "template of its command line", "unit": ""})
    timeout: float = param(SECONDS, "longest time for one label map", above=0, unit="s")

    def __post_init__(self) -> None:
        """Check the template, and that the program is there."""
        require("timeout", self.timeout, float, {"above": 0})
        words = self.words
        found = {place["what"] for word in words for place in PLACE.finditer(word)}
        if not all(found.intersection(names) for names in NEEDED):
            raise ParameterError(
                f"the command {shown(self.command)} must hold {WORDS}, for what the program "
                "reads, how many superpixels it makes, and what it writes"
            )
        for word in words:
            for place in PLACE.finditer(word):
                _check_place(place)
        if shutil.which(words[0]) is None:
            raise ParameterError(f"there is no program {words[0]!r}: install it, or give its path")

    @property
    def words(self) -> list[str]:
        """The template, split as a shell would."""
        try:
            return shlex.split(self.command)
        except ValueError as error:
            raise ParameterError(
                f"the command {shown(self.command)} has no end ({error}): close the quotation"
            ) from error


def external(command: str, *, timeout: float = SECONDS) -> Contender:
    """Return an external program as a method to compare.

    Parameters
    ----------
    command : str
        Its command line, such as
        ``"sicle=./RunSICLE --img {image} --nf {n_segments} --out {labels.pgm}"``. ``NAME=`` in
        front gives it another name in the tables than the program's. These are replaced:

        - ``{image}``: the image, as PNG; ``{image.ppm}``, ``.bmp`` or ``.tif`` in another format;
        - ``{images}``: a folder that holds nothing but the image;
        - ``{n_segments}``: the number of superpixels to make;
        - ``{labels}``: the label map to write, as PNG; ``{labels.pgm}``, ``.tif``, ``.npy`` or
          ``.csv`` in another format;
        - ``{output}``: an empty folder, for programs that name the label map themselves.

        The line is split into words as a shell would split it, but no shell runs it.
    timeout : float
        Seconds, above 0, after which the program is stopped.

    Returns
    -------
    Contender
        A method for the argument ``methods`` of :func:`napari_sen.evaluate`.

    Raises
    ------
    ParameterError
        If the command lacks a placeholder, or there is no such program.
    """
    named = NAMED.fullmatch(command.strip())
    settings = ExternalSettings(named["command"] if named else command, timeout)
    name = named["name"] if named else Path(settings.words[0]).stem
    if name in CHOSEN:
        raise ParameterError(f"{name!r} is a method already: write 'my-{name}=...' instead")
    return Contender(name, "external", settings)


def digests(settings: ExternalSettings) -> list[str]:
    """Return fingerprints of the files of a command: of the program, and of its settings."""
    words = settings.words
    paths = [Path(shutil.which(words[0]) or words[0]), *map(Path, words[1:])]
    return [sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()]


def prepare(scene: Scene, settings: ExternalSettings, label: str, image: str) -> Cut:
    """Write an image for a program, and return what cuts it.

    Parameters
    ----------
    scene : Scene
    settings : ExternalSettings
    label, image : str
        Names of the method and of the image, for errors.
    """
    pixels = _pixels(scene, label, image)
    program = _Program(settings, f"{label} on image {image!r}")
    program.write(pixels)
    return lambda wanted: program.cut(round(wanted), pixels.shape[:2])


def _check_place(place: re.Match[str]) -> None:
    what, form = place["what"], place["form"]
    if what not in FORMATS:
        raise ParameterError(f"{place[0]} means nothing in a command: use {WORDS}")
    if form is not None and form not in FORMATS[what]:
        known = ", ".join(f"{{{what}.{each}}}" for each in FORMATS[what]) or f"{{{what}}}"
        raise ParameterError(f"{place[0]} is not known: use {known}")


def _pixels(scene: Scene, label: str, image: str) -> NDArray[np.uint8]:
    """Return RGB as it is, and one channel in grey, both in 8 bits."""
    channels = scene.image.raster.channels
    if scene.image.n_spatial != 2 or not (scene.image.raster.rgb or channels == 1):
        raise DataError(
            f"image {image!r} is neither RGB nor grey in 2-D, so {label} cannot take it: leave "
            "the program out"
        )
    planes = np.clip(np.rint(scene.planes(scene.whole, 3) * 255), 0, 255).astype(np.uint8)
    return planes if scene.image.raster.rgb else planes[..., 0]


class _Program:
    """A program and the folder in which it finds an image and leaves label maps."""

    def __init__(self, settings: ExternalSettings, about: str) -> None:
        self._settings, self._about = settings, about
        self._folder = temporary_folder()
        self._images, self._output = self._folder / "images", self._folder / "output"
        self._images.mkdir()
        weakref.finalize(self, discard_folder, self._folder)

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Write the image in each format that the command names."""
        for word in self._settings.words:
            for place in PLACE.finditer(word):
                if place["what"] in ("image", "images"):
                    path = Path(self._file(place))
                    goal = path / "image.png" if place["what"] == "images" else path
                    with atomic(goal, overwrite=True) as temporary:
                        imageio.imwrite(temporary, pixels)

    def cut(self, wanted: int, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the label map that the program makes."""
        about = f"{self._about} with {wanted} superpixels"
        remove_inside(self._folder, self._output)
        self._output.mkdir()
        words = [
            PLACE.sub(lambda place: self._file(place, wanted), word)
            for word in self._settings.words
        ]
        self._run(words, about)
        labels = _read(self._written(about), about)
        if labels.shape != shape or labels.dtype.kind not in "iub":
            raise WorkError(
                f"{about} wrote no label map: expected whole numbers of shape {shape}, got "
                f"{labels.dtype} of shape {labels.shape}"
            )
        return absorb_fragments(labels, FRAGMENT * labels.size / wanted)

    def _file(self, place: re.Match[str], wanted: int = 0) -> str:
        """Return what stands for a place in the command."""
        what = place["what"]
        form = place["form"] or (FORMATS[what] or ("",))[0]
        found = {
            "image": self._images / f"image.{form}",
            "images": self._images,
            "n_segments": wanted,
            "labels": self._output / f"labels.{form}",
            "output": self._output,
        }
        return str(found[what])

    def _run(self, words: list[str], about: str) -> None:
        """Run the program to its end, which comes with an error or the timeout at the latest."""
        told = self._folder / "told.txt"
        with open_inside(told, "wb") as log:
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ | {"OMP_NUM_THREADS": "1"},
                    start_new_session=True,  # it is ended with all that it has started
                )
            except OSError as error:
                raise WorkError(
                    f"{words[0]} cannot be started ({error.strerror}): check the command"
                ) from error
        try:
            code = process.wait(self._settings.timeout)
        except subprocess.TimeoutExpired as error:
            raise WorkError(
                f"{about} took more than {self._settings.timeout:g} s and was ended: allow more "
                "with timeout, or leave the program out"
            ) from error
        finally:
            _end(process)
        if code != 0:
            raise WorkError(f"{about} failed (exit code {code}): {_last_line(told)}")

    def _written(self, about: str) -> Path:
        """Return the one label file that the program has left."""
        found = [path for path in self._output.iterdir() if path.suffix.lower() in SUFFIXES]
        named = [path for path in found if path.stem == "labels"]  # others may lie beside it
        if len(named or found) != 1:
            raise WorkError(
                f"{about} left {len(found)} label files instead of one: check the command, and "
                f"that it writes {', '.join(SUFFIXES)}"
            )
        return (named or found)[0]


def _read(path: Path, about: str) -> NDArray[Any]:
    """Return what a label file holds."""
    try:
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return _numbers(read_plain(path, LARGEST).decode())
        if suffix == ".pgm":
            return np.asarray(read_picture(path, labels=True).data)
        return np.asarray(read_image(path, labels=True).data)
    except (ImageError, OSError, ValueError, SyntaxError) as error:
        raise WorkError(
            f"{about} left a {path.name} that cannot be read ({shown(str(error))})"
        ) from error


def _numbers(text: str) -> NDArray[np.int64]:
    """Return rows of whole numbers with commas between them, and maybe one behind the last."""
    rows = [line.rstrip(" ,").split(",") for line in text.splitlines() if line.strip()]
    return np.array(rows).astype(np.int64)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program that still runs, and what it has started."""
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:  # Windows
        process.kill()
    process.wait()


def _last_line(path: Path) -> str:
    """Return the last words of a program."""
    text = path.read_bytes()[-10_000:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
