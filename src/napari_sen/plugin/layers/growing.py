"""A result that grows on disk, as a layer that follows it; no Qt and no napari in here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...tiles.pyramid import Pyramid, n_levels
from ..state.control import Control
from ..state.cut import Cut
from ..state.pace import Pace
from ..state.placement import Placement
from .growing_store import GrowingStore, displayed
from .results import Result
from .stored import keep_place, stored_levels

if TYPE_CHECKING:
    from ...pipeline.run import Run

__all__ = ["Growth", "grow"]


@dataclass(eq=False)
class Growth:
    """A result in the making: where it will be, what its layer is, and how far it is.

    Attributes
    ----------
    goal : Path
        Where the store will be.
    kind : {"labels", "image"}
        Of the layer.
    name : str
        Of the layer.
    placement : Placement
        Where it lies.
    options : dict
        Of the layer.
    store : GrowingStore or None
        The growing store, as soon as it is there.
    """

    goal: Path
    kind: Literal["labels", "image"]
    name: str
    placement: Placement
    options: dict[str, Any] = field(default_factory=dict)
    store: GrowingStore | None = None

    def result(self) -> Result:
        """Return the result as it is by now; the store has to be there."""
        return self.of(self.levels())

    def final(self, path: str) -> Result:
        """Return the finished result, which lies at ``path``, and have it keep its place."""
        colours = bool(self.options.get("rgb"))
        result = self.of(stored_levels(path, self.placement, colours))
        keep_place(path, result)
        return result

    def of(self, levels: Sequence[Any]) -> Result:
        """Return a result of these levels."""
        return Result.stored(
            self.kind, self.name, levels, self.placement, self.goal, **self.options
        )

    def levels(self) -> list[Cut]:
        """Return all levels, in the place of the result; the store has to be there."""
        assert self.store is not None
        target, expand = self.store.target, self.placement.expand
        stored: list[int | None] = list(range(len(target.shape)))
        if "c" in target.axes:  # colours are the last axis, other channels the first
            at = len(stored) - 1 if self.options.get("rgb") else 0
            stored.insert(at, stored.pop(target.axes.index("c")))
        for axis in sorted(expand):
            stored.insert(axis, None)
        levels = max(target.levels, n_levels(target.shape[-2:]))  # of coarser pixels in memory
        return [displayed(self.store, level, stored) for level in range(levels)]

    def shows(self, target: Pyramid) -> bool:
        """Return whether a store is looked at already."""
        return self.store is not None and self.store.target == target

    def wants(self, target: Pyramid, run: Run) -> bool:
        """Return whether a store is to be looked at: that of the result, and for labels others.

        Those of the finest superpixels, which come first, show where the run is.
        """
        return (self.kind == "labels" and target.labels) or _is_result(run, target)

    @property
    def kept(self) -> str:
        """One sentence: what there is after a stop, and how to go on."""
        done = 0 if self.store is None else self.store.n_done
        tiles = "" if self.store is None else f" of {len(self.store.grid)}"
        return (
            f"Stopped: {done}{tiles} tiles are kept for {self.goal.name}. Press the button again, "
            "now or after a restart, to go on"
        )


def grow(run: Run, growth: Growth, control: Control) -> None:
    """Work in the thread of a job, and let the viewer follow: ``growth`` is told as it changes."""
    control.live(growth)
    run.is_unwanted = lambda: control.is_cancelled
    pace = Pace(run.model is not None)
    run.overheard = lambda *report: control.report(*pace.hear(*report))
    with closing(run.steps()) as steps:
        for step in steps:
            target = run.growing
            if target is not None and not growth.shows(target) and growth.wants(target, run):
                if growth.store is not None:
                    growth.store.close()
                growth.store = GrowingStore(target)
                control.live(growth)
            elif growth.store is not None and step.box is not None:
                growth.store.add(step.index, step.box)
            control.progress(*pace.turn(step.done, step.total, step.stage))


def _is_result(run: Run, target: Pyramid) -> bool:
    """Return whether a store is the result, and not one on the way to it."""
    return run.place is not None and Path(target.path) == run.place.store.resolve()
