"""The model that remembers gives what the model gives, computed once."""

import numpy as np
import pytest

from napari_sen.learn.remember import RememberingModel

from .examples import blobs, tiny_model


@pytest.fixture
def model():
    return RememberingModel(tiny_model(), 10_000_000)


def calls(model, planes, **options):
    seen = []
    found = model.embed(planes, progress=lambda *step: seen.append(step), **options)
    return found, len(seen)


def test_the_second_time_nothing_is_computed(model):
    planes = blobs(0)[0]
    first, steps = calls(model, planes)
    assert steps > 0
    np.testing.assert_array_equal(first, tiny_model().embed(planes))
    again, steps = calls(model, planes.copy())
    assert steps == 0
    assert again is first
    assert not again.flags.writeable


def test_what_differs_is_computed(model):
    planes = blobs(0)[0]
    plain = model.embed(planes)
    assert not np.array_equal(model.embed(planes, clustered=True), plain)
    other = planes.copy()
    other[3, 4, 1] += 0.01
    assert calls(model, other)[1] > 0
    assert calls(model, planes.reshape(50, 40, 3))[1] > 0


def test_only_so_much_is_kept(model):
    images = [blobs(seed)[0] for seed in range(3)]
    model.limit = 2 * model.embed(images[0]).nbytes
    model.embed(images[1])
    model.embed(images[0])
    model.embed(images[2])  # drops the one used longest ago
    assert [calls(model, images[k])[1] > 0 for k in (0, 2, 1)] == [False, False, True]
    model.forget()
    assert calls(model, images[0])[1] > 0
    model.limit = 0
    assert calls(model, images[1])[1] > 0
    assert calls(model, images[1])[1] > 0
