import numpy as np
import pytest

import napari_sen

METHODS = ("trees", "sizes")


def square(rng):
    """Return a bright square on a noisy ground, and the band around its border."""
    image = rng.integers(90, 110, (70, 100, 3)).astype(np.uint8)
    image[20:50, 30:70] = (40, 90, 220)
    band = np.zeros(image.shape[:2], bool)
    band[17:53, 27:73] = True
    band[23:47, 33:67] = False
    return image, band


def test_a_square_has_four_sides(rng):
    image, band = square(rng)
    edges = napari_sen.contours(image, model=None, threshold=0.3)
    assert edges.dtype == np.float32
    assert 0 <= edges.min() <= edges.max() <= 1
    assert not edges[~band].any()
    assert (edges > 0).sum() > 0.8 * 2 * (30 + 40)
    thick = napari_sen.contours(image, model=None, threshold=0.3, thin=False)
    assert (thick > 0).sum() > (edges > 0).sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (7, 5)])
@pytest.mark.parametrize("method", METHODS)
def test_small_images(method, shape, rng):
    image = rng.integers(0, 255, shape).astype(np.uint8)
    edges = napari_sen.contours(image, model=None, method=method, rgb=False)
    assert edges.shape == shape
    assert np.isfinite(edges).all()


def test_an_even_image_has_no_contour():
    image = np.full((40, 50), 7, np.uint8)
    assert not napari_sen.contours(image, model=None).any()


def test_a_stack_is_done_slice_by_slice(rng):
    stack = rng.integers(0, 255, (2, 30, 40)).astype(np.uint8)
    both = napari_sen.contours(stack, model=None)
    assert both.shape == stack.shape
    # Intensities are scaled by the whole stack, so a slice alone may differ in strength.
    assert (both[0] != both[1]).any()
