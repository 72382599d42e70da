"""Images to numbers: normalisation, colour features, network planes, PCA colours."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_sen.core.features import (
    colour_features,
    network_planes,
    normalise,
    statistics,
)
from napari_sen.core.pca import pca_rgb
from napari_sen.errors import ImageError

DTYPES = ["u1", "u2", "u4", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">f4"]


def test_eight_bits_become_the_cielab_of_skimage(rng):
    """To the last bit, though by a table of their 256 values."""
    data = rng.integers(0, 256, (90, 2000, 3)).astype(np.uint8)
    data[0, :256] = np.arange(256)[:, None]
    found = colour_features(data, True, statistics(data, rgb=True))
    np.testing.assert_array_equal(found, rgb2lab(data.astype(np.float32) / np.float32(255)))


def test_white_and_red_have_their_cielab_values():
    pixels = np.array([[[255, 255, 255], [255, 0, 0]]], np.uint8)
    lab = colour_features(pixels, True, statistics(pixels, rgb=True))
    np.testing.assert_allclose(lab[0, 0], [100, 0, 0], atol=0.1)
    np.testing.assert_allclose(lab[0, 1], [53.24, 80.09, 67.20], atol=0.05)
    assert lab.dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_percentiles_map_to_the_unit_range(dtype):
    """For every dtype, over a range that it can hold."""
    ramp = np.arange(128).reshape(8, 16, 1).astype(dtype)
    unit = normalise(ramp, statistics(ramp))
    low, high = np.percentile(ramp.astype(float), (1, 99.8))
    expected = (np.arange(128) - low) / (high - low)
    np.testing.assert_allclose(unit.ravel(), expected, atol=2e-3)


@pytest.mark.parametrize("dtype", ["u1", "i8", "u8", "f4", "f8"])
def test_values_at_the_limits_of_their_dtype(dtype):
    limits = np.iinfo(dtype) if dtype[0] in "iu" else np.finfo(dtype)
    image = np.array([[limits.min, limits.max] * 8] * 8, dtype)[..., None]
    unit = normalise(image, statistics(image))
    np.testing.assert_allclose(unit[0, :2, 0], [0, 1], atol=1e-6)


def test_a_constant_channel_becomes_zero_and_bool_stays():
    assert not normalise(np.full((4, 4, 1), 7), statistics(np.full((4, 4, 1), 7))).any()
    flags = np.eye(4, dtype=bool)[..., None]
    np.testing.assert_array_equal(normalise(flags, statistics(flags)), flags)


def test_outliers_are_clipped(rng):
    image = rng.random((100, 100, 1))
    image[0, 0], image[0, 1] = 1e9, -1e9
    unit = normalise(image, statistics(image))
    assert unit.max() == 1.5
    assert unit.min() == -0.5


def test_masked_values_do_not_count(rng):
    image = rng.random((50, 50, 1))
    expected = statistics(image[:, :25])
    image[:, 25:] = np.nan
    mask = np.zeros((50, 50), bool)
    mask[:, :25] = True
    found = statistics(image, mask)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high])


def test_masked_values_do_not_bleed_in(rng):
    image = rng.random((20, 20, 1))
    mask = np.ones((20, 20), bool)
    mask[:, 10:] = False
    stats = statistics(image, mask)
    other = image.copy()
    other[:, 10:] = np.nan
    a = colour_features(image, False, stats, 2.0, mask=mask)
    b = colour_features(other, False, stats, 2.0, mask=mask)
    np.testing.assert_allclose(a[mask], b[mask], rtol=1e-6)


def test_smoothing_counts_in_pixels_of_the_finest_axis():
    """A thick slice is smoothed less across slices: its neighbours are farther away."""
    volume = np.zeros((9, 9, 9, 1))
    volume[4, 4, 4] = 1
    stats = statistics(np.array([[0.0], [1.0]])[None])
    smooth = colour_features(volume, False, stats, 1.0, 3, spacing=(4.0, 1.0, 1.0))[..., 0]
    assert smooth[4, 4, 5] == pytest.approx(smooth[4, 5, 4])
    assert smooth[5, 4, 4] < 0.01 * smooth[4, 5, 4]


def test_distances_mean_the_same_for_any_number_of_channels(rng):
    image = rng.random((30, 30, 1))
    many = np.repeat(image, 12, axis=-1)
    a = colour_features(image, False, statistics(image))
    b = colour_features(many, False, statistics(many))
    np.testing.assert_allclose(
        np.linalg.norm(a[0] - a[1], axis=-1), np.linalg.norm(b[0] - b[1], axis=-1), rtol=1e-5
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 20])
def test_three_planes_serve_any_number_of_channels(channels, rng):
    image = rng.integers(0, 4000, (30, 40, channels)).astype(np.uint16)
    stats = statistics(image)
    planes = network_planes(image, False, stats)
    assert planes.shape == (30, 40, 3)
    assert planes.dtype == np.float32
    assert planes.min() >= -0.5
    assert planes.max() <= 1.5
    unit = normalise(image, stats)
    if channels == 1:
        np.testing.assert_array_equal(planes, np.repeat(unit, 3, axis=-1))
    if channels == 2:
        np.testing.assert_allclose(planes[..., 2], unit.mean(axis=-1), rtol=1e-6)
    # A part of the image is treated as the whole is.
    np.testing.assert_array_equal(network_planes(image[5:9], False, stats), planes[5:9])


@pytest.mark.parametrize("pixels", [0, 1])
def test_nothing_varies_in_a_pixel_of_many_channels(pixels, rng):
    image = rng.random((1, pixels, 5)).astype(np.float32)
    planes = network_planes(image, False, statistics(image))
    np.testing.assert_array_equal(planes, np.zeros((1, pixels, 3)))


def test_a_model_of_other_planes_is_refused():
    image = np.zeros((4, 4, 2))
    with pytest.raises(ImageError, match="5 planes"):
        network_planes(image, False, statistics(image), planes=5)


def test_colour_beyond_one_is_refused():
    with pytest.raises(ImageError, match=r"0\.\.\.1"):
        network_planes(np.full((4, 4, 3), 200.0), True, statistics(np.zeros((4, 4, 3)), rgb=True))


def test_pca_colours_tell_clusters_apart(rng):
    embedding = rng.normal(0, 0.01, (20, 30, 16))
    embedding[:, 15:, 3] += 1
    picture = pca_rgb(embedding)
    assert picture.shape == (20, 30, 3)
    assert abs(int(picture[0, 0, 0]) - int(picture[0, 20, 0])) > 150
    np.testing.assert_array_equal(picture, pca_rgb(embedding.copy()))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_pca_of_few_dimensions(dim, rng):
    assert pca_rgb(rng.random((4, 5, dim))).shape == (4, 5, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_few_bright_spots_on_a_constant_background_are_seen(dtype):
    """Less than 0.2 % of the pixels: both percentiles are the background's."""
    image = np.full((100, 100, 1), 7, dtype)
    image[10:12, 20:24] = 200
    stats = statistics(image)
    assert (stats.low[0], stats.high[0]) == (7, 200)
    features = colour_features(image, False, stats)
    assert features[0, 0, 0] == 0
    assert features[11, 22, 0] == 100
