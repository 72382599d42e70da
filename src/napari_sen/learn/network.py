"""The network: a U-Net that gives every pixel a unit vector.

Design "paper" (METHOD: the paper's Fig. 3): five halvings by stride-2 convolutions, two 3 x 3
convolutions per level (reflection padding, batch norm, ReLU), five nearest upsamplings each
followed by a convolution, the encoder's map of that size beside it and a second convolution; a
1 x 1 convolution to D; L2 normalisation.

Design "lean", a quarter of the work: the first halving takes the 2 x 2 pixels of a square as
channels of one; on the way up a 1 x 1 convolution before the upsampling, the encoder's map added,
and one 3 x 3 convolution; the last 1 x 1 convolution gives the D numbers of the square's four
pixels.

The model's own normalisation of its input (mean and standard deviation of the training set)
is part of the network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import ImageError
from ..params import NetworkParams

__all__ = [
    "SENet",
    "fold_batch_norm",
    "level_widths",
    "padded_size",
    "receptive_field_radius",
    "reflect_indices",
    "unit_rows",
    "within_float16",
]

Poll = Callable[[], None]

# Multiplications in one strip of a convolution at inference: a quarter of a second on a CPU thread.
STRIP_WORK = 2_000_000_000
STRIP_PIXELS = 1 << 12  # of the lean design's last map, finished together
FLOAT16_VARIANCE = 2.0**14  # a quarter of what float16 holds


def unit_rows(x: Tensor, dim: int = -1) -> Tensor:
    """Return ``x`` divided by its Euclidean norm along ``dim``; a zero vector stays zero."""
    return x * torch.rsqrt(x.square().sum(dim, keepdim=True) + 1e-12)


def padded_size(size: int, levels: int) -> int:
    """Return the side the network really works on: a multiple of ``2**levels``, at least two.

    Two, because a reflected border of one pixel needs two pixels on the coarsest level.
    """
    step = 1 << levels
    return max(2, -(-size // step)) * step


def reflect_indices(size: int, padded: int) -> Tensor:
    """Return (padded,) indices into ``size`` pixels, reflected as often as needed at the end.

    The border pixel is not repeated (0 1 2 1 0 1 ...); one pixel alone is repeated.
    """
    period = max(1, 2 * (size - 1))
    index = torch.arange(padded) % period
    return torch.minimum(index, period - index) if size > 1 else torch.zeros_like(index)


class ConvBlock(nn.Module):
    """3 x 3 convolution with reflected border, batch norm, ReLU."""

    strip_work = STRIP_WORK

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, poll: Poll | None) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        if poll is not None:
            poll()
        x = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.relu(self.norm(self.conv(x)), inplace=True)

    def strips(self, height: int, width: int) -> int:
        """Return in how many strips of rows an output of this size is made."""
        # Few input channels are not faster than sixteen.
        work = height * width * max(self.conv.in_channels, 16) * self.conv.out_channels * 9
        return min(max(1, -(-work // self.strip_work)), height)

    def framed(self, x: Tensor, poll: Poll | None, *, frame: bool = True) -> Tensor:
        """Do the same at inference, to a map in a frame, and return one (or without its frame).

        In strips of rows: ``poll`` may stop the work between them.
        """
        stride = self.conv.stride[0]
        height, width = ((size - 2) // stride for size in x.shape[2:])
        edge = 2 if frame else 0
        result = _empty(x, self.conv.out_channels, height + edge, width + edge)
        inner = _inner(result) if frame else result
        count = self.strips(height, width)
        for first, last in pairwise(height * k // count for k in range(count + 1)):
            if poll is not None:
                poll()
            rows = x[:, :, first * stride : (last - 1) * stride + 3]
            torch.clamp_min(self.norm(self.conv(rows)), 0, out=inner[:, :, first:last])
        return _reflected(result) if frame else result


def _empty(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return an empty map, channels last, of the type that convolutions give."""
    kind = like.device.type
    lower = torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if lower else like.dtype
    shape = (len(like), height, width, channels)
    return like.new_empty(shape, dtype=dtype).permute(0, 3, 1, 2)


