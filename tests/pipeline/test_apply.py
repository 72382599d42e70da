"""A recipe on a folder: the same as step by step, resumed, and never stopped by one image."""

import csv

import imageio.v3 as iio
import numpy as np
import pytest

import napari_sen
from napari_sen import Recipe, apply, apply_to, teach
from napari_sen.errors import Cancelled, DeviceError, ModelError, OutputError, ParameterError
from napari_sen.options import Reading
from napari_sen.params import SegmentParams


def scene(rng, discs=3):
    """Return a noisy picture of bright discs, and which pixels these are."""
    y, x = np.mgrid[:64, :80]
    inside = np.zeros((64, 80), bool)
    for k in range(discs):
        inside |= (y - 16 - 30 * (k // 2)) ** 2 + (x - 20 - 40 * (k % 2)) ** 2 < 100
    return (40 + 120 * inside + rng.normal(0, 8, inside.shape)).clip(0, 255).astype(
        np.uint8
    ), inside


@pytest.fixture
def folder(tmp_path, rng):
    images = tmp_path / "images"
    images.mkdir()
    for k in range(3):
        iio.imwrite(images / f"{k}.png", scene(rng, k + 1)[0])
    return images


@pytest.fixture
def recipe(rng):
    image, inside = scene(rng)
    plain = Recipe(SegmentParams(n_segments=80), model=None)
    return teach(plain, image, inside + np.uint8(1))


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_finds_what_it_was_taught(recipe, rng):
    image, inside = scene(rng)
    found = apply_to(recipe, image)
    assert found.counts() == {"class 1": 1, "class 2": 3}
    bright = np.isin(found.labels, found.table["index"][found.table["class"] == "class 2"])
    assert (bright & inside).sum() / (bright | inside).sum() > 0.9


def test_it_is_the_chain_step_by_step(recipe, rng):
    from napari_sen.learn.classes import propagate
    from napari_sen.pipeline.describe import describe

    image, _ = scene(rng)
    labels = napari_sen.segment(image, 80, model=None)
    found = describe(image, labels, model=None)
    numbers, sure = propagate(recipe.examples, found.features(), found.borders())
    classes = np.concatenate([[0], numbers[sure.argmax(axis=1)]])
    expected = napari_sen.objects(labels, classes, image=image)
    found = apply_to(recipe, image)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert {k: v.tolist() for k, v in found.table.items()} == {
        k: v.tolist() for k, v in expected.table.items()
    }


def test_a_folder(recipe, folder, tmp_path):
    told = []
    found = apply(
        recipe, folder, tmp_path / "out", formats=["csv", "geojson", "tif", "npy"],
        progress=lambda *report: told.append(report),
    )  # fmt: skip
    assert found.failures == {}
    out = tmp_path / "out"
    table = rows(out / "summary.csv")
    assert [row["image"] for row in table] == ["0.png", "1.png", "2.png"]
    assert [row["class 2: objects"] for row in table] == ["1", "2", "3"]
    shares = [float(row["class 1: share"]) + float(row["class 2: share"]) for row in table]
    assert shares == pytest.approx([1] * 3)
    for k in range(3):
        alone = apply_to(recipe, folder / f"{k}.png")
        np.testing.assert_array_equal(np.load(out / f"{k}.objects.npy"), alone.labels)
        assert len(rows(out / f"{k}.objects.csv")) == len(alone)
        assert (out / f"{k}.objects.geojson").is_file()
        assert (out / f"{k}.objects.tif").is_file()
    left = {path.name for path in (out / ".napari-sen").iterdir()}
    assert left == {"journal", "lock", "napari-sen.json"}
    assert {stage for _, _, stage in told} == {"images"}
    assert told[-1] == (3, 3, "images")


def test_one_bad_image_stops_no_other(recipe, folder, tmp_path):
    (folder / "1.png").write_bytes(b"no picture")
    found = apply(recipe, folder, tmp_path / "out", formats=["csv"])
    assert list(found.failures) == ["1.png"]
    table = rows(tmp_path / "out" / "summary.csv")
    assert [row["status"] for row in table] == ["done", "failed", "done"]
    assert "cannot read" in table[1]["message"]
    assert not (tmp_path / "out" / "1.objects.csv").exists()


def test_a_fault_of_ours_stops_no_other(recipe, folder, tmp_path, monkeypatch):
    from napari_sen.pipeline import cooking as module

    whole = module.Cook.objects

    def broken(self, image, progress=None):
        if str(image).endswith("0.png"):
            raise ZeroDivisionError("oh")
        return whole(self, image, progress)

    monkeypatch.setattr(module.Cook, "objects", broken)
    found = apply(recipe, folder, tmp_path / "out", formats=["csv"])
    assert found.failures == {"0.png": "unexpected ZeroDivisionError: oh"}
    assert len(found.rows) == 3


def stop_after(count):
    def progress(done, total, stage):
        if done == count:
            raise Cancelled

    return progress


def test_a_stopped_run_goes_on(recipe, folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        apply(recipe, folder, out, formats=["csv"], progress=stop_after(2))
    assert [row["image"] for row in rows(out / "summary.csv")] == ["0.png", "1.png"]
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.objects.csv")}
    assert len(stamps) == 2
    found = apply(recipe, folder, out, formats=["csv"])
    assert (found.resumed, len(found.rows)) == (2, 3)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    whole = apply(recipe, folder, tmp_path / "whole", formats=["csv"])
    for row, other in zip(found.rows, whole.rows, strict=True):
        assert row | {"seconds": 0} == other | {"seconds": 0}


def test_what_a_kill_leaves_half_written_is_removed(recipe, folder, tmp_path):
    out = tmp_path / "out"
    apply(recipe, folder, out, formats=["csv", "zarr"])
    (out / "0.objects.csv").unlink()
    half = out / ".napari-sen" / ".0.objects.77.partial.csv"
    half.write_text("half")
    found = apply(recipe, folder, out, formats=["csv", "zarr"])
    assert (found.resumed, found.failures) == (2, {})
    assert not half.exists()
    assert (out / "0.objects.zarr" / "labels" / "objects").is_dir()


def test_what_was_changed_or_lost_is_made_again(recipe, folder, tmp_path, rng):
    out = tmp_path / "out"
    apply(recipe, folder, out, formats=["csv"])
    iio.imwrite(folder / "0.png", scene(rng, 4)[0])
    (out / "2.objects.csv").unlink()
    found = apply(recipe, folder, out, formats=["csv"])
    assert found.resumed == 1
    assert [row["class 2: objects"] for row in rows(out / "summary.csv")] == ["4", "2", "3"]
    assert apply(recipe, folder, out, formats=["csv"]).resumed == 3
    assert apply(recipe, folder, out, formats=["csv"], overwrite=True).resumed == 0


def test_another_recipe_needs_another_folder(recipe, folder, tmp_path):
    out = tmp_path / "out"
    apply(recipe, folder, out, formats=["csv"])
    other = Recipe(SegmentParams(n_segments=20), model=None)
    with pytest.raises(OutputError, match="overwrite"):
        apply(other, folder, out, formats=["csv"])
    found = apply(other, folder, out, formats=["csv"], overwrite=True)
    assert {row["superpixels"] for row in found.rows} == {20}
    assert (out / "0.superpixels.csv").is_file()


def test_files_of_others_stay(recipe, folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.objects.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        apply(recipe, folder, out, formats=["csv"])
    assert {path.name for path in out.iterdir()} == {"1.objects.csv"}
    assert (out / "1.objects.csv").read_text() == "mine"


def test_images_of_one_stem_are_kept_apart(recipe, folder, tmp_path):
    np.save(folder / "0.npy", iio.imread(folder / "0.png"))
    apply(recipe, folder, tmp_path / "out", formats=["csv"])
    names = {path.name for path in (tmp_path / "out").glob("*.objects.csv")}
    assert names == {
        "0.npy.objects.csv", "0.png.objects.csv", "1.objects.csv", "2.objects.csv"
    }  # fmt: skip


def test_a_name_in_full_is_no_other_image_s_stem(recipe, folder, tmp_path):
    np.save(folder / "0.npy", iio.imread(folder / "0.png"))
    (folder / "0.png").rename(folder / "0.npy.png")
    (folder / "1.png").rename(folder / "0.png")
    found = apply(recipe, folder, tmp_path / "out", formats=["csv"])
    names = {path.name for path in (tmp_path / "out").glob("*.objects.csv")}
    assert len(names) == len(found.rows) == 4, names


def test_what_is_refused_before_any_work(recipe, folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="no folder"):
        apply(recipe, tmp_path / "none", out)
    with pytest.raises(ParameterError, match="formats"):
        apply(recipe, folder, out, formats=["exe"])
    with pytest.raises(OutputError, match="another folder"):
        apply(recipe, folder, folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match="holds no image"):
        apply(recipe, tmp_path / "empty", out)
    with pytest.raises(ModelError, match="none-such"):
        apply(Recipe(model="none-such"), folder, out)
    with pytest.raises(ModelError, match="another model"):
        apply(Recipe(model="natural", sha256="0" * 64), folder, out)
    with pytest.raises(DeviceError, match="cuda:7"):
        apply(recipe, folder, out, device="cuda:7")
    assert not out.exists()


def test_a_recipe_fits_images_of_its_channels_alone(recipe):
    with pytest.raises(ParameterError, match="other channels"):
        apply_to(recipe, np.zeros((40, 40, 3), np.uint8))


def test_a_masked_array_teaches_and_is_worked_on(rng):
    image, inside = scene(rng)
    masked = np.ma.masked_array(image, np.zeros(image.shape, bool))
    masked[:, :30] = np.ma.masked
    found = teach(Recipe(SegmentParams(n_segments=60), model=None), masked, inside + np.uint8(1))
    objects = apply_to(found, masked)
    np.testing.assert_array_equal(objects.labels > 0, ~masked.mask)
    assert len(objects) > 1


@pytest.mark.parametrize(("reading", "value"), [({"mask": "nan"}, np.nan), ({"nodata": 9e9}, 9e9)])
def test_what_a_recipe_leaves_out_is_not_described(rng, reading, value):
    image, inside = scene(rng)
    image = image.astype(np.float32)
    annotation = inside + np.uint8(1)
    image[:5], annotation[:5] = value, 0
    recipe = Recipe(SegmentParams(n_segments=80), model=None, reading=Reading(**reading))
    taught = teach(recipe, image, annotation)
    assert abs(taught.examples.features).max() < 1e4
    assert not apply_to(taught, image).labels[:5].any()


def test_teaching_settles_the_model_and_adds_up(rng):
    image, inside = scene(rng)
    once = teach(Recipe(SegmentParams(n_segments=40), model="natural"), image, inside * 1)
    model = napari_sen.load_model("natural")
    assert (once.model, once.sha256) == ("natural", model.sha256)
    twice = teach(once, image, inside * 1)
    assert len(twice.examples.classes) == 2 * len(once.examples.classes)
    assert twice.class_names == once.class_names == ("class 1",)


def test_classes_of_one_name_are_one(rng, tmp_path):
    from napari_sen.io.geojson import Shape, write_geojson

    def square(top, left, name):
        corners = [[top, left], [top, left + 20], [top + 20, left + 20], [top + 20, left]]
        return Shape([[np.array(corners)]], name)

    image, _ = scene(rng)
    write_geojson(tmp_path / "a.geojson", [square(6, 10, "disc"), square(40, 55, "ground")])
    write_geojson(tmp_path / "b.geojson", [square(40, 55, "ground"), square(6, 10, "disc")])
    found = Recipe(SegmentParams(n_segments=80), model=None)
    for name in "ab":
        found = teach(found, image, tmp_path / f"{name}.geojson")
    half = len(found.examples.classes) // 2
    assert found.class_names == ("disc", "ground")
    np.testing.assert_array_equal(found.examples.classes[:half], found.examples.classes[half:])


def test_an_annotation_of_nothing(rng):
    image, _ = scene(rng)
    with pytest.raises(ParameterError, match="fills no superpixel"):
        teach(Recipe(model=None), image, np.zeros(image.shape, int))
