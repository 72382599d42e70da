"""Variable-margin loss over pairs of neighbouring pixels (eq. 1, 3, 4).

With Psi(a, b) = (1 - a . b) / 2, a pair of one superpixel costs [Psi - alpha]+ and a pair of
two superpixels costs [beta - Psi]+, beta = min(beta_max, slope * |C_a - C_b|), C the mean
colours of the superpixels. Each kind is averaged over its own count in each image.

No pairs are gathered. Pixels lie in one flat row, so the partner at an offset (dy, dx) is the
same row shifted by dy * W + dx; pairs that would wrap around an image's border have weight 0.
By symmetry half of the offsets suffice. Gradients are written out (one pass per offset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ParameterError
from ..params import LossParams

__all__ = [
    "LossReport",
    "Pairs",
    "offsets",
    "paint",
    "pair_loss",
    "sample_rows",
    "variable_margin_loss",
]


@dataclass(frozen=True)
class LossReport:
    """Loss of one output: scalar tensors; only ``total`` carries a gradient.

    ``total`` = ``pull`` + ``push``; the shares of violated pairs are averaged as the loss is.
    """

    total: Tensor
    pull: Tensor
    push: Tensor
    pull_violated: Tensor
    push_violated: Tensor
    beta_below_alpha: Tensor


def offsets(
    params: LossParams, generator: np.random.Generator | None = None
) -> list[tuple[int, int]]:
    """Return the (dy, dx) of all pairs, one of each two opposite offsets.

    ``pairs="paper"`` draws 3 of the 4 directions of each dilation with ``generator``.
    """
    half = [(0, 1), (1, -1), (1, 0), (1, 1)]
    result = []
    for dilation in params.dilations:
        chosen = half
        if params.pairs == "paper":
            if generator is None:
                raise ParameterError('pairs="paper" draws offsets at random: pass a generator')
            chosen = [half[i] for i in sorted(generator.choice(4, 3, replace=False))]
        result += [(dy * dilation, dx * dilation) for dy, dx in chosen]
    return result


def sample_rows(height: int, params: LossParams, generator: np.random.Generator) -> slice:
    """Return the window of whole rows whose pixels enter a step.

    A window rather than scattered pixels: mean shift and loss then work on a contiguous part
    of the crop and really cost only the sampled share. A pair is in if both its pixels are.
    """
    rows = min(height, max(round(height * params.sampled), 1 + max(params.dilations)))
    start = int(generator.integers(0, height - rows + 1))
    return slice(start, start + rows)


@dataclass(frozen=True)
class _Shift:
    """Pairs at one offset, each tensor (n - shift,) in the order of the flat pixels."""

    shift: int
    slope: Tensor  # hinge = [offset + slope * dot]+
    offset: Tensor
    weight: Tensor  # 1 / (number of such pairs in the image * number of images)
    same: Tensor  # 1 for pairs of one superpixel, 0 otherwise


class Pairs:
    """Margins, signs and weights of all pairs of a batch; made once, used for every output.

    Parameters
    ----------
    labels : (B, H, W) integer tensor
        Label 0 is outside: its pixels are in no pair.
    colours : (B, C, H, W) float tensor
        Mean colour (CIELAB) of each pixel's superpixel.
    params : LossParams
    generator : numpy Generator, optional
        Only for ``pairs="paper"``.
    """

    def __init__(
        self,
        labels: Tensor,
        colours: Tensor,
        params: LossParams,
        generator: np.random.Generator | None = None,
    ) -> None:
        batch, height, width = labels.shape
        self.shape = (batch, height, width)
        found = [
            (dy * width + dx, *_compare(labels, colours, dy, dx, params))
            for dy, dx in offsets(params, generator)
            if dy < height and abs(dx) < width
        ]
        zero = colours.new_zeros(batch)
        n_same = sum((same.sum((1, 2)) for _, same, _, _ in found), zero)
        n_other = sum((other.sum((1, 2)) for _, _, other, _ in found), zero)
        to_same = _inverse(n_same, batch)
        to_other = _inverse(n_other, batch)
        self.beta_below_alpha = colours.new_zeros(())
        self.shifts: list[_Shift] = []
        for shift, same, other, beta in found:
            weight_other = other * to_other
            self.beta_below_alpha += (weight_other * (beta < params.alpha)).sum()
            # [s (Psi - margin)]+ with s = +1 (same) or -1 and Psi = (1 - dot) / 2
            sign = 2 * same - 1
            margin = torch.where(same > 0, params.alpha, beta)
            weight = same * to_same + weight_other
            flat = [
                t.reshape(-1)[: t.numel() - shift]
                for t in (-0.5 * sign, sign * (0.5 - margin), weight, same)
            ]
            self.shifts.append(_Shift(shift, *flat))


def _compare(
    labels: Tensor, colours: Tensor, dy: int, dx: int, params: LossParams
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (B, H, W) floats at each pair's first pixel: same, other (0 or 1), and beta."""
    height, width = labels.shape[1:]
    here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
    there = (slice(dy, height), slice(max(0, dx), width + min(0, dx)))
    a, b = labels[:, here[0], here[1]], labels[:, there[0], there[1]]
    inside = (a > 0) & (b > 0)
    equal = a == b
    distance = (colours[:, :, here[0], here[1]] - colours[:, :, there[0], there[1]]).square()
    same, other, beta = (colours.new_zeros(labels.shape) for _ in range(3))
    same[:, here[0], here[1]] = (inside & equal).to(colours.dtype)
    other[:, here[0], here[1]] = (inside & ~equal).to(colours.dtype)
    beta[:, here[0], here[1]] = (
        distance.sum(1).sqrt().mul(params.beta_slope).clamp(max=params.beta_max)
    )
    return same, other, beta