def _inner(framed: Tensor) -> Tensor:
    """Return the view of a map without its frame."""
    return framed[:, :, 1:-1, 1:-1]


def _of_squares(x: Tensor) -> list[Tensor]:
    """Return views of the four pixels of all 2 x 2 squares, in reading order."""
    return [x[:, :, row::2, column::2] for row in range(2) for column in range(2)]


def _reflected(framed: Tensor) -> Tensor:
    """Fill the frame as padding by reflection does; return the map."""
    for axis in (2, 3):
        for outside, inside in ((0, 2), (-1, -3)):
            framed.select(axis, outside).copy_(framed.select(axis, inside))
    return framed


def level_widths(params: NetworkParams) -> list[int]:
    """Return the number of channels of each level, finest first.

    Multiples of what the first level and 16, a register of a processor, have in common.
    """
    step = math.gcd(params.base_width, 16)
    count = params.levels + 1 if params.design == "paper" else params.levels
    wanted = [params.base_width * params.growth**level for level in range(count)]
    return [min(round(width / step) * step, params.width_cap) for width in wanted]


class SENet(nn.Module):
    """U-Net from (B, planes, H, W) to (B, D, H, W) unit vectors; H and W from 1 up.

    Parameters
    ----------
    params : NetworkParams
        Shape of the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, params: NetworkParams) -> None:
        super().__init__()
        self.params = params
        self.lean = params.design == "lean"
        widths = level_widths(params)
        self.register_buffer("mean", torch.zeros(params.planes))
        self.register_buffer("std", torch.ones(params.planes))
        of_square = 4 if self.lean else 1  # pixels that are one at the first level
        self.stem = nn.ModuleList(
            [ConvBlock(of_square * params.planes, widths[0]), ConvBlock(widths[0], widths[0])]
        )
        self.down = nn.ModuleList(
            nn.ModuleList([ConvBlock(above, below, stride=2), ConvBlock(below, below)])
            for above, below in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.ModuleList(
                [nn.Conv2d(below, above, 1), ConvBlock(above, above)]
                if self.lean
                else [ConvBlock(below, above), ConvBlock(2 * above, above)]
            )
            for above, below in pairwise(widths)
        )
        self.head = nn.Conv2d(widths[0], of_square * params.dim, 1)
        # Measured on one CPU thread: channels last trains 15 % faster, infers 20-30 % faster.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, poll: Poll | None = None, out: Tensor | None = None) -> Tensor:
        """Return unit vectors (B, D, H, W) float32 for planes (B, planes, H, W), nominally 0..1.

        ``poll`` is called before every convolution, at inference before every strip of a large
        one, and may raise to stop the work.

        Raises
        ------
        ImageError
            The number of planes is not the network's.
        """
        if x.ndim != 4 or x.shape[1] != self.params.planes:
            raise ImageError(
                f"the network takes (B, {self.params.planes}, H, W) planes, got {tuple(x.shape)}; "
                "choose a model for this number of planes"
            )
        height, width = x.shape[2:]
        if out is None and self.lean and torch.is_inference_mode_enabled():
            out = x.new_empty((len(x), height, width, self.params.dim), dtype=torch.float32)
        if self.lean and out is not None:
            self._finish(self.features(self.pad(x), poll), out)
            return out.permute(0, 3, 1, 2)
        vectors = unit_rows(self.raw(self.pad(x), poll).float(), 1)[:, :, :height, :width]
        if out is None:
            return vectors
        return out.copy_(vectors.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def pad(self, x: Tensor) -> Tensor:
        """Reflect at the bottom and right up to sizes that the halvings divide."""
        for axis in (2, 3):
            size = x.shape[axis]
            padded = padded_size(size, self.params.levels)
            if padded != size:
                beyond = reflect_indices(size, padded)[size:].to(x.device)
                x = torch.cat((x, x.index_select(axis, beyond)), axis)
        return x

    def raw(self, x: Tensor, poll: Poll | None = None) -> Tensor:
        """Return the last layer before normalisation, for an image already padded."""
        result: Tensor = self.head(self.features(x, poll))
        return _pixels_of_squares(result) if self.lean else result

    def features(self, x: Tensor, poll: Poll | None = None) -> Tensor:
        """Return the map that the last layer sees, for an image already padded."""
        x = (x.contiguous() - self.mean[:, None, None]).div_(self.std[:, None, None])
        if torch.is_inference_mode_enabled():
            return self._inferred(x, poll)
        x = _squares(x) if self.lean else x.contiguous(memory_format=torch.channels_last)
        for block in self.stem:
            x = block(x, poll)
        skips = []
        for level in self.down:
            skips.append(x)
            for block in level:  # type: ignore[attr-defined]
                x = block(x, poll)
        for level in reversed(self.up):  # type: ignore[call-overload]
            first, second = level.children()
            if self.lean:
                x = functional.interpolate(_each_pixel(first, x), scale_factor=2.0, mode="nearest")
                x = second(x.add_(skips.pop()), poll)
            else:
                x = first(functional.interpolate(x, scale_factor=2.0, mode="nearest"), poll)
                x = second(torch.cat((x, skips.pop()), 1), poll)
        if poll is not None:
            poll()
        return x

    def _inferred(self, x: Tensor, poll: Poll | None) -> Tensor:
        """Return the last map of a normalised one.

        All maps lie in frames of one pixel, into which the layers write, so that nothing is
        copied to be padded.
        """
        parts = _of_squares(x) if self.lean else [x]
        count, (height, width) = len(parts), parts[0].shape[2:]
        framed = _empty(x, count * self.params.planes, height + 2, width + 2)
        for k, part in enumerate(parts):
            _inner(framed)[:, k::count].copy_(part)
        x = _reflected(framed)
        for block in _of(self.stem):
            x = block.framed(x, poll)
        skips = []
        for level in self.down:
            skips.append(x)
            for block in _of(level):
                x = block.framed(x, poll)
        for level in reversed(self.up):  # type: ignore[call-overload]
            first, second = level.children()
            assert isinstance(second, ConvBlock)
            above = skips.pop()
            # Nearest upsampling: a number goes to the four pixels of its square.
            if self.lean:
                x = _each_pixel(first, _inner(x))
                for part in _of_squares(_inner(above)):
                    part.add_(x)
                x = _reflected(above)
            else:
                assert isinstance(first, ConvBlock)
                framed = _empty(x, x.shape[1], *(2 * size - 2 for size in x.shape[2:]))
                for part in _of_squares(_inner(framed)):
                    part.copy_(_inner(x))
                x = torch.cat((first.framed(_reflected(framed), poll), above), 1)
            x = second.framed(x, poll, frame=bool(skips))
        if not len(self.up):  # the lean design of one level is no more than its stem
            x = _inner(x)
        if poll is not None:
            poll()
        return x

    def _finish(self, x: Tensor, out: Tensor) -> None:
        """Write the unit vectors (B, height, width, D) of the lean design's last map.

        In strips that stay in the processor's cache, so the many numbers are written once.
        """
        height, width = out.shape[1:3]
        step, pairs = max(1, STRIP_PIXELS // x.shape[3]), width // 2
        for top in range(0, -(-height // 2), step):
            part = _each_pixel(self.head, x[:, :, top : top + step]).permute(0, 2, 3, 1).float()
            squares = unit_rows(part.unflatten(3, (2, 2, -1)))
            for below in range(2):
                rows = out[:, 2 * top + below : 2 * (top + step) : 2]
                found = squares[:, : rows.shape[1], :, below]
                rows[:, :, : 2 * pairs].unflatten(2, (pairs, 2)).copy_(found[:, :, :pairs])
                if width % 2:
                    rows[:, :, -1] = found[:, :, pairs, 0]

    def n_polls(self, height: int, width: int) -> int:
        """Return how often inference on an image of this size calls ``poll``."""
        sizes = [padded_size(size, self.params.levels) for size in (height, width)]
        finest = int(self.lean)
        blocks = [(level, block) for level, down in enumerate(self.down, 1) for block in _of(down)]
        blocks += [(level, block) for level, up in enumerate(self.up) for block in _of(up)]
        blocks += [(0, block) for block in _of(self.stem)]
        count = 1  # before the head
        for level, block in blocks:
            count += block.strips(sizes[0] >> level + finest, sizes[1] >> level + finest)
        return count


def _each_pixel(conv: nn.Module, x: Tensor) -> Tensor:
    """Apply a 1 x 1 convolution as a product of matrices, on any number of threads the same."""
    assert isinstance(conv, nn.Conv2d)
    rows, weight = x.permute(0, 2, 3, 1).contiguous(), conv.weight.flatten(1)
    return functional.linear(rows, weight, conv.bias).permute(0, 3, 1, 2)


def _squares(x: Tensor) -> Tensor:
    """Map (B, C, 2 H, 2 W) to (B, 4 C, H, W), channels last: as pixel_unshuffle does."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(batch, height // 2, width // 2, 4 * channels).permute(0, 3, 1, 2)


