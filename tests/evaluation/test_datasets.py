import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat

from napari_sen.errors import DataError, ParameterError
from napari_sen.evaluation.datasets import open_bsds, open_folder


def write_mat(path, maps):
    cell = np.empty((1, len(maps)), object)
    for place, labels in enumerate(maps):
        cell[0, place] = {"Segmentation": labels, "Boundaries": 0}
    savemat(path, {"groundTruth": cell})


@pytest.fixture
def bsds(tmp_path, rng):
    for folder in ("images/val", "groundTruth/val"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("12", "7"):
        picture = rng.integers(0, 255, (8, 10, 3), np.uint8)
        imageio.imwrite(tmp_path / "images/val" / f"{name}.jpg", picture)
        maps = [rng.integers(1, 4, (8, 10)).astype(np.uint16) for _ in range(3)]
        write_mat(tmp_path / "groundTruth/val" / f"{name}.mat", maps)
    (tmp_path / "images/val/Thumbs.db").write_text("not an image")
    return tmp_path


@pytest.fixture
def folder(tmp_path, rng):
    for name in ("images", "labels", "labels_expert2"):
        (tmp_path / name).mkdir()
    for name in "abcde":
        tifffile.imwrite(
            tmp_path / "images" / f"{name}.tif",
            np.zeros((3, 6, 7), np.uint16),
            photometric="minisblack",
        )
        for labels in ("labels", "labels_expert2"):
            ids = rng.integers(0, 300, (6, 7)).astype(np.uint16)
            imageio.imwrite(tmp_path / labels / f"{name}.png", ids)
    return tmp_path


def test_bsds_layout(bsds):
    data = open_bsds(bsds, "val")
    assert data.names == ["12", "7"]
    item = data[0]
    assert (item.image.shape, item.image.dtype) == ((8, 10, 3), np.uint8)
    assert [truth.shape for truth in item.ground_truths] == [(8, 10)] * 3
    assert item.channel_axis == -1
    assert [item.name for item in data] == data.names
    assert data[1:].names == ["7"]


def test_folder_layout(folder):
    data = open_folder(folder, labels=("labels", "labels_expert2"))
    item = data[0]
    assert item.channel_axis == 0
    assert len(item.ground_truths) == 2
    expected = imageio.imread(folder / "labels" / "a.png")
    np.testing.assert_array_equal(item.ground_truths[0], expected)


def test_halves_share_nothing(folder):
    assert open_folder(folder, half="tune").names == ["a", "c", "e"]
    assert open_folder(folder, half="report").names == ["b", "d"]
    with pytest.raises(ParameterError, match="'both'"):
        open_folder(folder, half="both")


def test_volumes_have_no_channel_axis(tmp_path):
    for name, dtype in (("images", np.uint8), ("labels", np.uint16)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "stack.tif", np.zeros((5, 6, 7), dtype))
    assert open_folder(tmp_path)[0].channel_axis is None


def test_images_and_labels_must_match(folder):
    (folder / "labels" / "c.png").unlink()
    with pytest.raises(DataError, match="'c' has no annotation"):
        open_folder(folder)
    imageio.imwrite(folder / "labels" / "c.png", np.zeros((6, 6), np.uint8))
    with pytest.raises(DataError, match=r"\(6, 6\).*c\.png.*do not match"):
        open_folder(folder)[2]


def test_labels_must_be_label_maps(folder):
    tifffile.imwrite(folder / "labels" / "a.tif", np.zeros((6, 7), np.float32))
    (folder / "labels" / "a.png").unlink()
    with pytest.raises(DataError, match="no label map"):
        open_folder(folder)[0]


def test_two_files_of_one_name(folder):
    imageio.imwrite(folder / "labels" / "a.bmp", np.zeros((6, 7), np.uint8))
    with pytest.raises(DataError, match="same stem"):
        open_folder(folder)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        open_bsds(tmp_path, "test")
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="holds no image"):
        open_folder(tmp_path)


def test_endings_in_capitals(bsds):
    for name in ("images/val/12.jpg", "groundTruth/val/12.mat"):
        path = bsds / name
        path.rename(path.with_suffix(path.suffix.upper()))
    assert len(open_bsds(bsds)[0].ground_truths) == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"damaged"),
        lambda path: path.write_bytes(path.read_bytes()[:300]),
        lambda path: savemat(path, {"other": np.ones(3)}),
        lambda path: savemat(path, {"groundTruth": np.ones(3)}),
        lambda path: savemat(path, {"groundTruth": np.empty((1, 0), object)}),
        lambda path: write_mat(path, [np.ones((8, 10))]),
        lambda path: write_mat(path, ["a string"]),
    ],
)
def test_bad_annotations_are_named(bsds, write):
    write(bsds / "groundTruth/val/12.mat")
    with pytest.raises(DataError, match=r"12\.mat"):
        open_bsds(bsds)[0]


def test_damaged_images_are_named(bsds):
    (bsds / "images/val/12.jpg").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"12\.jpg"):
        open_bsds(bsds)[0]


def test_the_data_pack(shared_data):
    data = open_bsds(shared_data / "bsds500", "val")
    assert len(data) == 100
    assert 4 <= len(data[0].ground_truths) <= 9
    sets = sorted(path for path in (shared_data / "microscopy").iterdir() if path.is_dir())
    assert sets
    for path in sets:
        item = open_folder(path)[0]
        assert item.ground_truths[0].ndim in (2, 3)


def labels_as(folder, kind):
    """Write a label map of four squares with a palette, or by colours; return its labels."""
    labels = np.kron(np.array([[0, 1], [2, 255]]), np.ones((4, 5))).astype(np.uint8)
    picture = Image.fromarray(labels, mode="P")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    picture = picture if kind == "palette" else picture.convert(kind)
    for name, array in (("images", np.zeros((8, 10, 3), np.uint8)), ("labels", None)):
        (folder / name).mkdir()
        (Image.fromarray(array) if array is not None else picture).save(folder / name / "a.png")
    return labels


@pytest.mark.parametrize("kind", ["palette", "RGB", "RGBA"])
def test_labels_with_a_palette_or_by_colours(tmp_path, kind):
    """As PASCAL VOC, DAVIS and COCO have them; no volume of three colours."""
    labels = labels_as(tmp_path, kind)
    item = open_folder(tmp_path)[0]
    (found,) = item.ground_truths
    assert item.channel_axis == -1
    if kind == "palette":
        np.testing.assert_array_equal(found, labels)
    pairs = set(zip(found.ravel().tolist(), labels.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(found))


def test_labels_in_jpeg_are_refused(tmp_path):
    labels_as(tmp_path, "RGB")
    (tmp_path / "labels/a.png").unlink()
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "labels/a.jpg")
    with pytest.raises(DataError, match="JPEG blurs labels"):
        open_folder(tmp_path)[0]
