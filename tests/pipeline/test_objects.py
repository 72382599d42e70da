"""Objects of an image, measured, written and read back; annotations to classes."""

import csv
import json

import numpy as np
import pytest
import tifffile

import napari_sen
from napari_sen.errors import ImageError, OutputError, ParameterError
from napari_sen.io.read import read_image


@pytest.fixture
def labels():
    """Six by eight superpixels of five by five pixels, one of them left out."""
    found = np.kron(np.arange(48).reshape(6, 8) + 1, np.ones((5, 5), int))
    found[found == 48] = 0
    return found


@pytest.fixture
def classes(rng):
    return np.concatenate([[0], rng.integers(0, 4, 47)])


NAMES = ("one", "two", "three")


@pytest.mark.parametrize("suffix", [".geojson", ".tif", ".png", ".npy"])
def test_what_is_written_gives_the_same_classes_again(labels, classes, tmp_path, suffix):
    found = napari_sen.objects(labels, classes, class_names=NAMES)
    path = tmp_path / f"a{suffix}"
    found.save(path)
    again, names = napari_sen.read_classes(labels, path)
    if suffix == ".geojson":  # the classes are numbered as they come
        number = {name: k + 1 for k, name in enumerate(names)}
        expected = [number[NAMES[k - 1]] if k else 0 for k in classes]
        np.testing.assert_array_equal(again, expected)
    else:  # a label image holds objects, not classes
        at = [tuple(np.argwhere(labels == k)[0]) for k in range(1, 48)]
        np.testing.assert_array_equal(again[1:], [found.labels[place] for place in at])


def test_outlines_are_those_of_the_label_image(labels, classes):
    found = napari_sen.objects(labels, classes, class_names=NAMES)
    from napari_sen.core.outlines import fill

    drawn = np.zeros_like(labels)
    for shape in found.shapes():
        for rings in shape.polygons:
            box, mask = fill(rings, labels.shape)
            drawn[box][mask] = int(shape.name)
    np.testing.assert_array_equal(drawn, found.labels)


def test_units_origin_and_means(labels, tmp_path):
    image = np.zeros((2, *labels.shape))
    image[0], image[1] = labels, 7
    found = napari_sen.objects(
        labels, {1: 1, 2: 1, 9: 1, 20: 2}, class_names=["cell", "other"], image=image,
        channel_axis=0, channel_names=["DAPI", "actin"], spacing=(0.5, 0.25), unit="micrometer",
        offset=(100, 200),
    )  # fmt: skip
    assert found.counts() == {"cell": 1, "other": 1}
    row = {key: column[0] for key, column in found.table.items()}
    assert (row["class"], row["superpixels"]) == ("cell", 3)
    assert (row["area (px)"], row["area (µm²)"]) == (75, 75 * 0.125)
    assert row["mean DAPI"] == pytest.approx((1 + 2 + 9) / 3)
    assert row["mean actin"] == 7
    assert [row[f"bbox-{k}"] for k in range(4)] == [100, 200, 110, 210]
    assert row["centroid-0"] == pytest.approx(100 + (2 * 2 + 7) / 3)
    found.save(tmp_path / "a.geojson")
    (ring,) = json.loads((tmp_path / "a.geojson").read_text())["features"][0]["geometry"][
        "coordinates"
    ]
    assert min(ring) == [200, 100]  # x before y, in pixels of the full image
    assert max(ring) == [210, 105]
    found.save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").spacing == pytest.approx((0.5, 0.25))
    found.save(tmp_path / "a.zarr")
    np.testing.assert_array_equal(
        np.asarray(read_image(tmp_path / "a.zarr" / "labels" / "objects").data), found.labels
    )
    found.save(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one["class"] for one in rows] == ["cell", "other"]
    assert rows[1]["mean DAPI"] == "20"


def test_superpixels_without_classes_are_objects(labels):
    found = napari_sen.objects(labels)
    assert len(found) == 47
    assert set(found.table["class"]) == {""}
    assert {shape.class_name for shape in found.shapes()} == {""}


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "TZYX", "ZTYX"])
def test_outlines_come_back_to_their_slices_and_times(axes, tmp_path):
    stack = np.zeros((2, 3, 8, 8)[4 - len(axes) :], np.uint16)
    for number, index in enumerate(np.ndindex(stack.shape[:-2])):
        stack[index] = number + 1
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": axes})
    classes = np.arange(stack.max() + 1) % 2 + 1
    classes[0] = 0
    found = napari_sen.objects(tmp_path / "a.ome.tif", classes, slices="each")
    found.save(tmp_path / "a.geojson")
    again, names = napari_sen.read_classes(tmp_path / "a.ome.tif", tmp_path / "a.geojson")
    first = int(names[0].removeprefix("class "))
    np.testing.assert_array_equal(again[1:] == 1, classes[1:] == first)
    assert again[1:].all()


