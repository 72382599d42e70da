"""From images to numbers: statistics of the whole image, colour features, network input.

Statistics are computed once per image and travel with it, so that every part of an image is
treated like the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab, xyz2lab
from skimage.color.colorconv import xyz_from_rgb

from ..errors import ImageError
from ..progress import Progress, report
from .gaussian import TRUNCATE, gaussian

__all__ = [
    "PERCENTILES",
    "RANGES",
    "Statistics",
    "channel_range",
    "check_planes",
    "colour_features",
    "network_planes",
    "sample_step",
    "smooth",
    "smoothing_reach",
    "statistics",
    "white_of",
    "with_projection",
]

PERCENTILES = (1.0, 99.8)
# Where the percentiles of a channel are equal, such as few bright spots on a constant background,
# its extremes count.
RANGES = (*PERCENTILES, 0.0, 100.0)
CLIP = (-0.5, 1.5)
_DEPTHS = (8, 10, 12, 14)  # bits of colour that are stored in more
_XYZ = xyz_from_rgb.T.astype(np.float32)  # from linear RGB
_BLOCK = 500_000  # values converted at once: a twentieth of a second
_SAMPLE = 200_000  # pixels that are enough for the principal components


@dataclass(frozen=True)
class Statistics:
    """What every part of an image needs to know about the whole.

    Attributes
    ----------
    low, high : (C,) float64 arrays
        What is mapped to 0 and to 1: percentiles 1 and 99.8 of each channel, or its extremes where
        these are equal. For colour: 0, and white as a share of what the dtype can hold.
    mean, components, span : arrays or None
        For more than three channels: the projection of the normalised channels to three,
        (C,), (C, 3), and the (2, 3) percentiles that map it to 0...1.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64] | None = None
    components: NDArray[np.float64] | None = None
    span: NDArray[np.float64] | None = None


def statistics(
    data: NDArray[Any], mask: NDArray[np.bool_] | None = None, *, rgb: bool = False
) -> Statistics:
    """Measure a whole image.

    Parameters
    ----------
    data : (..., C) array
        The whole image, channels last.
    mask : (...) bool array, optional
        Only values inside count. Values that are not finite never do.
    rgb : bool
        Whether the image is colour: then only its white is found, from the largest value; see
        :func:`white_of`.

    Returns
    -------
    Statistics
        Those of this image.
    """
    channels = data.shape[-1]
    if data.dtype == bool:
        return Statistics(np.zeros(channels), np.ones(channels))
    values = data.reshape(-1, channels) if mask is None else data[mask]
    if rgb:
        white = white_of(data.dtype, values.max(initial=0)) if data.dtype.kind == "u" else 1.0
        return Statistics(np.zeros(channels), np.full(channels, white))
    low, high = np.zeros(channels), np.zeros(channels)
    for c in range(channels):
        channel = values[:, c]
        if data.dtype.kind == "f":
            channel = channel[np.isfinite(channel)]
        if channel.size:
            found = np.percentile(channel.astype(np.float64), RANGES)
            low[c], high[c] = channel_range(found)
    stats = Statistics(low, high)
    if channels <= 3:
        return stats
    return with_projection(stats, values[:: sample_step(len(values))])


