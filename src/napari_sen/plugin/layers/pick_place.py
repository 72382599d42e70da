"""Where the pieces of a layer lie: from the viewer's world to pieces, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.partition import Partition
from ...errors import ParameterError
from .made import Made, made_of

__all__ = ["PickPlace"]


class PickPlace:
    """The pieces of one Labels layer, and where they are.

    Attributes
    ----------
    layer : napari.layers.Labels or None
    partition : Partition or None
        Its pieces, with undo.
    """

    def __init__(self) -> None:
        self.layer: Any = None
        self.partition: Partition | None = None
        self._squeezed: tuple[int, ...] = ()

    @property
    def pieces(self) -> Partition:
        """The partition; ParameterError as long as there is none."""
        if self.partition is None:
            raise ParameterError("there is nothing to refine: make superpixels, then press Refine")
        return self.partition

    @property
    def about(self) -> Made:
        """What is known of the layer."""
        found = made_of(self.layer)
        assert found is not None
        return found

    def index_of(self, position: Sequence[float]) -> tuple[int, ...]:
        """Return the pixel of a place in world coordinates, without axes of length 1."""
        place = self.layer.world_to_data(tuple(position)[-self.layer.ndim :])
        return tuple(
            int(np.floor(x + 0.5)) for axis, x in enumerate(place) if axis not in self._squeezed
        )

    def point(self) -> tuple[float, ...]:
        """Return the place of the layer's first pixel, in world coordinates."""
        return tuple(float(x) for x in self.layer.data_to_world((0,) * self.layer.ndim))

    def centre(self, label: int) -> tuple[float, ...]:
        """Return the middle of a piece, in world coordinates."""
        box = self.pieces.box(self.pieces.leaves_of([label]))
        place = [(part.start + part.stop - 1) / 2 for part in box]
        for axis in self._squeezed:
            place.insert(axis, 0.0)
        return tuple(float(x) for x in self.layer.data_to_world(place))

    def along(self, start: Sequence[int], stop: Sequence[int]) -> set[int]:
        """Return the pieces on the straight line between two pixels."""
        steps = max(abs(a - b) for a, b in zip(start, stop, strict=True)) + 1
        line = np.rint(np.linspace(start, stop, steps)).astype(int)
        base = self.pieces.base
        line = line[((line >= 0) & (line < base.shape)).all(axis=1)]
        return set(np.unique(self.pieces.table()[base[tuple(line.T)]]).tolist()) - {0}
