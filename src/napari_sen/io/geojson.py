"""Outlines as GeoJSON, as QuPath writes and reads it.

Places are in pixels of the full image, x before y, with the corner of the first pixel at (0, 0), as
QuPath has them; napari puts the centre of the first pixel there, so its places are less by half a
pixel. Files are of unknown origin: they are read up to a size, and every value is looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic, read_plain, refused
from ..errors import DiskError, ImageError
from ..texts import parsed
from .refusals import told

__all__ = ["Shape", "read_geojson", "write_geojson"]

LARGEST = 500_000_000  # bytes
MOST_SHAPES = 1_000_000
MOST_POINTS = 20_000_000
_FARTHEST = 1e7  # pixels from the origin
_LONGEST = 200  # characters of a name
_POLYGONAL = ("Polygon", "MultiPolygon")
_OTHERS = ("Point", "MultiPoint", "LineString", "MultiLineString")


@dataclass(frozen=True)
class Shape:
    """One object: where it is, and what is known about it.

    Attributes
    ----------
    polygons : list of rings
        For each polygon its outline, then its holes, as (k, 2) arrays of (y, x) in pixels. The
        corner of the first pixel is at 0, and the first point is not repeated at the end.
    class_name : str
        Name of its class; empty where it has none.
    colour : tuple of int or None
        Red, green and blue of the class, 0...255.
    name : str
        Name of the object.
    plane : (int, int)
        The slice (z) and the time that it lies in.
    measurements : dict of str to float
        Values by name, such as "area (px)".
    """

    polygons: list[list[NDArray[Any]]]
    class_name: str = ""
    colour: tuple[int, int, int] | None = None
    name: str = ""
    plane: tuple[int, int] = (0, 0)
    measurements: dict[str, float] = field(default_factory=dict)


def write_geojson(
    path: str | PathLike[str], shapes: Iterable[Shape], *, overwrite: bool = False
) -> None:
    """Write objects to ``NAME.geojson``: QuPath's detections, with classes and measurements.

    Raises
    ------
    OutputError
        If the file exists or cannot be written there.
    """
    path = Path(path)
    try:
        with (
            atomic(path, overwrite=overwrite) as partial,
            partial.open("x", encoding="utf-8") as file,
        ):
            file.write('{"type": "FeatureCollection", "features": [')
            for number, shape in enumerate(shapes):
                file.write(",\n" if number else "\n")
                file.write(json.dumps(_feature(shape), allow_nan=False, ensure_ascii=False))
            file.write("\n]}\n")
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def _feature(shape: Shape) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in rings] for rings in shape.polygons]
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
    if len(polygons) == 1:
        geometry = {"type": "Polygon", "coordinates": polygons[0]}
    if shape.plane != (0, 0):
        geometry["plane"] = {"c": -1, "z": shape.plane[0], "t": shape.plane[1]}
    about: dict[str, Any] = {"objectType": "detection"}
    if shape.name:
        about["name"] = shape.name
    if shape.class_name:
        about["classification"] = {"name": shape.class_name}
        if shape.colour is not None:
            about["classification"]["color"] = list(shape.colour)
    finite = {key: value for key, value in shape.measurements.items() if math.isfinite(value)}
    if finite:
        about["measurements"] = finite
    return {"type": "Feature", "geometry": geometry, "properties": about}


def _closed(ring: NDArray[Any]) -> list[list[float]]:
    places: list[list[float]] = ring[:, ::-1].tolist()
    return [*places, places[0]]


def read_geojson(path: str | PathLike[str]) -> list[Shape]:
    """Read the polygons of a GeoJSON file, of QuPath or any other program.

    Raises
    ------
    ImageError
        If the file is missing, too large, damaged, or holds no polygon.
    """
    path = Path(path)
    damaged = "it is no GeoJSON, or damaged ({})"
    with told("the outlines", path, ImageError, ours=ImageError, damaged=damaged):
        text = read_plain(path, LARGEST)
        shapes = list(_shapes(parsed(text, _no_number)))
        if not shapes:
            raise ImageError("it holds no polygon")
        return shapes


def _no_number(text: str) -> float:
    raise ImageError(f"it holds {text} in the place of a number")


def _shapes(content: Any) -> Iterator[Shape]:
    """Yield what a file holds: a collection, a list of features (QuPath's older), or one."""
    features = (
        content["features"] if isinstance(content, dict) and "features" in content else content
    )
    features = features if isinstance(features, list) else [features]
    if len(features) > MOST_SHAPES:
        raise ImageError(f"it holds more than {MOST_SHAPES} objects: split it")
    points = 0
    for number, feature in enumerate(features):
        try:
            shape = _shape(feature)
        except ImageError as error:
            raise ImageError(f"object {number + 1}: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ImageError(f"object {number + 1} is not a feature of GeoJSON") from error
        if shape is None:
            continue
        points += sum(len(ring) for rings in shape.polygons for ring in rings)
        if points > MOST_POINTS:
            raise ImageError(f"its outlines have more than {MOST_POINTS} points: simplify them")
        yield shape


def _shape(feature: Any) -> Shape | None:
    """Return one feature; None where it is no polygon."""
    bare = feature["type"] in (*_POLYGONAL, *_OTHERS)
    geometry = feature if bare else feature["geometry"]
    if geometry is None or geometry["type"] in _OTHERS:
        return None
    if geometry["type"] not in _POLYGONAL:
        raise ImageError(f"its geometry is {str(geometry['type'])[:40]!r}, which is not supported")
    places = geometry["coordinates"]
    polygons = [places] if geometry["type"] == "Polygon" else places
    about = {} if bare else feature.get("properties") or {}
    known = about.get("classification") or {}
    known = {"name": known} if isinstance(known, str) else known
    plane = geometry.get("plane") or {}
    return Shape(
        [[_ring(ring) for ring in rings] for rings in polygons],
        _name(known.get("name") or ": ".join(known.get("names") or ())),
        _colour(known),
        _name(about.get("name") or ""),
        (_index(plane.get("z", 0)), _index(plane.get("t", 0))),
    )


def _ring(places: Any) -> NDArray[np.float64]:
    """Return a ring as (y, x), without its last point where that repeats the first."""
    if not isinstance(places, list) or not all(isinstance(place, list) for place in places):
        raise ImageError("a ring is not a list of points")
    ring = np.array([place[:2] for place in places])
    if ring.ndim != 2 or ring.shape[1] != 2 or ring.dtype.kind not in "if":
        raise ImageError("a ring is not a list of points")
    ring = ring[:, ::-1].astype(float)
    if not np.isfinite(ring).all() or np.abs(ring).max() > _FARTHEST:
        raise ImageError(f"a point lies more than {_FARTHEST:.0f} pixels away")
    if len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    if len(ring) < 3:
        raise ImageError("a ring has fewer than three points")
    return ring


def _name(text: Any) -> str:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ImageError(f"a name is not a text of up to {_LONGEST} characters")
    return " ".join(text.split())


def _colour(known: Any) -> tuple[int, int, int] | None:
    """Return a colour: [red, green, blue], or QuPath's older number, alpha in its highest bits."""
    if "color" in known:
        found = known["color"]
        if not isinstance(found, list) or len(found) not in (3, 4):
            raise ImageError("a colour is not a list of red, green and blue")
        red, green, blue = (_index(part) & 255 for part in found[:3])
        return red, green, blue
    if isinstance(known.get("colorRGB"), int):
        number = known["colorRGB"]
        return number >> 16 & 255, number >> 8 & 255, number & 255
    return None


def _index(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ImageError("a plane or colour is not a whole number from 0 up")
    return value
