"""A product of an image, executed: in memory, or into a store with a journal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, SenError, WorkError
from ..progress import Progress, check_progress, report
from ..tiles.image import Image
from ..tiles.journal import Journal
from ..tiles.pool import open_pool
from ..tiles.raster import stamp
from ..tiles.target import ArrayTarget
from .work import Memory, Product, Step

if TYPE_CHECKING:
    from ..learn.model import Model
    from ..tiles.lock import Lock
    from ..tiles.output import Place
    from ..tiles.pyramid import Pyramid
    from .store import Store

__all__ = ["Run"]

FORMAT = 4
RETRY = "give the same parameters, or overwrite=True (--overwrite) to start anew, or another output"


def unheard(*report: object) -> None:
    """Do nothing with a report."""


def never() -> bool:
    """Return False: the work is wanted."""
    return False


@dataclass
class Run:
    """A product of an image: checked, and ready to be made.

    :func:`~napari_sen.pipeline.plan.superpixel_run` and its siblings make one. It works only while
    :meth:`steps` is iterated, in the caller's thread. To stop the work within a fraction of a
    second, close the generator or throw an exception into it. If the run writes to a store
    (``place``), the finished part stays on the disk, and a run with the same arguments and
    ``resume=True`` continues from there.

    Attributes
    ----------
    product : Product
        What is made.
    image : Image
        The image that it is made from.
    model : Model or None
        The network; None for colour alone.
    device : str
        Where the network runs.
    place : Place or None
        Where a result on disk grows and goes; None for an array in memory.
    scheduler
        See :func:`napari_sen.tiles.pool.open_pool`.
    overwrite : bool
        Whether what is at the place may be replaced.
    is_unwanted : callable
        Called a few times a second, even in the middle of a tile; if it returns True, the work
        stops.
    overheard : callable
        Called as ``overheard(done, total, stage)`` with the progress of a tile, in the thread that
        works on it, so that the time can be estimated before the first tile is done.
    """

    product: Product
    image: Image
    model: Model | None = None
    device: str = "auto"
    place: Place | None = None
    scheduler: Any = None
    overwrite: bool = False
    is_unwanted: Callable[[], bool] = never
    overheard: Callable[..., None] = unheard
    _result: Any = field(default=None, init=False, repr=False)
    _store: Store | None = field(default=None, init=False, repr=False)
    _progress: Progress | None = field(default=None, init=False, repr=False)

    @property
    def growing(self) -> Pyramid | None:
        """The store that tiles are written to: of the result, or of labels on the way to it.

        None before it exists.
        """
        return None if self._store is None else self._store.growing

    @property
    def path(self) -> str:
        """The path of the growing store, an OME-Zarr from the start; later of the finished one."""
        assert self.place is not None
        return str(self.place.store if self.place.store.exists() else self.place.goal)

    def run(self, progress: Progress | None = None) -> None:
        """Do all of the work, and report to a progress callable, which may raise to stop it."""
        check_progress(progress)
        self._progress = progress
        with closing(self.steps()) as steps:
            for step in steps:
                self._polled(step.done, step.total, step.stage)

    def result(self) -> Any:
        """Return the result of a run that has ended: an array, or a dask array over the store."""
        if self.place is None:
            return self._result
        return self.product.opened(self.path)

    def found(self) -> dict[str, Any]:
        """Return facts about the result of a run that has ended, such as its number of labels."""
        if self.place is None:
            return self.product.found(self._result)
        import zarr  # an array in memory needs none

        return self.product.found(zarr.open_group(self.path, mode="r"))

    def steps(self) -> Generator[Step, None, None]:
        """Do the work; yield a step after each piece.

        Raises
        ------
        SenError
            If the image cannot be used, or if the work fails; the finished part is kept then
            (:class:`~napari_sen.errors.WorkError`).
        """
        if self.place is None:
            work = Memory(self.image, self.model, self.device)
            work.progress = self._polled
            result = yield from self.product.stages(work)
            self._result = result.array if isinstance(result, ArrayTarget) else result
        else:
            yield from self._stored(self.place)

    def identity(self) -> dict[str, Any]:
        """Return everything that the result depends on, as JSON values."""
        raster, mask = self.image.raster, self.image.mask
        return {
            "format": FORMAT,
            "package": version("napari-sen"),
            "result": self.product.name,
            "image": {
                "name": raster.name,
                "shape": list(raster.shape),
                "checksum": raster.fingerprint(),
                "rgb": raster.rgb,
                "channel_axis": raster.channel_axis,
                "n_spatial": raster.n_spatial,
                "spacing": list(self.image.spacing),
                "kind": self.image.kind,
            },
            "mask": None if mask is None else mask.fingerprint(),
            "files": self._files(),
            "model": None if self.model is None else self.model.sha256,
            **self.product.identity(),
        }

    def _polled(self, done: int, total: int, stage: str) -> None:
        report(self._progress, done, total, stage)
        self._hear()

    def _hear(self, *_: object) -> None:
        """Raise Cancelled if the work is unwanted: what this thread does itself asks, too."""
        if self.is_unwanted():
            raise Cancelled("the work was stopped")

    def _stored(self, place: Place) -> Generator[Step, None, None]:
        """Do the stages into a store, then move it to its place."""
        from ..tiles.lock import Lock

        try:
            with Lock(place.work) as lock:  # before anything is looked at
                try:
                    yield from self._locked(place, lock)
                except (WorkError, Cancelled):
                    raise
                except SenError:
                    if lock.is_fresh:  # bad input, found on the way: nothing to go on with
                        lock.drop()
                    raise
        except OSError as error:
            raise _unfinished(place.goal, error) from error

    def _locked(self, place: Place, lock: Lock) -> Generator[Step, None, None]:
        from .store import Store  # an array in memory needs no zarr

        about = self.identity()
        if place.is_finished(about, overwrite=self.overwrite):
            place.finish(lock, overwrite=True)  # it was killed while it tidied up
            return
        place.begin(lock, overwrite=self.overwrite)
        with Journal(place.journal, about, retry=RETRY) as journal:
            if not journal.has("finished"):
                place.sweep()
                with open_pool(self.scheduler) as pool:
                    pool.is_unwanted, pool.overheard = self.is_unwanted, self.overheard
                    self._store = Store(
                        self.image, self.model, self.device, place, journal, pool, about
                    )
                    self._store.progress = self._hear
                    yield from self.product.stages(self._store)
                self._check_sources(about)
                journal.add("finished", 0)
        place.finish(lock, overwrite=self.overwrite)

    def _check_sources(self, about: Mapping[str, Any]) -> None:
        """Raise WorkError if what was read is not what it was when the run began."""
        for before, after in zip(about["files"], self._files(), strict=True):
            if before != after:
                raise WorkError(
                    f"{after[0]} was changed while it was read, so the result would mix the old "
                    "and the new: start anew with overwrite=True (--overwrite)"
                )

    def _files(self) -> list[list[Any]]:
        """Return name and stamp of every file and store that is read."""
        return [[Path(path).name, stamp(path)] for path in self.image.inputs]


def _unfinished(goal: Path, error: OSError) -> WorkError:
    """Return the error of the system as one that names the result and says how to go on."""
    reason = error.strerror or " ".join(str(error).split())
    where = f": {error.filename}" if error.filename else ""
    return WorkError(
        f"cannot finish {goal} ({reason}{where}): make room or bring the place back, then resume; "
        "what is finished is kept"
    )
