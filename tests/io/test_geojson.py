"""GeoJSON as QuPath writes and reads it; files of unknown origin."""

import json

import numpy as np
import pytest

from napari_sen.errors import ImageError, OutputError
from napari_sen.io.geojson import Shape, read_geojson, write_geojson

SQUARE = np.array([[2, 3], [2, 5], [4, 5], [4, 3]])
HOLE = np.array([[3, 4], [4, 4], [4, 5]])


def test_what_qupath_finds_in_it(tmp_path):
    shape = Shape(
        [[SQUARE, HOLE]], "tumour", (230, 159, 0), "7", (2, 1), {"area (px)": 4.0, "none": np.nan}
    )
    write_geojson(tmp_path / "a.geojson", [shape])
    content = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    assert feature["type"] == "Feature"
    geometry = feature["geometry"]
    assert geometry["type"] == "Polygon"
    assert geometry["plane"] == {"c": -1, "z": 2, "t": 1}
    # x before y, the first point again at the end
    assert geometry["coordinates"][0] == [[3, 2], [5, 2], [5, 4], [3, 4], [3, 2]]
    assert len(geometry["coordinates"]) == 2
    assert feature["properties"] == {
        "objectType": "detection",
        "name": "7",
        "classification": {"name": "tumour", "color": [230, 159, 0]},
        "measurements": {"area (px)": 4.0},
    }


def test_round_trip(tmp_path):
    shapes = [
        Shape([[SQUARE, HOLE], [SQUARE + 10]], "a ü", (1, 2, 3), "1"),
        Shape([[SQUARE]]),
    ]
    write_geojson(tmp_path / "a.geojson", shapes)
    found = read_geojson(tmp_path / "a.geojson")
    for new, old in zip(found, shapes, strict=True):
        assert (new.class_name, new.colour, new.name) == (old.class_name, old.colour, old.name)
        rings = [ring.tolist() for polygon in new.polygons for ring in polygon]
        assert rings == [ring.tolist() for polygon in old.polygons for ring in polygon]


def written(tmp_path, content):
    path = tmp_path / "x.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def feature(coordinates=None, kind="Polygon", **properties):
    if coordinates is None:
        coordinates = [[[0, 0], [4, 0], [4, 4], [0, 0]]]
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


@pytest.mark.parametrize(
    "content",
    [
        feature(),
        [feature()],
        {"type": "FeatureCollection", "features": [feature(), feature([1, 2], "Point")]},
        {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4]]]},
        {"type": "Feature", "geometry": feature()["geometry"], "properties": None},
        feature([[[0, 0, 9], [4, 0, 9], [4, 4, 9]]]),
    ],
)
def test_the_ways_that_programs_write_it(tmp_path, content):
    (shape,) = read_geojson(written(tmp_path, content))
    assert shape.polygons[0][0].tolist() == [[0, 0], [0, 4], [4, 4]]


def test_the_classes_of_older_qupaths(tmp_path):
    old = feature(classification={"name": "Tumor", "colorRGB": -3670016})
    (shape,) = read_geojson(written(tmp_path, old))
    assert (shape.class_name, shape.colour) == ("Tumor", (200, 0, 0))
    (shape,) = read_geojson(written(tmp_path, feature(classification="Stroma")))
    assert shape.class_name == "Stroma"
    several = feature(classification={"names": ["Tumor", "Positive"], "color": [1, 2, 3]})
    (shape,) = read_geojson(written(tmp_path, several))
    assert (shape.class_name, shape.colour) == ("Tumor: Positive", (1, 2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no GeoJSON"),
        ("{", "no GeoJSON"),
        ("[" * 100_000, "no GeoJSON"),
        ("3", "not a feature"),
        ("[]", "holds no polygon"),
        ("null", "not a feature"),
        (feature([1, 2], "Point"), "holds no polygon"),
        (feature([[[0, 0], [1, 1]]]), "fewer than three"),
        (feature([[[0, 0], [1, 1], [1, "x"]]]), "not a list of points"),
        (feature([[[0, 0], [1, 1], [1, None]]]), "not a list of points"),
        (feature([[[0, 0], [1, 1], [1]]]), "not a feature"),
        (feature([[[0, 0], [1, 1], [1e300, 1]]]), "pixels away"),
        (feature([[[0, 0], [1, 1], [10**400, 1]]]), "object 1"),
        (feature(kind="Circle"), "'Circle'"),
        (feature(classification={"name": 3}), "not a text"),
        (feature(classification={"name": "a" * 500}), "not a text"),
        (feature(classification={"name": "a", "color": "red"}), "colour"),
        (feature(classification=[1]), "not a feature"),
        ('{"type": "Polygon", "coordinates": [[[0, NaN], [1, 1], [1, 2]]]}', "NaN"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, content, message):
    with pytest.raises(ImageError, match=message) as error:
        read_geojson(written(tmp_path, content))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("cannot read the outlines")


def test_where_there_is_no_file(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        read_geojson(tmp_path / "none.geojson")
    with pytest.raises(ImageError, match="cannot read"):
        read_geojson(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        write_geojson(tmp_path / "none" / "a.geojson", [])


def test_what_is_there_stays(tmp_path):
    path = written(tmp_path, "mine")
    with pytest.raises(OutputError, match="exists"):
        write_geojson(path, [])
    assert path.read_text() == "mine"
