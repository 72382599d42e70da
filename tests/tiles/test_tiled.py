"""Tiled superpixels are those of the whole: any image, any tile, any input, any output."""

import pickle
from contextlib import contextmanager
from functools import partial

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models import v05
from skimage import measure
from skimage.data import astronaut

import napari_sen
from napari_sen.core.features import Statistics
from napari_sen.errors import ImageError, OutputError
from napari_sen.io.read import read_image
from napari_sen.io.write import write_labels
from napari_sen.options import Execution, Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.counts import segment_count
from napari_sen.pipeline.growth import grow_superpixels
from napari_sen.pipeline.plan import superpixel_run
from napari_sen.pipeline.seeding import find_seeds, plain_seeds
from napari_sen.pipeline.store import Store
from napari_sen.pipeline.stored import open_result
from napari_sen.pipeline.tasks import Common, Growth, label_dtype
from napari_sen.pipeline.tiling import settle_tiles
from napari_sen.tiles.geometry import as_slices
from napari_sen.tiles.journal import Journal
from napari_sen.tiles.lock import Lock
from napari_sen.tiles.pool import open_pool

segment = partial(napari_sen.segment, method="snic")

COLOUR = astronaut()[:300, :420]
GREY = COLOUR[..., 1]


def assert_connected(labels, connectivity=1):
    rank = 1 if connectivity == 1 else labels.ndim
    _, count = measure.label(labels, background=0, connectivity=rank, return_num=True)
    assert count == labels.max() == len(np.unique(labels[labels > 0]))


def volume(rng):
    """Blobs that differ from slice to slice."""
    coarse = rng.random((5, 8, 10))
    zoomed = np.kron(coarse, np.ones((5, 12, 12)))
    return (zoomed * 60000 + rng.normal(0, 2000, zoomed.shape)).clip(0, 65535).astype(np.uint16)


