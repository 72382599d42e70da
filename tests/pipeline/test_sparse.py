"""A constant background with few bright pixels keeps its objects, in memory and in tiles."""

import dask.array as da
import numpy as np

from napari_sen import segment


def test_a_sparse_image_has_the_range_of_its_extremes():
    image = np.zeros((300, 300), np.uint16)
    image[100:106, 40:46] = 900  # 0.04 % of the pixels
    labels = segment(image, size=12, model=None)
    spot = np.unique(labels[100:106, 40:46])
    assert len(spot) <= 2
    assert np.isin(labels, spot).sum() < 60
    tiled = segment(da.from_array(image, chunks=100), size=12, model=None).compute()
    assert np.array_equal(labels, tiled)
