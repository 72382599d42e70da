"""What regions look like, against the means of their pixels."""

import numpy as np
import pytest

from napari_sen import embed
from napari_sen.errors import ImageError
from napari_sen.pipeline.describe import describe


@pytest.fixture
def image(rng):
    return rng.integers(0, 255, (40, 52, 3), np.uint8)


@pytest.fixture
def labels():
    return np.kron(np.arange(1, 13).reshape(3, 4), np.ones((14, 13), int))[:40]


def test_colour_and_embedding_are_the_means(image, labels):
    found = describe(image, labels, model="natural")
    rows = found.features()
    assert len(found.names) == rows.shape[1] == 3 + 3 + 16
    expected = embed(image, model="natural")[labels == 5].mean(axis=0)
    np.testing.assert_allclose(rows[4, 6:], expected, atol=1e-6)
    merged = found.features(np.array([0, 0] + [1] * 10), 2)
    expected = embed(image, model="natural")[labels <= 2].mean(axis=0)
    np.testing.assert_allclose(merged[0, 6:], expected, atol=1e-6)


def test_colour_alone_and_a_stack(image, labels):
    stack = np.stack([image[..., 0], image[..., 1]])
    both = np.stack([labels, labels + 12])
    found = describe(stack, both, model=None, slices="each")
    assert found.names == ("colour-0", "spread-0")
    assert found.features().shape == (24, 2)
    assert found.embedding is None


def test_labels_of_another_image(image, labels):
    with pytest.raises(ImageError, match="choose the image"):
        describe(image, labels[:-1], model=None)