def test_pixels_without_a_value_are_not_measured(tmp_path):
    labels = np.kron(np.array([[1, 2], [3, 4]]), np.ones((4, 4), int))
    image = np.full((8, 8), 10, np.float32)
    image[0, 0], image[0, 7], image[1, 6], image[4:, :4] = np.nan, np.inf, -np.inf, np.nan
    found = napari_sen.objects(labels, image=image)
    np.testing.assert_array_equal(found.table["mean intensity"], [10, 10, np.nan, 10])
    for name in ("a.csv", "a.geojson"):
        found.save(tmp_path / name)


def test_planes_of_a_stack(labels, tmp_path):
    stack = np.stack([labels, np.where(labels > 0, labels + 47, 0)])
    classes = np.ones(95, int)
    each = napari_sen.objects(stack, classes, slices="each")
    volume = napari_sen.objects(stack, classes, slices="volume")
    assert (len(each), len(volume)) == (2, 1)
    assert "volume (px)" in volume.table
    assert [shape.plane for shape in volume.shapes()] == [(0, 0), (1, 0)]
    assert [shape.name for shape in volume.shapes()] == ["1", "1"]
    volume.save(tmp_path / "a.geojson")
    again, _ = napari_sen.read_classes(stack, tmp_path / "a.geojson")
    np.testing.assert_array_equal(again, [0, *classes[1:]])
    with pytest.raises(ImageError, match="slices"):
        napari_sen.objects(stack)


def test_a_label_image_as_annotation(labels):
    painted = np.zeros(labels.shape, np.uint8)
    painted[:5, :8] = 2  # all of superpixel 1, three fifths of 2
    found, names = napari_sen.read_classes(labels, painted)
    assert np.flatnonzero(found).tolist() == [1, 2]
    assert (found[1], names) == (2, ("class 1", "class 2"))
    found, _ = napari_sen.read_classes(labels, painted, share=0.7)
    assert np.flatnonzero(found).tolist() == [1]


def test_a_half_pixel_is_a_half_pixel(labels, tmp_path):
    """A polygon from corner to corner holds its pixels and no others."""
    from napari_sen.io.geojson import Shape, write_geojson

    square = np.array([[5, 10], [5, 15], [10, 15], [10, 10]])  # superpixel 11
    write_geojson(tmp_path / "a.geojson", [Shape([[square]], "x")])
    for share in (0, 0.99):
        found, _ = napari_sen.read_classes(labels, tmp_path / "a.geojson", share=share)
        assert np.flatnonzero(found).tolist() == [11]


def test_an_annotation_of_the_dock(labels, tmp_path):
    from napari_sen.core.partition import Partition
    from napari_sen.io.annotation_file import Annotation, digest_of, save_annotation
    from napari_sen.learn.classes import Examples

    partition = Partition(labels)
    partition.paint([3, 40], 2)
    values = partition.class_table()[1:].astype(np.int64)
    save_annotation(
        tmp_path / "a.sen.json",
        Annotation(
            NAMES, digest_of(partition.base), partition.table()[1:], values,
            Examples.none(), Examples.none(),
        ),
    )  # fmt: skip
    found, names = napari_sen.read_classes(labels, tmp_path / "a.sen.json")
    assert (np.flatnonzero(found == 2).tolist(), names) == ([3, 40], NAMES)
    with pytest.raises(ImageError, match="other superpixels"):
        napari_sen.read_classes(labels.T, tmp_path / "a.sen.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.ones((3, 4))}, "whole numbers"),
        ({"labels": np.array([[-1, 2]])}, "renumber"),
        ({"classes": {99: 1}}, "99"),
        ({"classes": [0, 1]}, "one for each label"),
        ({"image": np.zeros((3, 4))}, "shape"),
        ({"image": np.zeros((30, 40)), "channel_names": ["a", "b"]}, "channel_names"),
        ({"class_names": ["a", "a"]}, "differ"),
        ({"offset": (1,)}, "offset"),
        ({"offset": (1.5, 2)}, "offset"),
    ],
)
def test_what_is_refused(labels, classes, change, message):
    with pytest.raises(napari_sen.SenError, match=message):
        napari_sen.objects(**({"labels": labels, "classes": classes} | change))


def test_annotations_that_are_refused(labels):
    with pytest.raises(ImageError, match="numbers of objects"):
        napari_sen.read_classes(labels, labels * 100)
    with pytest.raises(ImageError, match="whole numbers"):
        napari_sen.read_classes(labels, labels / 2)
    with pytest.raises(ImageError, match="shape"):
        napari_sen.read_classes(labels, labels.T)
    with pytest.raises(ParameterError, match="share"):
        napari_sen.read_classes(labels, labels, share=2)


def test_outputs_that_are_refused(labels, tmp_path):
    found = napari_sen.objects(labels)
    with pytest.raises(OutputError, match="has to end in"):
        found.save(tmp_path / "a.json")
    with pytest.raises(OutputError, match="beside their image"):
        found.save(tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []
