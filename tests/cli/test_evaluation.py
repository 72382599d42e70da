"""napari-sen evaluate: what it writes, and that Ctrl-C keeps what was done."""

import csv
import json
import signal
import subprocess

import imageio.v3 as iio
import numpy as np
import pytest

from tests.cli.test_commands import error_of
from tests.systems import posix_only

QUICK = ("--n-segments", "8,20", "--no-plots")


@pytest.fixture
def data(shell):
    for name in ("images", "labels"):
        (shell.folder / "data" / name).mkdir(parents=True)
    picture = iio.imread(shell.folder / "in.png")
    rng = np.random.default_rng(0)
    for name in "abcd":
        noisy = np.clip(picture + rng.integers(0, 40, picture.shape), 0, 255).astype(np.uint8)
        iio.imwrite(shell.folder / "data" / "images" / f"{name}.png", noisy)
        labels = (picture.argmax(axis=-1) + 1).astype(np.uint8)
        iio.imwrite(shell.folder / "data" / "labels" / f"{name}.png", labels)
    return "data"


def test_evaluate_writes_tables_and_says_what_it_did(shell, data):
    arguments = ("evaluate", data, "--methods", "snic,snic-smooth", "--half", "report", *QUICK)
    done = shell(*arguments, "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert (about["dataset"], about["images"]) == ("data report", 2)
    assert set(about["scores"]) == {"snic", "snic-smooth"}
    assert about["scores"]["snic"]["K = 20"]["made"] == 20
    for name in about["outputs"]:
        assert (shell.folder / name).stat().st_size > 0
    with (shell.folder / "out" / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    assert float(table[1]["f1"]) == pytest.approx(about["scores"]["snic"]["K = 20"]["f1"], abs=1e-4)
    again = shell(*arguments, "-o", "out")
    assert again.returncode == 0, again.stderr
    assert "snic (F1, ASA)" in again.stdout


@posix_only
def test_interrupted_runs_go_on(shell, data):
    arguments = ("evaluate", data, "--methods", "snic,slic,tree", *QUICK, "-o", "out")
    journal = shell.folder / "out" / "journal.jsonl"
    process = shell.start(*arguments, "--workers", "2")
    while not (journal.exists() and journal.stat().st_size):  # until it has begun
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert out == ""
    assert "go on with the same command" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert not (shell.folder / "out" / "table.md").exists()
    done = shell(*arguments)
    assert done.returncode == 0, done.stderr
    fresh = shell(*arguments[:-1], "fresh")
    assert fresh.returncode == 0, fresh.stderr

    def scores(name):
        with (shell.folder / name / "images.csv").open() as file:
            return [
                {key: value for key, value in row.items() if "seconds" not in key}
                for row in csv.DictReader(file)
            ]

    assert scores("out") == scores("fresh")


def test_tuning_writes_its_table(shell, data):
    done = shell(
        "evaluate", data, "--tune", "--methods", "snic", "--n-segments", "8", "--images", "1",
        "-o", "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "out" / "tune.md").read_text().count("compactness=5") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "snicc"), "'snicc'"),
        (("--n-segments", "a"), "whole numbers with commas"),
        (("--n-segments", "0"), "n_segments must be"),
        (("--split", "test"), "choose a half"),
        (("--methods", "sen", "--model", "nowhere"), "nowhere"),
        (("--baseline", "slic"), "baseline must be one of"),
        (("--workers", "0"), "workers must be"),
    ],
)
def test_bad_requests_are_one_line(shell, data, arguments, message):
    start = ("evaluate", data, "-o", "out", "--no-plots")
    assert message in error_of(shell(*start, "--methods", "snic", *arguments))


def test_the_output_must_be_a_folder(shell, data):
    assert "a file of this name exists" in error_of(shell("evaluate", data, "-o", "in.png"))


def test_contours_are_compared_too(shell, data):
    arguments = ("evaluate", data, "--contours", "--methods", "canny,trees", "--no-plots")
    done = shell(*arguments, "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert set(about["scores"]) == {"canny", "trees"}
    assert 0 < about["scores"]["trees"]["ods"] <= 1
    for name in about["outputs"]:
        assert (shell.folder / name).stat().st_size > 0
    done = shell(*arguments, "-o", "out", "--tune")
    assert error_of(done).startswith("napari-sen: error: --contours takes no --tune")
