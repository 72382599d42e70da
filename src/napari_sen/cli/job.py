"""One image of the command line on its way through a run, in memory or into a store."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..io.image_file import ImageFile
from ..io.read import open_image
from ..options import Execution, Reading
from ..pipeline.plan import goes_to_a_store
from ..pipeline.run import Run
from .console import Reporter
from .images import Loaded, check_fit, check_outputs, load, reading

__all__ = ["Job"]

_Group = tuple[Iterable[str | Path | None], Sequence[str]]


class Job:
    """What the commands that take one image have in common.

    Parameters
    ----------
    args : Namespace
    reporter : Reporter
    slices : str, optional
        How a stack is meant where no option says it.
    """

    def __init__(self, args: Namespace, reporter: Reporter, *, slices: str | None = None) -> None:
        self.args, self.reporter, self._slices = args, reporter, slices
        self.model = None if args.model == "none" else args.model
        asks = args.resume or args.tile is not None or args.scheduler is not None
        self.execution = Execution(args.device)
        if asks:
            self.execution = Execution(
                args.device, args.tile, _scheduler(args.scheduler), args.output[0], args.resume,
                args.overwrite,
            )  # fmt: skip
        self.is_stored = goes_to_a_store(args.image, self.execution)

    def check(self, outputs: _Group, pictures: _Group) -> None:
        """Check every output before the work."""
        if not self.is_stored:
            check_outputs(self.args, outputs, pictures)
            check_fit(self.loaded, [path for path in map(str, outputs[0]) if _is_label(outputs)], 1)
            return
        if len(self.args.output) > 1:
            raise ParameterError("in tiles there is one output, an OME-Zarr: give -o once")
        if pictures[1] != (".zarr",) and any(pictures[0]):
            raise ParameterError(
                "in tiles no picture is drawn: leave out the option for it, and see napari"
            )
        if any(pictures[0]):
            check_outputs(self.args, pictures)

    @cached_property
    def loaded(self) -> Loaded:
        """The image in memory, with what is needed to write results beside it."""
        return load(self.args, slices=self._slices)

    @property
    def file(self) -> str | ImageFile:
        """What the run reads: the path where it reads box by box."""
        return str(self.args.image) if self.is_stored else self.loaded.file

    def reading(self, mask: Any = None) -> Reading:
        """Return how the image is to be understood: an option beats the file."""
        if not self.is_stored:
            return Reading(**self.loaded.hints, kind=_kind(self.args), mask=mask)
        file = open_image(self.args.image)
        spacing = getattr(self.args, "spacing", None)
        return Reading(
            **reading(self.args, file, slices=self._slices), spacing=spacing,
            kind=_kind(self.args), mask=mask,
        )  # fmt: skip

    def done(
        self, run: Run, write: Callable[[np.ndarray], None], *pictures: str | None
    ) -> dict[str, Any]:
        """Do the work, write what is in memory, and return what the command says at its end."""
        run.run(self.reporter)
        if not self.is_stored:
            self.reporter(0, 1, "writing")
            write(run.result())
            self.reporter(1, 1, "writing")
        self.reporter.stage_done()
        args = self.args
        about = {
            "image": str(args.image),
            "shape": list(self.shape),
            "model": args.model,
            "device": device_name(args),
        }
        seconds = {stage: round(value, 3) for stage, value in self.reporter.seconds.items()}
        outputs = [path for path in (*args.output, *pictures) if path]
        return about | run.found() | {"seconds": seconds, "outputs": outputs}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image as stored."""
        file = open_image(self.args.image) if self.is_stored else self.loaded.file
        return tuple(file.data.shape)


def _is_label(outputs: _Group) -> bool:
    return ".png" in outputs[1]


def _kind(args: Namespace) -> str | None:
    kind: str | None = getattr(args, "kind", None)
    return kind


def _scheduler(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def device_name(args: Namespace) -> str:
    """Return the device that was used: without a model there is nothing for a GPU to do."""
    if args.model == "none":
        return "cpu"
    from ..learn.device import resolve_device

    return str(resolve_device(args.device))
