import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.errors import ParameterError
from napari_sen.learn.mean_shift import MeanShift, landmark_indices
from napari_sen.params import MeanShiftParams


def unit(n, d=5, seed=0, dtype=torch.double):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return torch.nn.functional.normalize(x, dim=-1).to(dtype)


def formula(x, kappa, eta):
    """One step of eq. 6 as printed: Q is the diagonal of the row sums of the kernel matrix."""
    x = x.numpy()
    kernel = np.exp(kappa * x @ x.T)
    mean = np.diag(1 / kernel.sum(1)) @ kernel @ x
    moved = x + eta * (mean - x)
    return torch.from_numpy(moved / np.linalg.norm(moved, axis=1, keepdims=True))


@pytest.mark.parametrize("eta", [1.0, 0.3])
def test_exact_is_the_formula(eta):
    shift = MeanShift(MeanShiftParams(iterations=3, kappa=7, eta=eta)).double()
    x = unit(60)
    iterates = shift.exact(x)
    assert len(iterates) == 3
    for iterate in iterates:
        x = formula(x, 7, eta)
        torch.testing.assert_close(iterate, x, atol=1e-6, rtol=0)  # theta is stored as float32


def test_all_pixels_as_landmarks_is_the_exact_step():
    shift = MeanShift(MeanShiftParams(iterations=4)).double()
    x = unit(50)
    for a, b in zip(shift.exact(x), shift.landmarks(x, x), strict=True):
        torch.testing.assert_close(a, b)


def test_landmarks_follow_their_own_iterates():
    shift = MeanShift(MeanShiftParams(iterations=2)).double()
    x, y = unit(40), unit(9, seed=1)
    first, second = shift.landmarks(x, y)
    torch.testing.assert_close(first, shift.step(x, y))
    torch.testing.assert_close(second, shift.step(first, shift.step(y, y)))


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_series_gives_the_last_iterate_block_by_block(iterations):
    shift = MeanShift(MeanShiftParams(iterations=iterations)).double()
    x, y, calls = unit(50), unit(9, seed=1), []
    series = shift.landmark_series(y)
    assert series.shape == (iterations, 9, 5)
    last = [x, *shift.landmarks(x, y)][-1]
    found = shift.apply_series(x, series, lambda: calls.append(1), block_size=16)
    torch.testing.assert_close(found, last)
    assert len(calls) == 4


def test_batches_do_not_mix():
    shift = MeanShift(MeanShiftParams(iterations=2)).double()
    x = torch.stack([unit(20, seed=i) for i in range(3)])
    y = x[:, ::3]
    together = shift.landmarks(x, y)[-1]
    for i in range(3):
        torch.testing.assert_close(together[i], shift.landmarks(x[i], y[i])[-1])


def test_gradients_of_pixels_landmarks_and_theta():
    shift = MeanShift(MeanShiftParams(iterations=2, kappa=3)).double()

    def last(x, y, theta):
        names = {"theta": theta}
        return torch.func.functional_call(
            _Last(shift), {"shift." + k: v for k, v in names.items()}, (x, y)
        )

    class _Last(torch.nn.Module):
        def __init__(self, shift):
            super().__init__()
            self.shift = shift

        def forward(self, x, y):
            return self.shift.landmarks(x, y)[-1]

    x, y = unit(6, 3).requires_grad_(), unit(4, 3, seed=1).requires_grad_()
    theta = torch.tensor(1.1, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(last, (x, y, theta))


def test_kappa_is_clamped_and_theta_kept_where_it_can_learn():
    shift = MeanShift(MeanShiftParams())
    for theta, kappa in [(-3.0, 1.0), (9.0, 200.0)]:
        shift.theta.data.fill_(theta)
        assert shift.kappa.item() == pytest.approx(kappa)
        shift.limit()
        shift.kappa.backward()
        assert shift.theta.grad.abs() > 0
        shift.theta.grad = None


def test_large_kappa_leaves_separate_clusters_apart_and_tightens_them():
    x = torch.cat([unit(30, 3, seed=2) * 0.2 + axis for axis in torch.eye(3).double()])
    x = torch.nn.functional.normalize(x, dim=-1)
    last = MeanShift(MeanShiftParams(iterations=8, kappa=30)).double().exact(x)[-1]
    for k in range(3):
        group = last[30 * k : 30 * (k + 1)]
        assert (group @ group.T).min() > 0.9999
    assert (last[0] @ last[40]) < 0.6


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 3000))
def test_lattice_is_ordered_inside_and_not_above_the_count(height, width, count):
    found = landmark_indices(height, width, count)
    assert found.dtype == np.int64
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0
    assert found[-1] < height * width
    assert min(count, height * width) / 4 <= len(found) <= count
    if count >= height * width:
        assert len(found) == height * width
    np.testing.assert_array_equal(found, landmark_indices(height, width, count))


def test_lattice_is_centred():
    found = landmark_indices(100, 200, 50)
    y, x = np.unravel_index(found, (100, 200))
    np.testing.assert_array_equal(np.unique(y), [10, 30, 50, 70, 90])
    np.testing.assert_array_equal(np.unique(x), np.arange(10, 200, 20))
    with pytest.raises(ParameterError, match="positive"):
        landmark_indices(0, 4, 4)


def test_initial_kappa():
    assert MeanShift(MeanShiftParams(kappa=12.5)).theta.item() == pytest.approx(math.log(12.5))
