import json

import imageio.v3 as iio
import numpy as np
import pytest

from napari_sen.errors import DataError
from napari_sen.evaluation.training_plot import read_log, smoothed, write_training_plot

OUTPUT = {"pull": 0.1, "push": 0.2, "pull_violated": 0.5, "push_violated": 0.6}
RECORD = {
    "step": 1, "loss": 1.0, "kappa": 10.0, "learning_rate": 1e-3, "validation": None,
    "outputs": [OUTPUT, OUTPUT],
}  # fmt: skip


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_smoothing_is_a_mean_of_the_last_steps():
    np.testing.assert_allclose(smoothed(np.array([1.0, 3.0, 5.0, 7.0]), 2), [1, 2, 4, 6])


@pytest.mark.parametrize("found", [{"outputs": [OUTPUT, OUTPUT]}, {"outputs": [], "found": 0.4}])
@pytest.mark.parametrize("validation", [None, 0.9])
def test_a_log_of_either_recipe_is_drawn(tmp_path, found, validation):
    one = RECORD | found
    log = write(tmp_path / "log.jsonl", one, one | {"step": 2, "validation": validation})
    write_training_plot(read_log(log), tmp_path / "curve.png")
    picture = iio.imread(tmp_path / "curve.png")
    assert picture[..., :3].min() < 100  # something is drawn on the white
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png"] == ["curve.png"]


@pytest.mark.parametrize("text", ["", "{", '{"step": 1}\n', '{"step": 1, "loss": NaN}\n', "[]\n"])
def test_what_is_no_log_is_named(tmp_path, text):
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"log\.jsonl"):
        read_log(tmp_path / "log.jsonl")
    with pytest.raises(DataError, match="is not the log"):
        read_log(tmp_path / "missing.jsonl")
