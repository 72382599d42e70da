"""Recipes on disk: there and back, and what is refused."""

import json
import math

import numpy as np
import pytest

from napari_sen import Recipe
from napari_sen.errors import OutputError, ParameterError
from napari_sen.learn.classes import Examples
from napari_sen.options import Reading
from napari_sen.params import SegmentParams


@pytest.fixture
def recipe(rng):
    examples = Examples(rng.random((3, 2)) / 3, np.array([1, 2, 2]), ("colour-0", "spread-0"))
    return Recipe(
        SegmentParams(size=12.5, evenness=0.3),
        "mine",
        "abc",
        Reading(channel_axis=0, slices="each", spacing=(0.5, 0.25), kind="microscopy"),
        ("Zelle", "Grund"),
        examples,
    )


def test_round_trip(recipe, tmp_path):
    recipe.save(tmp_path / "r.json")
    found = Recipe.load(tmp_path / "r.json")
    assert found.to_dict() == recipe.to_dict()
    assert found.superpixels == recipe.superpixels
    np.testing.assert_array_equal(found.examples.features, recipe.examples.features)
    plain = Recipe()
    plain.save(tmp_path / "r.json", overwrite=True)
    assert Recipe.load(tmp_path / "r.json").to_dict() == plain.to_dict()
    with pytest.raises(OutputError, match="exists"):
        recipe.save(tmp_path / "r.json")
    with pytest.raises(OutputError, match=r"end in \.json"):
        recipe.save(tmp_path / "r.txt")


@pytest.mark.parametrize("nodata", [0, 255.0, math.nan, -math.inf, np.float32(7)])
def test_what_is_outside_is_saved(nodata, tmp_path):
    reading = Reading(mask="nan", nodata=nodata, series=1)
    Recipe(reading=reading).save(tmp_path / "r.json")
    found = Recipe.load(tmp_path / "r.json").reading
    assert (found.mask, found.series) == ("nan", 1)
    np.testing.assert_equal(found.nodata, float(nodata))


@pytest.mark.parametrize("mask", ["mask.png", np.ones((2, 2))])
def test_a_mask_of_one_image_is_refused(mask):
    with pytest.raises(ParameterError, match="no mask of one"):
        Recipe(reading=Reading(mask=mask))


def test_the_number_is_not_kept_where_a_size_is(recipe):
    assert "n_segments" not in recipe.to_dict()["superpixels"]
    assert Recipe(SegmentParams(n_segments=7)).to_dict()["superpixels"]["n_segments"] == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format"),
        ({"code": "import os"}, "'code', which is not known"),
        ({"superpixels": {"n_segments": 0}}, "at least 1"),
        ({"superpixels": {"run": 1}}, "no parameter"),
        ({"superpixels": None}, "damaged"),
        ({"model": {"name": 3, "sha256": ""}}, "not a name"),
        ({"model": {"name": "a"}}, "damaged"),
        ({"image": {"mask": "/etc/passwd"}}, "no mask of one"),
        ({"image": {"mask": [1]}}, "no mask of one"),
        ({"image": {"nodata": "none"}}, "nodata must be a number"),
        ({"image": {"series": -1}}, "series"),
        ({"image": {"tile": 5}}, "not known"),
        ({"image": {"slices": "all"}}, "how images are read"),
        ({"image": {"rgb": "yes"}}, "how images are read"),
        ({"image": {"kind": "x"}}, "kind must be"),
        ({"classes": {"names": [], "features": [], "examples": []}}, "classes"),
        ({"classes": {"names": ["a", "a"], "features": [], "examples": []}}, "different names"),
        ({"classes": {"names": [1], "features": [], "examples": []}}, "texts"),
        (
            {
                "classes": {
                    "names": ["a"], "features": [], "examples": [{"class": 2, "features": []}]
                }
            },
            "class 2",
        ),
        (
            {
                "classes": {
                    "names": ["a"], "features": ["x"],
                    "examples": [{"class": 1, "features": [1e999]}],
                }
            },
            "finite",
        ),
        (
            {"classes": {"names": ["a"], "features": ["x"], "examples": [{"class": 1}]}},
            "damaged",
        ),
    ],
)  # fmt: skip
def test_damaged_files_are_one_sentence(recipe, tmp_path, change, message):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(recipe.to_dict() | change))
    with pytest.raises(ParameterError, match=message) as error:
        Recipe.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000, '{"format": NaN}'])
def test_other_files(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ParameterError, match="cannot read the recipe"):
        Recipe.load(path)
    with pytest.raises(ParameterError, match="no such file"):
        Recipe.load(tmp_path / "none.json")
