import numpy as np
import pytest
import torch

from napari_sen.errors import ParameterError
from napari_sen.learn.loss import Pairs, offsets, pair_loss, sample_rows, variable_margin_loss
from napari_sen.params import LossParams


def example(batch=2, dim=4, height=9, width=11, labels=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, dim, height, width, generator=generator, dtype=torch.double)
    embedding = torch.nn.functional.normalize(x, dim=1)
    coarse = torch.randint(1, labels, (batch, 3, 4), generator=generator)
    label_map = coarse.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :height, :width]
    colours = 30 * torch.rand(batch, labels, 3, generator=generator, dtype=torch.double)
    return embedding, label_map, colours


def naive(embedding, labels, colours, params):
    """Eq. 1, 3, 4 pair by pair, over all 8 neighbours at each dilation."""
    batch, _, height, width = embedding.shape
    parts = np.zeros((batch, 5))
    for b in range(batch):
        pull, push, low = [], [], []
        for y in range(height):
            for x in range(width):
                for d in params.dilations:
                    for dy in (-d, 0, d):
                        for dx in (-d, 0, d):
                            v, u = y + dy, x + dx
                            if (dy, dx) == (0, 0) or not (0 <= v < height and 0 <= u < width):
                                continue
                            i, j = int(labels[b, y, x]), int(labels[b, v, u])
                            if i == 0 or j == 0:
                                continue
                            psi = (1 - float(embedding[b, :, y, x] @ embedding[b, :, v, u])) / 2
                            if i == j:
                                pull.append(max(0, psi - params.alpha))
                                continue
                            distance = float((colours[b, i] - colours[b, j]).norm())
                            beta = min(params.beta_max, params.beta_slope * distance)
                            push.append(max(0, beta - psi))
                            low.append(beta < params.alpha)
        for k, values in enumerate((pull, push, np.array(pull) > 0, np.array(push) > 0, low)):
            parts[b, k] = np.mean(values) if len(values) else 0
    return parts.mean(0)


@pytest.mark.parametrize("hole", [False, True])
def test_equals_a_loop_over_pairs(hole):
    embedding, labels, colours = example()
    if hole:
        labels[0, 2:5, 3:7] = 0
    params = LossParams(alpha=0.2, beta_max=0.55, beta_slope=0.03)
    found = variable_margin_loss(embedding, labels, colours, params)
    pull, push, pull_violated, push_violated, low = naive(embedding, labels, colours, params)
    assert found.pull.item() == pytest.approx(pull)
    assert found.push.item() == pytest.approx(push)
    assert found.total.item() == pytest.approx(pull + push)
    assert found.pull_violated.item() == pytest.approx(pull_violated)
    assert found.push_violated.item() == pytest.approx(push_violated)
    assert found.beta_below_alpha.item() == pytest.approx(low)
    assert 0 < pull_violated < 1
    assert 0 < push_violated < 1
    assert low > 0


def test_gradient():
    embedding, labels, colours = example(height=5, width=6)
    params = LossParams(alpha=0.2, beta_slope=0.03)

    def loss(x):
        return 3 * variable_margin_loss(x, labels, colours, params).total

    assert torch.autograd.gradcheck(loss, embedding.requires_grad_())


@pytest.mark.parametrize("labels", [torch.ones(2, 9, 11).long(), torch.zeros(2, 9, 11).long()])
def test_an_empty_kind_costs_nothing_and_has_a_finite_gradient(labels):
    embedding, _, colours = example()
    embedding.requires_grad_()
    found = variable_margin_loss(embedding, labels, colours, LossParams())
    found.total.backward()
    assert found.push.item() == 0
    assert found.push_violated.item() == 0
    assert torch.isfinite(embedding.grad).all()
    assert (found.pull.item() > 0) == bool(labels.any())


def test_images_smaller_than_the_windows():
    embedding, labels, colours = example(height=1, width=2)
    found = variable_margin_loss(embedding, labels, colours, LossParams(dilations=(1, 3)))
    assert torch.isfinite(found.total)
    one = variable_margin_loss(*example(height=1, width=1), LossParams())
    assert one.total.item() == 0


def test_memory_layout_does_not_matter():
    embedding, labels, colours = example()
    other = embedding.contiguous(memory_format=torch.channels_last)
    a, b = (variable_margin_loss(x, labels, colours, LossParams()) for x in (embedding, other))
    assert torch.equal(a.total, b.total)


def test_offsets_are_half_of_all():
    found = offsets(LossParams())
    assert len(found) == 12
    both = {(dy, dx) for dy, dx in found} | {(-dy, -dx) for dy, dx in found}
    assert both == {
        (dy, dx) for d in (1, 2, 3) for dy in (-d, 0, d) for dx in (-d, 0, d) if (dy, dx) != (0, 0)
    }


def test_paper_pairs_draw_three_of_each_dilation():
    params = LossParams(pairs="paper")
    drawn = [tuple(offsets(params, np.random.default_rng(i))) for i in range(20)]
    assert drawn == [tuple(offsets(params, np.random.default_rng(i))) for i in range(20)]
    assert len(set(drawn)) > 5
    for found in drawn:
        assert set(found) < set(offsets(LossParams()))
        assert [sum(max(abs(a), abs(b)) == d for a, b in found) for d in (1, 2, 3)] == [3, 3, 3]
    with pytest.raises(ParameterError, match="generator"):
        offsets(params)


def test_sampled_rows_have_the_share_and_reach_everywhere():
    params = LossParams(sampled=0.5)
    generator = np.random.default_rng(0)
    windows = [sample_rows(64, params, generator) for _ in range(200)]
    assert {w.stop - w.start for w in windows} == {32}
    assert min(w.start for w in windows) == 0
    assert max(w.stop for w in windows) == 64
    assert sample_rows(3, params, generator) == slice(0, 3)
    assert sample_rows(64, LossParams(sampled=1.0), generator) == slice(0, 64)


def test_shapes_must_fit():
    embedding, labels, _ = example()
    pairs = Pairs(labels, torch.zeros(2, 3, 9, 11).double(), LossParams())
    with pytest.raises(ParameterError, match="does not fit"):
        pair_loss(embedding[:, :, 1:], pairs)
