import json

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_sen.core.metrics import score
from napari_sen.errors import Cancelled, DataError, ParameterError
from napari_sen.evaluation.compare import PROTOCOL, columns, compare_at, measure, table
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.evaluation.methods import METHODS, make_method, prepare_item
from napari_sen.learn.learner import Learner
from napari_sen.learn.model import Model, describe
from napari_sen.params import MeanShiftParams, NetworkParams
from napari_sen.pipeline.segment import segment

METHOD_NAMES = ["snic", "snic-smooth", "slic"]


@pytest.fixture
def data(tmp_path, rng):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    truth = np.kron([[1, 2], [3, 4]], np.ones((16, 20))).astype(np.uint8)
    for name in "abc":
        picture = (truth[..., None] * (40, 30, 50) + rng.integers(0, 30, (32, 40, 3))).astype(
            np.uint8
        )
        imageio.imwrite(tmp_path / "images" / f"{name}.png", picture)
        imageio.imwrite(tmp_path / "labels" / f"{name}.png", truth)
    return open_folder(tmp_path)


def save_model(path, seed):
    learner = Learner(
        NetworkParams(base_width=4, width_cap=8, dim=4),
        MeanShiftParams(iterations=1, landmarks=64),
        seed,
    )
    model = Model(learner.network, learner.mean_shift, describe("small", learner, {}, [], 0))
    return str(model.save(path, overwrite=True))


def test_sen_methods_run_the_pipeline(data, tmp_path):
    model, item = save_model(tmp_path / "small.safetensors", 0), data[0]
    found = {
        name: next(make_method(name, model)(item, [12]))
        for name in METHODS
        if name.startswith("sen")
    }
    np.testing.assert_array_equal(found["sen"], segment(item.image, 12, model=model, device="cpu"))
    alone = segment(
        item.image, 12, model=model, device="cpu", colour_weight=0, embedding_weight=1000
    )
    np.testing.assert_array_equal(found["sen-paper"], alone)
    assert (found["sen-paper-clustered"] != alone).any()


def test_a_journal_knows_its_model(data, tmp_path):
    path, journal = tmp_path / "small.safetensors", tmp_path / "journal.jsonl"
    measure(data[:1], ["sen"], [8], model=save_model(path, 0), journal=journal)
    with pytest.raises(DataError, match="another run"):
        measure(data[:1], ["sen"], [8], model=save_model(path, 1), journal=journal)


def test_rows_are_the_scores_of_the_methods(data):
    rows = measure(data, METHOD_NAMES, [8, 20])
    wanted = [(m, k, n) for m in METHOD_NAMES for k in (8, 20) for n in "abc"]
    assert [(row.method, row.asked, row.image) for row in rows] == wanted
    item = data[1]
    labels = list(make_method("snic-smooth")(item, [8, 20]))
    expected = [score(found, item.ground_truths) for found in labels]
    assert [
        row.scores for row in rows if (row.method, row.image) == ("snic-smooth", "b")
    ] == expected
    assert all(row.scores.n_segments == row.asked for row in rows if row.method != "slic")


def test_processes_change_nothing(data):
    one = measure(data, ["snic"], [8])
    two = measure(data, ["snic"], [8], workers=2)
    assert [row.scores for row in one] == [row.scores for row in two]


def test_a_stopped_run_goes_on(data, tmp_path):
    journal = tmp_path / "runs" / "journal.jsonl"

    def stop(done, total, stage):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(data, ["snic"], [8, 20], journal=journal, progress=stop)
    kept = journal.read_text()
    assert len(kept.splitlines()) == 1 + 2 * 2
    journal.write_text(kept + '{"method": "snic", "ima')  # as a crash leaves it
    calls = []
    rows = measure(
        data, ["snic"], [8, 20], journal=journal, progress=lambda *call: calls.append(call)
    )
    assert calls == [(1, 1, "measuring")]
    assert journal.read_text().startswith(kept)
    assert [row.scores for row in rows] == [row.scores for row in measure(data, ["snic"], [8, 20])]
    finished = journal.read_text()
    assert measure(data, ["snic"], [8, 20], journal=journal) == rows
    assert journal.read_text() == finished


def test_journals_of_other_runs_are_refused(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    measure(data, ["snic"], [8], journal=journal)
    with pytest.raises(DataError, match="another run"):
        measure(open_folder(tmp_path, half="tune"), ["snic"], [8], journal=journal)
    journal.write_text(json.dumps({"some": "thing"}) + "\n[1]\n")
    with pytest.raises(DataError, match="no journal"):
        measure(data, ["snic"], [8], journal=journal)


def test_table_and_means(data):
    rows = measure(data, ["snic"], [8])
    mean = columns(rows)["snic", 8]["asa"].mean
    assert mean == pytest.approx(np.mean([row.scores.asa for row in rows]))
    text = table(rows)
    assert PROTOCOL in text
    assert f"| snic | 8 | 8.0 | {columns(rows)['snic', 8]['f1'].mean:.4f} |" in text


def test_differences_are_paired_and_at_equal_k(data):
    rows = measure(data, ["snic", "snic-smooth"], [8, 20])
    same = compare_at(rows, "snic", "snic", 12, "asa")
    assert same == (0, 0, 0)
    there = compare_at(rows, "snic-smooth", "snic", 20, "f1")
    back = compare_at(rows, "snic", "snic-smooth", 20, "f1")
    assert there.mean == pytest.approx(-back.mean)
    sums = columns(rows)
    expected = sums["snic-smooth", 20]["f1"].mean - sums["snic", 20]["f1"].mean
    assert there.mean == pytest.approx(expected)
    with pytest.raises(ParameterError, match="off a curve"):
        compare_at(rows, "snic", "snic-smooth", 50, "f1")
    with pytest.raises(DataError, match="not measured on every image"):
        compare_at(rows[1:], "snic", "snic-smooth", 20, "f1")


@pytest.mark.parametrize(
    ("shape", "axis", "spatial", "expected"),
    [
        ((9, 8, 3), -1, (9, 8), (True, 3)),
        ((9, 8, 4), -1, (9, 8), (True, 3)),
        ((9, 8, 2), -1, (9, 8), (False, 2)),
        ((3, 9, 8), 0, (9, 8), (False, 3)),
        ((9, 8), None, (9, 8), (False, 1)),
        ((5, 9, 8), None, (5, 9, 8), (False, 1)),
    ],
)
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_annotations_settle_the_axes(shape, axis, spatial, expected, method, rng):
    image = rng.integers(0, 255, shape).astype(np.uint8)
    item = Item("x", image, [np.ones(spatial, int)], axis)
    canvas = prepare_item(item).canvas
    assert (canvas.rgb, canvas.data.shape[-1]) == expected
    assert next(make_method(method)(item, [4])).shape == spatial


def test_bad_requests(data):
    with pytest.raises(ParameterError, match=r"one of snic.*'felzenszwalb'"):
        make_method("felzenszwalb")
    for name in (name for name in METHODS if name.startswith("sen")):
        with pytest.raises(ParameterError, match="needs a model"):
            measure(data, [name], [8])
    with pytest.raises(ParameterError, match="workers"):
        measure(data, ["snic"], [8], workers=0)
