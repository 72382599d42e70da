"""evaluate() and tune(): choices, files, tables that parse, plots."""

import csv
import io

import imageio.v3 as imageio
import numpy as np
import pytest

import napari_sen
from napari_sen.core.metrics import ImageScores
from napari_sen.errors import Cancelled, DataError, OutputError, ParameterError, SenError
from napari_sen.evaluation import plots
from napari_sen.evaluation.compare import PROTOCOL
from napari_sen.evaluation.datasets import open_dataset, open_folder
from napari_sen.evaluation.evaluate import tune
from napari_sen.evaluation.journal import Row
from napari_sen.evaluation.settings import grid
from napari_sen.evaluation.summary import SCORES, curves
from napari_sen.evaluation.tables import differences_markdown, scores_markdown, time_markdown

METHODS = ["snic", "snic-smooth", "slic"]


def made_up(method, values, images="ab"):
    """Return rows with a given (K wanted, K made, F1) for every image."""
    return [
        Row(method, image, wanted, wanted, 1, 0.25, 0.25, ImageScores(
            *[f1] * 7, n_segments=made, asa=f1, asa_best=f1, undersegmentation=0, size_variation=0,
        ))
        for wanted, made, f1 in values
        for image in images
    ]  # fmt: skip


def cells(markdown):
    """Return the rows of a Markdown table below its head, as lists."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_files_say_what_was_measured(bsds, tmp_path):
    out = tmp_path / "out"
    found = napari_sen.evaluate(bsds, methods=METHODS, n_segments=[8, 20], out=out, plots=False)
    names = {path.name for path in out.iterdir()}
    assert names == {"journal.jsonl", "table.md", "scores.csv", "images.csv"}
    assert (found.dataset, found.n_images, found.baseline) == ("bsds test", 2, "snic-smooth")
    text = (out / "table.md").read_text()
    assert text == found.to_markdown()
    assert PROTOCOL in text
    assert text.startswith("# bsds test, 2 images\n")

    table = list(csv.DictReader(io.StringIO((out / "scores.csv").read_text())))
    assert [(line["method"], int(line["k"])) for line in table] == [
        (method, k) for method in METHODS for k in (8, 20)
    ]
    rows = list(csv.DictReader(io.StringIO((out / "images.csv").read_text())))
    assert len(rows) == len(found.rows) == 12
    own = [row for row in rows if (row["method"], row["wanted"]) == ("snic", "20")]
    for name in SCORES:
        mean = np.mean([float(row[name]) for row in own])
        assert float(table[1][name]) == pytest.approx(mean)
        assert float(table[1][f"{name}_low"]) <= mean <= float(table[1][f"{name}_high"])
    assert float(table[1]["k_made"]) == 20
    (line,) = [line for line in cells(text) if line[:2] == ["20", "snic"] and len(line) > 6]
    assert line[2:6] == ["20.0", "100%", "made", f"{float(table[1]['f1']):.4f}"]
    assert float(line[-2]) == pytest.approx(1 - float(table[1]["asa"]), abs=1e-4)


def test_a_stopped_evaluation_goes_on_and_grows(folder, tmp_path):
    out = tmp_path / "out"
    options = {"n_segments": [8], "out": out, "plots": False}

    def stop(done, total, stage):
        if done == 2:
            raise Cancelled(stage)

    with pytest.raises(Cancelled):
        napari_sen.evaluate(folder, methods=["snic"], progress=stop, **options)
    assert {path.name for path in out.iterdir()} == {"journal.jsonl"}
    totals = []
    resumed = napari_sen.evaluate(
        folder,
        methods=["snic"],
        progress=lambda done, total, stage: totals.append(total),
        **options,
    )
    assert set(totals) == {1}
    whole = napari_sen.evaluate(folder, methods=["snic"], n_segments=[8])
    assert [row.scores for row in resumed.rows] == [row.scores for row in whole.rows]
    more = napari_sen.evaluate(folder, methods=["slic", "snic"], **options)
    assert more.rows[3:] == resumed.rows
    assert "| 8 | slic |" in (out / "table.md").read_text()


def test_choices_of_images(folder, bsds):
    assert open_dataset(folder, half="tune")[0].names == ["a", "c"]
    assert open_dataset(folder, images=2)[0].names == ["a", "c"]
    assert open_dataset(folder, images=9)[0].names == ["a", "b", "c"]
    assert open_dataset(bsds, split="test")[0].names == ["1", "2"]
    (folder / "labels").rename(folder / "labels_expert")
    data, _ = open_dataset(folder, labels=["labels_expert"])
    assert data.name == f"{folder.name} (labels_expert)"
    wrong = [
        ({"dataset": folder, "split": "test", "labels": ["labels_expert"]}, "choose a half"),
        ({"dataset": bsds, "half": "tune"}, "choose a split"),
        ({"dataset": data, "half": "tune"}, "an open data set"),
        ({"dataset": folder / "nowhere"}, "does not exist"),
        ({"dataset": bsds, "images": 0}, "images must be"),
        ({"dataset": bsds, "split": "val"}, "does not exist"),
        ({"dataset": bsds, "baseline": "slic"}, "baseline must be one of the methods snic"),
        ({"dataset": bsds, "methods": ["snicc"]}, "method must be one of"),
        ({"dataset": bsds, "out": bsds / "images/test/1.png", "plots": False}, "cannot make"),
    ]
    for arguments, message in wrong:
        with pytest.raises(SenError, match=message):
            napari_sen.evaluate(**{"methods": ["snic"], "n_segments": [8]} | arguments)


def test_volumes_are_refused_by_name_where_they_do_not_fit(tmp_path, rng):
    for name, dtype in (("images", np.uint8), ("labels", np.uint16)):
        (tmp_path / name).mkdir()
        stack = rng.integers(1, 9, (5, 12, 12)).astype(dtype)
        imageio.imwrite(tmp_path / name / "stack.tif", stack)
    found = napari_sen.evaluate(tmp_path, methods=["snic", "watershed"], n_segments=[8])
    assert found.n_images == 1
    with pytest.raises(DataError, match="'stack' is a volume"):
        napari_sen.evaluate(tmp_path, methods=["felzenszwalb"], n_segments=[8])


def test_values_are_read_at_equal_numbers():
    exact = made_up("exact", [(50, 50, 0.5), (200, 200, 0.4)])
    coarse = made_up("coarse", [(50, 50, 0.6), (100, 141, 0.5), (200, 300, 0.4)])
    short = made_up("short", [(50, 50, 0.3), (200, 100, 0.2)])
    first, second, third = curves(exact + coarse + short)
    assert [point.read for point in first.points()] == ["made", "made"]
    assert [point.read for point in second.points()] == ["made", "interpolated", "interpolated"]
    at_100 = 0.6 + (0.5 - 0.6) * np.log(100 / 50) / np.log(141 / 50)
    assert second.points()[1].scores["f1"].mean == pytest.approx(at_100)
    assert second.points()[1].near == 0
    assert [point.read for point in third.points()] == ["made", "off"]
    lines = cells(differences_markdown([first, second, third], first))
    assert lines[0][:3] == ["50", "coarse", "+0.1000"]
    assert lines[-1] == ["200", "short", "off", "", "off", ""]
    assert [line[1] for line in cells(scores_markdown([first, second, third]))[:3]] == [
        "exact", "coarse", "short",
    ]  # fmt: skip


def test_sizes_that_gave_the_same_number_are_one_point():
    (curve,) = curves(made_up("stuck", [(50, 40, 0.5), (60, 40, 0.5), (70, 80, 0.4)]))
    assert [point.read for point in curve.points()] == ["interpolated"] * 3


def test_the_papers_values_stand_apart():
    found = curves(made_up("snic", [(50, 50, 0.533)]) + made_up("slic", [(50, 50, 0.4)]))
    lines = cells(time_markdown(found, published=True))
    assert [line[0] for line in lines] == ["ERS *", "snic", "reSEEDS *", "slic"]
    assert lines[0][1:3] == ["0.534", "0.504"]
    assert "paper" in lines[0][3]
    assert lines[1][2] == "0.500"
    assert len(cells(time_markdown(found, published=False))) == 2
    other = curves(made_up("snic", [(100, 100, 0.5)]))
    assert len(cells(time_markdown(other, published=True))) == 1


def test_plots_are_written(folder, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    napari_sen.evaluate(folder, methods=METHODS, n_segments=[8, 20], out=out)
    pictures = {name: imageio.imread(out / f"{name}.png")[..., :3] for name in plots.FIGURES}
    for picture in pictures.values():
        assert picture.shape[0] > 300
        colours = np.unique(picture.reshape(-1, 3), axis=0)
        assert (np.ptp(colours.astype(int), axis=1) > 100).sum() >= len(METHODS)
    assert (pictures["asa"] != pictures["cuse"]).any()


def test_without_matplotlib_it_says_so_before_the_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match=r"pip install 'napari-sen\[bench\]'"):
        napari_sen.evaluate(folder, methods=["snic"], n_segments=[8], out=out)
    assert not out.exists()
    napari_sen.evaluate(folder, methods=["snic"], n_segments=[8], out=out, plots=False)
    assert (out / "table.md").exists()


def test_tuning_ranks_every_setting(folder, tmp_path):
    out = tmp_path / "out"
    found = tune(folder, methods=["watershed"], n_segments=[8], out=out)
    labels = [curve.method for curve in found.curves]
    assert sorted(labels) == sorted(which.label for which in grid("watershed"))
    merits = [
        np.mean([(row.scores.f1 + row.scores.asa) / 2 for row in curve.groups[0]])
        for curve in found.curves
        if curve.points()[0].read != "interpolated"
    ]
    assert len(merits) == len(labels)
    assert merits == sorted(merits, reverse=True)
    text = (out / "tune.md").read_text()
    assert text.index(labels[0]) < text.index(labels[1])
    lines = list(csv.DictReader(io.StringIO((out / "tune.csv").read_text())))
    assert {line["method"] for line in lines} == set(labels)
    with pytest.raises(ParameterError, match="method must be one of"):
        tune(folder, methods=["nothing"])


def test_results_cannot_be_written(folder):
    found = napari_sen.evaluate(open_folder(folder), methods=["snic"], n_segments=[8])
    with pytest.raises(OutputError, match="cannot write"):
        found.write(folder / "missing", plots=False)
