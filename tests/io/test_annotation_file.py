"""Annotations on disk: there and back, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_sen.errors import DataError, ImageError, OutputError
from napari_sen.io.annotation_file import (
    Annotation,
    digest_of,
    load_annotation,
    save_annotation,
)
from napari_sen.learn.classes import Examples


@pytest.fixture
def annotation(rng):
    examples = Examples(rng.random((3, 2)) / 3, np.array([1, 2, 2]), ("colour-0", "spread-0"))
    pieces, classes = np.array([1, 1, 3, 4]), np.array([0, 0, 1, 2])
    others = Examples(np.array([[7.0, 8.0]]), np.array([2]), examples.names)
    return Annotation(("Zelle", "Hintergrund"), "abc", pieces, classes, examples, others)


def test_round_trip(annotation, tmp_path):
    path = tmp_path / "a.sen.json"
    for _ in range(2):  # a file of this name is replaced
        save_annotation(path, annotation)
    found = load_annotation(path)
    assert (found.class_names, found.digest) == (annotation.class_names, "abc")
    np.testing.assert_array_equal(found.pieces, annotation.pieces)
    np.testing.assert_array_equal(found.classes, annotation.classes)
    np.testing.assert_array_equal(found.examples.features, annotation.examples.features)
    np.testing.assert_array_equal(found.examples.classes, annotation.examples.classes)
    assert found.examples.names == annotation.examples.names
    assert found.others.features.tolist() == [[7, 8]]
    assert [file.name for file in tmp_path.iterdir()] == ["a.sen.json"]


def test_an_annotation_without_examples(annotation, tmp_path):
    empty = Examples.none()
    plain = Annotation(("a",), "", annotation.pieces, annotation.classes * 0, empty, empty)
    save_annotation(tmp_path / "a.sen.json", plain)
    assert load_annotation(tmp_path / "a.sen.json").examples.features.shape == (0, 0)


def test_where_it_cannot_be_written(annotation, tmp_path):
    with pytest.raises(OutputError, match="has to end in"):
        save_annotation(tmp_path / "a.json", annotation)
    with pytest.raises(OutputError, match="No such file"):
        save_annotation(tmp_path / "none" / "a.sen.json", annotation)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format"),
        ({"classes": [0, 0, 1, 7]}, "do not fit"),
        ({"classes": [0, 0, 1]}, "do not fit"),
        ({"pieces": [1, -1, 3, 4]}, "whole numbers"),
        ({"pieces": [1, 1.5, 3, 4]}, "whole numbers"),
        ({"pieces": "abc"}, "whole numbers"),
        ({"class_names": []}, "do not fit"),
        ({"examples": [{"class": 1, "features": [1]}]}, "damaged"),
        ({"examples": [{"class": 1, "features": [1, float("nan")]}]}, "finite"),
        ({"examples": 7}, "damaged"),
    ],
)
def test_files_that_are_refused(annotation, tmp_path, change, message):
    path = tmp_path / "a.sen.json"
    save_annotation(path, annotation)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ImageError, match=message) as error:
        load_annotation(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_files_that_are_none(tmp_path, text):
    path = tmp_path / "a.sen.json"
    path.write_text(text)
    with pytest.raises(ImageError, match="cannot read the annotation"):
        load_annotation(path)
    with pytest.raises(ImageError, match="no such file"):
        load_annotation(tmp_path / "b.sen.json")


def test_the_digest_is_of_shape_and_values():
    base = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert digest_of(base) == digest_of(base.astype(np.uint16)) != digest_of(base.reshape(3, 2))


def test_examples_described_by_other_features_are_not_mixed(annotation, tmp_path):
    mixed = replace(annotation, others=Examples(np.array([[7.0]]), np.array([2]), ("colour-0",)))
    with pytest.raises(DataError, match="paint anew"):
        save_annotation(tmp_path / "a.sen.json", mixed)
    assert not list(tmp_path.iterdir())
