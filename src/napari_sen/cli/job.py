"""One image of the command line on its way through a run, in memory or into a store."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..disk import refused
from ..errors import ParameterError, SenError, WorkError
from ..io.image_file import ImageFile
from ..io.read import open_image
from ..io.write import LABELS_OUT, PICTURE_OUT, check_axes_fit
from ..options import Execution, Reading
from ..pipeline.plan import goes_to_a_store
from ..pipeline.run import Run
from .console import Reporter
from .images import Loaded, check_fit, check_outputs, load, reading

__all__ = ["Extra", "Job", "Writing", "device_name", "write_each"]

Writing = tuple[str, Callable[[str], None]]


@dataclass(frozen=True)
class Extra:
    """What an option writes beside the output.

    Attributes
    ----------
    option : str
    paths : sequence of str or None
        Where to; None where the option is not given.
    suffixes : sequence of str
        That a path may end in.
    in_tiles : bool
        Whether it is made in tiles too.
    """

    option: str
    paths: Sequence[str | None]
    suffixes: Sequence[str]
    in_tiles: bool = False


class Job:
    """What the commands that take one image have in common.

    Parameters
    ----------
    args : Namespace
    reporter : Reporter
    slices : str, optional
        How a stack is meant where no option says it.
    is_stored : bool
        Whether the result goes to a store in any case.
    """

    def __init__(
        self,
        args: Namespace,
        reporter: Reporter,
        *,
        slices: str | None = None,
        is_stored: bool = False,
    ) -> None:
        self.args, self.reporter, self._slices = args, reporter, slices
        self.model = None if args.model == "none" else args.model
        self.execution = Execution(args.device)
        is_inside = any(Path(path).parent.name == "labels" for path in args.output)
        is_tiled = args.resume or args.tile is not None or args.scheduler is not None
        if is_stored or is_inside or is_tiled:
            if len(args.output) != 1:
                raise ParameterError("in tiles there is one output, an OME-Zarr: give -o once")
            self.execution = Execution(
                args.device, args.tile, _scheduler(args.scheduler), args.output[0], args.resume,
                args.overwrite,
            )  # fmt: skip
        self.is_stored = goes_to_a_store(args.image, self.execution)

    def check(self, suffixes: Sequence[str], *extras: Extra) -> None:
        """Check every output before the work; ``suffixes`` are those of the first."""
        groups = [(extra.paths, extra.suffixes) for extra in extras]
        if self.is_stored:
            for extra in extras:
                if any(extra.paths) and not extra.in_tiles:
                    raise ParameterError(
                        f"{extra.option} is not made in tiles: leave it out, or leave out --tile, "
                        "--scheduler and --resume"
                    )
            check_outputs(self.args, *groups)
            return
        groups.insert(0, (self.args.output, suffixes))
        check_outputs(self.args, *groups)
        for paths, allowed in groups:
            for path in filter(None, paths if allowed != PICTURE_OUT else ()):
                check_axes_fit(path, self.loaded.canvas.n_leading + self.loaded.canvas.n_spatial)
            check_fit(self.loaded, [path for path in paths if path and allowed == LABELS_OUT], 1)

    def check_count(self, n_labels: int) -> None:
        """Check that so many labels fit the formats of the outputs."""
        if not self.is_stored:
            check_fit(self.loaded, self.args.output, n_labels)

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
        how = self.loaded.reading if not self.is_stored else self._lazy
        return replace(how, mask=mask)

    @cached_property
    def _lazy(self) -> Reading:
        file = open_image(self.args.image, series=self.args.series)
        return reading(self.args, file, slices=self._slices)

    def done(self, run: Run, write: Callable[[Any], None], *extras: str | None) -> dict[str, Any]:
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
            "pixel_size": run.image.pixel_size.to_dict() if args.json else run.image.pixel_size,
        }
        seconds = {stage: round(value, 3) for stage, value in self.reporter.seconds.items()}
        outputs = [path for path in (*args.output, *extras) if path]
        return about | run.found() | {"seconds": seconds, "outputs": outputs}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image as stored."""
        if not self.is_stored:
            return tuple(self.loaded.file.data.shape)
        return tuple(open_image(self.args.image, series=self.args.series).data.shape)


def write_each(*writings: Writing) -> None:
    """Write every output; one that fails takes no other along.

    Raises
    ------
    WorkError
        If one failed, once all have been tried.
    """
    failures: list[str] = []
    for path, write in writings:
        try:
            write(path)
        except (SenError, OSError) as error:
            failures.append(str(error) if isinstance(error, SenError) else refused(path, error))
    if failures:
        others = len(writings) - len(failures)
        kept = f" ({others} of {len(writings)} outputs are written)" if others else ""
        raise WorkError("; ".join(failures) + kept)


def _scheduler(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def device_name(args: Namespace) -> str:
    """Return the device that was used: without a model there is nothing for a GPU to do."""
    if args.model == "none":
        return "cpu"
    from ..learn.device import resolve_device

    return str(resolve_device(args.device))
