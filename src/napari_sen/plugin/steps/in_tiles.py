"""Superpixels made tile by tile: with their merge trees, or of a fixed number."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...io.memory import available_memory
from ...params import SegmentParams
from ...pipeline.cuts import WHOLE
from ...pipeline.live import forest_run, most_leaves
from ...pipeline.plan import superpixel_run
from ...pipeline.run import Run
from ..layers.cuts import cut_of
from ..layers.growing import Growth, grow
from ..layers.made import mark
from ..layers.results import Finished, Trees
from ..layers.stored import keep_place
from ..layers.stored_trees import has_trees, keep_trees, open_trees
from ..state.control import Control
from ..state.cut import lazy_cut
from ..state.layer_image import LayerImage
from ..state.storage import prepare
from .measuring import counted, extent_of, measure
from .settings import Settings

__all__ = ["fixed_in_tiles", "trees_in_tiles"]

# Bytes a pixel that it takes to show leaves, and to measure what each is like.
_SHOWN = 40


def trees_in_tiles(
    params: SegmentParams, source: LayerImage, settings: Settings, control: Control
) -> Finished:
    """Make merge trees tile by tile, to slide over; where they are too large, one cut of them.

    The finest superpixels go to a store, with the trees beside them. Once all are there they are
    read into memory, and are from then on like those of an image that was never in tiles.
    """
    goal, given = _prepared(source, settings, "superpixels")
    run = forest_run(params=params, **given)
    if most_leaves(run) > WHOLE or not _can_be_shown(source):
        return fixed_in_tiles("superpixels", params, source, settings, control)
    growth = _growth(goal, "superpixels", source)
    grow(run, growth, control)
    trees = _trees(run, source, control)
    keep_place(run.path, cut_of(trees, int(max(trees.forest.wanted))))
    keep_trees(run.path, trees)
    message = f"{counted(trees)} ({settings.model_note(source)}), in {goal.name}"
    return Finished([], message, trees=trees, image=settings.image)


def fixed_in_tiles(
    step: str, params: SegmentParams, source: LayerImage, settings: Settings, control: Control
) -> Finished:
    """Make superpixels tile by tile, into a store on disk that the viewer shows as it grows."""
    goal, given = _prepared(source, settings, step)
    run = superpixel_run(params=params, **given)
    growth = _growth(goal, step, source)
    grow(run, growth, control)
    kind = growth.name.removeprefix(f"{source.name} ")
    count = f"{run.found()['superpixels']} {kind} ({settings.model_note(source)})"
    return Finished([growth.final(run.path)], f"{count}, in {goal.name}")


def _prepared(source: LayerImage, settings: Settings, step: str) -> tuple[Path, dict[str, Any]]:
    """Return where a result goes, once it may, and what its run needs beside the parameters."""
    storage = settings.storage[step]
    goal = Path(storage.path)
    prepare(goal, storage.overwrite)
    return goal, {
        "image": lazy_cut(source.data, source.index),
        "model": settings.model_of(source),
        "reading": replace(source.asked, mask=source.lazy_mask),
        "execution": settings.execution(step),
    }


def _growth(goal: Path, step: str, source: LayerImage) -> Growth:
    """Return the layer that superpixels are shown in while they grow."""
    kind = "flat superpixels" if step == "flat" else "superpixels"
    options = mark("superpixels", extent=source.extent, stored=step)
    return Growth(goal, "labels", f"{source.name} {kind}", source.placement, options)


def _can_be_shown(source: LayerImage) -> bool:
    """Return whether the leaves of an image, and what they are like, fit in the free memory."""
    values = len(source.channel_names) * np.dtype(source.data.dtype).itemsize
    return bool(prod(source.shape) * (_SHOWN + values) <= available_memory())


def _trees(run: Run, source: LayerImage, control: Control) -> Trees:
    """Return the trees that a run has made; what the leaves are like is measured once."""
    if has_trees(run.path):
        return open_trees(run.path, source.placement)
    control.progress(0, 1, "measuring")
    forest = run.result()
    table = measure(forest.leaves, source.load(control), source, None)
    extent = extent_of(forest, source)
    return Trees(forest, source.placement, source.name, source.where, extent, table)
