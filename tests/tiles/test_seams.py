"""Pieces cut off at tile borders join a neighbour; every label is connected afterwards."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure

from napari_sen.tiles.geometry import TileGrid, as_slices, grow
from napari_sen.tiles.seams import Fragments, find_fragments, joined, merge_fragments


def repair(labels, seeds, tile, mask=None, connectivity=1, reverse=False):
    """Run the pass over all tiles of an image in memory; label k + 1 is of seed k."""
    shape, grid = labels.shape, TileGrid(labels.shape, tile)
    parts = []
    for number in range(len(grid)):
        core = grid.box(number)
        window = grow(core, shape, shape)
        at = as_slices(core)
        mine = np.all([(s >= a) & (s < b) for s, (a, b) in zip(seeds.T, core, strict=True)], axis=0)
        inside = None if mask is None else mask[as_slices(window)]
        parts.append(
            find_fragments(
                labels[as_slices(window)], window, core, seeds[mine], np.flatnonzero(mine) + 1,
                shape=shape, inside=inside, connectivity=connectivity,
            )
        )  # fmt: skip
        assert at
    found = merge_fragments(parts[::-1] if reverse else parts)
    result = labels.copy()
    result.ravel()[found.pixels] = joined(found)
    return result, found


def assert_connected(labels, connectivity=1):
    rank = 1 if connectivity == 1 else labels.ndim
    _, count = measure.label(labels, background=0, connectivity=rank, return_num=True)
    assert count == len(np.unique(labels[labels > 0]))


def test_the_longest_border_wins_then_the_smaller_label():
    labels = np.array(
        [
            [1, 1, 1, 1, 1, 1],
            [1, 3, 3, 2, 2, 2],
            [3, 2, 2, 2, 3, 2],
            [3, 3, 3, 3, 3, 3],
        ]
    )
    seeds = np.array([[0, 0], [2, 5], [3, 0]])
    fixed, found = repair(labels, seeds, (4, 3))
    assert len(found) == 1  # the two 3 in the second row; 1: four faces, 2: three
    assert fixed[1, 1:3].tolist() == [1, 1]
    labels[0, 1] = 2
    labels[0, 2] = 2
    labels[0, 3] = 2
    fixed, found = repair(labels, seeds, (4, 3))
    assert fixed[1, 1:3].tolist() == [2, 2]


@pytest.mark.parametrize("shape", [(40, 50), (7, 20, 30)])
@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_every_label_is_connected_whatever_the_disorder(shape, connectivity, masked, rng):
    """Random noise on a label map: pieces everywhere, pieces that touch pieces only."""
    size = rng.integers(0, shape, (12, len(shape)))
    seeds = np.unique(size, axis=0)
    places = np.argwhere(np.ones(shape, bool))
    nearest = ((places[:, None] - seeds) ** 2).sum(-1).argmin(1)
    labels = nearest.reshape(shape) + 1
    noisy = rng.random(shape) < 0.4
    labels[noisy] = rng.integers(1, len(seeds) + 1, noisy.sum())
    labels[tuple(seeds.T)] = np.arange(len(seeds)) + 1
    mask = None
    if masked:
        mask = rng.random(shape) < 0.8
        mask[tuple(seeds.T)] = True
        labels[~mask] = 0
        labels[(rng.random(shape) < 0.1) & (labels != 0)] = 0  # no label came here
        labels[tuple(seeds.T)] = np.arange(len(seeds)) + 1
    fixed, found = repair(labels, seeds, (16,) * len(shape), mask, connectivity)
    assert len(found) > 20
    assert_connected(fixed, connectivity)
    untouched = np.ones(labels.size, bool)
    untouched[found.pixels] = False
    np.testing.assert_array_equal(fixed.ravel()[untouched], labels.ravel()[untouched])
    if mask is None:
        assert (fixed > 0).all()
    else:
        rank = 1 if connectivity == 1 else labels.ndim
        parts, _ = ndimage.label(mask, ndimage.generate_binary_structure(labels.ndim, rank))
        seeded = np.isin(parts, parts[tuple(seeds.T)]) & mask
        np.testing.assert_array_equal(fixed > 0, seeded)
    again, _ = repair(labels, seeds, (16,) * len(shape), mask, connectivity, reverse=True)
    np.testing.assert_array_equal(again, fixed)


def test_nothing_loose():
    labels = np.repeat([[1, 1, 2, 2]], 3, axis=0)
    fixed, found = repair(labels, np.array([[1, 0], [1, 3]]), (32, 32))
    assert len(found) == 0
    assert len(joined(found)) == 0
    np.testing.assert_array_equal(fixed, labels)
    assert isinstance(merge_fragments([]), Fragments)
