"""The Gaussian filter: its kernel against the slow twin, and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_sen.core import _kernel
from napari_sen.core.gaussian import gaussian
from tests.reference.gaussian import correlate


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.sampled_from([1, 2, 3, 31, 32, 33, 65])),
    st.integers(0, 6),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_kernel_equals_its_slow_twin(shape, radius, reflect, seed):
    """To the last bit; axes shorter than the weights, panels that do not fill up."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    weights = rng.random(radius + 1)
    expected = correlate(values, weights, reflect)
    _kernel.correlate(values, weights, reflect)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(("reflect", "mode"), [(False, "nearest"), (True, "reflect")])
@pytest.mark.parametrize("sigma", [(1.0, 1.5, 0.0), (0.4, 0.0, 3.0), (0.0, 0.0, 0.0)])
def test_it_is_the_gaussian_of_scipy(rng, reflect, mode, sigma):
    """To rounding: on some processors scipy's sums keep more digits between."""
    values = rng.normal(size=(30, 41, 3)).astype(np.float32)
    expected = ndimage.gaussian_filter(values, sigma, mode=mode)
    np.testing.assert_allclose(gaussian(values, sigma, reflect=reflect), expected, atol=1e-6)


def test_values_are_left_as_they_are_unless_they_are_the_place_of_the_result(rng):
    values = rng.normal(size=(8, 9)).astype(np.float32)
    before = values.copy()
    found = gaussian(values[::2], (1.0, 1.0))
    np.testing.assert_array_equal(values, before)
    assert gaussian(values, (1.0, 1.0), out=values) is values
    assert found.shape == (4, 9)
    assert (values != before).any()


def test_the_kernel_refuses_what_it_cannot_correlate():
    with pytest.raises(ValueError, match="weight"):
        _kernel.correlate(np.zeros((1, 2, 1), np.float32), np.zeros(0), False)
