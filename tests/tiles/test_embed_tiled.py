"""The tiled embedding is that of the whole."""

from copy import deepcopy
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import zarr
from ome_zarr_models import v05
from skimage.data import astronaut

import napari_sen
from napari_sen.core.pca import pca_rgb
from napari_sen.io.read import read_image
from napari_sen.learn.model import load_model
from napari_sen.options import Execution, Reading
from napari_sen.pipeline.embeddings import plan_landmarks
from napari_sen.pipeline.plan import colour_run
from napari_sen.pipeline.stored import open_result
from napari_sen.tiles.geometry import TILE

COLOUR = astronaut()[:170, :140]


@pytest.mark.parametrize("clustered", [False, True])
def test_it_is_that_of_the_whole(clustered, tmp_path):
    whole = napari_sen.embed(COLOUR, clustered=clustered)
    lazy = napari_sen.embed(COLOUR, clustered=clustered, tile=128, out=tmp_path / "a.zarr")
    assert isinstance(lazy, da.Array)
    np.testing.assert_allclose(lazy.compute(), whole, atol=1e-5)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    v05.Image.from_zarr(group)
    assert group["0"].shape == (16, 170, 140)


@pytest.mark.parametrize("slices", ["each", "volume"])
def test_stacks(slices):
    stack = np.stack([COLOUR[:90, :70, k] for k in range(3)]).astype(np.uint16)
    whole = napari_sen.embed(stack, clustered=True, slices=slices, model="microscopy")
    lazy = napari_sen.embed(
        da.asarray(stack), clustered=True, slices=slices, model="microscopy", tile=64
    )
    np.testing.assert_allclose(lazy.compute(), whole, atol=1e-5)


def test_landmarks_far_apart():
    """In huge planes a tile holds one landmark, or none: here in a very long one."""
    model = deepcopy(load_model("natural"))
    model.mean_shift.params = replace(model.mean_shift.params, landmarks=4)
    image = np.tile(COLOUR[:8], (1, 44, 1))
    plans = plan_landmarks(image.shape[:2], 4)
    assert [len(plan.points) for plan in plans] == [1] * 4
    assert len({tuple(x // TILE[2][1] for x, _ in plan.box[1:]) for plan in plans}) == 4
    whole = napari_sen.embed(image, model=model, clustered=True)
    lazy = napari_sen.embed(image, model=model, clustered=True, tile=(32, 2048))
    np.testing.assert_allclose(lazy.compute(), whole, atol=1e-5)


@pytest.mark.parametrize("stack", [False, True])
def test_principal_components(stack, tmp_path):
    image = np.stack([COLOUR[..., 0], COLOUR[..., 2]]).astype(np.uint16) if stack else COLOUR
    slices = "each" if stack else None
    out = tmp_path / "a.zarr"
    lazy = napari_sen.embed(image, tile=128, out=out, slices=slices)
    execution = Execution(out=tmp_path / "b.zarr")
    colour_run(out, reading=Reading(slices=slices), execution=execution).run()
    found = open_result(tmp_path / "b.zarr")[0].compute()
    expected = pca_rgb(lazy.compute())
    assert np.abs(found.astype(int) - expected).max() <= 1  # rounding
    v05.Image.from_zarr(zarr.open_group(tmp_path / "b.zarr", mode="r"))
    assert read_image(tmp_path / "b.zarr").rgb
