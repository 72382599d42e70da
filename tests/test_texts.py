"""Texts that no file can hold again are refused where they come in."""

import json

import pytest

from napari_sen.errors import ImageError, ModelError, ParameterError
from napari_sen.io.annotation_file import load_annotation
from napari_sen.io.geojson import read_geojson
from napari_sen.io.recipe_file import Recipe
from napari_sen.learn.model import load_model
from napari_sen.texts import parsed
from tests.learn.examples import tiny_model

HALF = "\ud800"


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\U0001f600"', '"\\\\ud800"', "[1, null]"])
def test_what_can_be_written_is_read(text):
    assert parsed(text) == json.loads(text) == parsed(text.encode())


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\uDFFF": 1}', b'"\xed\xa0\x80"'])
def test_what_cannot_be_written_is_not_read(text):
    with pytest.raises(ValueError, match=r"an incomplete character|codec"):
        parsed(text)


@pytest.mark.parametrize(
    ("read", "error"),
    [(Recipe.load, ParameterError), (load_annotation, ImageError), (read_geojson, ImageError)],
)
def test_half_a_character_in_a_file_of_ours(tmp_path, read, error):
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"format": HALF}))
    with pytest.raises(error, match="damaged"):
        read(path)


def test_half_a_character_in_a_model(tmp_path):
    model = tiny_model()
    model.metadata["data_sets"] = [{"name": "here: 1234567@"}]
    path = model.save(tmp_path / "model.safetensors")
    content = path.read_bytes()
    assert content.count(b"here: 1234567@") == 1
    path.write_bytes(content.replace(b"1234567@", b"\\\\ud800 "))
    with pytest.raises(ModelError, match="an incomplete character"):
        load_model(path)


def test_half_a_character_in_a_name():
    with pytest.raises(ParameterError, match="an incomplete character"):
        Recipe(class_names=("one", HALF))
