"""A growing store shows what is written, without waiting; superpixels stop and go on. No Qt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels
from skimage.data import astronaut

import napari_sen
from napari_sen.core.pca import pca_rgb
from napari_sen.errors import Cancelled, ImageError, OutputError
from napari_sen.io.grid import Grid
from napari_sen.params import SegmentParams
from napari_sen.pipeline.features import Scene
from napari_sen.pipeline.stored import open_result
from napari_sen.plugin.layers import growing_store as growing
from napari_sen.plugin.layers.growing import Growth
from napari_sen.plugin.layers.growing_store import GrowingStore
from napari_sen.plugin.layers.results import Result
from napari_sen.plugin.layers.stored import open_stored
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.state.pace import PARTS
from napari_sen.plugin.state.placement import Placement
from napari_sen.plugin.state.storage import Storage
from napari_sen.plugin.steps import in_tiles
from napari_sen.plugin.steps.remarks import remark
from napari_sen.plugin.steps.session import Session
from napari_sen.tiles.geometry import TileGrid, as_slices
from napari_sen.tiles.pyramid import Pyramid


def amend(session, step, **changes):
    session.store(step, replace(session.storage[step], **changes))


# Shape without channels, tile, channels, dtype.
CASES = {
    "plane": ((700, 520), (256, 256), None, np.int32),
    "stack": ((3, 300, 400), (256, 256), None, np.int32),
    "volume": ((9, 300, 260), (4, 256, 256), None, np.int64),
    "one level": ((100, 120), (256, 256), None, np.int32),
    "many tiles": ((500, 530), (32, 32), None, np.int32),
    "colours": ((300, 400), (128, 128), 3, np.uint8),
}


class Writer:
    """Writes a store tile by tile, and knows what each level is by now."""

    def __init__(self, folder, case, rng):
        shape, tile, channels, dtype = CASES[case]
        labels = channels is None
        axes = "zyx"[-len(shape) :]
        self.target = Pyramid.plan(
            folder / "x.zarr", shape, dtype, axes, tile, channels=channels, labels=labels
        )
        self.target.create(Grid.of(len(shape)), "x")
        self.leading = shape[: len(shape) - len(tile)]
        self.grid = TileGrid(shape[-len(tile) :], tile)
        full = shape if labels else (*shape, channels)
        self.true = rng.integers(1, 250, full).astype(dtype)
        self.now = np.zeros_like(self.true)
        self.tiles = [(i, k) for i in np.ndindex(self.leading) for k in range(len(self.grid))]

    def write(self, index, number, plus=0):
        box = self.grid.box(number)
        here = (*index, *as_slices(box))
        self.now[here] = self.true[here] + plus
        self.target.write(index, box, self.now[here], again=bool(plus))
        return index, box

    def level(self, level):
        step = 1 << level
        if not self.target.labels:
            return None
        return self.now[..., ::step, ::step]


def shown(store, placement=None, **options):
    return Growth(None, "labels", "x", placement or Placement(), options, store=store).levels()


def settled(level, store):
    """Read, let what is missing come, read again."""
    np.asarray(level)
    store.wait()
    return np.asarray(level)


@pytest.mark.parametrize("case", [case for case in CASES if case != "colours"])
def test_every_level_is_that_of_the_tiles_written_so_far(case, tmp_path, rng):
    writer = Writer(tmp_path, case, rng)
    store = GrowingStore(writer.target)
    levels = shown(store)
    assert [level.shape for level in levels] == [
        writer.target.level_shape(k) for k in range(writer.target.levels)
    ]
    order = rng.permutation(len(writer.tiles))
    for count, item in enumerate(order):
        store.add(*writer.write(*writer.tiles[item]))
        assert store.n_done == count + 1
        if count in (0, len(order) // 2, len(order) - 1):
            for k, level in enumerate(levels):
                np.testing.assert_array_equal(settled(level, store), writer.level(k))
    store.close()


def test_what_an_earlier_run_wrote_is_not_taken_in_twice(tmp_path, rng):
    """The scan may find a tile that was added meanwhile: what was read of it stays."""
    writer = Writer(tmp_path, "many tiles", rng)
    store = GrowingStore(writer.target)
    store.scanned.result()
    store.add(*writer.write(*writer.tiles[3]))
    level = shown(store)[0]
    settled(level, store)
    store._add(3, again=False)
    np.testing.assert_array_equal(np.asarray(level), writer.now)
    store.close()


def test_colours_are_the_last_axis_and_channels_the_first(tmp_path, rng):
    writer = Writer(tmp_path, "colours", rng)
    store = GrowingStore(writer.target)
    for tile in writer.tiles[:5]:
        store.add(*writer.write(*tile))
    levels = shown(store, Placement(expand=(0,)), rgb=True)
    assert levels[0].shape == (1, 300, 400, 3)
    np.testing.assert_array_equal(settled(levels[0], store)[0], writer.now)
    np.testing.assert_array_equal(settled(levels[0][0, 50:200, 7], store), writer.now[50:200, 7])
    channels = shown(store, Placement(expand=(1,)))
    assert channels[0].shape == (3, 1, 300, 400)
    np.testing.assert_array_equal(settled(channels[0][2, 0], store), writer.now[..., 2])
    store.close()


def test_reading_does_not_wait_and_is_coarse_at_first(tmp_path, rng):
    writer = Writer(tmp_path, "plane", rng)
    store = GrowingStore(writer.target)
    store.wait()
    store.add(*writer.write(*writer.tiles[0]))
    store._reading = True  # as if the thread were at something else
    first = np.asarray(shown(store)[0])
    step = store.step
    coarse = writer.now[:256:step, :256:step].repeat(step, 0).repeat(step, 1)
    np.testing.assert_array_equal(first[:256, :256], coarse)
    assert not first[256:].any()
    store._reading = False
    np.testing.assert_array_equal(settled(shown(store)[0], store), writer.now)
    store.close()


def test_news_are_told_once(tmp_path, rng):
    writer = Writer(tmp_path, "plane", rng)
    store = GrowingStore(writer.target)
    store.wait()
    assert not store.has_news()
    store.add(*writer.write(*writer.tiles[0]))
    assert not store.has_news(grown=False)
    assert store.has_news()
    assert not store.has_news()
    settled(shown(store)[0], store)
    assert store.has_news(grown=False)
    store.close()


def test_a_tile_that_is_written_again_is_shown_anew(tmp_path, rng):
    writer = Writer(tmp_path, "plane", rng)
    store = GrowingStore(writer.target)
    store.add(*writer.write(*writer.tiles[4]))
    settled(shown(store)[0], store)
    store.add(*writer.write(*writer.tiles[4], plus=1000))
    for k, level in enumerate(shown(store)):
        np.testing.assert_array_equal(settled(level, store), writer.level(k))
    assert store.n_done == 1
    store.close()


def test_what_an_earlier_run_has_written_is_found(tmp_path, rng):
    writer = Writer(tmp_path, "stack", rng)
    for tile in writer.tiles[::2]:
        writer.write(*tile)
    store = GrowingStore(writer.target)
    store.wait()
    assert store.n_done == len(writer.tiles[::2])
    for k, level in enumerate(shown(store)):
        np.testing.assert_array_equal(settled(level, store), writer.level(k))
    store.close()


def test_little_memory_still_shows_all_that_is_in_view(tmp_path, rng, monkeypatch):
    """Between the levels on disk and the small picture of the whole, that is shown enlarged."""
    monkeypatch.setattr(growing, "COARSE", 2000)
    monkeypatch.setattr(growing, "KEPT", 10_000)
    writer = Writer(tmp_path, "plane", rng)
    store = GrowingStore(writer.target)
    assert store.step > 1 << writer.target.live
    for tile in writer.tiles:
        store.add(*writer.write(*tile))
    levels = shown(store)
    np.testing.assert_array_equal(settled(levels[0], store), writer.now)
    assert set(np.unique(np.asarray(levels[-1]))) <= set(np.unique(writer.now))
    settled(levels[0][:30, :30], store)
    assert sum(piece.nbytes for piece in store._kept.values()) <= 256 * 256 * 4
    store.close()


def test_once_no_one_asks_for_news_reading_waits(tmp_path, rng):
    writer = Writer(tmp_path, "plane", rng)
    store = GrowingStore(writer.target)
    store.add(*writer.write(*writer.tiles[0]))
    store.close()
    store.patient = True
    np.testing.assert_array_equal(np.asarray(shown(store)[0]), writer.now)


# Superpixels through the session.


class StopAfter(Control):
    """Is cancelled once so many tiles were written; keeps what the viewer would be told."""

    def __init__(self, tiles):
        super().__init__()
        self.tiles, self.growth, self.seen = tiles, None, []
        self.tell = self.hear

    def hear(self, item):
        if isinstance(item, Growth):
            self.growth = item
            self.seen.append(item.store is not None)

    def progress(self, done, total, stage):
        if stage == "superpixels" and done >= self.tiles * PARTS:
            self.cancel()
        super().progress(done, total, stage)


@pytest.fixture
def image(tmp_path):
    array = zarr.create_array(
        tmp_path / "slide.zarr", shape=(300, 420), chunks=(64, 64), dtype="u1"
    )
    array[...] = astronaut()[:300, :420, 1]
    return array


@pytest.fixture
def session(image):
    session = Session()
    session.choose(Image(image, name="slide", scale=(2, 2), translate=(5, 7), multiscale=False))
    session.model = None
    session.ask(diameter=18)
    session.store("flat", Storage(wanted=True, tile=128))
    return session


def labels_of(result):
    return np.asarray(result.data[0])


def expected(image):
    labels = napari_sen.segment(image, size=18, method="snic", model=None, spacing=(2, 2), tile=128)
    return labels.compute()


def test_superpixels_stop_and_go_on(session, image, tmp_path):
    control = StopAfter(5)
    with pytest.raises(Cancelled):
        session.job("flat")(control)
    assert control.seen == [False, True]
    goal = tmp_path / "slide_flat-superpixels.sen.zarr"
    assert control.growth.goal == goal
    assert not goal.exists()
    done = control.growth.store.n_done
    assert 5 <= done < 12
    assert f"{done} of 12 tiles are kept for {goal.name}" in control.growth.kept
    control.growth.store.close()
    again = StopAfter(99)
    (result,) = session.job("flat")(again).results
    again.growth.store.scanned.result()
    assert again.growth.store.n_done == 12
    np.testing.assert_array_equal(labels_of(result), expected(image))
    assert result.store == goal
    assert open_result(goal)[0].shape == (300, 420)
    # The same once more is there at once; the next suggestion is a new place.
    amend(session, "flat", path=str(goal))
    (same,) = session.run("flat")
    np.testing.assert_array_equal(labels_of(same), labels_of(result))
    amend(session, "flat", path="")
    after = Path(session.settings().storage["flat"].path)
    assert after == tmp_path / "slide_flat-superpixels_2.sen.zarr"


def test_another_parameter_is_refused_with_the_remedy_and_overwrites_if_asked(session):
    with pytest.raises(Cancelled):
        session.job("flat")(StopAfter(3))
    session.set(SegmentParams(compactness=9))
    with pytest.raises(
        OutputError, match=r"compactness was None, now 9.*overwrite.*another output"
    ):
        session.run("flat")
    amend(session, "flat", overwrite=True)
    (result,) = session.run("flat")
    assert labels_of(result).min() == 1
    assert not session.storage["flat"].overwrite  # asked for one run at a time


def test_the_store_of_someone_else_is_never_overwritten(session, image, tmp_path):
    amend(session, "flat", overwrite=True)
    for path in ("slide.zarr", "other.zarr"):
        zarr.create_array(tmp_path / "other.zarr", shape=(2, 2), dtype="u1", overwrite=True)
        amend(session, "flat", path=str(tmp_path / path))
        with pytest.raises(OutputError, match="is not a result of napari-sen"):
            session.run("flat")
    assert image[10, 10] == astronaut()[10, 10, 1]


def test_superpixels_of_the_tree_grow_too(session):
    session.ask(60)
    session.store("superpixels", Storage(wanted=True, tile=128))
    control = StopAfter(99)
    finished = session.job("superpixels")(control)
    assert finished.results == []
    assert control.seen == [False, True]
    assert control.growth.store.n_done == 12
    assert control.growth.kept.startswith("Stopped: 12 of 12 tiles")
    session.show_in([])
    session.take("superpixels", finished)
    assert session.granularity.number == 60


def test_of_those_whose_tree_is_too_large_the_finest_are_seen_first(session, image, monkeypatch):
    monkeypatch.setattr(in_tiles, "WHOLE", 100)
    session.ask(60)
    session.store("superpixels", Storage(wanted=True, tile=128))
    control = StopAfter(99)
    (result,) = session.job("superpixels")(control).results
    assert control.seen == [False, True, True]  # the finest, then the cut
    assert control.growth.store.n_done == 12
    labels = napari_sen.segment(image, 60, model=None, spacing=(2, 2), tile=128)
    np.testing.assert_array_equal(labels_of(result), labels.compute())
    layer = result.to_layer()
    session.show_in([layer])
    session.granularity.follow(layer)
    assert "too large for live sliders" in remark(session, "superpixels", session.source())


def test_a_slice_of_a_stack_is_read_lazily(tmp_path, monkeypatch):
    stack = np.stack([np.tile(astronaut()[:200, :, c], (1, 4)) for c in range(3)])
    array = zarr.create_array(
        tmp_path / "stack.zarr", shape=stack.shape, chunks=(1, 64, 64), dtype="u1"
    )
    array[...] = stack
    session = Session()
    session.choose(Image(array, name="stack", multiscale=False))
    session.channel_axis = session.model = None
    session.ask(diameter=12)
    session.store("flat", Storage(wanted=True, tile=256))
    sizes = []
    read = zarr.Array.__getitem__

    def counted(self, key):
        found = read(self, key)
        if self.shape == stack.shape:
            sizes.append(np.size(found))
        return found

    monkeypatch.setattr(zarr.Array, "__getitem__", counted)
    (result,) = session.run("flat", (2.0, 0.0, 0.0))
    assert 0 < max(sizes) <= 200 * 768
    whole = napari_sen.segment(stack[2], size=12, method="snic", model=None, tile=256).compute()
    np.testing.assert_array_equal(labels_of(result)[0], whole)


@pytest.mark.parametrize("deep", [False, True])
def test_a_mask_layer_is_read_lazily(session, image, deep):
    mask = np.zeros(image.shape, np.int32)
    mask[40:260, 30:380] = 7
    given = zarr.array(mask[None] if deep else mask)
    session.mask = Labels(given, multiscale=False)
    source = session.source()
    assert not isinstance(source.lazy_mask, np.ndarray)
    np.testing.assert_array_equal(source.mask, mask > 0)
    (result,) = session.run("flat")
    whole = napari_sen.segment(
        image, size=18, method="snic", model=None, spacing=(2, 2), tile=128, mask=mask > 0
    ).compute()
    np.testing.assert_array_equal(labels_of(result), whole)


def test_a_mask_of_another_shape_is_refused(session):
    session.mask = Labels(np.ones((20, 30), np.uint8))
    with pytest.raises(ImageError, match=r"the mask has shape \(20, 30\)"):
        session.run("flat")


def test_an_embedding_grows_then_its_colours(session, image, tmp_path):
    session.model = "microscopy"
    session.store("embed", Storage(wanted=True, tile=160))
    control = StopAfter(99)
    told = []
    control.tell = lambda item: told.append(item) if isinstance(item, Growth | Result) else None
    whole, colours = session.job("embed")(control).results
    assert [type(item).__name__ for item in told] == ["Growth", "Growth", "Result"] + ["Growth"] * 2
    options = {"model": "microscopy", "spacing": (2, 2)}
    expected = napari_sen.embed(np.asarray(image[:]), **options)
    assert whole.data[0].shape == (16, 300, 420)
    np.testing.assert_allclose(np.moveaxis(whole.data[0], 0, -1), expected, atol=1e-5)
    assert whole.store == tmp_path / "slide_embedding.sen.zarr"
    assert colours.store == tmp_path / "slide_embedding_colours.sen.zarr"
    picture = np.asarray(colours.data[0])
    assert np.abs(picture.astype(int) - pca_rgb(expected)).max() <= 2
    for result in (whole, colours):
        before, after = result.to_layer(), open_stored(result.store).to_layer()
        assert after.rgb == before.rgb
        assert after.data[0].shape == before.data[0].shape
        assert after.contrast_limits == before.contrast_limits
        corner = (1,) * before.ndim
        np.testing.assert_allclose(after.data_to_world(corner), before.data_to_world(corner))
        assert after.axis_labels == before.axis_labels


def test_an_embedding_stopped_at_its_colours_goes_on_with_them(session, tmp_path, monkeypatch):
    session.model = "microscopy"
    session.store("embed", Storage(wanted=True, tile=160))

    class StopAtColours(StopAfter):
        def progress(self, done, total, stage):
            if stage == "colours":
                self.cancel()
            super().progress(done, total, stage)

    with pytest.raises(Cancelled):
        session.job("embed")(StopAtColours(99))
    goal = tmp_path / "slide_embedding.sen.zarr"
    assert goal.exists()
    monkeypatch.setattr(Scene, "embedding", None)  # none is embedded again
    whole, colours = session.run("embed")
    assert whole.store == goal
    assert colours.store.exists()


def test_the_embedding_of_each_slice(tmp_path):
    stack = np.stack([astronaut()[:200, :, c] for c in range(2)])
    session = Session()
    session.choose(Image(zarr.array(stack), name="stack", multiscale=False))
    session.channel_axis, session.stack, session.model = None, "each", "microscopy"
    goal = tmp_path / "stack.sen.zarr"
    session.store("embed", Storage(wanted=True, path=str(goal)))
    whole, colours = session.run("embed")
    assert whole.data[0].shape == (16, 2, 200, 512)
    assert colours.data[0].shape == (2, 200, 512, 3)
    assert open_stored(goal).to_layer().data[0].shape == (16, 2, 200, 512)


def test_layers_as_channels_are_read_lazily(session, image):
    other = astronaut()[:300, :420, 0]
    session.channels = [Image(zarr.array(other), multiscale=False)]
    (result,) = session.run("flat")
    both = np.stack([image[:], other])
    how = {
        "size": 18,
        "method": "snic",
        "model": None,
        "spacing": (2, 2),
        "channel_axis": 0,
        "tile": 128,
    }
    np.testing.assert_array_equal(labels_of(result), napari_sen.segment(both, **how).compute())
