"""Several granularities of one tree: the first axis of one result."""

import numpy as np
import pytest
import zarr
from skimage.data import astronaut

import napari_sen
from napari_sen.errors import SenError
from napari_sen.options import Execution
from napari_sen.params import SegmentParams
from napari_sen.pipeline import around_tiles
from napari_sen.pipeline.plan import superpixel_run
from tests.tiles.test_tiled import assert_connected

COLOUR = astronaut()[:200, :260]
NUMBERS = [15, 120, 40]
STACK = [SegmentParams(n_segments=number) for number in NUMBERS]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Merge around every tile: these images are so small that they would be one block."""
    monkeypatch.setattr(around_tiles, "IN_BLOCK", 0)


def assert_nested(fine, coarse):
    """Every fine superpixel lies in one coarse one."""
    pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(fine))


def test_every_number_is_met_and_finer_ones_lie_in_coarser_ones():
    labels = napari_sen.segment(COLOUR, NUMBERS, model=None)
    assert labels.shape == (3, *COLOUR.shape[:2])
    assert labels.max(axis=(1, 2)).tolist() == NUMBERS
    for each in labels:
        assert_connected(each)
    assert_nested(labels[1], labels[2])
    assert_nested(labels[2], labels[0])
    finest = napari_sen.segment(COLOUR, 120, model=None)
    np.testing.assert_array_equal(labels[1], finest)  # its leaves are those of the stack


@pytest.mark.parametrize(("name", "values"), [("size", (30, 15.0)), ("level", np.array([9, 90.0]))])
def test_sizes_and_levels(name, values):
    labels = napari_sen.segment(COLOUR, **{name: values}, model=None)
    assert labels.shape == (2, *COLOUR.shape[:2])
    fine, coarse = sorted(labels, key=lambda each: -each.max())
    assert fine.max() > coarse.max() > 1
    assert_nested(fine, coarse)


def test_a_stack_of_slices_is_numbered_through_in_each_granularity():
    stack = np.stack([COLOUR[..., 0], COLOUR[::-1, :, 1]])
    labels = napari_sen.segment(stack, (30, 10), model=None, slices="each")
    assert labels.shape == (2, *stack.shape)
    assert [each[0].max() for each in labels] == [30, 10]
    assert [each[1].min() for each in labels] == [31, 11]
    assert [each.max() for each in labels] == [60, 20]


@pytest.mark.parametrize("reach", [None, 400])
def test_tiles_give_what_memory_gives(reach, tmp_path):
    """With a halo so wide that the leaves are the same; merged as a whole, or around each tile."""
    whole = superpixel_run(COLOUR, STACK, model=None)
    how = Execution(tile=96, out=tmp_path / "stack.zarr")
    tiled = superpixel_run(COLOUR, STACK, model=None, execution=how, halo=60, reach=reach)
    for run in (whole, tiled):
        run.run()
    labels, expected = tiled.result().compute(), whole.result()
    assert labels.shape == expected.shape
    assert whole.found() == {"superpixels": NUMBERS}
    assert tiled.found()["superpixels"] == labels.max(axis=(1, 2)).tolist()
    for found, known in zip(labels, expected, strict=True):
        assert_connected(found)
        assert 0 <= known.max() - found.max() <= 4
        if reach is None:
            assert np.mean(found == known) > 0.999
    axes = zarr.open_group(tmp_path / "stack.zarr").attrs["ome"]["multiscales"][0]["axes"]
    assert [(axis["name"], axis["type"]) for axis in axes] == [
        ("g", "granularity"), ("y", "space"), ("x", "space"),
    ]  # fmt: skip


@pytest.mark.parametrize(("reach", "stop"), [(None, "labels"), (60, "cut"), (60, "joining")])
def test_it_goes_on_where_it_stopped(stop, reach, tmp_path):
    def run(**how):
        out = Execution(tile=96, out=tmp_path / how.pop("name", "a.zarr"), **how)
        return superpixel_run(COLOUR, STACK, model=None, execution=out, reach=reach)

    straight = run(name="b.zarr")
    straight.run()
    begun = run()
    steps = begun.steps()
    for step in steps:
        if step.stage == stop and step.done:
            break
    steps.close()
    begun = run(resume=True)
    begun.run()
    np.testing.assert_array_equal(begun.result().compute(), straight.result().compute())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"n_segments": [9, 5], "method": "snic"}, "several granularities are cuts of one tree"),
        ({"n_segments": []}, "n_segments is empty"),
        ({"n_segments": [9, 0]}, "n_segments"),
        ({"n_segments": [9, 10**9]}, "only 52000 pixels"),
        ({"size": [9.0, "x"]}, "size"),
        ({"size": [9.0], "level": 3.0}, "give only one"),
    ],
)
def test_what_cannot_be_is_refused(how, says):
    with pytest.raises(SenError, match=says):
        napari_sen.segment(COLOUR, **how, model=None)


def test_a_place_that_cannot_hold_them_is_refused(tmp_path):
    from napari_sen.io.write import write_labels

    image = tmp_path / "image.zarr"
    grey = COLOUR[..., 0]
    write_labels(image, np.ones(grey.shape, np.int32), image=grey)
    with pytest.raises(SenError, match="a store of their own"):
        napari_sen.segment(image, [9, 5], model=None, out=image / "labels" / "many")
    movie = np.stack([grey] * 2)[:, None]
    with pytest.raises(SenError, match="axis of granularities"):
        napari_sen.segment(movie, [9, 5], model=None, slices="each", out=tmp_path / "movie.zarr")
    assert not (tmp_path / "movie.zarr").exists()


def test_the_shell_writes_them_into_one_store(tmp_path, capsys):
    from napari_sen.cli import main
    from napari_sen.io.write import write_image

    write_image(tmp_path / "a.tif", COLOUR[..., 0])
    out = str(tmp_path / "a.zarr")
    asked = [
        "segment",
        str(tmp_path / "a.tif"),
        "--model",
        "none",
        "--n-segments",
        "60,20",
        "--json",
    ]
    assert main([*asked, "-o", str(tmp_path / "b.tif")]) == 2
    assert ".zarr" in capsys.readouterr().err
    assert main([*asked, "-o", out]) == 0
    assert '"superpixels": [60, 20]' in capsys.readouterr().out
    assert zarr.open_group(out)["0"].shape == (2, *COLOUR.shape[:2])
    with pytest.raises(SystemExit):
        main(["segment", "a.tif", "-o", out, "--size", "3,x"])
    assert "with commas between" in capsys.readouterr().err
