"""Parts of an image: view, shapes, masks, layers as channels; the results' place in the world."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from napari.components import LayerList
from napari.layers import Image, Labels, Shapes

from napari_sen.errors import ImageError
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.state.layer_image import LayerImage
from napari_sen.plugin.state.source import source_of
from napari_sen.plugin.steps.session import Session

PLACE = {"scale": (0.5, 2), "translate": (30, -20), "rotate": 20, "shear": [0.3]}
PLANE = np.arange(40 * 50).reshape(40, 50)


def image(data=PLANE, **options):
    return Image(data, name="photo", **{**PLACE, **options})


def run(layer, **chosen):
    """Superpixels of a part of a layer, as a layer."""
    session = Session()
    session.model = None
    session.choose(layer)
    for name, value in chosen.items():
        setattr(session, name, value)
    session.ask(12)
    session.run("superpixels")
    return session.granularity.layer


def rectangle(layer, low, high):
    """The corners, in the world, of a box of pixels."""
    corners = [low, (low[0], high[1]), high, (high[0], low[1])]
    return np.array([layer.data_to_world(corner) for corner in corners])


def test_the_shapes_of_a_layer_in_whatever_place():
    layer = image()
    shapes = Shapes([rectangle(layer, (9.6, 19.6), (29.4, 44.4))], scale=(1, 1), name="shapes")
    source = source_of(layer, region=shapes)
    np.testing.assert_array_equal(source.image, PLANE[9:31, 19:46])
    inside = np.zeros((22, 27), bool)
    inside[1:21, 1:26] = True
    np.testing.assert_array_equal(source.mask, inside)
    found = run(layer, region=shapes)
    np.testing.assert_array_equal(found.data > 0, inside)
    np.testing.assert_allclose(found.data_to_world((0, 0)), layer.data_to_world((9, 19)))
    np.testing.assert_allclose(found.data_to_world((5, 7)), layer.data_to_world((14, 26)))


def test_several_shapes_and_an_ellipse():
    layer = image(scale=(1, 1), translate=(0, 0), rotate=0, shear=[0])
    ellipse = [[10, 10], [10, 30], [30, 30], [30, 10]]
    box = [[2, 35], [2, 45], [8, 45], [8, 35]]
    shapes = Shapes([ellipse, box], shape_type=["ellipse", "rectangle"])
    source = source_of(layer, region=shapes)
    rows, columns = np.indices((40, 50))
    expected = (rows - 20) ** 2 + (columns - 20) ** 2 < 10**2
    expected[2:9, 35:46] = True
    whole = np.zeros((40, 50), bool)
    whole[source.index] = source.mask
    assert (whole != expected).sum() < 45  # pixels on the outlines
    assert source.shape == (29, 36)


def test_shapes_that_mean_nothing():
    layer = image()
    with pytest.raises(ImageError, match="draw one around the part"):
        source_of(layer, region=Shapes([[[0, 0], [5, 5]]], shape_type="line"))
    far = Shapes([np.array([[0, 0], [0, 5], [5, 5], [5, 0]]) + 900])
    with pytest.raises(ImageError, match="lies on"):
        source_of(layer, region=far)


def test_what_is_in_view(rng):
    layer = image()
    layer.corner_pixels = np.array([[5, 10], [24, 39]])
    source = source_of(layer, region="view")
    np.testing.assert_array_equal(source.image, PLANE[5:25, 10:40])
    layer.corner_pixels = np.array([[40, 0], [40, 0]])
    with pytest.raises(ImageError, match="in view"):
        source_of(layer, region="view")


def test_what_is_in_view_of_a_pyramid():
    layer = image([PLANE, PLANE[::2, ::2]], multiscale=True)
    layer._data_level = 1
    layer.corner_pixels = np.array([[5, 5], [9, 9]])
    np.testing.assert_array_equal(source_of(layer, region="view").image, PLANE[10:19, 10:19])


def test_a_labels_layer_as_mask():
    layer, mask = image(), np.zeros((40, 50), int)
    mask[10:30, 10:40] = 7
    found = run(layer, mask=Labels(mask))
    np.testing.assert_array_equal(found.data > 0, mask > 0)
    with pytest.raises(ImageError, match="shape"):
        run(layer, mask=Labels(np.ones((4, 5), int)))
    with pytest.raises(ImageError, match="leaves nothing"):
        run(layer, mask=Labels(np.zeros((40, 50), int)))


@pytest.mark.parametrize("step", ["contours", "pseudo_labels", "superpixels", "flat"])
def test_every_step_heeds_the_mask(step, photo):
    mask = np.zeros(photo.shape[:2], int)
    mask[20:70, 30:100] = 1
    session = Session()
    session.model = None
    session.choose(Image(photo, name="photo"))
    session.mask = Labels(mask)
    results = session.run(step)
    layers = [result.to_layer() for result in results] or session.granularity.layers
    for layer in layers:
        assert not layer.data[..., mask == 0].any()
        assert layer.data[..., mask == 1].any()


def test_the_embedding_under_a_mask_is_that_of_the_api(photo):
    import napari_sen

    mask = np.zeros(photo.shape[:2], int)
    mask[20:70, 30:100] = 1
    grey = photo[..., 1].astype(np.float32)
    grey[:5] = np.nan  # under the mask it does not matter
    session = Session()
    session.model, session.all_channels = "microscopy", True
    session.choose(Image(grey, name="grey", contrast_limits=(0, 255)))
    session.mask = Labels(mask)
    _, channels = session.run("embed")
    expected = napari_sen.embed(grey, model="microscopy", mask=mask > 0)
    inside = mask > 0
    np.testing.assert_array_equal(channels.data[:, inside], expected[inside].T)
    session.run("superpixels")
    table = made_of(session.granularity.layer).extra["shown"]
    first = session.granularity.layer.data == 1
    means = [table[f"embedding-{k}"][0] for k in range(16)]
    np.testing.assert_allclose(means, expected[first].mean(axis=0), atol=1e-5)


def test_masks_of_stacks(rng):
    stack, mask = rng.random((3, 40, 50)), np.zeros((3, 40, 50), int)
    mask[1, :20] = 1
    layer = Image(stack)
    point = (1, 0, 0)
    np.testing.assert_array_equal(source_of(layer, mask=Labels(mask), point=point).mask, mask[1])
    # of this slice alone, as our own results are
    one = Labels(mask[1:2], translate=(1, 0, 0))
    np.testing.assert_array_equal(source_of(layer, mask=one, point=point).mask, mask[1])
    # one plane for all slices
    whole = source_of(layer, mask=Labels(mask[1]), stack="each").mask
    np.testing.assert_array_equal(whole, np.broadcast_to(mask[1], (3, 40, 50)))


def test_layers_as_channels(rng):
    planes = rng.random((3, 40, 50)).astype(np.float32)
    layers = [Image(plane, name=f"c{k}", **PLACE) for k, plane in enumerate(planes)]
    source = source_of(layers[0], channels=layers[1:])
    assert source.channel_axis == 0
    assert source.shape == (40, 50)
    np.testing.assert_array_equal(source.image, planes)
    found = run(layers[0], channels=layers[1:])
    # The shear is part of the pixel size, too.
    whole = Image(planes, axis_labels=("c", "y", "x"), scale=(1, *source.spacing))
    together = run(whole, channel_axis=0)
    np.testing.assert_array_equal(found.data, together.data)
    assert "mean c2" in made_of(found).table
    assert "mean channel 2" in made_of(together).table
    stack = [Image(rng.random((4, 40, 50))) for _ in range(2)]
    cut = source_of(stack[0], channels=stack[1:], point=(2, 0, 0), middle=10)
    np.testing.assert_array_equal(cut.image[1], stack[1].data[2, 15:25, 20:30])
    assert cut.shape == (10, 10)
    for wrong in (Image(np.zeros((40, 51))), Image(np.zeros((40, 50, 3)), rgb=True)):
        with pytest.raises(ImageError, match="cannot be a channel"):
            source_of(layers[0], channels=[wrong])
    with pytest.raises(ImageError, match="channels already"):
        source_of(Image(np.zeros((5, 6, 3)), rgb=True), channels=layers)


KINDS = {
    "numpy": lambda data, path: data,
    "dask": lambda data, path: da.from_array(data, chunks=16),
    "zarr": lambda data, path: zarr.array(data, chunks=(16,) * data.ndim),
    "xarray": lambda data, path: xr.DataArray(data),
    "multiscale": lambda data, path: [data, data[..., ::2, ::2]],
    "multiscale dask": lambda data, path: [da.from_array(data), da.from_array(data[..., ::2, ::2])],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(40, 50), (3, 40, 50), (2, 3, 40, 50)])
def test_layers_as_they_are(kind, shape, rng, tmp_path):
    """All kinds of arrays give what NumPy gives: 2-D, stack, time series of stacks."""
    data = rng.integers(0, 4000, shape).astype(np.uint16)
    options = {"scale": (1,) * (len(shape) - 2) + (0.5, 0.5), "contrast_limits": (0, 4000)}
    layer = Image(KINDS[kind](data, tmp_path), name="photo", **options)
    plain = Image(data, name="photo", **options)
    for stack in ("slice", "each") if len(shape) > 2 else ("slice",):
        chosen = {"channel_axis": None, "stack": stack}
        ours, expected = run(layer, **chosen), run(plain, **chosen)
        np.testing.assert_array_equal(ours.data, expected.data)
        assert ours.data.ndim == len(shape)
        np.testing.assert_array_equal(ours.translate, expected.translate)
        assert list(ours.features["index"]) == list(range(1, ours.data.max() + 1))


def test_rgba_is_colour_without_alpha(photo):
    alpha = np.full((*photo.shape[:2], 1), 128, np.uint8)
    with_alpha = run(Image(np.concatenate([photo, alpha], axis=-1), name="photo", rgb=True))
    np.testing.assert_array_equal(with_alpha.data, run(Image(photo, name="photo")).data)
    table = made_of(with_alpha).table
    assert "mean blue" in table
    assert not any("alpha" in name for name in table)


@pytest.mark.parametrize("kind", ["numpy", "dask", "multiscale dask"])
def test_what_does_not_fit_into_memory_is_made_tile_by_tile(kind, rng, tmp_path, monkeypatch):
    data = rng.integers(0, 255, (300, 420)).astype(np.uint8)
    layer = Image(KINDS[kind](data, tmp_path), name="photo", scale=(0.5, 0.5), units="um")
    monkeypatch.setattr(LayerImage, "fits", lambda *_: False)
    session = Session()
    session.model = None
    session.show_in(LayerList([layer]))
    session.choose(layer)
    session.ask(12)
    assert session.run("superpixels") == []
    found = session.granularity.layer
    assert found.data.shape == data.shape
    assert len(np.unique(found.data)) == 12
    np.testing.assert_allclose(found.data_to_world((3, 4)), layer.data_to_world((3, 4)))
    (edges,) = session.run("contours")
    assert edges.to_layer().data[0].shape == data.shape
    with pytest.raises(ImageError, match="choose a region, the current view or a slice"):
        session.run("pseudo_labels")
