"""The tree of a tiled image: its graph adds up over tiles, its cut is that of the whole."""

from types import SimpleNamespace

import numpy as np
import pytest
from skimage.data import astronaut

import napari_sen
from napari_sen.core.graph import region_graph
from napari_sen.errors import ParameterError
from napari_sen.options import Execution, Reading
from napari_sen.params import HierarchyParams, SegmentParams
from napari_sen.pipeline import around_tiles, leaves
from napari_sen.pipeline.plan import superpixel_run
from napari_sen.tiles.geometry import TileGrid, as_slices
from napari_sen.tiles.region_graph import Borders, Sums, add_up, tile_borders, tile_sums
from napari_sen.tiles.shelf import FolderShelf
from tests.tiles.test_tiled import assert_connected, volume

COLOUR = astronaut()[:200, :260]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Merge around every tile: these images are so small that they would be one block."""
    monkeypatch.setattr(around_tiles, "IN_BLOCK", 0)


@pytest.mark.parametrize("shape", [(70, 90), (9, 40, 30)])
@pytest.mark.parametrize("masked", [False, True])
def test_the_graph_adds_up(shape, masked, rng, tmp_path):
    """Labels are scattered, so that every border lies in many tiles."""
    labels = rng.integers(0 if masked else 1, 40, shape)
    labels.ravel()[:39] = np.arange(1, 40)
    features = rng.integers(0, 50, (*shape, 3)).astype(np.float32)
    strength = rng.integers(0, 50, shape).astype(np.float32)
    spacing = (3.0, 1.0, 2.0)[-len(shape) :]
    whole = region_graph(labels, features, strength, spacing=spacing)
    grid = TileGrid(shape, (4, 32, 16)[-len(shape) :])
    shelf = FolderShelf(str(tmp_path))
    parts = []
    for number in range(len(grid)):
        core = grid.box(number)
        window = tuple((a, min(b + 1, n)) for (a, b), n in zip(core, shape, strict=True))
        at = as_slices(window)
        shown = labels[at] + 7 * (labels[at] > 0)
        inner = shown[tuple(slice(b - a) for a, b in core)]
        shelf.keep("sums", **vars(tile_sums(inner, features[as_slices(core)])))
        shelf.keep("borders", **vars(tile_borders(shown, strength[at], window, core, spacing)))
        parts.append((Sums(**shelf.kept("sums")), Borders(**shelf.kept("borders"))))
    graph = add_up(parts, range(8, 8 + 39))
    for name in ("sizes", "sums", "edges", "length", "strength"):  # exact: whole numbers
        np.testing.assert_array_equal(getattr(graph, name), getattr(whole, name), err_msg=name)


def test_a_tile_outside_the_mask():
    empty = np.zeros((5, 5), np.int32)
    box = ((0, 5), (0, 5))
    assert len(tile_sums(empty, np.zeros((5, 5, 2), np.float32)).labels) == 0
    assert len(tile_borders(empty, None, box, box, (1, 1)).pairs) == 0


def test_a_part_of_the_graph(rng):
    """The graph of some regions is what the whole has of them."""
    labels = rng.integers(1, 12, (9, 11))
    features = rng.integers(0, 9, (9, 11, 2)).astype(np.float32)
    box = ((0, 9), (0, 11))
    parts = [(tile_sums(labels, features), tile_borders(labels, None, box, box, (1, 1)))]
    whole, some = add_up(parts, range(1, 12)), add_up(parts, np.array([2, 3, 7, 11]))
    chosen = np.array([1, 2, 6, 10])
    np.testing.assert_array_equal(some.sizes, whole.sizes[chosen])
    np.testing.assert_array_equal(some.sums, whole.sums[chosen])
    kept = np.isin(whole.edges, chosen).all(axis=1)
    np.testing.assert_array_equal(chosen[some.edges], whole.edges[kept])
    np.testing.assert_array_equal(some.length, whole.length[kept])


def cases(rng):
    mask = np.ones(COLOUR.shape[:2], bool)
    mask[:, 120:130] = False
    return {
        "colour": (COLOUR, {}, {}),
        "masked": (COLOUR, {}, {"mask": mask}),
        "grey": (COLOUR[..., 0], {"size": 12, "n_segments": None}, {}),
        "stack": (np.stack([COLOUR[..., 0], COLOUR[::-1, :, 1]]), {}, {"slices": "each"}),
        "volume": (volume(rng), {}, {"slices": "volume"}),
    }


@pytest.mark.parametrize("walk", [0.0, 0.3])
@pytest.mark.parametrize("case", ["colour", "masked", "grey", "stack", "volume"])
@pytest.mark.parametrize("reach", [None, 400])
def test_cuts_are_those_of_the_whole(case, reach, walk, rng):
    """With a halo so wide that the leaves are the same; merged as a whole, or around each tile."""
    image, how, reading = cases(rng)[case]
    params = SegmentParams.given(**{"n_segments": 50, "method": "tree"} | how)
    how = {"model": None, "reading": Reading(**reading), "tree": HierarchyParams(walk_weight=walk)}
    whole = superpixel_run(image, params, **how)
    execution = Execution(tile=(12, 64, 64) if case == "volume" else 96)
    tiled = superpixel_run(image, params, **how, halo=60, reach=reach, execution=execution)
    for run in (whole, tiled):
        run.run()
    labels, expected = tiled.result().compute(), whole.result()
    assert labels.max() == tiled.found()["superpixels"]
    if reach is None:
        assert np.mean(labels == expected) > 0.999
    else:  # merges that one merge brings about are done at once: a level may miss the number
        assert 0 <= expected.max() - labels.max() <= 2 * image.ndim
        assert in_equal_sets(labels, expected) > 0.9
    assert_connected(labels)


def in_equal_sets(a, b):
    """Return the share of pixels whose superpixel is the same set of pixels in both."""
    pairs, counts = np.unique(
        np.stack([a.ravel(), b.ravel()]).astype(np.int64), axis=1, return_counts=True
    )
    sizes = [np.bincount(each.ravel()) for each in (a, b)]
    equal = (sizes[0][pairs[0]] == counts) & (sizes[1][pairs[1]] == counts)
    return counts[equal].sum() / a.size


@pytest.mark.parametrize(("reach", "in_block"), [(0, 0), (10, 0), (40, 0), (0, 500), (10, 500)])
def test_where_tiles_disagree_superpixels_stay_one_piece(reach, in_block, tmp_path, monkeypatch):
    """Far too small a reach: tiles cut otherwise than the whole, but nothing is torn or lost."""
    monkeypatch.setattr(around_tiles, "IN_BLOCK", in_block)
    how = Execution(tile=32, out=tmp_path / "a.zarr")
    params = SegmentParams(n_segments=60, method="tree")
    tree = HierarchyParams(fine_size=5, walk_weight=0.3)
    run = superpixel_run(COLOUR, params, model=None, tree=tree, execution=how, reach=reach)
    run.run()
    labels = run.result().compute()
    assert_connected(labels)
    assert len(np.unique(labels)) == labels.max() == run.found()["superpixels"] > 30


@pytest.mark.parametrize(
    ("in_block", "reach", "tiles"),
    [(0, 0, 1), (1199, 0, 1), (1200, 0, 2), (1200, 1, 1), (2000, 10, 2), (10**6, 40, 13)],
)
def test_blocks_are_as_large_as_their_leaves_are_few(in_block, reach, tiles, monkeypatch):
    """One leaf in 4 pixels, tiles of 40 x 40 and a slice of 500 x 60."""
    monkeypatch.setattr(around_tiles, "IN_BLOCK", in_block)
    seeds = SimpleNamespace(counts=(7400, 7500), pixels=(30000, 30000))
    common = SimpleNamespace(grid=TileGrid((500, 60), (40, 40)))
    grown = SimpleNamespace(common=common, growths=(SimpleNamespace(seeds=seeds),))
    blocks = around_tiles.Blocks.of(grown, (reach, reach))
    assert blocks.grid.tile == (40 * tiles, 40 * tiles)


def test_blocks_of_several_tiles_give_what_the_whole_gives(monkeypatch):
    monkeypatch.setattr(around_tiles, "IN_BLOCK", 4000)
    image = astronaut()[:400, :400]
    params, how = SegmentParams(size=12), {"model": None, "execution": Execution(tile=64)}
    run = superpixel_run(image, params, **how, halo=60, reach=60)
    grids, of = [], around_tiles.Blocks.of
    monkeypatch.setattr(
        around_tiles.Blocks, "of", lambda *given: grids.append(of(*given)) or grids[-1]
    )
    run.run()
    assert grids[0].grid.counts == (3, 3)
    labels = run.result().compute()
    assert_connected(labels)
    assert in_equal_sets(labels, napari_sen.segment(image, size=12, model=None)) > 0.9


def test_a_background_of_many_tiles_is_one_superpixel():
    """Equal leaves merge at no cost, however many tiles they lie in."""
    image = np.zeros((400, 420), np.uint8)
    image[180:220, 100:140] = 200
    params = SegmentParams(level=0.5, method="tree")
    how = {"model": None, "execution": Execution(tile=96), "tree": HierarchyParams(walk_weight=0)}
    run = superpixel_run(image, params, **how, reach=60)
    run.run()
    labels = run.result().compute()
    assert len(np.unique(labels[0])) == 1
    assert (labels == labels[0, 0]).mean() > 0.9


def test_a_cut_by_level_is_that_of_the_whole():
    tree = napari_sen.hierarchy(COLOUR, model=None)
    level = float(tree.levels[-80])
    found = napari_sen.segment(COLOUR, method="tree", level=level, model=None)
    np.testing.assert_array_equal(found, tree.cut(level=level))
    tiled = napari_sen.segment(COLOUR, method="tree", level=level, model=None, tile=96)
    assert np.mean(tiled.compute() == found) > 0.99


def test_default_halo_and_embedding(tmp_path):
    how = {"n_segments": 60, "method": "tree"}
    whole = napari_sen.segment(COLOUR, **how)
    labels = napari_sen.segment(COLOUR, **how, tile=128, out=tmp_path / "a.zarr").compute()
    assert labels.max() == 60
    assert np.mean(labels == whole) > 0.99
    assert_connected(labels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("tile", [None, 96])
@pytest.mark.parametrize("masked", [False, True])
def test_trees_that_do_not_fit_are_refused_before_leaves_grow(tile, masked, monkeypatch):
    """A mask tells how many leaves there are once it is read."""
    monkeypatch.setattr(leaves, "available_memory", lambda: 1000)
    mask, stages = None, []
    if masked:
        mask = np.ones(COLOUR.shape[:2], bool)
        mask[:, 120:130] = False
    with pytest.raises(ParameterError, match="method='snic'"):
        napari_sen.segment(
            COLOUR, 50, model=None, mask=mask, tile=tile,
            progress=lambda done, total, stage: stages.append(stage),
        )  # fmt: skip
    assert not {"superpixels", "merging"} & set(stages)
