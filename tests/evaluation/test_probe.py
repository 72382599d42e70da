import numpy as np
import pytest

from napari_sen.errors import DataError, ImageError, ParameterError
from napari_sen.evaluation.probe import area_under_curve, pair_auc, sample_pairs

QUARTERS = np.kron([[1, 2], [3, 4]], np.ones((40, 40), int))


def test_area_under_curve_equals_pairs(rng):
    values, positive = rng.integers(0, 5, 60), rng.random(60) < 0.4
    high, low = values[positive][:, None], values[~positive][None]
    expected = ((high > low) + 0.5 * (high == low)).mean()
    assert area_under_curve(values, positive) == pytest.approx(expected)
    assert np.isnan(area_under_curve(values, np.ones(60, bool)))


@pytest.mark.parametrize("distance", [1, 2, 8, 20.5, 60])
def test_pairs_lie_in_the_image_at_their_distance(distance, rng):
    first, second = sample_pairs((50, 70), distance, 5000, rng)
    for rows, columns in (first, second):
        assert rows.min() >= 0
        assert rows.max() < 50
        assert columns.min() >= 0
        assert columns.max() < 70
    lengths = np.hypot(second[0] - first[0], second[1] - first[1])
    assert abs(lengths - distance).max() <= np.sqrt(0.5)
    # All directions: the mean step is small against the distance.
    assert abs((second[1] - first[1]).mean()) < 0.1 * distance


def test_labels_as_features_are_perfect():
    scores = pair_auc(QUARTERS[..., None].astype(float), [QUARTERS], (2, 8, 20), 4000)
    assert scores == {2: 1.0, 8: 1.0, 20: 1.0}


def test_noise_is_chance(rng):
    scores = pair_auc(rng.random((80, 80, 3)), [QUARTERS], (8, 20, 30), 20_000)
    assert all(abs(score - 0.5) < 0.03 for score in scores.values())


def test_the_majority_decides():
    flat, features = np.ones_like(QUARTERS), QUARTERS[..., None].astype(float)
    assert pair_auc(features, [QUARTERS, QUARTERS, flat], (20,), 4000) == {20: 1.0}
    assert np.isnan(pair_auc(features, [QUARTERS, flat, flat], (20,), 4000)[20])
    # Evenly split pairs are left out, and here no other "different" ones remain.
    assert np.isnan(pair_auc(features, [QUARTERS, flat], (20,), 4000)[20])


def test_the_seed_fixes_the_pairs(rng):
    features = rng.random((80, 80, 2))
    first, again, other = (pair_auc(features, [QUARTERS], (2, 8), seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_bad_input():
    features = np.zeros((80, 80, 2))
    with pytest.raises(ImageError, match="H, W, C"):
        pair_auc(features[0], [QUARTERS])
    with pytest.raises(DataError, match="at least one"):
        pair_auc(features, [])
    with pytest.raises(DataError, match="do not match"):
        pair_auc(features, [QUARTERS[:50]])
    for distance in (0, 112, float("nan")):
        with pytest.raises(ParameterError, match="fit"):
            pair_auc(features, [QUARTERS], (distance,))
