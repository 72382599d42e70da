"""Differentiable mean shift on the unit sphere (eq. 5, 6), written as attention.

One blurring step is X <- normalise(softmax(kappa X X^T) X): self-attention with
Q = K = V = X and a learnt scale. Large images are shifted by landmarks: pixels on a fixed
lattice that stand for the density of the whole image. The landmarks move among themselves by
the exact step, and every pixel attends to the landmarks of the same iteration; with every
pixel a landmark this is the exact step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ParameterError
from ..params import MeanShiftParams
from .network import unit_rows

__all__ = ["KAPPA_RANGE", "MeanShift", "landmark_indices"]

KAPPA_RANGE = (1.0, 200.0)
BLOCK = 1 << 16  # pixels shifted at once: bounds memory, and the time until a cancel is seen


def landmark_indices(height: int, width: int, count: int) -> np.ndarray:
    """Return the flat indices (L,) int64, ascending, of a fixed lattice of an image's pixels.

    Parameters
    ----------
    height, width : int
        Size of the image, px.
    count : int
        Number of landmarks wanted; L is the largest near-square lattice not above it, or every
        pixel if the image has no more than ``count``.
    """
    if min(height, width, count) < 1:
        raise ParameterError(f"landmarks need positive sizes, got {height}, {width}, {count}")
    if count >= height * width:
        return np.arange(height * width, dtype=np.int64)
    rows = min(max(1, round(math.sqrt(count * height / width))), height, count)
    columns = min(count // rows, width)
    rows = min(height, count // columns)
    y = (2 * np.arange(rows, dtype=np.int64) + 1) * height // (2 * rows)
    x = (2 * np.arange(columns, dtype=np.int64) + 1) * width // (2 * columns)
    return (y[:, None] * width + x).ravel()


class MeanShift(nn.Module):
    """Mean shift with the von Mises-Fisher kernel; learns theta = log kappa.

    All methods take unit rows of shape (..., N, D) and return unit rows of the same shape.
    """

    def __init__(self, params: MeanShiftParams) -> None:
        super().__init__()
        self.params = params
        self.theta = nn.Parameter(torch.tensor(math.log(params.kappa)))

    @property
    def kappa(self) -> Tensor:
        """Bandwidth exp(theta), clamped to 1...200."""
        return self.theta.exp().clamp(*KAPPA_RANGE)

    @torch.no_grad()
    def limit(self) -> None:
        """Keep theta inside the range of kappa, where its gradient is not cut off."""
        low, high = (math.log(kappa) for kappa in KAPPA_RANGE)
        self.theta.clamp_(low, high - 1e-5)

    def step(self, x: Tensor, keys: Tensor) -> Tensor:
        """Move the rows of ``x`` towards the mean of ``keys`` (..., L, D) around each of them."""
        # Attention's own scale is a plain number, so the learnt one multiplies the queries.
        # Four axes (batch, heads, N, D) select the fused kernel: it never stores N x L weights,
        # and is ten times as fast.
        query = (x * self.kappa.to(x.dtype)).reshape(-1, 1, *x.shape[-2:])
        key = keys.reshape(-1, 1, *keys.shape[-2:])
        mean = functional.scaled_dot_product_attention(query, key, key, scale=1.0).reshape(x.shape)
        eta = self.params.eta
        return unit_rows(mean if eta == 1 else torch.lerp(x, mean, eta))

    def exact(self, x: Tensor) -> list[Tensor]:
        """Return every iterate of the exact mean shift; memory and time grow with N squared."""
        iterates = []
        for _ in range(self.params.iterations):
            x = self.step(x, x)
            iterates.append(x)
        return iterates

    def landmarks(self, x: Tensor, y0: Tensor) -> list[Tensor]:
        """Return every iterate of ``x`` (..., N, D) under landmarks that start at ``y0``."""
        iterates = []
        for t in range(self.params.iterations):
            x = self.step(x, y0)
            iterates.append(x)
            if t + 1 < self.params.iterations:
                y0 = self.step(y0, y0)
        return iterates

    def landmark_series(self, y0: Tensor) -> Tensor:
        """Return Y_0 ... Y_(T-1) as (T, L, D): all that a tile needs from the whole image."""
        if self.params.iterations == 0:
            return y0.new_empty((0, *y0.shape))
        series = [y0]
        for _ in range(self.params.iterations - 1):
            series.append(self.step(series[-1], series[-1]))
        return torch.stack(series)

    def apply_series(
        self,
        x: Tensor,
        series: Tensor,
        poll: Callable[[], None] | None = None,
        *,
        block_size: int = BLOCK,
    ) -> Tensor:
        """Return the last iterate of ``x`` (N, D) under ``landmark_series``, block by block.

        ``poll`` is called before every block of pixels and may raise to stop the work.
        """
        result = torch.empty_like(x)
        for start in range(0, len(x), block_size):
            if poll is not None:
                poll()
            block = x[start : start + block_size]
            for keys in series:
                block = self.step(block, keys)
            result[start : start + block_size] = block
        return result
