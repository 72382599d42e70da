"""A run in memory and a run into a store of one tile: the same results, reports and answers."""

from collections.abc import Callable

import numpy as np
import pytest
from skimage.data import astronaut

import napari_sen
from napari_sen.errors import Cancelled
from napari_sen.options import Execution, Reading
from napari_sen.params import ContourParams, HierarchyParams, SegmentParams
from napari_sen.pipeline.plan import contour_run, embedding_run, superpixel_run, tree_run
from napari_sen.pipeline.stored import StoredTree
from napari_sen.pipeline.work import Product

COLOUR = astronaut()[:96, 60:200]
GREY = COLOUR[..., 1].astype(np.float32)  # has to be measured, which colour has not
STACK = np.stack([GREY, GREY[::-1]])
VOLUME = np.stack([GREY[:50, :60] + k for k in range(6)])
TILE = 160  # covers any of them

MASK = np.ones(GREY.shape, bool)
MASK[:, 60:70] = False
MASK[5:9, 5:9] = False

RUNS = {
    "flat": lambda image, **how: superpixel_run(image, SegmentParams(size=9), **how),
    "adaptive": lambda image, **how: superpixel_run(
        image, SegmentParams(n_segments=40, method="tree"), **how
    ),
    "contours": lambda image, **how: contour_run(
        image, ContourParams(thin=False, threshold=0.0, fine_sizes=(8, 11)), **how
    ),
    "embedding": lambda image, **how: embedding_run(image, **how),
    "clustered": lambda image, **how: embedding_run(image, clustered=True, **how),
    "hierarchy": lambda image, **how: tree_run(image, HierarchyParams(texture=10), **how),
}


def in_store(tmp_path, name="out.zarr"):
    return Execution(tile=TILE, out=tmp_path / name, scheduler=1)


def arrays(result):
    """Return a result as arrays."""
    if isinstance(result, StoredTree):
        return [result.labels.compute(), result.linkage, result.cut(7).compute()]
    if hasattr(result, "linkage"):
        return [result.labels, result.linkage, result.cut(7)]
    return [np.asarray(result)]


def assert_same(make: Callable[..., object], tmp_path):
    whole, tiled = make(execution=Execution()), make(execution=in_store(tmp_path))
    assert whole.place is None
    for run in (whole, tiled):
        run.run()
    for array, expected in zip(arrays(tiled.result()), arrays(whole.result()), strict=True):
        assert array.dtype == expected.dtype
        assert expected.any()
        np.testing.assert_array_equal(array, expected)
    if "contour_pixels" not in whole.found():
        assert tiled.found() == whole.found()


IMAGES = {
    "colour": (COLOUR, Reading()),
    "grey": (GREY, Reading(spacing=(0.5, 0.5))),
    "masked": (GREY, Reading(mask=MASK)),
    "stack": (STACK, Reading(slices="each")),
    "volume": (VOLUME, Reading(slices="volume", spacing=(2, 1, 1))),
    "channels": (np.stack([GREY, GREY.T[:96, :96].repeat(2, 1)[:, :140], GREY[::-1], GREY / 2]),
                 Reading(channel_axis=0)),
}  # fmt: skip


CANNOT = {
    "contours": ("volume", "masked"),  # made slice by slice, of all of it
    "hierarchy": ("stack",),  # a tree is of one image
    "embedding": ("channels",),  # no bundled model is of four channels
    "clustered": ("channels",),
}


@pytest.mark.parametrize(
    ("product", "image"),
    [(run, image) for run in RUNS for image in IMAGES if image not in CANNOT.get(run, ())],
)
def test_results_are_equal(product, image, tmp_path):
    pixels, reading = IMAGES[image]
    model = "auto" if product in ("embedding", "clustered") else None
    assert_same(
        lambda execution: RUNS[product](pixels, model=model, reading=reading, execution=execution),
        tmp_path,
    )


@pytest.mark.parametrize("product", RUNS)
@pytest.mark.parametrize("image", ["colour", "grey"])
def test_results_with_the_embedding_are_equal(product, image, tmp_path):
    pixels, reading = IMAGES[image]
    assert_same(
        lambda execution: RUNS[product](pixels, reading=reading, execution=execution), tmp_path
    )


def executions(tmp_path, name="out.zarr"):
    return [Execution(), in_store(tmp_path, name)]


