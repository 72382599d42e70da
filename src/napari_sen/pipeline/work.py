"""A product is a list of stages, each of many independent pieces; here they are executed.

An image is a grid of tiles, and a picture in memory is a grid of one: the stages are the same.
What differs is where the pieces run, where they leave their results, and what is kept of them:
:class:`Memory` works in this thread, into arrays, and forgets; :class:`Store` works on threads or
on a cluster, into an OME-Zarr, with a journal that lets an interrupted run go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.features import Statistics
from ..disk import ATTRIBUTE, remove_inside
from ..errors import Cancelled, OutputError, SenError, WorkError
from ..progress import Progress, part, report
from ..tiles.geometry import TILE, Box, TileGrid
from ..tiles.image import Image
from ..tiles.journal import Journal
from ..tiles.output import Place
from ..tiles.pool import Pool, cores, open_pool, outside
from ..tiles.shelf import MemoryShelf, Shelf
from ..tiles.statistics import Selection, count_tile, needs_pass
from ..tiles.target import ArrayTarget, Target
from .model_choice import HeldModel, ModelFile, TravellingModel
from .stored import LINKAGE

if TYPE_CHECKING:
    from ..learn.model import Model
    from ..tiles.pyramid import Pyramid

__all__ = ["Memory", "Product", "Run", "Step", "Steps", "Store", "Work"]

FORMAT = 2
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


Steps = Generator[Step, None, Any]


class Product(Protocol):
    """What is made of an image, as a list of stages."""

    name: str

    def identity(self, image: Image) -> dict[str, Any]:
        """Return all that the result depends on beside image and model, as JSON values."""

    def stages(self, work: Work) -> Steps:
        """Do the stages; return the result: a target, or what else the product is in memory."""

    def found(self, result: Any) -> dict[str, Any]:
        """Return what there is to tell of a result, or of the open store that it is."""


class Work(Protocol):
    """What the stages of a product work with.

    Attributes
    ----------
    image : Image
    device : str
        Where the network runs.
    model : TravellingModel or None
    shelf : Shelf
        Where pieces leave arrays for each other; it travels with them.
    threads : int
        How many threads one piece may take.
    torch_threads : int or None
        Threads of torch in a worker of a cluster; None leaves them alone.
    is_whole : bool
        Whether every slice is one piece, in this process.
    """

    image: Image
    device: str
    model: TravellingModel | None
    shelf: Shelf
    threads: int
    torch_threads: int | None
    is_whole: bool

    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the tiles of a slice; in memory a single one."""

    def pieces(
        self,
        stage: str,
        task: Callable[..., Any],
        count: int,
        *,
        record: Callable[[int, Any], Any] = ...,
        where: Callable[[int], tuple[tuple[int, ...], Box]] | None = None,
        work: Callable[[int], Any] = ...,
    ) -> Iterator[Step]:
        """Run the pieces of a stage that are not finished; see :class:`Store`."""

    def run(self, task: Callable[..., Any], items: Any) -> Generator[tuple[Any, Any], None, None]:
        """Yield (item, result) of each task as it ends, in whatever order."""

    def done(self, stage: str) -> dict[int, Any]:
        """Return the records of a stage's finished pieces."""

    def note(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece."""

    def target(self, name: str | None, dtype: DTypeLike, grid: TileGrid, **about: Any) -> Target:
        """Return an empty map of the image's shape; ``name`` None: the result itself."""

    def finish(self, target: Target) -> Iterator[Step]:
        """Make what the result needs beside its finest pixels."""

    def keep_linkage(self, target: Target, linkage: NDArray[np.float64]) -> None:
        """Keep a tree's linkage with its leaves."""

    def tree(self, target: Target) -> Any:
        """Return the tree over the leaves of a target."""


class Memory:
    """Everything in this thread, into arrays; every slice is one piece."""

    is_whole = True
    torch_threads: int | None = None

    def __init__(self, image: Image, model: Model | None, device: str) -> None:
        self.image, self.device = image, device
        self.model: TravellingModel | None = None if model is None else HeldModel(model)
        self.shelf: Shelf = MemoryShelf()
        self.threads = cores()
        self.progress: Progress | None = None
        self._done: dict[str, dict[int, Any]] = {}

    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the one tile of a slice."""
        return TileGrid(self.image.spatial, self.image.spatial)

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
        """Run the pieces of a stage, one after the other."""
        for item in range(count):
            found = task(work(item), part(self.progress, item, count))
            self.note(stage, item, record(item, found))
            index, box = where(item) if where is not None else ((), None)
            yield Step(item + 1, count, stage, index, box)

    def run(self, task: Callable[..., Any], items: Any) -> Generator[tuple[Any, Any], None, None]:
        """Yield (item, result) of each task, in order."""
        for item in items:
            yield item, task(item, self.progress)

    def done(self, stage: str) -> dict[int, Any]:
        """Return the records of a stage's pieces."""
        return self._done.get(stage, {})

    def note(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece."""
        self._done.setdefault(stage, {})[piece] = record

    def target(self, name: str | None, dtype: DTypeLike, grid: TileGrid, **about: Any) -> Target:
        """Return an empty array."""
        channels = about.get("channels")
        shape = self.image.shape if channels is None else (*self.image.shape, channels)
        return ArrayTarget(np.zeros(shape, dtype))

    def finish(self, target: Target) -> Iterator[Step]:
        """There is nothing to add to an array."""
        yield from ()

    def keep_linkage(self, target: Target, linkage: NDArray[np.float64]) -> None:
        """Keep a tree's linkage."""
        self.shelf.keep_array(LINKAGE, linkage)

    def tree(self, target: Target) -> Any:
        """Return the tree over the leaves of a target."""
        from ..io.hierarchy_file import Hierarchy

        assert isinstance(target, ArrayTarget)
        return Hierarchy(target.array, self.shelf.kept_array(LINKAGE))


class Store:
    """Tiles on threads or on a cluster, into a store, with a journal of what is finished.

    Parameters
    ----------
    image : Image
    model : Model or None
    device : str
    place : Place
        Where the result grows.
    journal : Journal
    pool : Pool
    identity : mapping
        What the result depends on; it is written into the store.
    """

    is_whole = False
    threads = 1

    def __init__(
        self,
        image: Image,
        model: Model | None,
        device: str,
        place: Place,
        journal: Journal,
        pool: Pool,
        identity: Mapping[str, Any],
    ) -> None:
        self.image, self.device = image, device
        self.shelf: Shelf = journal.shelf
        self.torch_threads = None if pool.local else 1
        self.growing: Pyramid | None = None
        self._place, self._journal, self._pool, self._identity = place, journal, pool, identity
        self.model: TravellingModel | None = None if model is None else self._model_file(model)

    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the tiles of a slice."""
        return TileGrid(self.image.spatial, tuple(sides))

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
                self.note(stage, piece.item, record(piece.item, found))
                done += 1
                index, box = where(piece.item) if where is not None else ((), None)
                yield Step(done, count, stage, index, box)

    def run(self, task: Callable[..., Any], items: Any) -> Generator[tuple[Any, Any], None, None]:
        """Yield (item, result) of each task as it ends, in whatever order."""
        with closing(self._pool.run(task, items)) as ended:
            yield from ended

    def done(self, stage: str) -> dict[int, Any]:
        """Return the records of a stage's finished pieces."""
        return self._journal.done.get(stage, {})

    def note(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece, for good."""
        self._journal.add(stage, piece, record)

    def target(self, name: str | None, dtype: DTypeLike, grid: TileGrid, **about: Any) -> Target:
        """Return an empty store, made anew if that was interrupted; the result says how it is made.

        Parameters
        ----------
        name : str or None
            Of a store beside the journal, which goes with it; None: the result.
        dtype : dtype
            Of the pixels.
        grid : TileGrid
        **about
            ``channels``, ``labels`` (whether it is a label map), ``rgb``, ``n_labels``.
        """
        from ..tiles.pyramid import Pyramid

        place, axes = self._place, self.image.grid.axes
        if len(axes) != len(self.image.shape):
            raise OutputError(
                f"a store holds 4 axes beside its channels, the image has {len(self.image.shape)}: "
                "work on a part of it"
            )
        inner = name is not None
        levels = 1 if inner else place.levels
        path = place.store if name is None else place.work / f"{name}.zarr"
        is_labels = about.get("labels", True)
        target = Pyramid.plan(
            path.resolve(),
            self.image.shape,
            dtype,
            axes,
            grid.tile,
            channels=about.get("channels"),
            labels=is_labels,
            levels=levels if is_labels or inner else None,
        )
        made = f"created {name or 'result'}"
        if not self._journal.has(made):
            remove_inside(place.work, Path(target.path))
            target.create(
                self.image.grid,
                place.goal.stem,
                source=None if place.image is None else "../../",
                rgb=about.get("rgb", False),
                about={ATTRIBUTE: {"run": self._identity, "labels": about.get("n_labels")}},
            )
            self._journal.add(made, 0)
        self.growing = target
        return target

    def finish(self, target: Target) -> Iterator[Step]:
        """Make the levels that do not grow with the tiles, each from the one below."""
        pyramid: Any = target
        for level in range(pyramid.live, pyramid.levels):
            task = partial(_make_late, pyramid, level)
            yield from self.pieces(f"pyramid of level {level}", task, pyramid.late_pieces(level))

    def keep_linkage(self, target: Target, linkage: NDArray[np.float64]) -> None:
        """Write a tree's linkage beside its leaves."""
        import zarr

        group: Any = zarr.open_group(target.path, mode="r+")  # type: ignore[attr-defined]
        group.create_array(LINKAGE, data=linkage, overwrite=True)

    def tree(self, target: Target) -> Any:
        """Return the target: the tree lies in its store."""
        return target

    def _model_file(self, model: Model) -> ModelFile:
        """Return the model as tasks get it: a file beside the journal, and its checksum."""
        path = self._place.journal / "model.safetensors"
        if not path.exists():
            model.save(path)
        return ModelFile(str(path.resolve()), model.sha256)


def measure(work: Work) -> Steps:
    """Find the statistics of the whole image, and that its values can be used."""
    raster, mask = work.image.raster, work.image.mask
    kept = work.shelf.kept("statistics")
    if kept is not None:
        return Statistics(kept["low"], kept["high"], *map(kept.get, _OPTIONAL))
    if not needs_pass(raster):
        stats = Statistics(np.zeros(raster.channels), np.ones(raster.channels))
        yield from ()
    else:
        selection = Selection(raster)
        grid = work.grid(TILE[raster.n_spatial])
        tiles = [
            (work.image.index(which), grid.box(number))
            for which in range(work.image.n_slices)
            for number in range(len(grid))
        ]
        done, total = 0, selection.passes * len(tiles)
        yield Step(0, total, "statistics")
        for level in range(selection.passes):
            task = partial(_count, raster, mask, selection.prefixes, level)
            for _, found in work.run(task, tiles):
                selection.add(found)
                done += 1
                yield Step(done, total, "statistics")
            selection.end_pass()
        stats = selection.result()
    arrays = {"low": stats.low, "high": stats.high}
    if stats.components is not None:
        arrays |= {name: getattr(stats, name) for name in _OPTIONAL}
    work.shelf.keep("statistics", **arrays)
    return stats


_OPTIONAL = ("mean", "components", "span")


@dataclass(frozen=True)
class _Piece:
    item: int
    work: Any


def _unpacked(task: Callable[..., Any], piece: _Piece, poll: Progress | None) -> Any:
    return task(piece.work, poll)


def _count(raster: Any, mask: Any, prefixes: Any, level: int, tile: Any, poll: Any) -> Any:
    return count_tile(raster, mask, prefixes, level, tile)


def _make_late(target: Pyramid, level: int, piece: int, poll: Progress | None) -> None:
    target.make_late(level, piece)


def never() -> bool:
    """Return False: the work is wanted."""
    return False


@dataclass
class Run:
    """A product of an image, checked, ready to be executed.

    A run works only while :meth:`steps` is iterated, in the caller's thread. Stopping the
    iteration (``close()`` of the generator, or an exception thrown in) stops the work within a
    fraction of a second. Of a run into a store (``place``), what is finished stays on the disk,
    and a run with the same arguments and ``resume=True`` goes on with it.

    Attributes
    ----------
    product : Product
    image : Image
    model : Model or None
    device : str
    place : Place or None
        Where a result on disk grows and goes; None: the result is an array in memory.
    scheduler
        See :func:`napari_sen.tiles.pool.open_pool`.
    overwrite : bool
        Whether what is at the place may be replaced.
    is_unwanted : callable
        Asked a few times a second whether to stop, also in the middle of a tile.
    growing : Pyramid or None
        The store that tiles are written to, as soon as it is there.
    """

    product: Product
    image: Image
    model: Model | None = None
    device: str = "auto"
    place: Place | None = None
    scheduler: Any = None
    overwrite: bool = False
    is_unwanted: Callable[[], bool] = never
    _result: Any = field(default=None, repr=False)
    _store: Store | None = field(default=None, repr=False)
    _progress: Progress | None = field(default=None, repr=False)

    @property
    def growing(self) -> Pyramid | None:
        """The store that tiles are written to, as soon as it is there."""
        return None if self._store is None else self._store.growing

    @property
    def path(self) -> str:
        """The growing store (an OME-Zarr from its creation on), later the finished one."""
        assert self.place is not None
        return str(self.place.store if self.place.store.exists() else self.place.goal)

    def run(self, progress: Progress | None = None) -> None:
        """Do all of the work, reporting to a progress callable that may raise to stop it."""
        self._progress = progress
        with closing(self.steps()) as steps:
            for step in steps:
                if self.place is not None:  # in memory the pieces report for themselves
                    report(progress, step.done, step.total, step.stage)

    def result(self) -> Any:
        """Return the result of a run that has ended: an array, or a dask array over the store."""
        if self.place is None:
            return self._result
        return self.product.opened(self.path)  # type: ignore[attr-defined]

    def found(self) -> dict[str, Any]:
        """Return what there is to tell of the result of a run that has ended."""
        import zarr

        if self.place is None:
            return self.product.found(self._result)
        return self.product.found(zarr.open_group(self.path, mode="r"))

    def steps(self) -> Generator[Step, None, None]:
        """Do the work; yield after each piece.

        Raises
        ------
        SenError
            If the image cannot be used, or the work failed (:class:`WorkError`: what is
            finished is kept).
        """
        if self.place is None:
            work = Memory(self.image, self.model, self.device)
            work.progress = self._polled
            result = yield from self.product.stages(work)
            self._result = result.array if isinstance(result, ArrayTarget) else result
        else:
            yield from self._stored(self.place)

    def identity(self) -> dict[str, Any]:
        """Return all that the result depends on, as JSON values."""
        raster, mask = self.image.raster, self.image.mask
        return {
            "format": FORMAT,
            "package": version("napari-sen"),
            "result": self.product.name,
            "image": {
                "path": raster.path,
                "shape": list(raster.shape),
                "checksum": raster.fingerprint(),
                "rgb": raster.rgb,
                "channel_axis": raster.channel_axis,
                "n_spatial": raster.n_spatial,
                "spacing": list(self.image.spacing),
                "kind": self.image.kind,
            },
            "mask": None if mask is None else mask.fingerprint(),
            "model": None if self.model is None else self.model.sha256,
            **self.product.identity(self.image),
        }

    def _polled(self, done: int, total: int, stage: str) -> None:
        report(self._progress, done, total, stage)
        if self.is_unwanted():
            raise Cancelled("the work was stopped")

    def _stored(self, place: Place) -> Generator[Step, None, None]:
        """Do the stages into a store, then move it to its place."""
        fresh, about = not place.work.exists(), self.identity()
        if place.is_finished(about, overwrite=self.overwrite):
            place.finish(overwrite=True)  # it was killed while it tidied up
            return
        place.begin()
        try:
            with Journal(place.journal, about, retry=RETRY) as journal:
                if not journal.has("finished"):
                    place.sweep()
                    with open_pool(self.scheduler) as pool:
                        pool.is_unwanted = self.is_unwanted
                        self._store = Store(
                            self.image, self.model, self.device, place, journal, pool, about
                        )
                        yield from self.product.stages(self._store)
                    journal.add("finished", 0)
            place.finish(overwrite=self.overwrite)
        except (WorkError, Cancelled):
            raise
        except OSError as error:
            raise outside(error) from error
        except SenError:
            if fresh:  # bad input, found on the way: there is nothing to go on with
                place.drop()
            raise
