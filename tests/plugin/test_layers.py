"""Layers in, layers out: reading, places, dtypes. Neither Qt nor a display."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Points

import napari_sen
from napari_sen.errors import ImageError, ParameterError
from napari_sen.plugin.layers.display import PYRAMID_ABOVE, for_display, pyramid
from napari_sen.plugin.state.channels import guess_channel_axis
from napari_sen.plugin.state.placement import (
    full_resolution,
    pixel_size,
    placement_of,
    transform_of,
)
from napari_sen.plugin.state.source import source_of

pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

small = st.floats(-2, 2)
positive = st.floats(0.1, 5)


@st.composite
def volumes(draw):
    """A grey 3-D layer with every part of a transform set."""
    matrix = np.eye(4)
    matrix[:3, :3] += np.reshape([0.2 * draw(small) for _ in range(9)], (3, 3))
    matrix[:3, 3] = [10 * draw(small) for _ in range(3)]
    return Image(
        np.zeros((4, 5, 6), np.uint8),
        scale=[draw(positive) for _ in range(3)],
        translate=[10 * draw(small) for _ in range(3)],
        rotate=[30 * draw(small) for _ in range(3)],
        shear=[0.2 * draw(small) for _ in range(3)],
        affine=matrix,
        units="um",
        axis_labels=("z", "y", "x"),
    )


def world(layer, point):
    return np.asarray(layer.data_to_world(point))


@settings(max_examples=30)
@given(volumes(), st.tuples(*[st.floats(-5, 5)] * 3))
def test_a_result_lies_where_its_source_lies(layer, point):
    result = Labels(np.zeros((4, 5, 6), np.uint16), **transform_of(layer))
    np.testing.assert_allclose(world(result, point), world(layer, point), atol=1e-9)
    assert result.units == layer.units
    assert result.axis_labels == layer.axis_labels


@settings(max_examples=30)
@given(volumes(), st.integers(0, 3), st.tuples(*[st.floats(-5, 5)] * 2))
def test_a_slice_lies_in_its_stack(layer, index, point):
    place = placement_of(layer, position={0: index})
    data = place.shape(np.zeros((5, 6), np.uint16))
    result = Labels(data, **place.transform)
    assert result.data.shape == (1, 5, 6)
    np.testing.assert_allclose(world(result, (0, *point)), world(layer, (index, *point)), atol=1e-9)


@settings(max_examples=30)
@given(volumes(), st.integers(1, 2), st.tuples(*[st.floats(-5, 5)] * 2))
def test_an_inner_channel_axis_is_spanned(layer, axis, point):
    place = placement_of(layer, channel_axis=axis)
    count = layer.data.shape[axis]
    data = place.shape(np.zeros(np.delete(layer.data.shape, axis), np.uint16))
    result = Labels(data, **place.transform)
    assert result.data.shape[axis] == 1
    for channel in range(count):
        there = np.insert(np.array(point, float), axis, channel)
        inside = result.world_to_data(world(layer, there))
        assert -0.5 - 1e-9 <= inside[axis] <= 0.5 + 1e-9
        np.testing.assert_allclose(np.delete(inside, axis), point, atol=1e-8)


def test_a_leading_channel_axis_is_dropped():
    layer = Image(
        np.zeros((2, 5, 6)), scale=(1, 2, 3), translate=(7, 8, 9), axis_labels=("c", "y", "x")
    )
    assert guess_channel_axis(layer) == 0
    source = source_of(layer, channel_axis=0)
    assert source.image.shape == (2, 5, 6)
    assert source.reading == {"rgb": False, "channel_axis": 0, "slices": None}
    assert source.spacing == (2, 3)
    result = Labels(source.placement.shape(np.zeros((5, 6), int)), **source.placement.transform)
    np.testing.assert_array_equal(result.scale, (2, 3))
    np.testing.assert_array_equal(result.translate, (8, 9))
    assert result.axis_labels == ("y", "x")


def test_rgb_keeps_both_axes_and_no_channels():
    layer = Image(np.zeros((5, 6, 4), np.uint8), rgb=True, scale=(0.5, 0.5), units="um")
    source = source_of(layer)
    assert source.reading == {"rgb": True, "channel_axis": None, "slices": None}
    assert source.spacing == (0.5, 0.5)
    assert source.unit == "µm"
    assert source.is_scaled
    assert source.placement.expand == ()


@pytest.mark.parametrize(
    ("stack", "shape", "slices", "spacing"),
    [
        ("slice", (5, 6), None, (3, 4)),
        ("each", (4, 5, 6), "each", (3, 4)),
        ("volume", (4, 5, 6), "volume", (2, 3, 4)),
    ],
)
def test_stacks(stack, shape, slices, spacing):
    layer = Image(np.arange(120.0).reshape(4, 5, 6), scale=(2, 3, 4))
    source = source_of(layer, stack=stack, point=(5.8, 0, 0))
    assert source.image.shape == shape
    assert source.slices == slices
    assert source.spacing == spacing
    if stack == "slice":
        np.testing.assert_array_equal(source.image, layer.data[3])


def test_current_slice_with_channels_after_it():
    layer = Image(np.random.default_rng(0).random((4, 3, 5, 6)))
    source = source_of(layer, channel_axis=1, point=(2, 0, 0, 0))
    assert source.channel_axis == 0
    np.testing.assert_array_equal(source.image, layer.data[2])
    assert source.placement.shape(np.zeros((5, 6))).shape == (1, 1, 5, 6)


def test_the_point_of_a_viewer_with_more_axes():
    source = source_of(Image(np.zeros((4, 5, 6))), point=(9, 9, 1, 0, 0))
    assert source.placement.transform["translate"][0] == 1


def test_multiscale_uses_level_0():
    layer = Image([np.zeros((64, 64)), np.zeros((32, 32))])
    assert layer.multiscale
    assert full_resolution(layer).shape == (64, 64)
    assert source_of(layer).image.shape == (64, 64)


def test_lazy_data_is_not_read_for_a_source():
    class Unread:
        shape, dtype, ndim = (4, 5, 6), np.dtype("u1"), 3

        def __getitem__(self, index):
            raise AssertionError("read")

    class Layer:
        name, rgb, ndim, multiscale, data = "lazy", False, 3, False, Unread()

        def __getattr__(self, name):
            return getattr(reference, name)

    reference = Image(np.zeros((4, 5, 6), np.uint8))
    source = source_of(Layer())
    with pytest.raises(AssertionError, match="read"):
        _ = source.image


@pytest.mark.parametrize(
    ("layer", "options", "error", "message"),
    [
        (
            Image(np.zeros((5, 6, 3), np.uint8), rgb=True),
            {"channel_axis": 0},
            ParameterError,
            "RGB",
        ),
        (Image(np.zeros((5, 6))), {"channel_axis": 2}, ParameterError, "axes 0 to 1"),
        (Image(np.zeros((5, 6))), {"channel_axis": 0}, ImageError, "at least 2"),
        (Image(np.zeros((5, 6))), {"stack": "all"}, ParameterError, "stack must be"),
    ],
)
def test_choices_that_do_not_fit(layer, options, error, message):
    with pytest.raises(error, match=message):
        source_of(layer, **options)


def test_pixel_size_counts_scale_and_affine():
    layer = Image(np.zeros((5, 6)), scale=(2, 3), rotate=30, affine=np.diag([2.0, 2.0, 1.0]))
    np.testing.assert_allclose(pixel_size(layer), (4, 6))


@pytest.mark.parametrize(("highest", "dtype"), [(65535, np.uint16), (65536, np.int32)])
def test_display_dtype(highest, dtype):
    shown = for_display(np.array([[1, highest]], np.int32))
    assert shown.dtype == dtype
    assert shown.max() == highest


def test_large_labels_become_a_pyramid():
    flat = np.ones((2, PYRAMID_ABOVE * 2 + 2), np.uint16)
    levels = pyramid(flat)
    assert [level.shape[1] for level in levels] == [4098, 2049, 1025]
    assert pyramid(flat[:, :PYRAMID_ABOVE]) is not None
    assert isinstance(pyramid(flat[:, :PYRAMID_ABOVE]), np.ndarray)


def test_nanometres_beside_micrometres_are_made_equal():
    stack = np.zeros((3, 4, 5), np.uint8)
    layer = Image(stack, scale=(300, -0.25, 0.25), units=("nm", "um", "um"))
    source = source_of(layer, stack="volume")
    assert (source.spacing, source.unit) == ((0.3, 0.25, 0.25), "µm")
    assert source.asked.spacing == (0.3, 0.25, 0.25)
    assert source_of(Image(stack)).unit == "px"


@pytest.mark.parametrize("step", ["segment", "contours", "hierarchy"])
def test_a_layer_is_an_image_of_its_colours_and_pixel_size(step, photo):
    made = getattr(napari_sen, step)
    told = {"rgb": True, "spacing": (0.5, 0.5), "kind": "microscopy", "model": None}
    from_layer = made(Image(photo, scale=(0.5, 0.5), units="um"), model=None)
    from_array = made(photo, **told)
    if step == "hierarchy":
        from_layer, from_array = from_layer.cut(20), from_array.cut(20)
    np.testing.assert_array_equal(from_layer, from_array)


def test_layers_of_levels_of_lazy_pixels_and_as_masks(photo):
    grey = photo[..., 1]
    labels = napari_sen.segment(grey, 30, model=None)
    pyramid = Image([grey, grey[::2, ::2]])
    np.testing.assert_array_equal(napari_sen.segment(pyramid, 30, model=None), labels)
    lazy = napari_sen.segment(Image(da.from_array(grey)), 30, model=None)
    assert isinstance(lazy, da.Array)
    mask = Labels((grey > 100).astype(np.uint8))
    inside = napari_sen.segment(Image(grey), 30, mask=mask, model=None) > 0
    np.testing.assert_array_equal(inside, grey > 100)


def test_layers_that_hold_no_pixels_are_refused():
    with pytest.raises(ImageError, match="layer of Points: give one of an image or of labels"):
        napari_sen.segment(Points(np.zeros((4, 2))), model=None)
