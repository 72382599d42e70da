"""Compiled kernels; call them through napari_sen.core."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def build() -> dict[str, str]: ...
def snic(
    features: NDArray[np.float32],
    seeds: NDArray[np.int64],
    spatial_weight: Sequence[float],
    corners: bool,
    mask: NDArray[np.uint8] | None = None,
    boundary: NDArray[np.float32] | None = None,
    poll: Callable[..., Any] | None = None,
    wide: bool = False,
) -> NDArray[np.int32]: ...
def region_graph(
    labels: NDArray[np.int32], n: int, strength: NDArray[np.float32] | None = None
) -> tuple[NDArray[Any], ...]: ...
def region_sums(
    labels: NDArray[np.int32], features: NDArray[np.float32], n: int
) -> tuple[NDArray[Any], ...]: ...
def merge(
    edges: NDArray[np.int32],
    length: NDArray[np.float64],
    strength: NDArray[np.float64],
    sizes: NDArray[np.int64],
    sums: NDArray[np.float64],
    exponent: int,
    boundary_weight: float,
    border_exponent: int = 0,
    poll: Callable[..., Any] | None = None,
) -> tuple[NDArray[Any], ...]: ...
def edge_costs(
    edges: NDArray[np.int32],
    length: NDArray[np.float64],
    strength: NDArray[np.float64],
    features: NDArray[np.float64],
    boundary_weight: float,
) -> NDArray[np.float64]: ...
def walk(
    edges: NDArray[np.int32],
    length: NDArray[np.float64],
    cost: NDArray[np.float64],
    features: NDArray[np.float64],
    scale: float,
    steps: int,
    poll: Callable[..., Any] | None = None,
) -> NDArray[np.float64]: ...
def relabel(labels: NDArray[np.int32], table: NDArray[np.int32]) -> NDArray[np.int32]: ...
def ultrametric(
    labels: NDArray[np.int32], children: NDArray[np.int64], heights: NDArray[np.float64]
) -> NDArray[np.float32]: ...
def border_values(
    labels: NDArray[np.int32], keys: NDArray[np.int64], values: NDArray[np.float32]
) -> NDArray[np.float32]: ...
def half_disc(
    codes: NDArray[np.uint16],
    turns: NDArray[np.int32],
    radius: int,
    step: int,
    weight: float,
    out: NDArray[np.float32],
    poll: Callable[..., Any] | None = None,
) -> None: ...
def correlate(values: NDArray[np.float32], weights: NDArray[np.float64], reflect: bool) -> None: ...
def thin(map: NDArray[np.uint8]) -> NDArray[np.uint8]: ...  # noqa: A002
def match_boundaries(
    maps: NDArray[np.uint8], truth: NDArray[np.uint8], reach: NDArray[np.int32]
) -> tuple[NDArray[Any], ...]: ...
