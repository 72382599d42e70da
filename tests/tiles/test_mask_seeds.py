"""Seeds of a mask, found tile by tile, are those of the whole mask."""

import numpy as np
import pytest

from napari_sen.io.image_file import ImageFile
from napari_sen.tiles.geometry import TileGrid
from napari_sen.tiles.mask_seeds import MaskTiles, count_inside, stream_seeds
from napari_sen.tiles.raster import open_raster
from napari_sen.tiles.seeds import masked_seeds


def streamed(mask, count, spacing, connectivity, tile, folder):
    source = open_raster(ImageFile(mask), slices="volume" if mask.ndim == 3 else None, rgb=False)
    tiles = MaskTiles(source, (), TileGrid(mask.shape, tile), spacing, connectivity, str(folder))

    def run(task, items):
        for item in reversed(items):
            yield item, task(item, None)

    counted = [count_inside(tiles, number, None) for number in range(len(tiles.grid))]
    steps = stream_seeds(tiles, count, counted, run)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def masks(shape, rng):
    scattered = rng.random(shape) < 0.45
    blocks = np.kron(rng.random([-(-n // 9) for n in shape]) < 0.5, np.ones((9,) * len(shape)))
    blocks = blocks[tuple(slice(n) for n in shape)].astype(bool)
    snake = np.zeros(shape, bool)
    snake[..., ::4, :] = True
    snake[..., 2::8, 0] = snake[..., 6::8, -1] = True
    snake[..., 1::8, 0] = snake[..., 3::8, 0] = True
    snake[..., 5::8, -1] = snake[..., 7::8, -1] = True
    dots = np.zeros(shape, bool)
    dots[..., 1::5, 1::5] = True
    corner = np.zeros(shape, bool)
    corner[..., -3:, -2:] = True
    return {"scattered": scattered, "blocks": blocks, "snake": snake, "dots": dots,
            "corner": corner, "full": np.ones(shape, bool)}  # fmt: skip


@pytest.mark.parametrize(("shape", "tile"), [((70, 90), (32, 32)), ((13, 40, 37), (5, 32, 32))])
@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("case", ["scattered", "blocks", "snake", "dots", "corner", "full"])
def test_they_are_those_of_the_whole(case, connectivity, shape, tile, rng, tmp_path):
    mask = masks(shape, rng)[case]
    spacing = (2.0, 1.0, 0.7)[-len(shape) :]
    inside = int(mask.sum())
    for count in {1, min(7, inside), inside // 9 + 1, inside}:
        expected = masked_seeds(mask, count, spacing, connectivity)
        found = streamed(mask, count, spacing, connectivity, tile, tmp_path)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("shape", "tile"), [((64, 64), (32, 32)), ((10, 64, 64), (5, 32, 32))])
def test_a_part_goes_on_across_the_corner_of_an_empty_tile(shape, tile, tmp_path):
    mask = np.zeros(shape, bool)
    mask[..., 32:50, 20:32] = True
    mask[..., 10:32, 32:45] = True
    if mask.ndim == 3:
        mask[:5, :32], mask[5:, 32:] = False, False
    expected = masked_seeds(mask, 1, (1.0,) * mask.ndim, 2)
    assert len(expected) == 1
    found = streamed(mask, 1, (1.0,) * mask.ndim, 2, tile, tmp_path)
    np.testing.assert_array_equal(found, expected)