@pytest.mark.parametrize("product", RUNS)
def test_progress_is_told_alike(product, tmp_path):
    """Every stage is told of, up to its end; a store has a few more."""
    last = []
    for how in executions(tmp_path):
        told = []
        RUNS[product](GREY, execution=how).run(lambda *what, told=told: told.append(what))
        assert all(0 <= done <= total for done, total, _ in told)
        last.append({stage: (done, total) for done, total, stage in told})
    in_memory, stored = last
    assert set(stored) - set(in_memory) <= {"histograms", "landmarks"}
    assert "statistics" in in_memory
    for stage in set(stored) & set(in_memory):
        for done, total in (in_memory[stage], stored[stage]):
            assert done == total > 0, stage


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("product", RUNS)
def test_progress_that_raises_stops_the_work(product, way, tmp_path):
    """At the first report of each stage in turn."""
    told = []
    for _ in range(20):
        seen = set(told)

        def stop(done, total, stage, seen=seen):
            if stage not in seen:
                told.append(stage)
                raise Cancelled

        how = executions(tmp_path)[way]
        how = Execution(how.device, how.tile, how.scheduler, how.out, resume=how.out is not None)
        run = RUNS[product](GREY, execution=how)
        before = len(told)
        try:
            run.run(stop)
        except Cancelled:
            assert len(told) == before + 1
            continue
        break
    assert len(told) > 1
    assert run.result() is not None


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("product", RUNS)
def test_a_run_hears_that_it_is_unwanted(product, way, tmp_path):
    """However often it was asked before."""
    for answers in (0, 1, 3):
        run = RUNS[product](GREY, execution=executions(tmp_path, f"{answers}.zarr")[way])
        asked = iter(range(answers))
        run.is_unwanted = lambda asked=asked: next(asked, None) is None
        with pytest.raises(Cancelled):
            run.run()


class Endless(Product):
    """A product whose only piece never ends by itself."""

    name = "endless"

    def stages(self, work):
        yield from work.pieces("endless", endless, 1)


def endless(item, poll):
    while True:
        poll(0, 1, "endless")


@pytest.mark.parametrize("way", [0, 1])
def test_a_piece_is_stopped_in_the_middle(way, tmp_path):
    run = RUNS["flat"](GREY, execution=executions(tmp_path)[way])
    run.product = Endless()
    asked = iter(range(3))
    run.is_unwanted = lambda: next(asked, None) is None
    with pytest.raises(Cancelled):
        run.run()


@pytest.mark.parametrize("how", [{"fine_size": 8}, {"n_fine": 200, "mask": MASK}])
def test_hierarchy_into_a_store(how, tmp_path):
    whole = napari_sen.hierarchy(GREY, model=None, **how)
    stored = napari_sen.hierarchy(GREY, model=None, **how, tile=TILE, out=tmp_path / "x.zarr")
    assert isinstance(stored, StoredTree)
    assert stored.n_leaves == whole.n_leaves > 100
    assert stored.n_parts == whole.n_parts
    for n in (whole.n_parts, 10, 57, whole.n_leaves):
        np.testing.assert_array_equal(stored.cut(n), whole.cut(n))
    level = float(np.median(whole.linkage[:, 2]))
    np.testing.assert_array_equal(stored.cut(level=level), whole.cut(level=level))


def test_hierarchy_in_many_tiles(tmp_path):
    """Cuts have as many superpixels as asked, and nearly all are those of the whole."""
    whole = napari_sen.hierarchy(COLOUR, model=None, fine_size=8)
    stored = napari_sen.hierarchy(COLOUR, model=None, fine_size=8, tile=64, out=tmp_path / "x.zarr")
    assert stored.labels.numblocks == (2, 3)
    for n in (10, 57):
        labels = stored.cut(n).compute()
        assert labels.max() == n == len(np.unique(labels))
        assert np.mean(labels == whole.cut(n)) > 0.95


def test_the_merging_of_a_tree_in_a_store_hears_that_it_is_unwanted(tmp_path):
    """The largest piece of work that is done in the thread of the caller."""
    image = np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)
    execution = Execution(tile=64, out=tmp_path / "out.zarr")
    run = tree_run(image, HierarchyParams(fine_size=2), model=None, execution=execution)
    merging = []
    run.is_unwanted = lambda: bool(merging)

    def work():
        for step in run.steps():
            if step.stage == "merging":
                merging.append(step)

    with pytest.raises(Cancelled):
        work()
    assert len(merging) == 1
    assert not (tmp_path / "out.zarr").exists()
