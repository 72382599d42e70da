"""Classes carried from examples to all superpixels."""

import numpy as np
import pytest

from napari_sen.core.regions import Borders
from napari_sen.errors import DataError, ImageError
from napari_sen.learn.classes import Examples, propagate

NAMES = ("colour-0", "colour-1")


@pytest.fixture
def features(rng):
    """Three clouds of twenty."""
    centres = np.repeat([[0, 0], [9, 0], [0, 9]], 20, axis=0)
    return centres + rng.normal(size=(60, 2))


def test_clouds_get_the_class_of_their_example(features):
    examples = Examples(features[[1, 25, 45]], np.array([2, 5, 7]), NAMES)
    classes, probability = propagate(examples, features)
    assert classes.tolist() == [2, 5, 7]
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(classes[probability.argmax(axis=1)], np.repeat([2, 5, 7], 20))
    again = propagate(examples, features)[1]
    np.testing.assert_array_equal(probability, again)


def test_the_unit_of_a_feature_does_not_matter(features):
    examples = Examples(features[[1, 25, 45]], np.array([1, 2, 3]), NAMES)
    scale = np.array([1000.0, 0.001])
    scaled = Examples(examples.features * scale, examples.classes, NAMES)
    np.testing.assert_allclose(
        propagate(examples, features)[1], propagate(scaled, features * scale)[1], atol=1e-4
    )


def test_many_examples_of_a_class_do_not_outweigh_few(features):
    """Between a class of fifty equal examples and one of a single one, both are as likely."""
    rows = np.array([[0.0, 0.0]] * 50 + [[9.0, 0.0]])
    examples = Examples(rows, np.array([1] * 50 + [2]), NAMES)
    between = propagate(examples, np.concatenate([features, [[4.5, 0.0]]]))[1][-1]
    assert between == pytest.approx([0.5, 0.5], abs=0.05)


def test_neighbours_decide_what_looks_like_neither_class(features):
    """A superpixel between two clouds goes with the neighbour that it has."""
    examples = Examples(features[[1, 25]], np.array([1, 2]), NAMES)
    between = (features[1] + features[25]) / 2
    rows = np.concatenate([features[:40], [between]])

    def likely(neighbour):
        borders = Borders(np.array([[neighbour, 40], [0, 2], [21, 22]]), np.array([3.0, 1.0, 1.0]))
        return propagate(examples, rows, borders)[1][40]

    assert likely(3)[0] > 0.6 > 0.4 > likely(30)[0]
    alone = propagate(examples, rows, Borders(np.empty((0, 2), int), np.empty(0)))[1]
    np.testing.assert_array_equal(alone, propagate(examples, rows)[1])


def test_superpixels_without_neighbours_keep_their_own(features):
    examples = Examples(features[[1, 25]], np.array([1, 2]), NAMES)
    _, probability = propagate(examples, features, Borders(np.array([[0, 3]]), np.ones(1)))
    plain = propagate(examples, features)[1]
    np.testing.assert_array_equal(probability.argmax(axis=1), plain.argmax(axis=1))


def test_confidence_tells_the_clear_from_the_doubtful(features):
    examples = Examples(features[[1, 25]], np.array([1, 2]), NAMES)
    between = (features[1] + features[25]) / 2
    _, probability = propagate(examples, np.concatenate([features[:40], [between]]))
    assert probability[1].max() > 0.8 > 0.6 > probability[40].max()


def test_examples_add_up_if_they_are_described_alike(features):
    first = Examples(features[:1], np.array([1]), NAMES)
    assert (first + Examples(features[1:3], np.array([2, 2]), NAMES)).classes.tolist() == [1, 2, 2]
    with pytest.raises(DataError, match="choose the model"):
        first + Examples(features[:1, :1], np.array([1]), NAMES[:1])


@pytest.mark.parametrize("classes", [[], [1], [2, 2]])
def test_fewer_than_two_classes(features, classes):
    with pytest.raises(DataError, match="two classes at least"):
        propagate(Examples(features[: len(classes)], np.array(classes, int), NAMES), features)


@pytest.mark.parametrize(
    ("rows", "classes"), [([[0.0, np.nan]], [1]), ([[0.0]], [1]), ([[0.0, 1.0]], [0])]
)
def test_examples_that_make_no_sense(rows, classes):
    with pytest.raises(ImageError):
        Examples(np.array(rows), np.array(classes), NAMES)
