import numpy as np
import pytest
import torch

from napari_sen.errors import Cancelled, ImageError
from napari_sen.learn import network
from napari_sen.learn.network import (
    ConvBlock,
    SENet,
    fold_batch_norm,
    level_widths,
    padded_size,
    receptive_field_radius,
    reflect_indices,
    within_float16,
)
from napari_sen.params import NetworkParams

TINY = NetworkParams(dim=3, base_width=4, width_cap=4)
both_designs = pytest.mark.parametrize("design", ["paper", "lean"])


def tiny_net(**changes):
    torch.manual_seed(0)
    return SENet(NetworkParams.from_dict(TINY.to_dict() | changes)).eval()


@both_designs
@pytest.mark.parametrize("levels", [1, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (33, 2), (31, 64), (100, 65)])
def test_any_size_gives_unit_rows(shape, levels, design):
    with torch.no_grad():
        found = tiny_net(levels=levels, design=design)(torch.rand(2, 3, *shape))
    assert found.shape == (2, 3, *shape)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2, *shape), atol=1e-5, rtol=0)


def test_padding_reflects_as_numpy_does():
    for size, padded in [(1, 64), (2, 64), (5, 64), (40, 64), (64, 64), (65, 96)]:
        assert padded_size(size, 5) == padded
        expected = np.pad(np.arange(size), (0, padded - size), mode="reflect")
        np.testing.assert_array_equal(reflect_indices(size, padded), expected)


def test_the_part_of_the_image_does_not_change_by_padding_it_first():
    net, image = tiny_net(), torch.rand(1, 3, 50, 70)
    with torch.no_grad():
        assert torch.equal(net(image), net(net.pad(image))[:, :, :50, :70])


@both_designs
@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_receptive_field_is_what_the_gradient_says(levels, design):
    params = NetworkParams(planes=1, dim=2, base_width=4, width_cap=4, levels=levels, design=design)
    net = SENet(params).double().eval()
    generator = torch.Generator().manual_seed(1)
    for weight in net.parameters():  # positive: no path cancels another, no ReLU is shut
        weight.data = torch.rand(weight.shape, generator=generator, dtype=torch.double) + 0.5
    for block in net.modules():
        if isinstance(block, ConvBlock):
            block.conv.weight.data /= 9 * block.conv.in_channels
    step, radius = 2**levels, receptive_field_radius(params)
    size = -(-(2 * radius + 3 * step) // step) * step
    middle = size // 2 // step * step
    measured = 0
    for position in range(middle, middle + step):
        image = torch.rand(1, 1, size, 2 * step, generator=generator).double().requires_grad_()
        net.raw(image)[0, 0, position, step].backward()
        seen = torch.nonzero(image.grad[0, 0].abs().sum(1))[:, 0]
        assert seen[0] > 0  # the border must not cut it off
        assert seen[-1] < size - 1
        measured = max(measured, position - int(seen[0]), int(seen[-1]) - position)
    assert measured == radius


def test_default_receptive_field_and_size():
    net = SENet(NetworkParams())
    assert receptive_field_radius(net.params) == 188
    assert sum(weight.numel() for weight in net.parameters()) == 1_964_864


def test_widths_grow_in_whole_registers():
    assert level_widths(NetworkParams()) == [16, 32, 64, 128, 128, 128]
    assert level_widths(NetworkParams(base_width=20)) == [20, 40, 80, 128, 128, 128]
    lean = NetworkParams(design="lean", base_width=32, growth=1.414)
    assert level_widths(lean) == [32, 48, 64, 96, 128]


def test_a_square_of_the_lean_design_comes_out_in_its_place():
    """A network that passes on one plane: every pixel must find its own value again."""
    net = tiny_net(planes=1, dim=2, levels=1, design="lean", base_width=4, width_cap=4)
    for block in net.stem:  # the middle of the first four kernels: the square as it is
        block.norm = torch.nn.Identity()
        block.conv.weight.data = torch.zeros_like(block.conv.weight)
        block.conv.weight.data[range(4), range(4), 1, 1] = 1
    net.head.weight.data = torch.zeros_like(net.head.weight)
    net.head.weight.data[range(1, 8, 2), range(4), 0, 0] = 1
    net.head.bias.data = torch.tensor([1.0, 0.0] * 4)
    image = torch.rand(1, 1, 6, 10)
    with torch.no_grad():
        found = net.raw(image)
    assert (found[:, 0] == 1).all()
    torch.testing.assert_close(found[:, 1], image[:, 0])


@both_designs
def test_folded_batch_norm_computes_the_same(design):
    net = tiny_net(base_width=8, width_cap=16, design=design)
    net.train()
    with torch.no_grad():
        for _ in range(3):  # give the batch norms statistics worth folding
            net(torch.rand(2, 3, 64, 64) * 2)
        net.eval()
        image = torch.rand(1, 3, 70, 45)
        folded = fold_batch_norm(net)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
        torch.testing.assert_close(folded(image), net(image), atol=1e-5, rtol=0)


@both_designs
def test_the_number_of_threads_changes_no_more_than_rounding(design):
    net = fold_batch_norm(tiny_net(design=design))
    image, before, found = torch.rand(1, 3, 96, 160), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                found.append(net(image))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found[1], found[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(found[2], found[0], atol=1e-6, rtol=0)


@both_designs
def test_a_tile_with_the_full_halo_equals_the_whole(design):
    net = tiny_net(levels=2, design=design)
    radius = receptive_field_radius(net.params)
    halo = -(-radius // 4) * 4
    image = torch.rand(1, 3, 160, 8)
    with torch.no_grad():
        whole = net(image)
        start, stop = 64, 96
        part = net(image[:, :, start - halo : stop + halo])[:, :, halo : halo + stop - start]
    torch.testing.assert_close(part, whole[:, :, start:stop], atol=1e-6, rtol=0)


def test_normalisation_is_part_of_the_network():
    net, image = tiny_net(), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain = net(image)
        net.mean.copy_(torch.tensor([0.1, 0.2, 0.3]))
        net.std.copy_(torch.tensor([2.0, 3.0, 4.0]))
        shifted = image * net.std[:, None, None] + net.mean[:, None, None]
        torch.testing.assert_close(net(shifted), plain, atol=1e-5, rtol=0)


@both_designs
def test_poll_stops_the_work_and_is_called_as_often_as_told(design):
    net, calls = tiny_net(design=design), []
    with torch.no_grad():
        net(torch.rand(1, 3, 64, 64), lambda: calls.append(1))
    assert len(calls) == net.n_polls(64, 64)

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled), torch.no_grad():
        net(torch.rand(1, 3, 64, 64), stop)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 2), (33, 47), (40, 70)])
