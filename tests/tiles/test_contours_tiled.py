"""Contours in tiles: those of the whole, however the run was broken off."""

import math
from contextlib import closing

import dask.array as da
import numpy as np
import pytest
import zarr
from ome_zarr_models import v05
from skimage.data import astronaut

import napari_sen
from napari_sen.errors import OutputError, ParameterError
from napari_sen.io.memory import available_memory
from napari_sen.options import Execution, Reading
from napari_sen.params import ContourParams
from napari_sen.pipeline.plan import contour_run
from napari_sen.pipeline.stored import open_result

COLOUR = astronaut()[:150, :210]
GREY = COLOUR[..., 1]
STACK = np.stack([GREY, GREY[::-1]])


@pytest.mark.parametrize(
    ("image", "options", "spacing"),
    [
        (COLOUR, {}, None),
        (COLOUR, {"thin": False, "threshold": 0.0, "fine_sizes": (7, 9)}, None),
        (GREY, {"texture": 0}, (0.2, 0.2)),
        (STACK, {"threshold": 0.0}, None),
    ],
)
def test_with_a_wide_halo_they_are_those_of_the_whole(image, options, spacing):
    whole = napari_sen.contours(image, model=None, spacing=spacing, **options)
    tiled = contour_run(
        image, ContourParams.given(**options), model=None, reading=Reading(spacing=spacing),
        execution=Execution(tile=64), halo=40,
    )  # fmt: skip
    tiled.run()
    lazy = tiled.result()
    assert lazy.shape == whole.shape
    assert whole.any()
    np.testing.assert_allclose(lazy.compute(), whole, atol=1e-6)


def test_with_the_usual_halo_and_the_embedding():
    options = {"thin": False, "threshold": 0.0}
    whole = napari_sen.contours(astronaut(), **options)
    lazy = napari_sen.contours(
        da.from_array(astronaut(), chunks=200), tile=192, rgb=True, **options
    )
    assert np.mean(np.abs(lazy.compute() - whole) < 0.01) > 0.995


def run(out, *, resume=False, **options):
    params = ContourParams(fine_sizes=(8, 10), **options)
    execution = Execution(tile=64, scheduler=1, out=out, resume=resume)
    return contour_run(COLOUR, params, model=None, execution=execution)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_run_that_was_broken_off_ends_the_same(tmp_path):
    whole = run(tmp_path / "whole.zarr")
    stages = [step.stage for step in whole.steps()]
    assert len(stages) > 60
    out = tmp_path / "broken" / "whole.zarr"
    out.parent.mkdir()
    for so_many in (3, 14, 20, 15, 10):
        with closing(run(out, resume=True).steps()) as steps:
            for _ in zip(steps, range(so_many), strict=False):
                pass
        assert not out.exists()
    with pytest.raises(OutputError, match="threshold"):
        run(out, resume=True, threshold=0.5).run()
    again = run(out, resume=True)
    again.run()
    assert contents(out) == contents(tmp_path / "whole.zarr")
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_the_store_is_an_image_with_a_pyramid(tmp_path):
    out = tmp_path / "edges.zarr"
    image = np.tile(GREY, (2, 2))
    napari_sen.contours(image, model=None, tile=64, out=out, spacing=(0.5, 0.5))
    levels = open_result(out)
    assert [level.shape for level in levels] == [(300, 420), (150, 210)]
    assert levels[0].dtype == np.float32
    v05.Image.from_zarr(zarr.open_group(out, mode="r"))
    about = zarr.open_group(out).attrs["ome"]
    assert "image-label" not in about
    scale = about["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [0.5, 0.5]


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (GREY, {"method": "sizes"}, "method='trees'"),
        (STACK, {"slices": "volume"}, "slices='each'"),
        (GREY, {"tile": 33}, "tile"),
        (GREY, {"resume": True, "tile": None}, "out="),
    ],
)
def test_what_cannot_be_is_said_before_any_work(image, options, message):
    with pytest.raises(ParameterError, match=message):
        napari_sen.contours(image, model=None, **{"tile": 64, **options})


def test_trees_that_do_not_fit_are_refused():
    """A leaf of 5 x 5 px takes 16 bytes a pixel, and there is one pixel for each free byte."""
    side = math.isqrt(available_memory())
    image = np.broadcast_to(np.uint8(0), (side, side))
    with pytest.raises(ParameterError, match="larger fine_sizes"):
        napari_sen.contours(image, fine_sizes=(5,), model=None, tile=64)
