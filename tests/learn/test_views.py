import numpy as np
import pytest

from napari_sen.learn.dataset import TrainingImage, prepare
from napari_sen.learn.teacher import region_labels
from napari_sen.learn.views import draw_views, recolour
from napari_sen.params import ContrastParams, RegionParams

from .examples import blobs, sources

REGIONS = RegionParams(counts=(4, 9), exponents=(0.5, 1.0))
PLAIN = {"gamma": 0.0, "gain": 0.0, "offset": 0.0, "grey": 0.0, "blurred": 0.0}


def ramp(height=90, width=120):
    """Return an image whose planes tell the row and the column of every pixel."""
    planes = np.zeros((height, width, 3), np.float32)
    planes[..., 0] = np.arange(width) / 255
    planes[..., 1] = np.arange(height)[:, None] / 255
    return planes, 100 * planes


def test_views_are_shifted_flipped_parts_with_their_labels():
    planes, features = ramp()
    dataset = prepare([TrainingImage("ramp", lambda: (planes, features))], REGIONS)
    maps = region_labels(features, REGIONS)
    views = draw_views(dataset, 60, 32, ContrastParams(shift=20, **PLAIN), np.random.default_rng(0))
    columns = np.rint(views.planes[:, 0] * 255).astype(int)
    rows = np.rint(views.planes[:, 1] * 255).astype(int)
    used = set()
    for b in range(60):
        fits = [
            all(np.array_equal(views.labels[v], m[rows[v], columns[v]]) for v in (b, 60 + b))
            for m in maps
        ]
        assert any(fits)
        used.add(fits.index(True))
        labels, whole = views.labels[b], maps[fits.index(True)]
        for label in np.unique(labels):
            expected = features[whole == label].mean(0)
            np.testing.assert_allclose(views.colours[b, label], expected, rtol=1e-5)
    assert len(used) > 1
    for axis, where in ((1, rows), (2, columns)):
        first, second = where[:60].min((1, 2)), where[60:].min((1, 2))
        assert 0 < np.abs(first - second).max() <= 20
        assert len(np.unique(first - second)) > 10
        forward = np.diff(where, axis=axis).max((1, 2)) > 0
        kinds = {(bool(a), bool(b)) for a, b in zip(forward[:60], forward[60:], strict=True)}
        assert len(kinds) == 4  # the views are flipped independently, along each axis


def test_a_draw_depends_on_its_generator_alone():
    dataset = prepare(sources(), REGIONS)
    params = ContrastParams()
    first, _, again = (
        draw_views(dataset, 3, 32, params, np.random.default_rng([0, s]), 0.1) for s in (7, 8, 7)
    )
    for name in ("planes", "labels", "colours"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    clean = draw_views(dataset, 3, 32, params, np.random.default_rng([0, 7]))
    assert 0.09 < (first.planes - clean.planes).std() < 0.11
    np.testing.assert_array_equal(first.labels, clean.labels)


@pytest.mark.parametrize("shape", [(1, 1), (5, 90), (40, 7)])
def test_small_images_are_reflected(shape):
    dataset = prepare([TrainingImage("small", lambda: blobs(3, *shape))], REGIONS)
    views = draw_views(dataset, 3, 64, ContrastParams(), np.random.default_rng(1))
    assert views.planes.shape == (6, 3, 64, 64)
    assert (views.labels > 0).all()
    assert np.isfinite(views.planes).all()


def test_images_of_other_sizes_and_channels_share_a_table_of_colours():
    grey = TrainingImage("grey", lambda: (blobs(0)[0], blobs(0)[1][..., :1]))
    dataset = prepare([grey, *sources(1)], REGIONS)
    views = draw_views(dataset, 8, 32, ContrastParams(), np.random.default_rng(0))
    assert views.colours.shape[2] == 3
    assert views.labels.max() < views.colours.shape[1]


def test_recolouring_does_each_thing_it_says():
    planes = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)

    def made(**changes):
        params = ContrastParams(**(PLAIN | changes))
        return recolour(planes, params, np.random.default_rng(1))

    np.testing.assert_array_equal(made(), planes)
    gain = made(gain=0.5) / planes
    assert np.ptp(gain.reshape(3, -1), axis=1).max() < 1e-5
    assert len(np.unique(gain[:, 0, 0])) == 3
    assert np.abs(np.log(gain)).max() <= 0.5
    offset = made(offset=0.1) - planes
    assert np.ptp(offset.reshape(3, -1), axis=1).max() < 1e-6
    assert 0 < np.abs(offset).max() <= 0.1
    power = np.log(made(gamma=0.5)) / np.log(planes)
    np.testing.assert_allclose(power, power[0, 0, 0], rtol=1e-3)
    assert power[0, 0, 0] != pytest.approx(1, abs=1e-3)
    grey = made(grey=1.0)
    np.testing.assert_allclose(grey, np.stack([planes.mean(0)] * 3), rtol=1e-6)
    always = ContrastParams(**PLAIN | {"blurred": 1.0})
    shares = [
        np.var(recolour(planes, always, np.random.default_rng(seed))) / np.var(planes)
        for seed in range(8)
    ]
    assert max(shares) <= 1 + 1e-6
    assert min(shares) < 0.3
    assert np.ptp(shares) > 0.2  # the sigma is drawn, too
    below = recolour(planes - 1, ContrastParams(), np.random.default_rng(2))
    assert np.isfinite(below).all()


def test_region_labels_are_cuts_of_trees():
    _, features = blobs(0, 80, 100)
    maps = region_labels(features, RegionParams(counts=(4, 9), exponents=(0.25, 1.0)))
    assert [m.max() for m in maps] == [4, 9, 4, 9]
    assert all(m.min() == 1 and m.shape == (80, 100) for m in maps)
    for coarse, fine in ((maps[0], maps[1]), (maps[2], maps[3])):
        for label in range(1, 10):
            assert len(np.unique(coarse[fine == label])) == 1
    assert not np.array_equal(maps[0], maps[2])


def test_small_images_have_as_many_regions_as_they_hold():
    maps = region_labels(blobs(0, 20, 20)[1], RegionParams(counts=(2, 500)))
    assert [m.max() for m in maps][::2] == [2, 2]
    assert maps[1].max() < 10
