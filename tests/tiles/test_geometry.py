"""Where tiles lie, and that what is computed in them is what the whole gives."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.errors import ParameterError
from napari_sen.learn.model import load_model
from napari_sen.learn.network import padded_size, reflect_indices
from napari_sen.tiles.embedding import embed_box
from napari_sen.tiles.geometry import (
    TileGrid,
    as_slices,
    grow,
    network_blocks,
    network_window,
    shift,
    tile_sides,
)


@pytest.fixture(scope="module")
def model():
    """A trained one: what an untrained network sees far away hardly matters."""
    return load_model("natural")


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), min_size=1, max_size=3))
def test_tiles_cover_every_pixel_once(axes):
    shape, tile = (tuple(values) for values in zip(*axes, strict=True))
    grid = TileGrid(shape, tile)
    seen = np.zeros(shape, int)
    for number in range(len(grid)):
        seen[as_slices(grid.box(number))] += 1
        assert list(grid.touching(grid.box(number))) == [number]
    assert (seen == 1).all()


def test_neighbours_of_a_tile():
    grid = TileGrid((100, 70), (32, 32))
    near = grow(grid.box(4), (1, 1), grid.shape)
    assert near == ((31, 65), (31, 65))
    assert list(grid.touching(near)) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert shift(grid.box(4), near) == ((1, 33), (1, 33))


@pytest.mark.parametrize(
    ("tile", "n_spatial", "sides"),
    [
        (None, 2, (768, 768)),
        (64, 2, (64, 64)),
        ((64, 32), 2, (64, 32)),
        (96, 3, (64, 96, 96)),
        ((5, 64, 64), 3, (5, 64, 64)),
    ],
)
def test_sides(tile, n_spatial, sides):
    assert tile_sides(tile, (900,) * n_spatial, n_spatial=n_spatial) == sides


@pytest.mark.parametrize("tile", [0, -32, 33, 1.5, "64", (64, 33), (64, 64, 64), [], np.nan])
def test_sides_that_are_none(tile):
    with pytest.raises(ParameterError, match="tile"):
        tile_sides(tile, (100, 100), n_spatial=2)


@given(st.integers(0, 3000), st.integers(1, 2000), st.sampled_from([32, 96, 896]))
def test_blocks_begin_on_the_lattice(start, length, largest):
    blocks = network_blocks(start, start + length, largest)
    assert [blocks[0][0], blocks[-1][1]] == [start, start + length]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(blocks))
    assert all(begin % 32 == 0 for begin, _ in blocks[1:])
    assert all(0 < stop - begin <= largest for begin, stop in blocks)


@given(st.integers(1, 700), st.integers(0, 5), st.data())
def test_a_window_shows_the_padded_image(size, levels, data):
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    begin, source = network_window(start, stop, size, 188, levels)
    whole = reflect_indices(size, padded_size(size, levels)).numpy()
    end = begin + len(source)
    np.testing.assert_array_equal(source, whole[begin:end])
    assert begin % 32 == 0
    assert end % (1 << levels) == 0
    assert begin == 0 or start - begin >= 188
    assert end == len(whole) or end - stop >= 188


@pytest.mark.parametrize(("height", "width"), [(517, 333), (64, 600), (40, 33), (1, 470)])
def test_the_embedding_of_a_box_is_that_of_the_whole(height, width, rng, model):
    image = rng.random((height, width, 3), dtype=np.float32)
    whole = model.embed(image)
    boxes = [((0, height), (0, width)), ((height // 2, height), (width // 3, width // 3 + 11))]
    grid = TileGrid((height, width), (160, 160))
    boxes += [grid.box(k) for k in range(min(len(grid), 2))]
    for box in boxes:
        found = embed_box(lambda part: image[as_slices(part)], (height, width), box, model)
        np.testing.assert_allclose(found, whole[as_slices(box)], atol=1e-5)


def test_a_smaller_halo_would_be_seen(rng, model):
    """The receptive field is needed: the test above can fail."""
    image = rng.random((32, 640, 3), dtype=np.float32)
    whole = model.embed(image)
    part = model.embed(image[:, 224:416])
    assert np.abs(part[:, 64:128] - whole[:, 288:352]).max() > 1e-3
