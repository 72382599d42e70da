"""Borders between the pieces of a label map, as line segments; no Qt and no napari in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["plane_borders", "world_lines"]


def plane_borders(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Return the borders between different labels of a plane, straight runs as one segment.

    Parameters
    ----------
    plane : (Y, X) array of int

    Returns
    -------
    (N, 2, 2) float32 array
        Two ends, each row and column; the pixel (i, j) reaches from i - 0.5 to i + 0.5.
    """
    found = [_runs(plane[1:] != plane[:-1])]
    found.append(_runs((plane[:, 1:] != plane[:, :-1]).T)[..., ::-1])
    return np.concatenate(found)


def _runs(differ: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the runs of True along the rows, each at the lower edge of its row."""
    height, width = differ.shape
    # In one line, with a False before all and after each row: so a run ends where its row does.
    line = np.zeros(1 + height * (width + 1), bool)
    line[1:].reshape(height, width + 1)[:, :width] = differ
    changes = np.flatnonzero(line[1:] != line[:-1])
    (row, first), after = np.divmod(changes[::2], width + 1), changes[1::2]
    lines = np.empty((len(row), 2, 2), np.float32)
    lines[:, :, 0] = row[:, None] + 0.5
    lines[:, 0, 1] = first - 0.5
    lines[:, 1, 1] = after - row * (width + 1) - 0.5
    return lines


def world_lines(
    layer: Any, axes: tuple[int, int], index: dict[int, int], displayed: Sequence[int]
) -> NDArray[np.float32]:
    """Return the borders of one plane of a layer in the world, as pairs of points (x, y, z).

    Where two axes are drawn, z is 0.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of one level.
    axes : tuple of int
        Of the plane.
    index : dict
        Where it lies along the other axes.
    displayed : sequence of int
        Axes of the layer that are drawn, z before y before x.
    """
    key = tuple(index.get(axis, slice(None)) for axis in range(layer.ndim))
    plane = np.asarray(layer.data[key])
    lines = plane_borders(plane if axes[0] < axes[1] else plane.T).reshape(-1, 2)
    origin = np.asarray(layer.data_to_world((0,) * layer.ndim))
    steps = np.stack(
        [np.asarray(layer.data_to_world(unit)) - origin for unit in np.eye(layer.ndim)]
    )
    for axis, place in index.items():
        origin = origin + place * steps[axis]
    drawn = np.zeros((len(lines), 3), np.float32)
    for column, axis in enumerate(list(displayed)[::-1]):
        along = np.full(len(lines), origin[axis])
        for k, each in enumerate(axes):
            if steps[each, axis]:  # nearly always of one axis alone
                along += lines[:, k] * steps[each, axis]
        drawn[:, column] = along
    return drawn