def channel_range(found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is mapped to 0 and to 1, given the percentiles :data:`RANGES` (4, ...)."""
    low, high, least, most = found
    is_flat = low == high
    return np.where(is_flat, least, low), np.where(is_flat, most, high)


def white_of(dtype: np.dtype[Any], largest: float) -> float:
    """Return white as a share of what an unsigned dtype can hold.

    Cameras and scanners store 10, 12 or 14 bits in 16: white is then the top of the fewest bits
    that hold the largest value of the whole image.
    """
    top = int(np.iinfo(dtype).max)
    bits = next((n for n in _DEPTHS if largest < 1 << n), dtype.itemsize * 8)
    return min(1.0, ((1 << bits) - 1) / top)


def sample_step(pixels: int) -> int:
    """Return n: one in n pixels is used to compute the principal components."""
    return max(1, pixels // _SAMPLE)


def with_projection(stats: Statistics, values: NDArray[Any]) -> Statistics:
    """Return statistics with the projection to three channels, from a sample (n, C) with C > 3.

    A sample in which nothing can vary, of one pixel or none, is projected to its first channels.
    """
    sample = normalise(values, stats).astype(np.float64)
    if len(sample) < 2:
        mean, unit = sample.sum(axis=0), np.array([[0.0] * 3, [1.0] * 3])
        return Statistics(stats.low, stats.high, mean, np.eye(sample.shape[1])[:, :3], unit)
    mean = sample.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(sample.T))
    components = vectors[:, ::-1][:, :3]
    # An eigenvector has no sign of its own: make its largest entry positive.
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, range(3)])
    span = np.percentile((sample - mean) @ components, PERCENTILES, axis=0)
    return Statistics(stats.low, stats.high, mean, components, span)


def normalise(data: NDArray[Any], stats: Statistics) -> NDArray[np.float32]:
    """Map each channel's percentiles to 0...1, and clip to -0.5...1.5; constants become 0.

    Parameters
    ----------
    data : (..., C) array
        Values; NaN and infinite ones become 0.
    stats : Statistics
        Of the whole image.

    Returns
    -------
    (..., C) float32 array
        The values on that scale.
    """
    if data.dtype == bool:
        return data.astype(np.float32)
    result = np.zeros(data.shape, np.float32)
    for c in range(data.shape[-1]):
        # Halved, so that values at the limits of their dtype do not overflow.
        low, span = stats.low[c] / 2, stats.high[c] / 2 - stats.low[c] / 2
        if span > 0:
            channel = np.nan_to_num(data[..., c].astype(np.float64), posinf=0, neginf=0)
            result[..., c] = np.clip((channel / 2 - low) / span, *CLIP)
    return result


def colour_features(
    data: NDArray[Any],
    rgb: bool,
    stats: Statistics,
    smoothing: float = 0.0,
    n_spatial: int = 2,
    *,
    spacing: Sequence[float] | None = None,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return what colour superpixels compare: CIELAB, or channels on the scale of its L.

    Parameters
    ----------
    data : (*spatial, C) array
        One slice or volume, channels last.
    rgb : bool
        Colour (uint8, uint16 or float in 0...1) becomes CIELAB (D65) with L in 0...100. In
        anything else, percentiles are mapped to 0...100 and divided by sqrt(C), so that a
        compactness means the same for one channel and for forty.
    stats : Statistics
        Of the whole image.
    smoothing : float
        Sigma of a Gaussian in pixels of the finest axis; 0 for none.
    n_spatial : int
        Number of spatial axes.
    spacing : sequence of float, optional
        Pixel size along each axis.
    mask : (*spatial) bool array, optional
        Values outside do not bleed into those inside.
    progress : callable, optional
        Called as ``progress(done, total, "colour")``; may raise Cancelled.

    Returns
    -------
    (*spatial, C) float32 array
        What is compared, in units of CIELAB.
    """
    if rgb:
        features = _lab(data, stats, progress)
    else:
        report(progress, 0, 1, "colour")
        features = normalise(data, stats) * np.float32(100 / np.sqrt(data.shape[-1]))
    return features if smoothing == 0 else _smooth(features, smoothing, spacing, mask, features)


def smooth(
    features: NDArray[np.float32],
    sigma: float,
    spacing: Sequence[float] | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Return features smoothed by a Gaussian.

    Parameters
    ----------
    features : (*spatial, C) float32 array
        They are not changed.
    sigma : float
        Standard deviation of the Gaussian in pixels of the finest axis, above 0.
    spacing : sequence of float, optional
        Pixel size along each axis.
    mask : (*spatial) bool array, optional
        Values outside do not bleed into those inside.
    """
    return _smooth(features, sigma, spacing, mask, np.empty(features.shape, np.float32))


def smoothing_reach(
    smoothing: float, n_spatial: int, spacing: Sequence[float] | None = None
) -> tuple[int, ...]:
    """Return how far, in pixels along each axis, the Gaussian of the colour features reaches."""
    return tuple(int(TRUNCATE * sigma + 0.5) for sigma in _sigmas(smoothing, n_spatial, spacing))


def _sigmas(smoothing: float, n_spatial: int, spacing: Sequence[float] | None) -> list[float]:
    """Return the Gaussian's sigma along each axis, in pixels."""
    size = np.ones(n_spatial) if spacing is None else np.asarray(spacing, float)
    sigmas: list[float] = (smoothing * size.min() / size).tolist()
    return sigmas


def _lab(data: NDArray[Any], stats: Statistics, progress: Progress | None) -> NDArray[np.float32]:
    """Return CIELAB, row by row of the first axis so that the work can be stopped in between."""
    white = float(stats.high[0])
    convert: Callable[[NDArray[Any]], NDArray[np.float32]]
    if data.dtype == np.uint8:  # few values: their shares of light are found once
        light = _light(unit_rgb(np.arange(256, dtype=np.uint8), white))
        values, convert = data, lambda part: xyz2lab(light.take(part) @ _XYZ)
    else:
        values, convert = unit_rgb(data, white), rgb2lab
    features = np.empty(values.shape, np.float32)
    rows = max(1, _BLOCK // max(1, values[0].size)) if len(values) else 1
    count = -(-len(values) // rows)
    for k in range(count):
        report(progress, k, count, "colour")
        here = slice(k * rows, (k + 1) * rows)
        features[here] = convert(values[here])
    return features


def _light(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what sRGB in 0...1 is as light, as skimage's ``rgb2xyz`` does."""
    light: NDArray[np.float32] = np.where(
        values > 0.04045, np.power((values + 0.055) / 1.055, 2.4), values / 12.92
    )
    return light


def _smooth(
    features: NDArray[np.float32],
    smoothing: float,
    spacing: Sequence[float] | None,
    mask: NDArray[np.bool_] | None,
    out: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Smooth into ``out``, which may be the features; with a mask, by what is inside."""
    sigma = [*_sigmas(smoothing, features.ndim - 1, spacing), 0.0]
    if mask is None:
        return gaussian(features, sigma, out=out)
    weight = mask[..., None].astype(np.float32)
    np.multiply(features, weight, out=out)
    gaussian(out, sigma, out=out)
    total = gaussian(weight, sigma)
    np.divide(out, total, out=out, where=(weight > 0) & (total > 0))
    return out


def network_planes(
    data: NDArray[Any], rgb: bool, stats: Statistics, planes: int = 3
) -> NDArray[np.float32]:
    """Return the network's input planes, nominally in 0...1.

    Parameters
    ----------
    data : (*spatial, C) array
        One slice or volume, channels last.
    rgb : bool
        Whether the channels are colour, which is used as it is.
    stats : Statistics
        Of the whole image.
    planes : int
        Number of planes that the model takes. A model for exactly C planes gets the C channels. A
        model for three planes gets one channel three times, two channels and their mean, or the
        first three principal components of more.

    Returns
    -------
    (*spatial, planes) float32 array
        What :meth:`napari_sen.Model.embed` takes.

    Raises
    ------
    ImageError
        If the model cannot take C channels.
    """
    channels = data.shape[-1]
    check_planes(channels, planes)
    values = unit_rgb(data, float(stats.high[0])) if rgb else normalise(data, stats)
    if channels == planes:
        return values
    if channels == 1:
        return np.broadcast_to(values, (*values.shape[:-1], 3)).copy()
    if channels == 2:
        return np.concatenate([values, values.mean(axis=-1, keepdims=True)], axis=-1)
    if stats.mean is None or stats.components is None or stats.span is None:
        raise ImageError("these statistics are of an image with fewer channels")
    projected = ((values - stats.mean) @ stats.components - stats.span[0]) / np.maximum(
        stats.span[1] - stats.span[0], 1e-12
    )
    result: NDArray[np.float32] = np.clip(projected, *CLIP).astype(np.float32)
    return result


def check_planes(channels: int, planes: int) -> None:
    """Raise ImageError if a model with this number of planes cannot take these channels."""
    if planes not in (3, channels):
        raise ImageError(
            f"the model takes {planes} planes, the image has {channels} channels: use a model "
            f"of 3 planes or one trained for {channels}"
        )


def unit_rgb(data: NDArray[Any], white: float = 1.0) -> NDArray[np.float32]:
    """Return colour as float32 in 0...1, or raise ImageError where float values exceed it.

    In whole numbers, the share ``white`` of the dtype's largest value becomes 1.
    """
    if data.dtype.kind == "u":
        scaled: NDArray[np.float32] = data.astype(np.float32) / np.float32(
            np.iinfo(data.dtype).max * white
        )
        return scaled if white == 1 else np.minimum(scaled, 1)  # beyond it, outside a mask
    values: NDArray[np.float32] = np.nan_to_num(data.astype(np.float32), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if low < -1e-6 or high > 1 + 1e-6:
        raise ImageError(
            f"colour of dtype {data.dtype} must lie in 0...1, but spans {low:g}...{high:g}: "
            "divide it by its maximum, or pass channel_axis=-1 if it is not colour"
        )
    return values
