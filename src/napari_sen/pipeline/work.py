"""A product is a list of stages, each of many independent pieces; here is what they work with.

An image is a grid of tiles, and a picture in memory is a grid of one: the stages are the same.
What differs is where the pieces run, where they leave their results, and what is kept of them:
:class:`Memory` works in this thread, into arrays, and forgets;
:class:`~napari_sen.pipeline.store.Store` works on threads or on a cluster, into an OME-Zarr, with
a journal that lets an interrupted run go on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.features import Statistics
from ..processors import cores
from ..progress import Progress, part
from ..tiles.geometry import TILE, Box, TileGrid
from ..tiles.image import Image
from ..tiles.shelf import MemoryShelf, Shelf
from ..tiles.statistics import Selection, count_tile, needs_pass
from ..tiles.target import ArrayTarget, Target
from .model_choice import HeldModel, TravellingModel
from .stored import LINKAGE, open_result

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Memory", "Product", "Step", "Steps", "Work", "measure"]


@dataclass(frozen=True)
class Step:
    """One finished piece of a run.

    Attributes
    ----------
    done, total : int
        Pieces of this stage: how many are finished, and how many there are.
    stage : str
        Its name: "statistics", "superpixels", "seams", "pyramid", ...
    index : tuple of int
        Slice of the tile just written; () where the piece is not a tile.
    box : Box or None
        The tile just written: these pixels of the growing store are new; None where the piece is
        not a tile.
    """

    done: int
    total: int
    stage: str
    index: tuple[int, ...] = ()
    box: Box | None = None


Steps = Generator[Step, None, Any]
Task = Callable[..., Any]  # task(item, poll) -> result; travels to other machines
Where = Callable[[int], tuple[tuple[int, ...], Box]]  # from a piece to the tile that it writes


def found_itself(item: int, found: Any) -> Any:
    return found


def itself(item: int) -> int:
    return item


@dataclass(frozen=True, kw_only=True)
class Product(ABC):
    """What is made of an image, as a list of stages.

    Attributes
    ----------
    tile : int, sequence of int or None
        Sides of a tile that are asked for.
    halo : float or None
        Seed spacings that a tile sees around its core; None: enough.
    """

    name: ClassVar[str]
    usual_halo: ClassVar[Mapping[int, float]]  # by number of spatial axes

    tile: int | Sequence[int] | None = None
    halo: float | None = None

    @abstractmethod
    def stages(self, work: Work) -> Steps:
        """Do the stages; return the result: a target, or what else the product is in memory."""

    def identity(self) -> dict[str, Any]:
        """Return all that the result depends on beside image and model, as JSON values."""
        tile = None if self.tile is None else np.atleast_1d(np.asarray(self.tile)).tolist()
        return {"tile": tile, "halo": self.halo}

    def halo_of(self, n_spatial: int) -> float:
        """Return how many seed spacings a tile sees around its core."""
        return self.usual_halo[n_spatial] if self.halo is None else self.halo

    def found(self, result: Any) -> dict[str, Any]:
        """Return what there is to tell of a result in memory, or of the group that holds it."""
        return {}

    def opened(self, path: str) -> Any:
        """Return the result that lies in a store: a dask array."""
        return open_result(path)[0]


class Work(ABC):
    """What the stages of a product work with: where pieces run and where they leave results.

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
        Whether every slice is one piece.
    progress : Progress or None
        What pieces in this thread report to.
    """

    is_whole = False
    threads = 1
    torch_threads: int | None = None
    progress: Progress | None = None
    model: TravellingModel | None
    shelf: Shelf

    def __init__(self, image: Image, device: str) -> None:
        self.image, self.device = image, device

    @abstractmethod
    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the tiles of a slice; in memory a single one."""

    @abstractmethod
    def pieces(
        self,
        stage: str,
        task: Task,
        count: int,
        *,
        record: Callable[[int, Any], Any] = found_itself,
        where: Where | None = None,
        work: Callable[[int], Any] = itself,
    ) -> Iterator[Step]:
        """Run the pieces of a stage that are not finished, and note each.

        Parameters
        ----------
        stage : str
            Its name.
        task : callable
            ``task(work, poll)``.
        count : int
            Number of pieces.
        record : callable
            From a piece and its result to what is noted.
        where : callable, optional
            From a piece to the tile that it has written.
        work : callable
            From a piece to what its task gets; in this process.
        """

    @abstractmethod
    def run(self, task: Task, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Yield (item, result) of each task as it ends, in whatever order."""

    @abstractmethod
    def done(self, stage: str) -> dict[int, Any]:
        """Return the records of a stage's finished pieces."""

    @abstractmethod
    def note(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece."""

    @abstractmethod
    def target(self, name: str | None, dtype: DTypeLike, grid: TileGrid, **about: Any) -> Target:
        """Return an empty map of the image's shape.

        Parameters
        ----------
        name : str or None
            Of one that is needed on the way; None: the result.
        dtype : dtype
            Of the pixels.
        grid : TileGrid
        **about
            ``channels``, ``labels`` (whether it is a label map), ``rgb``, ``n_labels``, ``stack``
            (how many maps there are of each slice; 0: one, without an axis).
        """

    @abstractmethod
    def finish(self, target: Target) -> Iterator[Step]:
        """Make what the result needs beside its finest pixels."""

    @abstractmethod
    def keep_beside(self, target: Target, name: str, array: NDArray[Any]) -> None:
        """Keep an array, as a tree's linkage, with the map that it belongs to."""

    @abstractmethod
    def tree(self, target: Target) -> Any:
        """Return the tree over the leaves of a target."""


class Memory(Work):
    """Everything in this thread, into arrays; every slice is one piece."""

    is_whole = True

    def __init__(self, image: Image, model: Model | None, device: str) -> None:
        super().__init__(image, device)
        self.model = None if model is None else HeldModel(model)
        self.shelf = MemoryShelf()
        self.threads = cores()
        self._done: dict[str, dict[int, Any]] = {}

    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the one tile of a slice."""
        return TileGrid(self.image.spatial, self.image.spatial)

    def pieces(
        self,
        stage: str,
        task: Task,
        count: int,
        *,
        record: Callable[[int, Any], Any] = found_itself,
        where: Where | None = None,
        work: Callable[[int], Any] = itself,
    ) -> Iterator[Step]:
        """Run the pieces of a stage, one after the other; they report for themselves."""
        for item in range(count):
            found = task(work(item), part(self.progress, item, count))
            self.note(stage, item, record(item, found))
            index, box = where(item) if where is not None else ((), None)
            yield Step(item + 1, count, stage, index, box)

    def run(self, task: Task, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
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
        if stack := about.get("stack", 0):
            shape = (stack, *shape)
        return ArrayTarget(np.zeros(shape, dtype))

    def finish(self, target: Target) -> Iterator[Step]:
        """There is nothing to add to an array."""
        yield from ()

    def keep_beside(self, target: Target, name: str, array: NDArray[Any]) -> None:
        """Keep an array on the shelf."""
        self.shelf.keep_array(name, array)

    def tree(self, target: Target) -> Any:
        """Return the tree over the leaves of a target."""
        from ..io.hierarchy_file import Hierarchy

        assert isinstance(target, ArrayTarget)
        return Hierarchy(target.array, self.shelf.kept_array(LINKAGE))


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


def _count(raster: Any, mask: Any, prefixes: Any, level: int, tile: Any, poll: Any) -> Any:
    return count_tile(raster, mask, prefixes, level, tile)
