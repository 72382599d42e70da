"""A multiscale image that grows by tiles: no lost data, levels of the whole, valid metadata."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from ome_zarr_models import v05
from zarr.storage import LocalStore

from napari_sen import disk
from napari_sen.errors import OutputError
from napari_sen.io.grid import Grid
from napari_sen.io.write import write_image, write_labels
from napari_sen.tiles.geometry import TileGrid, as_slices
from napari_sen.tiles.pyramid import Pyramid, check_aligned, n_levels


def fill(pyramid, values, tile, n_spatial):
    leading, spatial = values.shape[: values.ndim - n_spatial], values.shape[-n_spatial:]
    grid = TileGrid(spatial, tile)
    for index in np.ndindex(leading):
        for number in reversed(range(len(grid))):
            box = grid.box(number)
            pyramid.write(index, box, values[index][as_slices(box)])
    for level in range(pyramid.live, pyramid.levels):
        for piece in range(pyramid.late_pieces(level)):
            pyramid.make_late(level, piece)


@pytest.mark.parametrize(
    ("shape", "tile"),
    [((700, 1500), (256, 512)), ((300, 517), (96, 96)), ((2, 300, 517), (288, 128)),
     ((1, 1), (32, 32)), ((1, 3000), (32, 2048))],
)  # fmt: skip
def test_levels_are_those_of_the_whole(tmp_path, shape, tile, rng):
    labels = rng.integers(0, 2**31 - 1, shape, np.int32)
    grid = Grid.of(len(shape), spacing=(0.5, 0.25), units=("micrometer",) * 2)
    pyramid = Pyramid.plan(tmp_path / "a.zarr", shape, np.int32, grid.axes, tile)
    pyramid.create(grid, "a")
    fill(pyramid, labels, tile, 2)
    write_labels(tmp_path / "b.zarr", labels, grid=grid, image=labels, name="a")
    whole = zarr.open_group(tmp_path / "b.zarr" / "labels" / "a", mode="r")
    grown = zarr.open_group(tmp_path / "a.zarr", mode="r")
    levels = [dict(level) for level in whole.attrs["ome"]["multiscales"][0]["datasets"]]
    assert grown.attrs["ome"]["multiscales"][0]["datasets"] == levels
    assert len(levels) == pyramid.levels == n_levels(shape[-2:])
    for level in range(pyramid.levels):
        np.testing.assert_array_equal(grown[str(level)][...], whole[str(level)][...])
    v05.ImageLabel.from_zarr(grown)


def test_channels_are_averaged(tmp_path, rng):
    image = rng.random((2, 300, 517, 5), dtype=np.float32)
    grid = Grid.of(3, axes="tyx")
    pyramid = Pyramid.plan(
        tmp_path / "a.zarr", image.shape[:-1], np.float32, "tyx", (128, 256),
        channels=5, labels=False,
    )  # fmt: skip
    pyramid.create(grid, "a")
    tiles = TileGrid((300, 517), (128, 256))
    for t in range(2):
        for number in range(len(tiles)):
            box = tiles.box(number)
            pyramid.write((t,), box, image[t][as_slices(box)])
            np.testing.assert_array_equal(pyramid.read((t,), box), image[t][as_slices(box)])
    for level in range(pyramid.live, pyramid.levels):
        for piece in range(pyramid.late_pieces(level)):
            pyramid.make_late(level, piece)
    write_image(tmp_path / "b.zarr", image, grid=grid, channels_last=True)
    for level in range(pyramid.levels):
        a, b = (zarr.open_array(tmp_path / x / str(level))[...] for x in ("a.zarr", "b.zarr"))
        np.testing.assert_allclose(a, b, rtol=1e-6)
    v05.Image.from_zarr(zarr.open_group(tmp_path / "a.zarr", mode="r"))


def write_tiles(array, tile, check):
    def task(start):
        region = (slice(*start[0]), slice(*start[1]))
        if check:
            check_aligned(region, array.shards, array.shape)
        array[region] = 1

    grid = TileGrid(array.shape, (tile, tile))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(task, [grid.box(k) for k in range(len(grid))]))
    return float(np.mean(array[...]))


def test_several_writers_of_a_shard_lose_data_so_they_are_refused(tmp_path):
    """The loss is silent: zarr locks nothing. Aligned tiles lose nothing."""

    def fresh(name):
        return zarr.create_array(
            tmp_path / name, shape=(1024, 1024), chunks=(64, 64), shards=(512, 512), dtype="u1"
        )

    with pytest.raises(OutputError, match=r"multiple of the shard \(512\)"):
        write_tiles(fresh("refused"), 128, check=True)
    assert write_tiles(fresh("aligned"), 512, check=True) == 1
    shares = [write_tiles(fresh(f"lost {k}"), 128, check=False) for k in range(3)]
    assert min(shares) < 1, "zarr now keeps what several writers of a shard write: relax the rule"


def test_a_part_of_a_tile_is_refused(tmp_path):
    pyramid = Pyramid.plan(tmp_path / "a.zarr", (100, 100), np.int32, "yx", (64, 64))
    pyramid.create(Grid.of(2), "a")
    with pytest.raises(OutputError, match="multiple of the shard"):
        pyramid.write((), ((0, 32), (0, 64)), np.ones((32, 64), np.int32))
    pyramid.write((), ((64, 100), (0, 64)), np.ones((36, 64), np.int32))


def test_a_shard_that_a_viewer_reads_is_waited_for(tmp_path, monkeypatch):
    """Windows replaces no file that is open."""
    pyramid = Pyramid.plan(tmp_path / "a.zarr", (64, 64), np.int32, "yx", (64, 64))
    pyramid.create(Grid.of(2), "a")
    write, refusals = LocalStore.set, [PermissionError(13, "Access is denied")] * 2

    async def busy(store, key, value):
        if refusals:
            raise refusals.pop()
        await write(store, key, value)

    monkeypatch.setattr(LocalStore, "set", busy)
    monkeypatch.setattr(disk, "_PATIENCE", 2)
    monkeypatch.setattr(disk, "_MOMENT", 0)
    pixels = np.arange(64 * 64, dtype=np.int32).reshape(64, 64)
    pyramid.write((), ((0, 64), (0, 64)), pixels, again=True)
    np.testing.assert_array_equal(pyramid.array()[...], pixels)
