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
    assert len(found.names) == rows.shape[1] == 5 * 3 + 16
    expected = embed(image, model="natural")[labels == 5].mean(axis=0)
    np.testing.assert_allclose(rows[4, 15:], expected, atol=1e-6)
    merged = found.features(np.array([0, 0] + [1] * 10), 2)
    expected = embed(image, model="natural")[labels <= 2].mean(axis=0)
    np.testing.assert_allclose(merged[0, 15:], expected, atol=1e-6)


@pytest.mark.parametrize("how", ["nan", "mask", "masked array"])
def test_what_lies_outside_the_mask_does_not_count(image, labels, how):
    grey = image[..., 0].astype(np.float32)
    labels[:14] = 0
    labels[14:] -= 4
    inside = labels > 0
    expected = describe(grey[14:], labels[14:], model=None).features()
    given, mask = grey.copy(), None
    given[~inside] = np.nan if how != "masked array" else 1e6
    if how == "masked array":
        given = np.ma.masked_array(given, ~inside)
    else:
        mask = "nan" if how == "nan" else inside
    found = describe(given, labels, model=None, mask=mask)
    np.testing.assert_allclose(found.features(), expected, rtol=1e-6)


def test_colour_alone_and_a_stack(image, labels):
    stack = np.stack([image[..., 0], image[..., 1]])
    both = np.stack([labels, labels + 12])
    found = describe(stack, both, model=None, slices="each")
    assert found.names == (
        "colour-0", "spread-0", "lower-quartile-0", "median-0", "upper-quartile-0"
    )  # fmt: skip
    assert found.features().shape == (24, 5)
    assert found.embedding is None


def test_neighbours_touch_within_a_slice_and_share_their_length(image, labels):
    found = describe(np.stack([image[..., 0]] * 2), np.stack([labels, labels + 12]), model=None,
                     slices="each")  # fmt: skip
    edges, length = found.borders().edges, found.borders().length
    assert ((edges < 12).all(axis=1) | (edges >= 12).all(axis=1)).all()
    assert dict(zip(map(tuple, edges.tolist()), length, strict=True))[0, 1] == 14
    merged = found.borders(np.repeat([0, 1, 2], [4, 8, 12]))
    assert merged.edges.tolist() == [[0, 1]]
    assert merged.length.tolist() == [52]


def test_quartiles_follow_the_pixels(image, labels):
    rows = describe(image[..., 0], labels, model=None, kind="microscopy").features()
    order = rows[:, 2:5]
    assert (np.diff(order, axis=1) > 0).all()
    low, high = np.percentile(image[..., 0], (1, 99.8))
    expected = [np.percentile(image[..., 0][labels == r], (25, 50, 75)) for r in range(1, 13)]
    expected = 100 * (np.array(expected) - low) / (high - low)
    assert np.abs(order - expected).max() < 100 / 16


def test_labels_of_another_image(image, labels):
    with pytest.raises(ImageError, match="choose the image"):
        describe(image, labels[:-1], model=None)
