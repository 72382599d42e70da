"""Programs of others, called by a template of their command line."""

import sys
import time
from functools import partial

import imageio.v3 as imageio
import numpy as np
import pytest

import napari_sen
from napari_sen.core.metrics import count_components
from napari_sen.errors import DataError, ParameterError, WorkError
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.evaluation.evaluate import tune
from napari_sen.evaluation.external import ExternalSettings, external
from napari_sen.evaluation.methods import make_method
from tests.systems import linux_only

# A program as people have them: reads a picture, cuts it into blocks, writes their numbers.
BLOCKS = """
import sys, math, pathlib
import imageio.v3 as iio, numpy as np
image, wanted, goal = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
if pathlib.Path(image).is_dir():
    [image] = pathlib.Path(image).iterdir()
pixels = iio.imread(image)
height, width = pixels.shape[:2]
rows = max(round(math.sqrt(wanted)), 1)
down = np.arange(height) * rows // height
across = np.arange(width) * rows // width
labels = down[:, None] * rows + across
if goal.is_dir():
    (goal / "runtime.txt").write_text("0.1")
    goal = goal / "image.csv"
if goal.suffix == ".csv":
    goal.write_text("\\n".join(",".join(map(str, row)) + "," for row in labels))
elif goal.suffix == ".pgm":
    header = f"P5 {width} {height} 65535\\n".encode()
    goal.write_bytes(header + labels.astype(">u2").tobytes())
elif goal.suffix == ".npy":
    np.save(goal, labels)
else:
    iio.imwrite(goal, labels.astype(np.uint16))
pathlib.Path(sys.argv[0]).with_name("seen.npy").write_bytes(b"")
np.save(pathlib.Path(sys.argv[0]).with_name("seen.npy"), pixels)
"""

PYTHON = f'"{sys.executable}"'
WRITE = "import sys, numpy, imageio\nimageio.imwrite(sys.argv[3], numpy.zeros({}, numpy.uint8))"


@pytest.fixture
def program(tmp_path):
    """Return a command up to its arguments; the folder's name has a blank and a quotation mark."""
    folder = tmp_path / "John's programs; exit 1"
    folder.mkdir()
    (folder / "blocks.py").write_text(BLOCKS)
    quoted = str(folder / "blocks.py").replace("\\", "/")
    return f'blocks="{sys.executable}" "{quoted}"'


def script(tmp_path, text):
    """Return the command of a program that does something else."""
    (tmp_path / "odd.py").write_text(text)
    return f"odd={PYTHON} {tmp_path / 'odd.py'} {{image}} {{n_segments}} {{labels}}"


@pytest.fixture
def item(rng):
    image = rng.integers(0, 255, (40, 60, 3)).astype(np.uint8)
    return Item("one", image, [np.ones((40, 60), int)], -1)


@pytest.mark.parametrize(
    "places",
    ["{image} {n_segments} {labels}", "{image.ppm} {n_segments} {labels.pgm}",
     "{image.bmp} {n_segments} {labels.npy}", "{image.tif} {n_segments} {labels.tif}",
     "{images} {n_segments} {output}", "{image} {n_segments} {labels.csv}"],
)  # fmt: skip
def test_a_program_sees_the_image_and_its_labels_are_read(program, item, tmp_path, places):
    labels = make_method(external(f"{program} {places}"))(item)(16)
    assert labels.shape == (40, 60)
    assert count_components(labels) == len(np.unique(labels)) == 16
    assert (labels[:10, :15] == labels[0, 0]).all()
    assert labels[0, 15] != labels[0, 14]
    seen = np.load(tmp_path / "John's programs; exit 1" / "seen.npy")
    np.testing.assert_array_equal(seen, item.image)


def test_grey_is_stretched_to_8_bits(program, rng, tmp_path):
    image = (rng.random((40, 60)) * 4000).astype(np.uint16)
    one = Item("grey", image, [np.ones((40, 60), int)], None)
    make_method(external(f"{program} {{image}} {{n_segments}} {{labels}}"))(one)(9)
    seen = np.load(tmp_path / "John's programs; exit 1" / "seen.npy")
    assert (seen.shape, seen.dtype) == ((40, 60), np.uint8)
    assert np.corrcoef(seen.ravel(), image.ravel())[0, 1] > 0.999
    assert seen.min() == 0
    assert seen.max() == 255


def test_programs_stand_beside_methods(folder, program, tmp_path):
    methods = ["snic", external(f"{program} {{image}} {{n_segments}} {{labels}}")]
    run = partial(
        napari_sen.evaluate, folder, n_segments=[4, 16], baseline="blocks", plots=False,
        out=tmp_path / "out",
    )  # fmt: skip
    found = run(methods=methods)
    assert {row.method for row in found.rows} == {"snic", "blocks"}
    made = {row.wanted: row.scores.n_segments for row in found.rows if row.method == "blocks"}
    assert made == {4: 4, 16: 16}
    # The quadrants of the annotations are these blocks.
    perfect = [row for row in found.rows if row.method == "blocks" and row.wanted == 4]
    assert all(row.scores.f1 == row.scores.asa == 1 for row in perfect)
    assert "| blocks |" in found.to_markdown()

    journal = tmp_path / "out" / "journal.jsonl"
    lines = len(journal.read_text().splitlines())
    run(methods=methods)
    assert len(journal.read_text().splitlines()) == lines  # nothing is done again
    source = tmp_path / "John's programs; exit 1" / "blocks.py"
    source.write_text(source.read_text() + "# changed\n")
    run(methods=methods)
    assert len(journal.read_text().splitlines()) == lines + 6  # the program is another one


