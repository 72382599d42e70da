"""The tiled embedding is that of the whole."""

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
from napari_sen.pipeline import embed_tiled
from napari_sen.pipeline.embed_tiled import plan_landmarks
from napari_sen.pipeline.lazy import open_result, pca_run

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


def test_landmarks_far_apart(monkeypatch):
    """In huge planes a tile holds one landmark, or none."""
    monkeypatch.setitem(embed_tiled.TILE, 2, (32, 32))
    model = load_model("natural")
    params = replace(model.mean_shift.params, landmarks=12)
    monkeypatch.setattr(model.mean_shift, "params", params)
    plans = plan_landmarks(COLOUR.shape[:2], 12)
    assert [len(plan.points) for plan in plans] == [1] * 12
    whole = napari_sen.embed(COLOUR, model=model, clustered=True)
    lazy = napari_sen.embed(COLOUR, model=model, clustered=True, tile=128)
    np.testing.assert_allclose(lazy.compute(), whole, atol=1e-5)


@pytest.mark.parametrize("stack", [False, True])
def test_principal_components(stack, tmp_path):
    image = np.stack([COLOUR[..., 0], COLOUR[..., 2]]).astype(np.uint16) if stack else COLOUR
    slices = "each" if stack else None
    out = tmp_path / "a.zarr"
    lazy = napari_sen.embed(image, tile=128, out=out, slices=slices)
    pca_run(out, out=tmp_path / "b.zarr", slices=slices).run()
    found = open_result(tmp_path / "b.zarr")[0].compute()
    expected = pca_rgb(lazy.compute())
    assert np.abs(found.astype(int) - expected).max() <= 1  # rounding
    v05.Image.from_zarr(zarr.open_group(tmp_path / "b.zarr", mode="r"))
    assert read_image(tmp_path / "b.zarr").rgb