CASES = {
    "grey": (GREY.astype(np.uint16) * 257, {}, {"tile": 128}),
    "colour": (COLOUR, {}, {"tile": (96, 160)}),
    "float colour": (COLOUR / np.float32(255), {"rgb": True}, {"tile": 128}),
    "corners": (GREY, {"connectivity": 2}, {"tile": 128}),
    "smooth": (GREY, {"smoothing": 3}, {"tile": 128}),
    "spacing": (GREY, {"spacing": (1, 2)}, {"tile": 128}),
    "channels": (np.moveaxis(COLOUR, -1, 0)[[0, 1, 2, 1, 0]], {"channel_axis": 0}, {"tile": 128}),
    "stack": (np.stack([GREY, GREY[::-1], GREY.T[:300, :300].repeat(2, 1)[:, :420]]),
              {"slices": "each"}, {"tile": 128}),
    "one row": (GREY[:1], {}, {"tile": 32}),
    "smaller than a tile": (GREY[:20, :25], {}, {"tile": 32}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_labels_are_those_of_the_whole(case, masked, rng):
    image, how, tiles = CASES[case]
    shape = image.shape
    if case in ("colour", "float colour"):
        shape = image.shape[:-1]
    if case == "channels":
        shape = image.shape[1:]
    if masked:
        far = np.hypot(*(np.indices(shape[-2:]) - np.array([150, 200])[:, None, None]))
        mask = (far > 40) & (far < 190)
        mask[: shape[-2] // 10, :3] = True
        how = how | {"mask": np.broadcast_to(mask, shape)}
    how = {"size": 9, "model": None} | how
    whole = segment(image, **how)
    grown = segment(image, **how, **tiles)
    assert isinstance(grown, da.Array)
    assert grown.dtype == np.int32
    labels = grown.compute()
    assert np.mean(labels == whole) >= 0.999
    assert_connected(labels, how.get("connectivity", 1))


@pytest.mark.parametrize("case", ["grey", "stack"])
@pytest.mark.parametrize("connectivity", [1, 2])
def test_a_mask_too_large_to_look_at_as_a_whole(case, connectivity, rng, tmp_path):
    """The seeds are the same, and with them all that follows."""
    image, how, tiles = CASES[case]
    mask = np.kron(rng.random([-(-n // 20) for n in image.shape[-2:]]) < 0.6, np.ones((20, 20)))
    mask = np.broadcast_to(mask[: image.shape[-2], : image.shape[-1]].astype(bool), image.shape)
    params, reading = SegmentParams(method="snic", size=12), Reading(mask=mask, **how)
    found = []
    for largest in (mask.size, 1000):
        out = tmp_path / f"{largest}.zarr"
        execution = Execution(out=out, **tiles)
        run = superpixel_run(image, params, model=None, reading=reading, execution=execution)
        rule = segment_count(params, run.image)
        with started(run) as work:
            sides = (96, 96)
            steps = find_seeds(work, rule, connectivity, largest=largest, sides=sides)
            stages, seeds = ended(steps)
            assert len(stages) > 9 * run.image.n_slices or largest == mask.size
            found.append([seeds.window(k, run.image.whole) for k in range(run.image.n_slices)])
    for (points, numbers), (expected, their_numbers) in zip(*found, strict=True):
        np.testing.assert_array_equal(points, expected)
        np.testing.assert_array_equal(numbers, their_numbers)
        assert len(points) > 100


def ended(steps):
    """Return what a generator yields, and what it returns."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 1)])
def test_a_volume(spacing, rng):
    image = volume(rng)
    how = {"slices": "volume", "size": 8, "model": None, "spacing": spacing}
    whole = segment(image, **how)
    labels = segment(image, **how, tile=(12, 64, 64)).compute()
    assert np.mean(labels == whole) >= 0.999
    assert_connected(labels)


@pytest.mark.parametrize("name", ["natural", "microscopy"])
def test_with_the_embedding(name):
    image = COLOUR if name == "natural" else GREY
    whole = segment(image, size=12, model=name)
    labels = segment(image, size=12, model=name, tile=160).compute()
    assert np.mean(labels == whole) >= 0.999
    assert_connected(labels)


def segmented(image, size, *, tile, halo, model=None, slices=None):
    run = superpixel_run(
        image, SegmentParams(method="snic", size=size), model=model, reading=Reading(slices=slices),
        execution=Execution(tile=tile), halo=halo,
    )  # fmt: skip
    run.run()
    return run.result().compute()


def test_a_volume_with_the_embedding(rng):
    image = volume(rng)[:6, :80, :100]
    how = {"slices": "volume", "size": 8, "model": "microscopy"}
    whole = segment(image, **how)
    labels = segmented(image, **how, tile=(3, 64, 64), halo=60)
    np.testing.assert_array_equal(labels, whole)
    assert_connected(labels)


def test_a_wide_halo_gives_the_very_same():
    for image in (COLOUR[:200], GREY):
        whole = segment(image, size=9, model=None)
        labels = segmented(image, 9, tile=96, halo=60)
        np.testing.assert_array_equal(labels, whole)


def test_a_narrow_halo_is_mended():
    """Half a seed spacing is far too little: superpixels are torn, and put together again."""
    labels = segmented(GREY, 9, tile=64, halo=0.5)
    whole = segment(GREY, size=9, model=None)
    assert 0.5 < np.mean(labels == whole) < 0.999
    assert_connected(labels)
    assert labels.max() == whole.max()


def test_the_number_of_threads_does_not_matter():
    found = [segment(GREY, size=9, model=None, tile=64, scheduler=n).compute() for n in (1, 4)]
    np.testing.assert_array_equal(*found)


def inputs(folder, image):
    zarr.create_array(folder / "v3.zarr", data=image, chunks=(100, 100))
    zarr.create_array(folder / "v2.zarr", data=image, chunks=(100, 100), zarr_format=2)
    group = zarr.create_group(folder / "group.zarr")
    group.create_array("only", data=image)
    tifffile.imwrite(folder / "tiled.tif", image, tile=(64, 64), compression="zlib", bigtiff=True)
    tifffile.imwrite(folder / "strips.tif", image)
    with tifffile.TiffWriter(folder / "pyramid.ome.tif", bigtiff=True) as tiff:
        tiff.write(image, tile=(64, 64), subifds=1)
        tiff.write(image[::2, ::2], tile=(64, 64), subfiletype=1)
    np.save(folder / "a.npy", image)
    write_labels(folder / "ome5.zarr", image, image=image)
    old = zarr.create_group(folder / "ome4.zarr", zarr_format=2)
    old.create_array("0", data=image[None, None], chunks=(1, 1, 99, 99))
    old.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": name, "type": kind} for name, kind in
                     (("t", "time"), ("z", "space"), ("y", "space"), ("x", "space"))],
            "datasets": [{"path": "0", "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 1, 1]}]}],
        }
    ]  # fmt: skip
    names = ["v3.zarr", "v2.zarr", "group.zarr", "tiled.tif", "strips.tif", "pyramid.ome.tif",
             "a.npy", "ome5.zarr", "ome4.zarr"]  # fmt: skip
    found = {name: folder / name for name in names}
    found["dask"] = da.from_array(image, chunks=77)
    found["zarr"] = zarr.open_array(folder / "v3.zarr", mode="r")
    found["levels"] = [found["dask"], found["dask"][::2, ::2]]
    return found


def test_every_input(tmp_path):
    image = (GREY[:130, :150].astype(np.uint16) * 257)[::-1]
    expected = segment(image, size=10, model=None)
    for name, given in inputs(tmp_path, image).items():
        labels = segment(given, size=10, model=None, tile=64)
        assert np.mean(labels.compute() == expected) >= 0.999, name


def test_colour_inputs(tmp_path):
    image = COLOUR[:100, :120]
    how = {"size": 10, "model": None, "boundary_weight": 1000, "compactness": 5}
    expected = segment(image, **how)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), photometric="rgb")
    tifffile.imwrite(
        tmp_path / "planar.tif", np.moveaxis(image, -1, 0), tile=(64, 64), photometric="rgb",
        planarconfig="separate",
    )  # fmt: skip
    write_labels(tmp_path / "a.zarr", expected, image=image, channel_axis=2, rgb=True)
    alpha = np.concatenate([image, np.full_like(image[..., :1], 255)], axis=-1)
    for given in (*(tmp_path / n for n in ("a.tif", "planar.tif", "a.zarr")), da.asarray(alpha)):
        labels = segment(given, **how, tile=64)
        assert np.mean(labels.compute() == expected) >= 0.999, given


def test_which_results_are_lazy(tmp_path):
    for name, given in inputs(tmp_path, GREY[:40, :50]).items():
        labels = segment(given, 9, model=None)
        assert isinstance(labels, da.Array) == (name in ("dask", "zarr", "levels")), name


def test_which_options_make_results_lazy(tmp_path):
    for option in ({"tile": 64}, {"scheduler": 1}, {"out": tmp_path / "a.zarr"}):
        labels = segment(GREY[:40, :50], 9, model=None, **option)
        assert isinstance(labels, da.Array), option


def test_what_does_not_fit_in_memory_is_refused(tmp_path):
    """A million times a million pixels, of which none is stored: only ``out`` makes a store."""
    shape = (10**6, 10**6)
    zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=(1000, 1000), dtype=np.uint8)
    for image in (tmp_path / "a.zarr", np.broadcast_to(np.uint8(0), shape)):
        with pytest.raises(ImageError, match=r"give out=NAME\.zarr"):
            segment(image, size=20, model=None)
    execution = Execution(out=tmp_path / "b.zarr")
    run = superpixel_run(
        tmp_path / "a.zarr", SegmentParams(method="snic", size=20), model=None, execution=execution
    )
    assert run.place is not None
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_source_travels_by_its_path(tmp_path):
    """It is opened anew where it arrives, and anew again once the image has changed."""
    image = zarr.create_array(tmp_path / "a.zarr", data=GREY, chunks=(64, 64))
    how = Execution(tile=64)
    run = superpixel_run(
        tmp_path / "a.zarr", SegmentParams(method="snic", size=9), model=None, execution=how
    )
    there = pickle.loads(pickle.dumps(run.image.raster))
    assert there.array is None
    box = ((7, 20), (100, 130))
    np.testing.assert_array_equal(there.read((), box)[..., 0], GREY[as_slices(box)])
    zarr.create_array(tmp_path / "a.zarr", data=image[...] // 2, chunks=(9, 99), overwrite=True)
    np.testing.assert_array_equal(there.read((), box)[..., 0], GREY[as_slices(box)] // 2)


def test_a_store_beside_the_image(tmp_path):
    image = read_image(inputs(tmp_path, GREY)["ome5.zarr"])
    labels = segment(
        image, size=9, model=None, spacing=(0.5, 0.5), tile=96, out=tmp_path / "out.zarr"
    )
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    v05.ImageLabel.from_zarr(group)
    again = read_image(tmp_path / "out.zarr")
    np.testing.assert_array_equal(again.data[...], labels)
    assert again.spacing == (0.5, 0.5)
    assert [level.shape for level in open_result(tmp_path / "out.zarr")] == [
        (300, 420), (150, 210)]  # fmt: skip
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.zarr"]


def test_labels_inside_the_image(tmp_path):
    image = inputs(tmp_path, GREY)["ome5.zarr"]
    goal = image / "labels" / "fine"
    segment(image, size=9, model=None, tile=96, out=goal)
    group = zarr.open_group(image, mode="r")
    assert group["labels"].attrs["ome"]["labels"] == ["superpixels", "fine"]
    v05.Image.from_zarr(group)
    v05.ImageLabel.from_zarr(group["labels/fine"])
    np.testing.assert_array_equal(
        group["labels/fine/0"][...], segment(GREY, size=9, model=None, tile=96)
    )
    with pytest.raises(OutputError, match="exists"):
        segment(image, size=9, model=None, out=goal)
    segment(image, size=20, model=None, out=goal, overwrite=True)
    assert group["labels/fine/0"][...].max() < 400
    with pytest.raises(OutputError, match=r"0\.4"):
        segment(tmp_path / "ome4.zarr", size=9, model=None, out=tmp_path / "ome4.zarr/labels/a")


def test_napari_reads_them_as_labels(tmp_path):
    reader = pytest.importorskip("napari_ome_zarr").napari_get_reader

    image = inputs(tmp_path, GREY)["ome5.zarr"]
    segment(image, size=9, model=None, tile=96, out=image / "labels" / "fine")
    layers = reader(str(image))(str(image))
    found = {about.get("name", ""): (data, kind) for data, about, kind in layers}
    name = next(name for name in found if name.endswith("fine"))
    levels, kind = found[name]
    assert kind == "labels"
    assert [level.shape for level in levels] == [(300, 420), (150, 210)]
    np.testing.assert_array_equal(levels[0], segment(GREY, size=9, model=None, tile=96))


def test_a_run_can_be_watched(tmp_path):
    """After each step the tile it names is on the disk, on all levels that grow with it."""
    params = SegmentParams(method="snic", size=9, compactness=5, boundary_weight=200)
    how = Execution(tile=256, out=tmp_path / "a.zarr")
    run = superpixel_run(da.asarray(GREY), params, model=None, execution=how)
    stages, seen = [], np.zeros(GREY.shape, bool)
    for step in run.steps():
        if step.stage not in stages:
            stages.append(step.stage)
        if step.stage == "superpixels" and step.box is not None:
            levels = open_result(run.path)
            seen[as_slices(step.box)] = True
            assert (levels[0].compute()[as_slices(step.box)] > 0).all()
            assert (levels[1].compute() > 0)[seen[::2, ::2]].all()
    assert seen.all()
    assert stages == ["statistics", "histograms", "superpixels", "seams", "mending"]
    assert run.path == str(tmp_path / "a.zarr")


def test_numbers_beyond_31_bits(tmp_path):
    """The last tile of an image of 3,000,000,000 superpixels."""
    side = 65536
    image = zarr.create_array(tmp_path / "big.zarr", shape=(side, side), chunks=(512, 512),
                              dtype="u2")  # fmt: skip
    params = SegmentParams(method="snic", n_segments=3_000_000_000, boundary_weight=0)
    execution = Execution(tile=64, out=tmp_path / "o.zarr")
    run = superpixel_run(image, params, model=None, execution=execution)
    seeds = plain_seeds(run.image, segment_count(params, run.image))
    sides, halo = settle_tiles(seeds, 64, 6)
    stats = Statistics(np.zeros(1), np.ones(1))
    with started(run) as work:
        common = Common.of(work, stats, work.grid(sides))
        target = work.target(None, label_dtype(seeds.total), common.grid, n_labels=seeds.total)
        growth = Growth(params.growth("microscopy", 1.0), seeds, halo, target)
        grow_superpixels(common, growth, common.scene(0), common.n_tiles - 1, None)
        corner = target.read((), ((side - 64, side), (side - 64, side)))
    assert corner.dtype == np.int64
    assert corner.max() == 3_000_000_000
    assert (corner > 2**31).all()


@contextmanager
def started(run):
    """Begin a run into a store, and let the caller do its stages."""
    with (
        Lock(run.place.work),
        Journal(run.place.journal, {}, retry="") as journal,
        open_pool(2) as pool,
    ):
        yield Store(run.image, None, "cpu", run.place, journal, pool, {})


def test_bad_values_are_found_before_anything_is_written(tmp_path):
    image = GREY / 255
    image[77, 5] = np.nan
    with pytest.raises(ImageError, match=r"at 1 pixels, the first at \(77, 5\)"):
        segment(image, size=9, model=None, tile=64, out=tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []
    for image, axis in ((GREY, None), (np.stack([GREY] * 5), 0)):
        with pytest.raises(ImageError, match="mask is empty"):
            segment(
                image, size=9, model=None, tile=64, mask=np.zeros(GREY.shape, bool),
                channel_axis=axis, out=tmp_path / "a.zarr",
            )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
