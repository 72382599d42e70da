"""Export, recipe and apply on the command line."""

import csv
import json

import imageio.v3 as iio
import numpy as np
import pytest

import napari_sen
from napari_sen.io.recipe_file import Recipe


@pytest.fixture
def taught(shell):
    """A recipe of the four quadrants: green is one class, all else another."""
    classes = np.full((48, 64), 2, np.uint8)
    classes[24:, :32] = 1
    iio.imwrite(shell.folder / "classes.png", classes)
    done = shell(
        "recipe", "-o", "recipe.json", "--n-segments", 12, "--model", "none",
        "--teach", "in.png", "classes.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return shell


def test_a_recipe_and_what_it_makes_of_a_folder(taught):
    images = taught.folder / "images"
    images.mkdir()
    for name in ("a.png", "b.png"):
        (images / name).write_bytes((taught.folder / "in.png").read_bytes())
    done = taught("apply", "recipe.json", "images", "-o", "out", "--formats", "csv,zip", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 2
    assert "2 objects" in done.stderr
    with (taught.folder / "out" / "summary.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["class 1: area (px)"] for row in table] == ["768", "768"]
    again = taught("apply", "recipe.json", "images", "-o", "out", "--formats", "csv,zip")
    assert "2 of 2 images are done already" in again.stderr


def test_failures_are_listed_at_the_end_and_are_an_exit_code(taught):
    images = taught.folder / "images"
    images.mkdir()
    (images / "a.png").write_bytes(b"no picture")
    (images / "b.png").write_bytes((taught.folder / "in.png").read_bytes())
    done = taught("apply", "recipe.json", "images", "-o", "out", "--formats", "csv")
    assert done.returncode == 1
    assert "failed: a.png: cannot read" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("napari-sen: failed: 1 of 2 images failed (a.png)")
    assert (taught.folder / "out" / "b.objects.csv").is_file()
    assert taught("apply", "none.json", "images", "-o", "out2").returncode == 2


def test_export_of_labels_with_classes(taught):
    assert taught("segment", "in.png", "-o", "labels.tif", "--n-segments", 12, "--model", "none")
    done = taught(
        "export", "labels.tif", "-o", "o.geojson", "-o", "o.csv", "--classes", "classes.png",
        "--class-names", "green,other", "--image", "in.png", "--channel-names", "R,G,B",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["classes"] == {"green": 1, "other": 1}
    with (taught.folder / "o.csv").open(newline="") as file:
        (green,) = [row for row in csv.DictReader(file) if row["class"] == "green"]
    assert (green["area (px)"], green["mean G"], green["bbox-0"]) == ("768", "200", "24")
    labels = iio.imread(taught.folder / "in.png")[..., 1] // 200 + 1
    found, names = napari_sen.read_classes(labels, taught.folder / "o.geojson")
    assert names[found[2] - 1] == "green"


def test_superpixels_alone(shell):
    shell("segment", "in.png", "-o", "labels.png", "--n-segments", 12, "--model", "none")
    done = shell("export", "labels.png", "-o", "o.geojson", "--json")
    assert json.loads(done.stdout)["objects"] == 12
    assert shell("export", "labels.png", "-o", "o.geojson").returncode == 2  # it exists
    bad = shell("export", "labels.png", "-o", "p.geojson", "--classes", "in.png")
    assert bad.returncode == 2
    assert len(bad.stderr.strip().splitlines()) <= 2
    assert "p.geojson" not in shell.names()


def test_a_recipe_of_two_granularities_is_refused(shell):
    """The level would win over the size in silence."""
    done = shell("recipe", "-o", "recipe.json", "--size", 9, "--level", 3)
    assert done.returncode == 2
    assert "give only one of --n-segments, --size and --level" in done.stderr
    assert "recipe.json" not in shell.names()


@pytest.mark.parametrize(("slices", "n"), [("volume", 3), ("each", 2)])
def test_one_pixel_size_for_all_axes(shell, slices, n):
    labels = np.ones((2, 6, 8), np.uint8)
    iio.imwrite(shell.folder / "labels.tif", labels)
    options = ("--slices", slices, "--spacing", 0.5)
    done = shell("export", "labels.tif", "-o", "o.csv", "--unit", "micrometer", *options)
    assert done.returncode == 0, done.stderr
    with (shell.folder / "o.csv").open(newline="") as file:
        (row, *_) = csv.DictReader(file)
    assert float(row["volume (µm³)" if n == 3 else "area (µm²)"]) == 96 / 2**n
    assert shell("recipe", "-o", "r.json", "--model", "none", *options).returncode == 0
    assert list(Recipe.load(shell.folder / "r.json").reading.spacing) == [0.5] * n
