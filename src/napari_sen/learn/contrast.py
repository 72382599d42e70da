r"""Contrastive loss over regions: a pixel finds its own region's mean in the other view.

For a pixel x of view A in region r, with region means m of view B (of unit length) and
temperature tau, the loss is InfoNCE with weighted negatives,

.. math:: -\log \frac{\exp(x \cdot m_r / \tau)}{\sum_s w_{rs} \exp(x \cdot m_s / \tau)},

over all regions s of all images of the batch. Of one image,
w_rs = min(1, \|C_r - C_s\| / colour_scale): regions of nearly one colour need not differ (the
variable margin in another form). Regions of other images, and r itself, weigh 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..params import ContrastParams
from .network import unit_rows

__all__ = ["ContrastReport", "contrast_loss", "log_weights", "region_means", "sample_pixels"]


@dataclass(frozen=True)
class ContrastReport:
    """Scalar tensors: the loss (it carries the gradient), and two shares, 0..1.

    ``found``: pixels nearer to their own region's mean than to any other. ``used``: sampled
    pixels whose region has a mean in the other view.
    """

    total: Tensor
    found: Tensor
    used: Tensor


def sample_pixels(
    crops: int, pixels: int, params: ContrastParams, generator: np.random.Generator
) -> np.ndarray:
    """Draw ``params.sampled`` flat pixels of each crop, (crops, n) int64, with replacement."""
    return generator.integers(pixels, size=(crops, params.sampled))


def contrast_loss(
    embedding: Tensor,
    labels: Tensor,
    colours: Tensor,
    params: ContrastParams,
    chosen: Tensor,
) -> ContrastReport:
    """Return the loss of both directions, A to B and B to A, averaged over the pixels used.

    Parameters
    ----------
    embedding : (2B, D, H, W) float tensor
        Unit vectors along D; the first views of B images, then their second views.
    labels : (2B, H, W) integer tensor
        Regions, from 1; 0 is outside: its pixels take no part.
    colours : (B, L, C) float tensor
        Mean colour (CIELAB) of each label; row l belongs to label l, row 0 is not used.
    params : ContrastParams
    chosen : (2B, n) int64 tensor
        Flat indices of the pixels that look for their region.
    """
    with torch.autocast(embedding.device.type, enabled=False):  # logits need float32
        return _contrast_loss(embedding, labels, colours, params, chosen)


def _contrast_loss(
    embedding: Tensor, labels: Tensor, colours: Tensor, params: ContrastParams, chosen: Tensor
) -> ContrastReport:
    images, n_labels = colours.shape[:2]
    pixels = embedding.permute(0, 2, 3, 1).flatten(1, 2)
    image = torch.arange(images, device=labels.device)[:, None] * n_labels
    # Number of each pixel's region in the batch; the same region has one number in both views.
    own = labels.flatten(1).long()
    number = own + image.repeat(2, 1)
    weights = log_weights(colours, params)
    means, there = region_means(pixels, number, images * n_labels, params.smallest)
    there.view(2, images, n_labels)[:, :, 0] = False
    losses = [pixels[:0].sum()]  # 0, but with a gradient, should no pixel be used
    found, used = [own.new_zeros(())], [own.new_zeros(())]
    for a, b in ((0, 1), (1, 0)):
        if not there[b].any():
            continue
        rows = slice(a * images, (a + 1) * images)
        picked = chosen[rows]
        region = number[rows].gather(1, picked).flatten()
        x = pixels[rows].gather(1, picked[..., None].expand(-1, -1, pixels.shape[2])).flatten(0, 1)
        keep = there[b][region]
        x, region = x[keep], region[keep]
        columns = there[b].nonzero()[:, 0]
        target = torch.searchsorted(columns, region)
        cosine = x @ means[b][columns].T
        logits = cosine / params.temperature + weights[region[:, None], columns]
        losses.append(functional.cross_entropy(logits, target, reduction="sum"))
        found.append((cosine.detach().argmax(1) == target).sum())
        used.append(keep.sum())
    count = torch.stack(used).sum()
    at_least_one = count.clamp(min=1)
    return ContrastReport(
        torch.stack(losses).sum() / at_least_one,
        torch.stack(found).sum() / at_least_one,
        count / chosen.numel(),
    )


def log_weights(colours: Tensor, params: ContrastParams) -> Tensor:
    """Return log w_rs of all pairs of labels of the batch, (B * L, B * L)."""
    images, n_labels = colours.shape[:2]
    gap = colours[:, :, None] - colours[:, None]
    within = (gap.square().sum(-1).sqrt() / params.colour_scale).clamp(max=1)
    within += torch.eye(n_labels, dtype=within.dtype, device=within.device)
    within = within.clamp(max=1).log()
    result = within.new_zeros(images, n_labels, images, n_labels)
    image = torch.arange(images, device=within.device)
    result[image, :, image] = within
    return result.view(images * n_labels, images * n_labels)


def region_means(
    pixels: Tensor, number: Tensor, count: int, smallest: int
) -> tuple[Tensor, Tensor]:
    """Return the mean embedding, of unit length, of each region in each of the two views.

    Parameters
    ----------
    pixels : (2B, N, D) float tensor
    number : (2B, N) int64 tensor
        Region of each pixel, 0 to ``count - 1``.
    count, smallest : int
        Number of regions; fewest pixels of one that has a mean.

    Returns
    -------
    means : (2, count, D) float tensor
    there : (2, count) bool tensor
        Whether the region has enough pixels in that view.
    """
    dim = pixels.shape[2]
    both = number.view(2, -1) + count * torch.arange(2, device=number.device)[:, None]
    sums = pixels.new_zeros(2 * count, dim).index_add(0, both.flatten(), pixels.reshape(-1, dim))
    size = torch.bincount(both.flatten(), minlength=2 * count)
    return unit_rows(sums).view(2, count, dim), (size >= smallest).view(2, count)
