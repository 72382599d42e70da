"""Where the pixels of a result lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import OutputError

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a result lie: axes, pixel size, units, origin.

    Attributes
    ----------
    axes : str
        One letter per axis of a label map: up to ``tzyx``, never ``c``.
    spacing : tuple of float
        Pixel size per axis in its unit; 1 where it means nothing, as for ``t``.
    units : tuple of str
        Unit per axis: an OME name such as "micrometer", or an empty string.
    translation : tuple of float
        Position of the first pixel per axis, in ``units``.
    """

    axes: str
    spacing: tuple[float, ...]
    units: tuple[str, ...]
    translation: tuple[float, ...]

    @classmethod
    def of(
        cls,
        ndim: int,
        *,
        axes: str | None = None,
        spacing: tuple[float, ...] | None = None,
        units: tuple[str, ...] | None = None,
        translation: tuple[float, ...] | None = None,
    ) -> Grid:
        """Return the grid of a label map with ``ndim`` axes.

        ``spacing``, ``units`` and ``translation`` may be given for the last axes only; the leading
        ones then get 1, no unit, and 0.
        """
        if not 2 <= ndim <= 4:
            raise OutputError(f"label maps of 2 to 4 axes are written, this one has {ndim}")
        names = axes if axes is not None and len(axes) == ndim else "tzyx"[-ndim:]

        def pad(values: tuple[Any, ...] | None, fill: object) -> tuple[Any, ...]:
            given = tuple(values or ())
            return (*[fill] * (ndim - len(given)), *given)[-ndim:]

        return cls(names, pad(spacing, 1.0), pad(units, ""), pad(translation, 0.0))