def test_nothing_is_left_on_the_disk(program, item, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    cut = make_method(external(f"{program} {{image}} {{n_segments}} {{labels}}"))(item)
    cut(4)
    assert any((tmp_path / "temporary").iterdir())
    del cut
    assert not any((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("true {image} {labels}", "must hold"),
        ("true {n_segments} {labels}", "must hold"),
        ("true {image} {n_segments}", "must hold"),
        ("true {image} {n_segments} {labels} {speed}", r"\{speed\} means nothing"),
        ("true {image.jpg} {n_segments} {labels}", r"use \{image.png\}"),
        ("true {image} {n_segments.png} {labels}", r"use \{n_segments\}"),
        ("no-such-program {image} {n_segments} {labels}", "no program 'no-such-program'"),
        ("'true {image} {n_segments} {labels}", "has no end"),
        (f"snic={PYTHON} {{image}} {{n_segments}} {{labels}}", "is a method already"),
        ("", "must hold"),
    ],
)
def test_what_is_wrong_in_a_command_is_told_before_the_work(command, said):
    with pytest.raises(ParameterError, match=said) as refusal:
        external(command)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("escape", "words"),
    [("", [r"C:\tools\x.exe", r"C:\two words\a", "b c", "#"]),
     ("\\", ["C:toolsx.exe", r"C:\two words\a", "b c", "#"])],
)  # fmt: skip
def test_a_backslash_stands_between_folders_on_windows(monkeypatch, escape, words):
    monkeypatch.setattr("napari_sen.evaluation.external.ESCAPE", escape)
    monkeypatch.setattr("shutil.which", lambda name: name)
    places = "{image} {n_segments} {labels}"
    settings = ExternalSettings(rf"""C:\tools\x.exe "C:\two words\a" 'b c' # {places}""")
    assert settings.words == [*words, *places.split()]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "long"])
def test_a_timeout_is_a_time(timeout):
    with pytest.raises(ParameterError, match="timeout"):
        external("true {image} {n_segments} {labels}", timeout=timeout)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; print('reading'); sys.exit('no licence found')",
         "odd on image 'one' with 4 superpixels failed .exit code 1.: no licence found"),
        ("raise SystemExit(3)", "exit code 3.: it said nothing"),
        ("pass", "left 0 label files"),
        ("import sys; open(sys.argv[3], 'w').write('not a picture')", "cannot be read"),
        (WRITE.format((40, 60, 3)), "no label map"),
        (WRITE.format((60, 40)), r"of shape \(60, 40\)"),
    ],
)  # fmt: skip
def test_what_a_program_does_wrong_is_told_in_one_sentence(tmp_path, item, text, said):
    cut = make_method(external(script(tmp_path, text)))(item)
    with pytest.raises(WorkError, match=said) as failure:
        cut(4)
    assert "\n" not in str(failure.value)


@linux_only
def test_a_program_that_hangs_is_ended_with_its_children(tmp_path, item):
    text = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    # Long enough for it to start the child even where the machine is busy.
    cut = make_method(external(script(tmp_path, text), timeout=8))(item)
    with pytest.raises(WorkError, match="took more than 8 s and was ended"):
        cut(4)
    child = int((tmp_path / "child").read_text())
    while _runs(child):
        time.sleep(0.01)


def _runs(pid):
    """Return whether a process is there and no zombie that nobody has asked for yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_images_that_no_program_takes_are_told(rng, program):
    stack = Item("stack", rng.random((5, 8, 9)), [np.ones((5, 8, 9), int)], None)
    five = Item("five", rng.random((8, 9, 5)), [np.ones((8, 9), int)], -1)
    method = make_method(external(f"{program} {{image}} {{n_segments}} {{labels}}"))
    for one in (stack, five):
        with pytest.raises(DataError, match=f"'{one.name}' is neither RGB nor grey"):
            method(one)


def test_broken_superpixels_are_mended(tmp_path, item):
    text = (
        "import sys, numpy as np, imageio.v3 as iio\n"
        "labels = np.kron([[1, 2], [2, 1]], np.ones((20, 30))).astype(np.uint8)\n"
        "labels[5, 5] = 2\n"
        "iio.imwrite(sys.argv[3], labels)"
    )
    labels = make_method(external(script(tmp_path, text)))(item)(4)
    assert count_components(labels) == len(np.unique(labels)) == 4


def test_the_shell_takes_a_program(folder, program, tmp_path):
    from napari_sen.cli import main

    command = f"{program} {{image}} {{n_segments}} {{labels}}"
    arguments = ["evaluate", str(folder), "-o", str(tmp_path / "out"), "--methods", "snic"]
    quick = ["--n-segments", "4", "--no-plots", "--external", command]
    assert main([*arguments, *quick]) == 0
    assert "blocks" in (tmp_path / "out" / "table.md").read_text()
    for other in ("--tune", "--contours"):
        assert main([*arguments, *quick, other]) == 2
    assert main([*arguments, "--external", "no-such-thing {image}"]) == 2


def test_a_picture_of_the_data_set_is_not_touched(folder, program):
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    data = open_folder(folder)
    make_method(external(f"{program} {{images}} {{n_segments}} {{output}}"))(data[0])(4)
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before
    assert imageio.imread(folder / "images" / "a.png").shape == (32, 40, 3)


def test_tuning_is_for_methods_with_a_grid(folder):
    with pytest.raises(ParameterError, match="method must be one of"):
        tune(folder, methods=["blocks"])
