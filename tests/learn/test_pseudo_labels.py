import numpy as np
import pytest

from napari_sen.errors import Cancelled
from napari_sen.learn.pseudo_labels import mean_colours, pseudo_labels, scales
from napari_sen.params import PseudoLabelParams

from .examples import LABELS, blobs


def test_a_map_for_every_spacing_and_compactness():
    _, features = blobs(0)
    params = PseudoLabelParams(spacings=(6.0, 20.0, 500.0), compactnesses=(5.0, 40.0))
    maps = pseudo_labels(features, params)
    assert list(maps) == scales(params)
    for (spacing, _), labels in maps.items():
        assert labels.shape == (40, 50)
        assert labels.dtype == np.int32
        wanted = max(1, round(2000 / spacing**2))
        np.testing.assert_array_equal(np.unique(labels), np.arange(1, wanted + 1))


def test_one_pixel():
    maps = pseudo_labels(np.zeros((1, 1, 3), np.float32), LABELS)
    assert all((labels == 1).all() for labels in maps.values())


def test_mean_colours():
    features = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    labels = np.array([[1, 1, 3], [3, 3, 3]])
    expected = [[0, 0], [1, 2], [0, 0], [7, 8]]
    found = mean_colours(features, labels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected)


def test_progress_may_cancel():
    def progress(done, total, stage):
        assert (total, stage) == (2, "pseudo-labels")
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        pseudo_labels(blobs(0)[1], LABELS, progress)
