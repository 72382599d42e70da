import json

import numpy as np
import pytest

from napari_sen.core.metrics import score
from napari_sen.errors import Cancelled, DataError, OutputError, ParameterError
from napari_sen.evaluation.compare import measure
from napari_sen.evaluation.datasets import open_folder
from napari_sen.evaluation.methods import make_method
from napari_sen.evaluation.settings import Contender, SlicSettings
from napari_sen.evaluation.summary import compare_at, curves
from tests.evaluation.conftest import save_model

METHOD_NAMES = ["snic", "snic-smooth", "slic", "tree"]


@pytest.fixture
def data(folder):
    return open_folder(folder)


def test_a_journal_knows_its_model(data, tmp_path):
    path, journal = tmp_path / "small.safetensors", tmp_path / "journal.jsonl"
    measure(data[:1], ["sen"], [8], model=save_model(path, 0), journal=journal)
    calls = []
    options = {"journal": journal, "progress": lambda *call: calls.append(call)}
    first = measure(data[:1], ["sen"], [8], model=str(path), **options)
    assert calls == [(0, 0, "measuring")]
    second = measure(data[:1], ["sen"], [8], model=save_model(path, 1), **options)
    assert calls[1:] == [(0, 1, "measuring"), (1, 1, "measuring")]
    assert first != second
    assert measure(data[:1], ["sen"], [8], model=str(path), **options) == second


def test_a_model_that_was_replaced_is_loaded_again(data, tmp_path):
    path, item = tmp_path / "small.safetensors", data[0]
    for seed in (0, 1):
        model = save_model(path, seed)
        (row,) = measure(data[:1], ["sen-paper-raw"], [8], model=model)
        expected = make_method("sen-paper-raw", model)(item)(8)
        assert row.scores == score(expected, item.ground_truths)


def test_a_journal_knows_its_settings(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    rows = [
        measure(data[:1], [Contender("x", "slic", SlicSettings(compactness=m))], [8],
                journal=journal)[0].scores
        for m in (1.0, 100.0)
    ]  # fmt: skip
    assert rows[0] != rows[1]


def test_rows_are_the_scores_of_the_methods(data):
    rows = measure(data, METHOD_NAMES, [20, 8])
    wanted = [(m, k, n) for m in METHOD_NAMES for k in (8, 20) for n in "abc"]
    assert [(row.method, row.wanted, row.image) for row in rows] == wanted
    item = data[1]
    cut = make_method("snic-smooth")(item)
    expected = [score(cut(k), item.ground_truths) for k in (8, 20)]
    assert [
        row.scores for row in rows if (row.method, row.image) == ("snic-smooth", "b")
    ] == expected
    ours = [row for row in rows if row.method != "slic"]
    assert all(row.scores.n_segments == row.wanted == row.request for row in ours)
    assert {row.tries for row in ours} == {1}
    assert all(row.seconds > row.prepare_seconds > 0 for row in rows)


def test_processes_change_nothing(data):
    one = measure(data, ["snic"], [8])
    two = measure(data, ["snic"], [8], workers=2)
    assert [row.scores for row in one] == [row.scores for row in two]


def test_a_stopped_run_goes_on(data, tmp_path):
    journal = tmp_path / "runs" / "journal.jsonl"

    def stop(done, total, stage):
        if done == 2:
            raise Cancelled(stage)

    with pytest.raises(Cancelled):
        measure(data, ["snic"], [8, 20], journal=journal, progress=stop)
    kept = journal.read_text()
    assert len(kept.splitlines()) == 1 + 2 * 2
    journal.write_text(kept + '{"method": "snic", "ima')  # as a crash leaves it
    calls = []
    rows = measure(
        data, ["snic"], [8, 20], journal=journal, progress=lambda *call: calls.append(call)
    )
    assert calls == [(0, 1, "measuring"), (1, 1, "measuring")]
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
    with pytest.raises(DataError, match="not a journal"):
        measure(data, ["snic"], [8], journal=journal)


def test_a_journal_that_cannot_be_written(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another place"):
        measure(data, ["snic"], [8], journal=tmp_path / "file" / "journal.jsonl")


def test_differences_are_paired_and_at_equal_k(data):
    rows = measure(data, ["snic", "snic-smooth"], [8, 20])
    snic, smooth = curves(rows)
    assert compare_at(snic, snic, 12, "asa") == (0, 0, 0)
    there = compare_at(smooth, snic, 20, "f1")
    assert there.mean == pytest.approx(-compare_at(snic, smooth, 20, "f1").mean)
    sums = [
        np.mean([row.scores.f1 for row in rows if (row.method, row.wanted) == (name, 20)])
        for name in ("snic-smooth", "snic")
    ]
    assert there.mean == pytest.approx(sums[0] - sums[1])
    with pytest.raises(ParameterError, match="off a curve"):
        compare_at(smooth, snic, 50, "f1")
    with pytest.raises(DataError, match="not measured on every image"):
        curves(rows[1:])


def test_bad_requests(data):
    with pytest.raises(ParameterError, match="needs a model"):
        measure(data, ["sen-tree"], [8])
    with pytest.raises(ParameterError, match="workers"):
        measure(data, ["snic"], [8], workers=0)
    for sizes in ([], [0], [8, 8], [8.5]):
        with pytest.raises(ParameterError, match="n_segments must be whole numbers"):
            measure(data, ["snic"], sizes)
    for methods in ([], ["snic", "snic"]):
        with pytest.raises(ParameterError, match="methods must be"):
            measure(data, methods, [8])
