"""The stages of a product on threads or on a cluster, tile by tile, into an OME-Zarr."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr
from numpy.typing import DTypeLike, NDArray

from ..disk import ATTRIBUTE, remove_inside
from ..errors import OutputError
from ..io.ome_zarr import GRANULARITY
from ..progress import Progress
from ..tiles.geometry import TileGrid
from ..tiles.image import Image
from ..tiles.journal import Journal
from ..tiles.ledger import taken, wrote
from ..tiles.output import Place
from ..tiles.pool import Pool
from ..tiles.pyramid import Pyramid
from ..tiles.target import Target
from .model_choice import ModelFile
from .work import Step, Task, Where, Work, found_itself, itself

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["Store"]


class Store(Work):
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
        super().__init__(image, device)
        self.shelf = journal.shelf
        self.torch_threads = None if pool.local else 1
        self.growing: Pyramid | None = None
        taken()  # of an earlier run that failed in this thread
        self._place, self._journal, self._pool, self._identity = place, journal, pool, identity
        self.model = None if model is None else self._model_file(model)

    def grid(self, sides: Sequence[int]) -> TileGrid:
        """Return the tiles of a slice."""
        return TileGrid(self.image.spatial, tuple(sides))

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
        """Run the pieces of a stage that are not finished, and note each in the journal."""
        left = self._journal.left(stage, count)
        done = count - len(left)
        yield Step(done, count, stage)
        jobs = (_Piece(item, work(item)) for item in left)
        with closing(self._pool.run(partial(_unpacked, task), jobs)) as ended:
            for piece, (found, files) in ended:
                self._journal.add(stage, piece.item, record(piece.item, found), files)
                done += 1
                index, box = where(piece.item) if where is not None else ((), None)
                yield Step(done, count, stage, index, box)

    def run(self, task: Task, items: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Yield (item, result) of each task as it ends, in whatever order."""
        with closing(self._pool.run(task, items)) as ended:
            yield from ended

    def done(self, stage: str) -> dict[int, Any]:
        """Return the records of a stage's finished pieces."""
        return self._journal.done.get(stage, {})

    def note(self, stage: str, piece: int, record: Any = None) -> None:
        """Note a finished piece, for good, with the files that this thread has written for it."""
        self._journal.add(stage, piece, record, taken())

    def target(self, name: str | None, dtype: DTypeLike, grid: TileGrid, **about: Any) -> Target:
        """Return an empty store, made anew if that was interrupted."""
        place, axes = self._place, self.image.grid.axes
        if len(axes) != len(self.image.shape):
            raise OutputError(
                f"a store holds 4 axes beside its channels, the image has {len(self.image.shape)}: "
                "work on a part of it"
            )
        shape = self.image.shape
        if stack := about.get("stack", 0):
            if "t" in axes or len(axes) > 3:
                raise OutputError(
                    "a store holds no axis of granularities beside that of time, or of four "
                    "others: ask for one granularity, or for those of one time"
                )
            if place.image is not None:
                raise OutputError(
                    f"labels of an image have its axes, several granularities one more: write "
                    f"them to a store of their own, as in {place.goal.name}.zarr"
                )
            axes, shape = f"{GRANULARITY}{axes}", (stack, *shape)
        inner = name is not None
        levels = 1 if inner else place.levels
        path = place.store if name is None else place.work / f"{name}.zarr"
        is_labels = about.get("labels", True)
        target = Pyramid.plan(
            path.resolve(),
            shape,
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
            self.note(made, 0)
        if is_labels or not inner:
            self.growing = target
        return target

    def finish(self, target: Target) -> Iterator[Step]:
        """Make the levels that do not grow with the tiles, each from the one below."""
        pyramid: Any = target
        for level in range(pyramid.live, pyramid.levels):
            task = partial(_make_late, pyramid, level)
            yield from self.pieces(f"pyramid of level {level}", task, pyramid.late_pieces(level))

    def keep_beside(self, target: Target, name: str, array: NDArray[Any]) -> None:
        """Write an array into the store of a map."""
        group: Any = zarr.open_group(target.path, mode="r+")  # type: ignore[attr-defined]
        group.create_array(name, data=array, overwrite=True)
        for path in Path(target.path, name).rglob("*"):  # type: ignore[attr-defined]
            wrote(path)

    def tree(self, target: Target) -> Any:
        """Return the target: the tree lies in its store."""
        return target

    def _model_file(self, model: Model) -> ModelFile:
        """Return the model as tasks get it: a file beside the journal, and its checksum."""
        path = self._place.journal / "model.safetensors"
        model.save(path, overwrite=True)
        return ModelFile(str(path.resolve()), model.sha256)


@dataclass(frozen=True)
class _Piece:
    item: int
    work: Any


def _unpacked(task: Callable[..., Any], piece: _Piece, poll: Progress | None) -> Any:
    """Do a task; return what it returns, and the files that it has written."""
    taken()  # of a task in this thread that failed
    return task(piece.work, poll), taken()


def _make_late(target: Pyramid, level: int, piece: int, poll: Progress | None) -> None:
    target.make_late(level, piece)