@pytest.mark.parametrize("strip", [1, 100, 10**6])
@pytest.mark.parametrize("levels", [1, 5])
def test_the_lean_design_infers_what_it_is_trained_as(shape, strip, levels, monkeypatch):
    monkeypatch.setattr(network, "STRIP_PIXELS", strip)
    net, image = tiny_net(design="lean", levels=levels), torch.rand(2, 3, *shape)
    with torch.no_grad():
        expected = net(image)
    with torch.inference_mode():
        found = net(image)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@both_designs
@pytest.mark.parametrize("shape", [(64, 96), (40, 70), (1, 5)])
@pytest.mark.parametrize("work", [1, 40_000, 10**6])
def test_inference_by_strips_is_inference(shape, work, design):
    """Strips of one row up, at every level, with and without their own last row."""
    net, image, calls = fold_batch_norm(tiny_net(design=design)), torch.rand(1, 3, *shape), []
    with torch.inference_mode():
        whole = net(image)
        for module in net.modules():
            if isinstance(module, ConvBlock):
                module.strip_work = work
        strips = net(image, lambda: calls.append(1))
    torch.testing.assert_close(strips, whole, atol=2e-6, rtol=0)
    assert len(calls) == net.n_polls(*shape)
    if work == 1:
        assert len(calls) > 150


def test_wrong_planes_are_named():
    with pytest.raises(ImageError, match=r"takes \(B, 3, H, W\) planes, got \(1, 2, 8, 8\)"):
        tiny_net()(torch.rand(1, 2, 8, 8))


@pytest.mark.parametrize("design", ["paper", "lean"])
def test_large_variances_are_scaled_so_that_float16_holds_them(design):
    net = SENet(NetworkParams(design=design, base_width=4, levels=2)).eval()
    blocks = [part for part in net.modules() if isinstance(part, ConvBlock)]
    assert len(blocks) > 3
    with torch.no_grad():
        for number, block in enumerate(blocks):
            # As after long trainings: outputs of the convolution, and what is known of them.
            grown = torch.logspace(0, 4, block.conv.out_channels)
            block.conv.weight *= grown[:, None, None, None]
            block.norm.running_mean.copy_(grown * (number - 1.5))
            block.norm.running_var.copy_(grown.square() * (1 + number))
        same = within_float16(net)
    image = torch.rand(1, 3, 20, 24)
    assert torch.equal(net(image), same(image))
    largest = max(part.norm.running_var.max() for part in blocks)
    assert largest > torch.finfo(torch.float16).max
    for part in same.modules():
        if isinstance(part, ConvBlock):
            assert part.norm.running_var.max() <= torch.finfo(torch.float16).max
    assert any(torch.equal(a, b) for a, b in zip(net.parameters(), same.parameters(), strict=True))
