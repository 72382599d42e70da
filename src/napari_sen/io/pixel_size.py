"""The pixel size: one rule for all that files, arrays and layers say of it.

What is known is kept, units are made equal, signs do not count, and a resolution that is about a
print is no pixel size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["PixelSize", "equal_units", "is_print", "spatial_scale", "unit_name", "unit_symbol"]

_NAMES = {
    "um": "micrometer",
    "µm": "micrometer",  # micro sign
    "μm": "micrometer",  # Greek mu
    "\\u00b5m": "micrometer",  # as ImageJ escapes it
    "micron": "micrometer",
    "microns": "micrometer",
    "nm": "nanometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "dm": "decimeter",
    "m": "meter",
    "km": "kilometer",
    "pm": "picometer",
    "å": "angstrom",
    "in": "inch",
    "inches": "inch",
    "pixel": "",
    "pixels": "",
    "px": "",
    "reference frame": "",
}
_METRES = {
    "picometer": 1e-12,
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "decimeter": 1e-1,
    "inch": 0.0254,
    "foot": 0.3048,
    "yard": 0.9144,
    "meter": 1.0,
    "kilometer": 1e3,
    "mile": 1609.344,
}
_SYMBOLS = {
    "micrometer": "µm",
    "nanometer": "nm",
    "millimeter": "mm",
    "centimeter": "cm",
    "angstrom": "Å",
    "meter": "m",
    "picometer": "pm",
}
# What screens and printers are said to have, in dots per inch; 25.4 is libvips' 10 per centimetre.
_DOTS_PER_INCH = (
    25.4, 72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 240, 250, 300, 350, 360, 400, 600, 720, 1200
)  # fmt: skip


@dataclass(frozen=True)
class PixelSize:
    """The pixel size that the work counts in.

    Attributes
    ----------
    spacing : tuple of float
        Along the spatial axes ``(z,) y, x``.
    unit : str
        An OME name; empty where it is not known.
    source : str
        Where it is from; empty where nothing says it, and every pixel counts as 1.
    """

    spacing: tuple[float, ...]
    unit: str = ""
    source: str = ""

    def __str__(self) -> str:
        sizes = " x ".join(f"{size:g}" for size in self.spacing)
        return f"{sizes} {self.unit or 'px'}, from {self.source}" if self.source else "not given"

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        unit, source = self.unit or None, self.source or None
        return {"spacing": list(self.spacing), "unit": unit, "source": source}


def unit_name(unit: object) -> str:
    """Return the OME name of a length unit, the unit itself if unknown, or an empty string."""
    text = str(unit or "").strip().strip("\x00").strip()
    name = _NAMES.get(text.lower(), text)
    american = name.lower().removesuffix("s").replace("metre", "meter")
    return american if american in _METRES else name


def unit_symbol(unit: str) -> str:
    """Return the symbol of a length unit given by its OME name, or the unit itself."""
    return _SYMBOLS.get(unit, unit)


def is_print(unit: str, size: float) -> bool:
    """Return whether a pixel size in this unit is about a print or a screen, not the specimen.

    Inches always are; centimetres where they make a usual number of dots per inch.
    """
    name = unit_name(unit)
    if name != "centimeter" or size <= 0:
        return name == "inch"
    dots = 2.54 / size
    return any(abs(dots - usual) < 0.003 * usual for usual in _DOTS_PER_INCH)


def equal_units(
    sizes: Sequence[float], units: Sequence[object]
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return sizes in the unit of the last axis that has one.

    An axis without a unit is taken to be in that of the others. Units that are no lengths and
    differ cannot be compared: none is returned then.
    """
    names = [unit_name(unit) for unit in units]
    known = {name for name in names if name}
    if len(known) > 1 and not known <= set(_METRES):
        return tuple(sizes), ("",) * len(sizes)
    common = next((name for name in reversed(names) if name), "")
    equal = [
        size if name in ("", common) else _in(size, name, common)
        for size, name in zip(sizes, names, strict=True)
    ]
    return tuple(equal), (common,) * len(sizes)


def _in(size: float, unit: str, wanted: str) -> float:
    # Rounded: 250 nm are 0.25 µm, not 0.25000000000000006.
    return float(f"{size * _METRES[unit] / _METRES[wanted]:.12g}")


def spatial_scale(
    axes: str, scale: Mapping[str, float], units: Mapping[str, str]
) -> tuple[tuple[float, ...] | None, tuple[str, ...] | None]:
    """Return spacing and units of the spatial axes, or None, None where neither y nor x has a size.

    A size that is missing, 0 or not finite is taken from the nearest axis: pixels are square, and
    voxels cubes, as far as nobody says otherwise.

    Parameters
    ----------
    axes : str
        One letter per axis.
    scale, units : mapping
        Size and unit by axis, as far as they are known.
    """
    spatial = [axis for axis in axes if axis in "zyx"]
    known = {axis: abs(float(scale[axis])) for axis in spatial if axis in scale}
    known = {axis: size for axis, size in known.items() if math.isfinite(size) and size > 0}
    if not known.keys() & {"y", "x"}:
        return None, None
    alike = {"x": "xy", "y": "yx", "z": "zxy"}
    donors = [next(donor for donor in alike[axis] if donor in known) for axis in spatial]
    return equal_units([known[axis] for axis in donors], [units.get(axis, "") for axis in donors])