def _inverse(count: Tensor, batch: int) -> Tensor:
    """Return 1 / (count * batch) as (B, 1, 1), 0 where an image has no such pair."""
    return torch.where(count > 0, 1 / (count.clamp(min=1) * batch), 0.0)[:, None, None]


class _PairLoss(torch.autograd.Function):
    """Loss of flat embeddings x (D, n); the gradient is found together with the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pairs: Pairs) -> tuple[Tensor, ...]:
        n = x.shape[1]
        total, pull, violated, pull_violated = x.new_zeros(4).unbind()
        gradient = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        for item in pairs.shifts:
            first, second = x[:, : n - item.shift], x[:, item.shift :]
            hinge = torch.addcmul(item.offset, item.slope, (first * second).sum(0)).relu_()
            active = item.weight * (hinge > 0)
            hinge *= item.weight
            total = total + hinge.sum()
            pull = pull + (hinge * item.same).sum()
            violated = violated + active.sum()
            pull_violated = pull_violated + (active * item.same).sum()
            if gradient is not None:
                slope = active.mul_(item.slope)
                gradient[:, : n - item.shift].addcmul_(slope, second)
                gradient[:, item.shift :].addcmul_(slope, first)
        ctx.save_for_backward(gradient)
        rest = (pull, total - pull, pull_violated, violated - pull_violated)
        ctx.mark_non_differentiable(*rest)
        return (total, *rest)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outputs[0], None


def pair_loss(embedding: Tensor, pairs: Pairs) -> LossReport:
    """Return the loss of ``embedding`` (B, D, H, W), unit along D, over ``pairs``."""
    if (embedding.shape[0], *embedding.shape[2:]) != pairs.shape:
        raise ParameterError(
            f"the embedding {tuple(embedding.shape)} does not fit labels of {pairs.shape}"
        )
    flat = embedding.transpose(0, 1).reshape(embedding.shape[1], -1)
    found: tuple[Tensor, ...] = _PairLoss.apply(flat, pairs)  # type: ignore[assignment]
    total, pull, push, pull_violated, push_violated = found
    return LossReport(total, pull, push, pull_violated, push_violated, pairs.beta_below_alpha)


def variable_margin_loss(
    embedding: Tensor,
    labels: Tensor,
    colours: Tensor,
    params: LossParams,
    generator: np.random.Generator | None = None,
) -> LossReport:
    """Return the loss (eq. 1) of an embedding under a label map.

    Parameters
    ----------
    embedding : (B, D, H, W) float tensor
        Unit vectors along D.
    labels : (B, H, W) integer tensor
        Superpixels; 0 is outside.
    colours : (B, L, C) float tensor
        Mean colour (CIELAB) of each label; row l belongs to label l, row 0 is not used.
    params : LossParams
    generator : numpy Generator, optional
        Draws the offsets of ``pairs="paper"``.
    """
    painted = paint(colours, labels).to(embedding.dtype)
    return pair_loss(embedding, Pairs(labels, painted, params, generator))


def paint(colours: Tensor, labels: Tensor) -> Tensor:
    """Return the row (B, C, H, W) of a table ``colours`` (B, L, C) that each label stands for."""
    image = torch.arange(len(labels), device=labels.device)[:, None, None]
    return colours[image, labels.long()].permute(0, 3, 1, 2)
