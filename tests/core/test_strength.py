"""Boundary strength: gradients, and half-disc differences against their slow twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.core import _kernel
from napari_sen.core.strength import (
    RADII,
    _disc_turns,
    gradient_magnitude,
    half_disc_difference,
)
from napari_sen.errors import Cancelled, ImageError
from tests.reference.half_disc import half_disc, half_disc_at, sector_of


def test_gradient_of_a_ramp_is_its_slope(rng):
    ramp = 3 * np.arange(6)[:, None] + 4 * np.arange(7)[None]
    np.testing.assert_allclose(gradient_magnitude(ramp[..., None]), 5)
    twice = np.stack([ramp, ramp], axis=-1)
    np.testing.assert_allclose(gradient_magnitude(twice), 5 * np.sqrt(2), rtol=1e-6)
    half = gradient_magnitude(ramp[..., None], spacing=(3, 1))
    np.testing.assert_allclose(half, np.sqrt(17), rtol=1e-6)
    image = rng.random((6, 7, 1))
    rows, columns = np.gradient(image[..., 0])
    np.testing.assert_allclose(gradient_magnitude(image), np.hypot(rows, columns), rtol=1e-5)


def test_gradient_does_not_look_outside_the_mask():
    ramp = 3.0 * np.arange(8)[None, :, None] + np.zeros((5, 1, 1))
    mask = np.zeros((5, 8), bool)
    mask[1:4, 2:6] = True
    ramp[~mask] = 1e6
    np.testing.assert_array_equal(gradient_magnitude(ramp, mask=mask), np.where(mask, 3, 0))


@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.sampled_from([3, 12, 28]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
)
def test_half_discs_equal_the_slow_twin(shape, radii, bins, outside, step, seed):
    """To the last bit; thin images, discs larger than the image, both widths of histograms."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 16 * (bins - 1) + 1, shape).astype(np.uint16)
    codes[rng.random(shape) < outside] = 0xFFFF
    expected = sum(half_disc(codes, radius, 0.7)[::step, ::step] for radius in sorted(radii))
    out = np.zeros(expected.shape, np.float32)
    _kernel.half_disc(codes, _disc_turns(tuple(radii)), max(radii), step, 0.7, out)
    np.testing.assert_array_equal(out, expected)


def test_the_usual_discs_equal_the_slow_twin(rng):
    """At one place, since the twin is slow, with no disc beyond the image."""
    codes = rng.integers(0, 16 * 11 + 1, (41, 41)).astype(np.uint16)
    out = np.zeros((3, 3, 8), np.float32)
    _kernel.half_disc(codes, _disc_turns(RADII), max(RADII), 20, 0.7, out)
    expected = sum(half_disc_at(codes, 20, 20, radius, 0.7) for radius in RADII)
    np.testing.assert_array_equal(out[1, 1], expected)


@pytest.mark.parametrize("radii", [(1,), (2,), (3, 5), (5, 10, 20)])
def test_the_turns_are_where_sectors_meet(radii):
    """What each disc adds: rays between neighbouring sectors, and its own edge."""

    def sector(y, x, radius):
        return sector_of(y, x) if 0 < y * y + x * x <= radius * radius else None

    expected = []
    for disc, radius in enumerate(radii):
        smaller = radii[disc - 1] if disc else 0
        for y in range(-radius, radius + 1):
            for x in range(-radius, radius + 2):
                left, right = sector(y, x - 1, radius), sector(y, x, radius)
                if left is not None and right is not None:
                    if None in (sector(y, x - 1, smaller), sector(y, x, smaller)):
                        between = range(min(left, right), max(left, right))
                        expected += [(y, x, 48 * disc + s) for s in between]
                elif right is not None:
                    expected.append((y, x, 48 * disc + 16 + right))
                elif left is not None:
                    expected.append((y, x, 48 * disc + 32 + left))
    found = _disc_turns(radii)
    assert sorted(map(tuple, found.tolist())) == sorted(expected)
    assert (np.diff(found[:, 2]) >= 0).all()


