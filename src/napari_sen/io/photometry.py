"""What the values of a TIFF mean: each interpretation becomes grey or colour, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .view import Converted

__all__ = ["interpreted"]

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR = range(7)
_DEPTH_MAP = 51177
_NAMES = {
    _CMYK: "inks other than CMYK",
    _YCBCR: "YCbCr that is not compressed as JPEG",
    8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "the raw mosaic of a camera",
    32844: "LogL", 32845: "LogLuv", 34892: "the raw values of a camera",
}  # fmt: skip
_JPEGS = (6, 7, 34892, 33007)  # compressions that tifffile decodes to RGB
_ALPHAS = (1, 2)  # of the extra samples: associated, not associated
_CMYK_INKS = 1


def interpreted(
    data: Any, axes: str, page: Any, name: str, *, labels: bool = False
) -> tuple[Any, str, bool | None, Any]:
    """Return pixels as grey, channels or colour, their axes, whether it is colour, and the mask.

    Parameters
    ----------
    data : array or View
        Samples last, if there are any.
    axes : str
        One letter per axis.
    page : tifffile.TiffPage
    name : str
        For messages.
    labels : bool
        Whether it holds a mask or labels: a palette's indices are then what counts.

    Raises
    ------
    ImageError
        For an interpretation that is not known.
    """
    kind, samples = int(page.photometric or _WHITE_IS_ZERO), axes.endswith("s")
    if kind == _PALETTE and not labels and not samples:
        colours = partial(_from_palette, _palette(page))
        return _mapped(data, colours, takes=False, gives=3), axes + "s", True, None
    if kind == _WHITE_IS_ZERO and "PhotometricInterpretation" in page.tags:
        data = _inverted(data, page, name)
    elif kind == _CMYK and samples and data.shape[-1] == 4 and _inks(page) == _CMYK_INKS:
        return _mapped(data, _from_cmyk, takes=True, gives=3), axes, True, None
    elif kind not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _DEPTH_MAP) and not (
        kind == _YCBCR and int(page.compression) in _JPEGS
    ):
        what = _NAMES.get(kind, f"photometric interpretation {kind}")
        raise ImageError(f"cannot read {name}: it holds {what}; save it as grey or RGB")
    if not samples:
        return data, axes, False, None
    return _without_alpha(data, axes, kind in (_RGB, _YCBCR), page)


def _without_alpha(data: Any, axes: str, is_colour: bool, page: Any) -> tuple[Any, str, bool, Any]:
    """Return the samples that are no alpha, and where alpha is not 0; RGBA is left together."""
    extra = [int(value) for value in page.extrasamples]
    count = data.shape[-1]
    places = [count - len(extra) + k for k, value in enumerate(extra) if value in _ALPHAS]
    if is_colour and (count == 3 or (count == 4 and (places or not extra))):
        return data, axes, True, None
    if is_colour and count == 4:
        return _mapped(data, _first_three, takes=True, gives=3), axes, True, None
    if not places:
        return data, axes, False, None
    inside = _mapped(data, partial(_is_seen, places[0]), takes=True, gives=None)
    kept = [k for k in range(count) if k not in places]
    if len(kept) == 1:
        grey = _mapped(data, partial(_one_sample, kept[0]), takes=True, gives=None)
        return grey, axes[:-1], False, inside
    some = _mapped(data, partial(_some_samples, kept), takes=True, gives=len(kept))
    return some, axes, False, inside


def _mapped(
    data: Any, function: Callable[[NDArray[Any]], NDArray[Any]], *, takes: bool, gives: int | None
) -> Any:
    """Return pixels through a function: at once in memory, else when they are read."""
    if isinstance(data, np.ndarray):
        return function(data)
    return Converted(data, function, takes=takes, gives=gives)


def _inverted(data: Any, page: Any, name: str) -> Any:
    if data.dtype != bool and data.dtype.kind != "u":
        raise ImageError(
            f"cannot read {name}: it stores white as 0, which for {data.dtype} does not tell what "
            "black is; save it with black as 0"
        )
    bits = int(np.max(page.bitspersample))
    return _mapped(data, partial(_from_white, (1 << bits) - 1), takes=False, gives=None)


def _from_white(top: int, values: NDArray[Any]) -> NDArray[Any]:
    return ~values if values.dtype == bool else values.dtype.type(top) - values


def _palette(page: Any) -> NDArray[np.uint8]:
    """Return (n, 3) colours; a TIFF has them in 16 bits, of which programs fill the upper 8."""
    return (np.asarray(page.colormap).T >> 8).astype(np.uint8)


def _from_palette(palette: NDArray[np.uint8], values: NDArray[Any]) -> NDArray[np.uint8]:
    return palette[values.astype(np.intp)]


def _inks(page: Any) -> int:
    return int(page.tags["InkSet"].value) if "InkSet" in page.tags else _CMYK_INKS


def _from_cmyk(values: NDArray[Any]) -> NDArray[Any]:
    """Return what is left of white paper, without a colour profile."""
    top = np.iinfo(values.dtype).max
    left = (top - values.astype(np.float64)) / top
    return np.rint(left[..., :3] * left[..., 3:] * top).astype(values.dtype)


def _first_three(values: NDArray[Any]) -> NDArray[Any]:
    return values[..., :3]


def _one_sample(which: int, values: NDArray[Any]) -> NDArray[Any]:
    return values[..., which]


def _some_samples(which: list[int], values: NDArray[Any]) -> NDArray[Any]:
    return values[..., which]


def _is_seen(which: int, values: NDArray[Any]) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = values[..., which] != 0
    return seen
