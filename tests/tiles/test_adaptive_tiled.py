"""The tree of a tiled image: its graph adds up over tiles, its cut is that of the whole."""

import numpy as np
import pytest
from skimage.data import astronaut

import napari_sen
from napari_sen.core.graph import region_graph
from napari_sen.options import Execution, Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.plan import superpixel_run
from napari_sen.tiles.geometry import TileGrid, as_slices
from napari_sen.tiles.region_graph import PartialGraph, add_up, tile_graph
from napari_sen.tiles.shelf import FolderShelf
from tests.tiles.test_tiled import assert_connected, volume

COLOUR = astronaut()[:200, :260]


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
        found = tile_graph(
            labels[at] + 7 * (labels[at] > 0), features[as_slices(core)], strength[at],
            window, core, spacing,
        )  # fmt: skip
        shelf.keep("part", **vars(found))
        parts.append(PartialGraph(**shelf.kept("part")))
    graph = add_up(parts, 7, 39, 3)
    for name in ("sizes", "sums", "edges", "length", "strength"):  # exact: whole numbers
        np.testing.assert_array_equal(getattr(graph, name), getattr(whole, name), err_msg=name)


def test_a_tile_outside_the_mask():
    empty = np.zeros((5, 5), np.int32)
    box = ((0, 5), (0, 5))
    found = tile_graph(empty, np.zeros((5, 5, 2), np.float32), None, box, box, (1, 1))
    assert len(found.labels) == len(found.pairs) == 0


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


@pytest.mark.parametrize("case", ["colour", "masked", "grey", "stack", "volume"])
def test_cuts_are_those_of_the_whole(case, rng):
    """With a halo so wide that the leaves are the same."""
    image, how, reading = cases(rng)[case]
    how = {"n_segments": 50, "mode": "adaptive"} | how
    whole = napari_sen.segment(image, **how, **reading, model=None)
    run = superpixel_run(
        image, SegmentParams.given(**how), model=None, reading=Reading(**reading), halo=60,
        execution=Execution(tile=(12, 64, 64) if case == "volume" else 96),
    )  # fmt: skip
    run.run()
    labels = run.result().compute()
    assert labels.max() == whole.max()
    assert np.mean(labels == whole) > 0.999
    assert_connected(labels)


def test_default_halo_and_embedding(tmp_path):
    how = {"n_segments": 60, "mode": "adaptive"}
    whole = napari_sen.segment(COLOUR, **how)
    labels = napari_sen.segment(COLOUR, **how, tile=128, out=tmp_path / "a.zarr").compute()
    assert labels.max() == 60
    assert np.mean(labels == whole) > 0.99
    assert_connected(labels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
