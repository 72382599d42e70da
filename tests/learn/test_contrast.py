import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_sen.learn.contrast import contrast_loss, log_weights, sample_pixels
from napari_sen.params import ContrastParams

PARAMS = ContrastParams(temperature=0.2, sampled=30, smallest=4, colour_scale=25)


def example(seed=0, images=2, size=9, regions=5, dim=4):
    """Return embedding, labels (with outside pixels), colours and pixels, all float64."""
    generator = np.random.default_rng(seed)
    embedding = torch.from_numpy(generator.standard_normal((2 * images, dim, size, size)))
    labels = torch.from_numpy(generator.integers(0, regions + 1, (2 * images, size, size)))
    labels[0][labels[0] == 2] = 3  # region 2 is missing in view A of image 0
    colours = torch.from_numpy(generator.uniform(0, 40, (images, regions + 1, 3)))
    colours[0, -2] = colours[0, -1]  # equal colours: no negatives of each other
    chosen = torch.from_numpy(sample_pixels(2 * images, size * size, PARAMS, generator))
    return functional.normalize(embedding, dim=1), labels.int(), colours, chosen


def naive(embedding, labels, colours, chosen, params):
    """Return loss, share found and share used: every pixel and region by itself."""
    images, n_labels = colours.shape[:2]
    x = embedding.permute(0, 2, 3, 1).reshape(2 * images, -1, embedding.shape[1]).numpy()
    own = labels.reshape(2 * images, -1).numpy()
    means = {}
    for crop in range(2 * images):
        for label in range(1, n_labels):
            inside = x[crop][own[crop] == label]
            if len(inside) >= params.smallest:
                mean = inside.mean(0)
                means[crop // images, crop % images, label] = mean / np.linalg.norm(mean)
    losses, hits, total = [], [], 0
    for crop in range(2 * images):
        view, image = divmod(crop, images)
        for pixel in chosen[crop].tolist():
            total += 1
            mine = (1 - view, image, int(own[crop, pixel]))
            if mine not in means:
                continue
            cosines, summed = {}, 0.0
            for key, mean in means.items():
                if key[0] == view:
                    continue
                weight = 1.0
                if key[1] == image and key != mine:
                    gap = (colours[image, mine[2]] - colours[image, key[2]]).norm().item()
                    weight = min(1.0, gap / params.colour_scale)
                cosines[key] = float(x[crop, pixel] @ mean)
                summed += weight * math.exp(cosines[key] / params.temperature)
            losses.append(-math.log(math.exp(cosines[mine] / params.temperature) / summed))
            hits.append(max(cosines, key=cosines.get) == mine)
    return np.mean(losses), np.mean(hits), len(losses) / total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("smallest", [1, 4, 15])
def test_loss_is_that_of_loops(seed, smallest):
    params = ContrastParams(temperature=0.2, sampled=30, smallest=smallest)
    embedding, labels, colours, chosen = example(seed)
    found = contrast_loss(embedding, labels, colours, params, chosen)
    total, hits, used = naive(embedding, labels, colours, chosen, params)
    assert found.total.item() == pytest.approx(total, rel=1e-9)
    assert found.found.item() == pytest.approx(hits)
    assert found.used.item() == pytest.approx(used)
    assert 0 < used < 1


def test_gradient():
    _, labels, colours, chosen = example(images=1, size=4, regions=3)
    raw = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def total(x):
        params = ContrastParams(temperature=0.5, smallest=2, sampled=30)
        return contrast_loss(functional.normalize(x, dim=1), labels, colours, params, chosen).total

    assert torch.autograd.gradcheck(total, raw.requires_grad_())


def test_weights_of_negatives():
    colours = torch.tensor([[[0.0], [0], [10], [50]], [[0], [3], [3], [3]]])
    weights = log_weights(colours, ContrastParams(colour_scale=25)).exp().view(2, 4, 2, 4)
    expected = torch.tensor([[1, 0.4, 1], [0.4, 1, 1], [1, 1, 1]])
    torch.testing.assert_close(weights[0, 1:, 0, 1:], expected)
    torch.testing.assert_close(weights[1, 1:, 1, 1:], torch.eye(3))  # equal colours
    assert (weights[0, :, 1] == 1).all()
    assert (weights[1, :, 0] == 1).all()


def test_a_perfect_embedding_is_found_and_costs_little():
    labels = torch.arange(1, 5).repeat_interleave(16).view(1, 8, 8).repeat(2, 1, 1)
    embedding = torch.eye(4)[labels - 1].permute(0, 3, 1, 2)
    colours = torch.arange(5.0).mul(30)[None, :, None]
    chosen = torch.arange(64).repeat(2, 1)
    found = contrast_loss(embedding, labels, colours, ContrastParams(smallest=1), chosen)
    assert found.total.item() == pytest.approx(math.log1p(3 * math.exp(-10)), rel=1e-3)
    assert (found.found, found.used) == (1, 1)


@pytest.mark.parametrize("label", [0, 1])
def test_no_pixel_to_use_costs_nothing(label):
    """All outside, or no region large enough: the step is made, without a gradient."""
    embedding = torch.ones(2, 3, 4, 4).requires_grad_()
    labels = torch.full((2, 4, 4), label)
    params = ContrastParams(smallest=17 if label else 1)
    chosen = torch.arange(16).repeat(2, 1)
    found = contrast_loss(embedding, labels, torch.zeros(1, 2, 3), params, chosen)
    found.total.backward()
    assert (found.total, found.found, found.used) == (0, 0, 0)
    assert (embedding.grad == 0).all()