def _pixels_of_squares(x: Tensor) -> Tensor:
    """Map (B, 4 D, H, W), a square's pixels in reading order, to (B, D, 2 H, 2 W)."""
    batch, channels, height, width = x.shape
    # Vector by vector, as the memory lies: pixel_shuffle would go number by number.
    x = x.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4)
    x = x.transpose(2, 3).reshape(batch, 2 * height, 2 * width, channels // 4)
    return x.permute(0, 3, 1, 2)


def _of(blocks: nn.Module) -> list[ConvBlock]:
    return [block for block in blocks.children() if isinstance(block, ConvBlock)]


def fold_batch_norm(net: SENet) -> SENet:
    """Return a copy for inference whose batch norms are part of the convolutions."""
    folded = copy.deepcopy(net).eval()
    for block in folded.modules():
        if isinstance(block, ConvBlock) and isinstance(block.norm, nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
    folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return folded


@torch.no_grad()
def within_float16(net: SENet) -> SENet:
    """Return a copy that gives the same, whose running variances float16 can hold.

    A convolution before a batch norm may grow without an effect, and its outputs' variance with
    it. Such channels are scaled by powers of two, which is exact.
    """
    copied = copy.deepcopy(net)
    for block in copied.modules():
        if isinstance(block, ConvBlock) and isinstance(block.norm, nn.BatchNorm2d):
            mean, variance = block.norm.running_mean, block.norm.running_var
            assert mean is not None
            assert variance is not None
            excess = (variance / FLOAT16_VARIANCE).clamp(min=1)
            scale = torch.exp2(-torch.ceil(excess.log2() / 2))
            block.conv.weight *= scale[:, None, None, None]
            mean *= scale
            variance *= scale.square()
    return copied


def receptive_field_radius(params: NetworkParams) -> int:
    """Return how far (px) an output pixel sees, at the worst place on the pooling lattice.

    Exact: the interval of inputs is followed back through every path of the network, for each
    of the ``2**levels`` positions that an output can have between the coarsest pixels.
    """
    radius = 0
    for position in range(2**params.levels):
        if params.design == "lean":
            cells = _inputs_of(position // 2, position // 2, 0, params.levels - 1, 0)
            first, last = 2 * cells[0], 2 * cells[1] + 1
        else:
            first, last = _inputs_of(position, position, 0, params.levels, 1)
        radius = max(radius, position - first, last - position)
    return radius


def _inputs_of(first: int, last: int, level: int, levels: int, reach: int) -> tuple[int, int]:
    """Follow the decoder's output ``first..last`` of a level back to the finest level's inputs.

    ``reach`` is that of the convolution after the upsampling.
    """
    if level == levels:
        return _encoder_inputs(first, last, level)
    first, last = first - 1, last + 1  # the convolution on the encoder's map and the map below
    skip = _encoder_inputs(first, last, level)
    below = _inputs_of((first - reach) // 2, (last + reach) // 2, level + 1, levels, reach)
    return min(skip[0], below[0]), max(skip[1], below[1])


def _encoder_inputs(first: int, last: int, level: int) -> tuple[int, int]:
    """Follow the encoder's map of a level back to the finest level's inputs."""
    for _ in range(level):
        first, last = first - 1, last + 1  # the level's second convolution
        first, last = 2 * first - 1, 2 * last + 1  # its stride-2 convolution
    return first - 2, last + 2  # the two convolutions of the finest level
