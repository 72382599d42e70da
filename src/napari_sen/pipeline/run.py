"""A long run in stages, each of many independent pieces: it can be watched, stopped, resumed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.features import Statistics
from ..disk import ATTRIBUTE, remove_inside
from ..errors import Cancelled, SenError, WorkError
from ..io.grid import Grid
from ..progress import Progress, report
from ..tiles.geometry import TILE, Box, TileGrid
from ..tiles.journal import Journal
from ..tiles.output import Place
from ..tiles.pool import Pool, open_pool, outside
from ..tiles.source import Source
from ..tiles.statistics import Selection, count_tile, needs_pass
from .tiles import ModelFile

if TYPE_CHECKING:
    from ..learn.model import Model
    from ..tiles.pyramid import Pyramid

__all__ = ["Run", "Step"]

FORMAT = 1
RETRY = "give the same parameters, or overwrite=True (--overwrite) to start anew, or another output"


@dataclass(frozen=True)
class Step:
    """One finished piece of a run.

    Attributes
    ----------
    done, total : int
        Pieces of this stage.
    stage : str
        "statistics", "superpixels", "seams", "pyramid", ...
    index : tuple of int
        Slice of the tile just written; () where the piece is no tile.
    box : Box or None
        The tile just written: these pixels of the growing store are new.
    """

    done: int
    total: int
    stage: str
    index: tuple[int, ...] = ()
    box: Box | None = None


class Run:
    """Base of the tiled runs: opens, measures, works stage by stage, moves the result.

    A run works only while :meth:`steps` is iterated, in the caller's thread, with the tasks on
    threads or on a cluster. Stopping the iteration (``close()`` of the generator, or an exception
    thrown in) stops the tasks within a fraction of a second; what is finished stays on the disk,
    and a run with the same arguments and ``resume=True`` goes on with it.

    Attributes
    ----------
    place : Place
        Where the result grows and where it goes.
    growing : Pyramid or None
        The store that tiles are written to, as soon as it is there.
    is_unwanted : callable
        Asked a few times a second whether to stop, also in the middle of a tile.
    """

    name = "result"

    def __init__(
        self,
        source: Source,
        mask: Source | None,
        place: Place,
        model: Model | None,
        *,
        scheduler: Any = None,
        overwrite: bool = False,
    ) -> None:
        self.source, self.mask, self.place = source, mask, place
        self._model, self._scheduler, self._overwrite = model, scheduler, overwrite
        self.growing: Pyramid | None = None
        self.is_unwanted: Callable[[], bool] = lambda: False
        self._journal: Journal
        self._pool: Pool

    @property
    def path(self) -> str:
        """The growing store (an OME-Zarr from its creation on), later the finished one."""
        return str(self.place.store if self.place.store.exists() else self.place.goal)

    def steps(self) -> Generator[Step, None, None]:
        """Do the work; yield after each piece.

        Raises
        ------
        SenError
            If the image cannot be used, or the work failed (:class:`WorkError`: what is
            finished is kept).
        """
        fresh, about = not self.place.work.exists(), self.identity()
        if self.place.is_finished(about, overwrite=self._overwrite):
            self.place.finish(overwrite=True)  # it was killed while it tidied up
            return
        self.place.begin()
        try:
            with Journal(self.place.journal, about, retry=RETRY) as self._journal:
                if not self._journal.has("finished"):
                    self.place.sweep()
                    with open_pool(self._scheduler) as self._pool:
                        self._pool.is_unwanted = self.is_unwanted
                        yield from self.stages()
                    self._journal.add("finished", 0)
            self.place.finish(overwrite=self._overwrite)
        except (WorkError, Cancelled):
            raise
        except OSError as error:
            raise outside(error) from error
        except SenError:
            if fresh:  # bad input, found on the way: there is nothing to go on with
                self.place.drop()
            raise

    def run(self, progress: Progress | None = None) -> None:
        """Do all of the work, reporting to a progress callable that may raise to stop it."""
        with closing(self.steps()) as steps:
            for step in steps:
                report(progress, step.done, step.total, step.stage)

    def stages(self) -> Iterator[Step]:
        """Do the stages of this kind of run."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Return all that the result depends on, as JSON values."""
        return {
            "format": FORMAT,
            "package": version("napari-sen"),
            "result": self.name,
            "image": {
                "path": self.source.path,
                "shape": list(self.source.shape),
                "checksum": self.source.fingerprint(),
                "rgb": self.source.rgb,
                "channel_axis": self.source.channel_axis,
                "n_spatial": self.source.n_spatial,
            },
            "mask": None if self.mask is None else self.mask.fingerprint(),
            "model": None if self._model is None else self._model.sha256,
        }

    def pieces(
        self,
        stage: str,
        task: Callable[..., Any],
        count: int,
        *,
        record: Callable[[int, Any], Any] = lambda item, found: found,
        where: Callable[[int], tuple[tuple[int, ...], Box]] | None = None,
        work: Callable[[int], Any] = lambda item: item,
    ) -> Iterator[Step]:
        """Run the pieces of a stage that are not finished, and note each in the journal.

        Parameters
        ----------
        stage : str
            Its name.
        task : callable
            ``task(work, poll)``; travels to other machines.
        count : int
            Number of pieces.
        record : callable
            From a piece and its result to what the journal keeps.
        where : callable, optional
            From a piece to the tile that it has written.
        work : callable
            From a piece to what its task gets; in this process.
        """
        left = self._journal.left(stage, count)
        done = count - len(left)
        yield Step(done, count, stage)
        jobs = (_Piece(item, work(item)) for item in left)
        with closing(self._pool.run(partial(_unpacked, task), jobs)) as ended:
            for piece, found in ended:
                self._journal.add(stage, piece.item, record(piece.item, found))
                done += 1
                index, box = where(piece.item) if where is not None else ((), None)
                yield Step(done, count, stage, index, box)

    def measure(self) -> Iterator[Step]:
        """Find the statistics of the whole image, and that its values can be used."""
        if self._journal.load("statistics") is not None:
            return
        selection = Selection(self.source)
        if not needs_pass(self.source):
            channels = self.source.channels
            self._keep(Statistics(np.zeros(channels), np.ones(channels)))
            return
        grid = TileGrid(self.source.spatial, TILE[self.source.n_spatial])
        tiles = [
            (index, grid.box(number))
            for index in np.ndindex(self.source.leading)
            for number in range(len(grid))
        ]
        total = selection.passes * len(tiles)
        done = 0
        yield Step(0, total, "statistics")
        for level in range(selection.passes):
            task = partial(_count, self.source, self.mask, selection.prefixes, level)
            with closing(self._pool.run(task, tiles)) as ended:
                for _, found in ended:
                    selection.add(found)
                    done += 1
                    yield Step(done, total, "statistics")
            selection.end_pass()
        self._keep(selection.result())

    def statistics(self) -> Statistics:
        """Return what :meth:`measure` found."""
        found: Mapping[str, Any] = self._journal.load("statistics") or {}
        return Statistics(found["low"], found["high"], *map(found.get, _OPTIONAL))

    def _keep(self, stats: Statistics) -> None:
        arrays = {"low": stats.low, "high": stats.high}
        if stats.components is not None:
            arrays |= {name: getattr(stats, name) for name in _OPTIONAL}
        self._journal.save("statistics", **arrays)

    def model_file(self) -> ModelFile | None:
        """Return the model as tasks get it: a file beside the journal, and its checksum."""
        if self._model is None:
            return None
        path = self.place.journal / "model.safetensors"
        if not path.exists():
            self._model.save(path)
        return ModelFile(str(path.resolve()), self._model.sha256)

    def create(
        self,
        target: Pyramid,
        grid: Grid,
        labels: int | None = None,
        *,
        which: int = 0,
        rgb: bool = False,
    ) -> None:
        """Make an empty store, anew if that was interrupted; it says how it is made."""
        if self._journal.has("created", which):
            self.growing = target
            return
        remove_inside(self.place.work, Path(target.path))
        target.create(
            grid,
            self.place.goal.stem,
            source=None if self.place.image is None else "../../",
            rgb=rgb,
            about={ATTRIBUTE: {"run": self.identity(), "labels": labels}},
        )
        self._journal.add("created", which)
        self.growing = target

    def later_levels(self, target: Pyramid) -> Iterator[Step]:
        """Make the levels that do not grow with the tiles, each from the one below."""
        for level in range(target.live, target.levels):
            yield from self.pieces(
                f"pyramid of level {level}",
                partial(_make_late, target, level),
                target.late_pieces(level),
            )


_OPTIONAL = ("mean", "components", "span")


@dataclass(frozen=True)
class _Piece:
    item: int
    work: Any


def _unpacked(task: Callable[..., Any], piece: _Piece, poll: Progress | None) -> Any:
    return task(piece.work, poll)


def _count(source: Any, mask: Any, prefixes: Any, level: int, tile: Any, poll: Any) -> Any:
    return count_tile(source, mask, prefixes, level, tile)


def _make_late(target: Pyramid, level: int, piece: int, poll: Progress | None) -> None:
    target.make_late(level, piece)
