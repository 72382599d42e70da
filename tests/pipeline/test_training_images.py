"""Which files of a folder are trained on."""

import imageio.v3 as iio
import numpy as np
import pytest

from napari_sen.errors import DataError, ImageError, ParameterError
from napari_sen.pipeline.train import sources, train

READING = {"rgb": None, "channel_axis": None, "slices": "each"}


@pytest.fixture
def folder(tmp_path, rng):
    """Two pictures among files that are none, or cannot be used."""
    for name in ("a.png", "b.png"):
        iio.imwrite(tmp_path / name, rng.integers(0, 256, (20, 30), dtype=np.uint8))
    (tmp_path / "._a.png").write_bytes(b"\0\5\26\7")  # as macOS leaves beside it
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:90])
    np.save(tmp_path / "nan.npy", np.full((20, 30), np.nan))
    (tmp_path / "notes.txt").write_text("hello")
    return tmp_path


def test_a_file_that_cannot_be_used_is_skipped_with_a_line(folder, caplog):
    found = sources(folder, 3, 1.0, READING)
    assert [each.name.split("/")[-1] for each in found] == ["a.png", "b.png"]
    hidden, *lines = [record.getMessage() for record in caplog.records]
    assert hidden == f"hidden files of {folder} are left out: ._a.png"
    assert [line.split(" is skipped: ")[0] for line in lines] == [
        str(folder / "broken.png"), str(folder / "nan.npy"),
    ]  # fmt: skip
    assert "NaN or infinite" in lines[1]


def test_a_volume_is_refused_before_any_work(rng):
    with pytest.raises(ParameterError, match="slices='each'"):
        train(rng.random((4, 40, 40)), slices="volume")


def test_one_that_is_named_itself_is_refused(folder):
    for name, words in (("broken.png", "cannot read"), ("nan.npy", "NaN or infinite")):
        with pytest.raises(ImageError, match=words):
            sources([folder, folder / name], 3, 1.0, READING)


def test_a_folder_of_nothing_else_holds_no_image(folder):
    for name in ("a.png", "b.png"):
        (folder / name).unlink()
    with pytest.raises(DataError, match="no images to train on"):
        sources(folder, 3, 1.0, READING)
