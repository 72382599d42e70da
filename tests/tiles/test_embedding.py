"""The network's blocks: as many at once as fit, smaller ones where the device is small."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from napari_sen.errors import DeviceMemoryError
from napari_sen.learn.learner import Learner
from napari_sen.learn.model import Model, describe
from napari_sen.learn.threads import few_threads
from napari_sen.params import MeanShiftParams, NetworkParams
from napari_sen.processors import cores
from napari_sen.tiles.embedding import embed_box
from napari_sen.tiles.geometry import as_slices

SHAPE = (512, 448)
WHOLE = ((0, SHAPE[0]), (0, SHAPE[1]))


def lean_model(kind=Model):
    learner = Learner(
        NetworkParams(dim=4, base_width=8, width_cap=8, levels=3, design="lean"), MeanShiftParams()
    )
    learner.requires_grad_(False)
    return kind(learner.network, learner.mean_shift, describe("lean", learner, {}, [], 0))


class SmallDevice(Model):
    """A model whose device holds so many pixels."""

    holds = 0

    def embed(self, planes, **how):
        self.sides = [*getattr(self, "sides", []), planes.shape[:2]]
        if planes.shape[0] * planes.shape[1] > self.holds:
            raise DeviceMemoryError("too little memory")
        return super().embed(planes, **how)


@pytest.fixture
def image(rng):
    return rng.random((*SHAPE, 3), dtype=np.float32)


def reader(image):
    return lambda box: image[as_slices(box)]


def test_where_the_device_is_too_small_blocks_are_halved(image):
    whole = lean_model().embed(image)
    small = lean_model(SmallDevice)
    small.holds = 300 * 300
    found = embed_box(reader(image), SHAPE, WHOLE, small)
    np.testing.assert_allclose(found, whole, atol=1e-5)
    areas = [height * width for height, width in small.sides]
    assert areas[0] > small.holds  # it was too small for the first
    assert max(areas[-4:]) <= small.holds


def test_a_device_that_holds_nothing_is_told_of(image):
    small = lean_model(SmallDevice)
    with pytest.raises(DeviceMemoryError, match="too little"):
        embed_box(reader(image), SHAPE, WHOLE, small)


@pytest.mark.skipif(cores() < 2, reason="one core")
def test_on_processors_several_tiles_are_embedded_at_once(image):
    together = Barrier(2, timeout=60)

    class Meeting(Model):
        def embed(self, planes, **how):
            together.wait()
            return super().embed(planes, **how)

    model = lean_model(Meeting)
    expected = lean_model().embed(image)
    halves = [((0, 256), (0, SHAPE[1])), ((256, 512), (0, SHAPE[1]))]

    def work(box):
        with few_threads(1):
            return embed_box(reader(image), SHAPE, box, model)

    with ThreadPoolExecutor(2) as pool:
        found = np.concatenate([*pool.map(work, halves)])
    np.testing.assert_allclose(found, expected, atol=1e-5)