def test_a_wide_disc_does_not_overflow():
    """A half disc of radius 100 holds 251,000 units of 1/16 pixel."""
    codes = np.zeros((220, 220), np.uint16)
    codes[:, 110:] = 16 * 11
    out = np.zeros((220, 220, 8), np.float32)
    _kernel.half_disc(codes, _disc_turns((100,)), 100, 1, 1.0, out)
    assert out[110, 109].max() > 0.98
    assert (out <= 1).all()
    assert (out >= 0).all()


def test_texture_is_no_boundary_but_its_end_is(rng):
    """A fine chequerboard has strong gradients everywhere, and one boundary."""
    image = np.full((60, 80, 1), 50.0)
    image[:, 40:, 0] = np.indices((60, 40)).sum(axis=0) % 2 * 100
    texture = half_disc_difference(image, radii=(5, 10))
    assert texture[20:40, 38:42].min() > 0.4
    assert texture[20:40, 55:65].max() < 0.1
    assert texture[20:40, 10:25].max() < 1e-6
    assert texture.dtype == np.float32


def test_half_discs_do_not_look_outside_the_mask(rng):
    image = rng.random((30, 40, 2))
    mask = np.zeros((30, 40), bool)
    mask[5:25, 5:35] = True
    other = np.where(mask[..., None], image, 99)
    found = half_disc_difference(image, mask=mask)
    np.testing.assert_array_equal(found, half_disc_difference(other, mask=mask))
    assert (found[~mask] == 0).all()


def test_between_its_places_the_result_is_interpolated(rng):
    image = rng.random((21, 30, 2))
    every = half_disc_difference(image, step=1, smoothing=0)
    third = half_disc_difference(image, step=3, smoothing=0)
    np.testing.assert_array_equal(third[::3, ::3], every[::3, ::3])
    np.testing.assert_allclose(third[0, 1], (2 * every[0, 0] + every[0, 3]) / 3, rtol=1e-5)
    np.testing.assert_array_equal(third[19:, 29], third[18, 27], "the last one goes on")


def test_volumes_are_taken_plane_by_plane(rng):
    volume = rng.random((2, 12, 14, 1))
    volume[1] = volume[0]
    found = half_disc_difference(volume, radii=(3,))
    np.testing.assert_array_equal(found[0], found[1])
    assert found.shape == (2, 12, 14)


def test_channels_count_by_their_weights(rng):
    image = rng.random((20, 20, 2))
    alone = half_disc_difference(image[..., :1])
    np.testing.assert_allclose(half_disc_difference(image, weights=(3, 0)), alone, rtol=1e-5)
    with pytest.raises(ImageError, match="weights"):
        half_disc_difference(image, weights=(1, 1, 1))


def test_half_discs_can_be_cancelled(rng):
    def stop(done, total, stage):
        if done > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        half_disc_difference(rng.random((20, 20, 2)), progress=stop)


def test_the_kernel_refuses_what_it_cannot_hold():
    codes = np.zeros((4, 5), np.uint16)
    out = np.zeros((4, 5, 8), np.float32)
    turns = _disc_turns((2,))
    with pytest.raises(ValueError, match="radius"):
        _kernel.half_disc(codes, turns, 101, 1, 1.0, out)
    with pytest.raises(ValueError, match="leaves the disc"):
        _kernel.half_disc(codes, turns, 1, 1, 1.0, out)
    with pytest.raises(ValueError, match="must rise"):
        _kernel.half_disc(codes, turns[::-1].copy(), 2, 1, 1.0, out)
    with pytest.raises(ValueError, match="28 bins"):
        _kernel.half_disc(codes + np.uint16(16 * 28), turns, 2, 1, 1.0, out)
    with pytest.raises(ValueError, match="8 orientations"):
        _kernel.half_disc(codes, turns, 2, 1, 1.0, out[:3])
