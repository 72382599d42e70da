"""The commands by subprocess: results, exit codes, one line for every error."""

import json
import os
import re
import signal

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models import v05
from scipy import ndimage

from napari_sen import segment
from napari_sen.cli import main
from napari_sen.disk import make_folder
from napari_sen.errors import WorkError
from napari_sen.evaluation import plots
from napari_sen.io.read import read_image, to_array
from napari_sen.io.write import write_labels
from tests.systems import posix_only

COLOUR = ("--model", "none")


def error_of(done, code=2):
    """Return the one line of an error, after checking that it is one and no traceback."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("napari-sen: ")
    return lines[0]


def test_segment_gives_what_the_api_gives_in_every_format(shell):
    outputs = ["a.tif", "a.png", "a.npy", "a.zarr"]
    flags = [part for name in outputs for part in ("-o", name)]
    done = shell("segment", "in.png", *flags, "--overlay", "o.png", "--n-segments", 12, *COLOUR)
    assert done.returncode == 0, done.stderr
    expected = segment(to_array(shell.folder / "in.png"), 12, model=None)
    for name in ["a.tif", "a.png", "a.npy", "a.zarr/labels/superpixels"]:
        np.testing.assert_array_equal(to_array(shell.folder / name), expected)
    v05.Image.from_zarr(zarr.open_group(shell.folder / "a.zarr", mode="r"))
    overlay = iio.imread(shell.folder / "o.png")
    assert overlay.shape == (48, 64, 3)
    assert (overlay != iio.imread(shell.folder / "in.png")).any()
    assert shell.names() == {"in.png", "o.png", *outputs}
    assert "superpixels" in done.stdout


def test_json_is_one_object_and_alone_on_stdout(shell):
    done = shell("segment", "in.png", "-o", "a.tif", "--json", *COLOUR, "--n-segments", 20)
    about = json.loads(done.stdout)
    assert about["command"] == "segment"
    assert about["superpixels"] == 20
    assert about["outputs"] == ["a.tif"]
    assert about["device"]
    assert about["seconds"]["superpixels"] >= 0
    failed = shell("segment", "in.png", "-o", "a.tif", "--json", *COLOUR)
    assert json.loads(failed.stdout)["exit"] == failed.returncode == 2


def test_quiet_says_nothing(shell):
    done = shell("segment", "in.png", "-o", "a.tif", "--quiet", *COLOUR)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_embedding_without_pixels_that_have_no_value(shell, rng):
    image = rng.random((48, 64), np.float32)
    image[:, :10] = np.nan
    np.save(shell.folder / "in.npy", image)
    how = ("embed", "in.npy", "-o", "a.npy", "--model", "natural", "--spacing", 0.5)
    assert "NaN" in error_of(shell(*how))
    done = shell(*how, "--mask", "nan", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pixel_size"]["spacing"] == [0.5, 0.5]
    assert np.isfinite(np.load(shell.folder / "a.npy")).all()


def test_volume_with_spacing_from_the_file_and_mask(shell, rng):
    volume = rng.integers(0, 4000, (6, 20, 24), dtype=np.uint16)
    size = {f"PhysicalSize{axis}": value for axis, value in zip("ZYX", (2, 0.5, 0.5), strict=True)}
    tifffile.imwrite(shell.folder / "v.tif", volume, ome=True, metadata={"axes": "ZYX", **size})
    mask = np.zeros(volume.shape, np.uint8)
    mask[:, 5:15] = 255
    tifffile.imwrite(shell.folder / "m.tif", mask, metadata={"axes": "ZYX"})
    assert "slices" in error_of(shell("segment", "v.tif", "-o", "a.tif", *COLOUR))
    done = shell(
        "segment", "v.tif", "-o", "a.tif", "--slices", "volume", "--size", 4, "--mask", "m.tif",
        *COLOUR,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    labels = read_image(shell.folder / "a.tif")
    assert (labels.spacing, labels.axes) == ((2.0, 0.5, 0.5), "zyx")
    np.testing.assert_array_equal(labels.data > 0, mask > 0)


@pytest.mark.parametrize("more", [[], ["--tile", "32"]])
def test_the_pixel_size_is_said_with_where_it_is_from(shell, rng, more):
    """A stack without a z step keeps what it has: so many superpixels as slice by slice."""
    stack = rng.integers(0, 4000, (3, 40, 48), dtype=np.uint16)
    tifffile.imwrite(
        shell.folder / "v.tif", stack, imagej=True, resolution=(2, 2),
        metadata={"axes": "ZYX", "unit": "um"},
    )  # fmt: skip
    options = [
        "segment",
        "v.tif",
        "--slices",
        "each",
        "--size",
        4,
        "--method",
        "snic",
        *COLOUR,
        *more,
    ]
    done = shell(*options, "-o", "a.zarr", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["pixel_size"] == {
        "spacing": [0.5, 0.5], "unit": "micrometer", "source": "ImageJ's calibration",
    }  # fmt: skip
    one = segment(stack[0], size=4, spacing=(0.5, 0.5), model=None, method="snic")
    assert found["superpixels"] == 3 * one.max()
    done = shell(*options, "-o", "b.zarr")
    assert re.search(r"^pixel size +0.5 x 0.5 micrometer, from ImageJ's cal.*$", done.stdout, re.M)
    done = shell(*options, "-o", "c.zarr", "--spacing", 0.25)
    assert "0.25 x 0.25 micrometer, from spacing\n" in done.stdout
    done = shell("segment", "in.png", "-o", "d.tif", *COLOUR)
    assert re.search(r"^pixel size +not given$", done.stdout, re.M)


def test_no_data_and_nan_on_the_shell(shell, rng):
    image = rng.random((40, 48)).astype(np.float32)
    inside = np.arange(48) < 30
    for name, value, options in (
        ("n", np.nan, ["--mask", "nan"]), ("m", -9999, ["--nodata", "-9999"]),
    ):  # fmt: skip
        np.save(shell.folder / f"{name}.npy", np.where(inside, image, value).astype(np.float32))
        for tool in (["segment", "-o"], ["hierarchy", "--cut", "9"]):
            done = shell(
                tool[0], f"{name}.npy", *options, *COLOUR, *tool[1:], f"{tool[0]}{name}.npy"
            )
            assert done.returncode == 0, done.stderr
            labels = np.load(shell.folder / f"{tool[0]}{name}.npy")
            np.testing.assert_array_equal(labels > 0, np.broadcast_to(inside, labels.shape))


def test_channels_of_a_file_are_used(shell, rng):
    channels = rng.integers(0, 4000, (2, 20, 24), dtype=np.uint16)
    tifffile.imwrite(shell.folder / "c.tif", channels, metadata={"axes": "CYX"})
    done = shell("segment", "c.tif", "-o", "a.npy", "-o", "a.zarr", "--n-segments", 9, *COLOUR)
    assert done.returncode == 0, done.stderr
    expected = segment(channels, 9, model=None, channel_axis=0)
    np.testing.assert_array_equal(np.load(shell.folder / "a.npy"), expected)
    np.testing.assert_array_equal(to_array(shell.folder / "a.zarr"), channels)


def test_pseudo_labels_and_contours(shell):
    done = shell(
        "pseudo-labels", "in.png", "-o", "maps", "--spacings", 8, 12, "--compactnesses", 10
    )
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (shell.folder / "maps").iterdir()} == {
        "in_s8_c10.tif", "in_s12_c10.tif",
    }  # fmt: skip
    done = shell(
        "contours", "in.png", "-o", "c.tif", "--picture", "c.png", "--largest", 60, "--n-sizes", 3,
        *COLOUR,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    edges = to_array(shell.folder / "c.tif")
    assert edges.dtype == np.float32
    assert 0 < edges.max() <= 1
    assert iio.imread(shell.folder / "c.png").shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required"),
        (("segment", "in.png"), "--output"),
        (("segment", "in.png", "-o", "a.tif", "-o", "a.tif"), "twice"),
        (("segment", "in.png", "-o", "a.tif", "--over"), "unrecognized"),
        (("embed", "in.png", "-o", "a.png"), "has to end in"),
        (("embed", "in.png", "-o", "a.npy", "--model", "none"), "needs a model"),
        (("contours", "in.png", "-o", "a.tif", "--smallest", "9", "--largest", "3"), "exceed"),
        (("train", "no_folder", "-o", "m.safetensors"), "no file"),
        (("train", "in.png", "-o", "m.pt"), "has to end in"),
        (("train", "in.png", "-o", "m.safetensors", "--crop", "33"), "multiple of 32"),
        (("demo", "--sample", "tea"), "no sample image"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(shell, monkeypatch, capsys, arguments, message):
    # In this process: the same door, without two seconds of imports for each case.
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(shell.folder / "home"))
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    lines = [line for line in err.splitlines() if not line.startswith(("colour: ", "model: "))]
    assert len(lines) == 1, err
    assert lines[0].startswith("napari-sen: error: ")
    assert message in lines[0]
    assert shell.names() - {"home"} == {"in.png"}


def test_an_error_in_a_process_of_its_own(shell):
    assert "there is no file" in error_of(shell("segment", "no.png", "-o", "a.tif"))


def test_damaged_image_and_debug_traceback(shell):
    whole = (shell.folder / "in.png").read_bytes()
    (shell.folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert "cannot read cut.png" in error_of(shell("segment", "cut.png", "-o", "a.tif", *COLOUR))
    done = shell("segment", "cut.png", "-o", "a.tif", "--debug", *COLOUR)
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_an_output_is_replaced_only_when_asked(shell):
    (shell.folder / "a.tif").write_bytes(b"precious")
    assert "--overwrite" in error_of(shell("segment", "in.png", "-o", "a.tif", *COLOUR))
    assert (shell.folder / "a.tif").read_bytes() == b"precious"
    done = shell("segment", "in.png", "-o", "a.tif", "--overwrite", *COLOUR)
    assert done.returncode == 0, done.stderr
    assert to_array(shell.folder / "a.tif").shape == (48, 64)


def test_a_failure_while_writing_is_exit_1_and_leaves_nothing(shell):
    (shell.folder / "sitecustomize.py").write_text(
        "import os\n"
        "def full(*_):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "os.replace = full\n"
    )
    others = shell.environment.get("PYTHONPATH")
    shell.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(shell.folder), others]))
    done = shell("segment", "in.png", "-o", "a.tif", "-o", "a.zarr", *COLOUR)
    assert done.returncode == 1
    assert "No space left" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert shell.names() - {"__pycache__"} == {"in.png", "sitecustomize.py"}


def test_work_that_fails_on_legal_input_is_exit_1(shell, monkeypatch, capsys):
    def full(*_, **__):
        raise WorkError("the device has too little memory: use the CPU")

    monkeypatch.setattr("napari_sen.pipeline.growth.snic", full)
    monkeypatch.chdir(shell.folder)
    assert main(["segment", "in.png", "-o", "a.tif", "--model", "none", "--n-segments", "9"]) == 1
    assert capsys.readouterr().err.endswith(
        "failed: the device has too little memory: use the CPU\n"
    )


def train_arguments(*more):
    return (
        "train", "in.png", "small.png", "-o", "m.safetensors", "--batch", 1, "--crop", 32,
        "--network-base-width", 4, "--network-dim", 4, "--labels-spacings", 8,
        "--labels-compactnesses", 10, "--mean-shift-iterations", 1, "--every", 1, *more,
    )  # fmt: skip


@pytest.fixture
def training_shell(shell):
    iio.imwrite(shell.folder / "small.png", iio.imread(shell.folder / "in.png")[:40, :40])
    return shell


def test_train_writes_a_model_that_embeds_and_is_listed(training_shell):
    shell = training_shell
    done = shell(*train_arguments("--steps", 2, "--json", "--data-set", "squares=CC0"))
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert about["steps"] == 2
    assert np.isfinite(about["loss"])
    assert about["kappa"] > 1
    assert "step 2/2" in done.stderr
    done = shell("embed", "in.png", "-o", "e.npy", "--pca", "p.png", "--model", "m.safetensors")
    assert done.returncode == 0, done.stderr
    embedding = np.load(shell.folder / "e.npy")
    assert embedding.shape == (48, 64, 4)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=-1), 1, atol=1e-4)
    assert iio.imread(shell.folder / "p.png").shape == (48, 64, 3)
    models = shell.folder / "home" / "napari-sen" / "models"
    models.mkdir(parents=True)
    (shell.folder / "m.safetensors").rename(models / "mine.safetensors")
    (models / "broken.safetensors").write_bytes(b"x")
    listed = {m["name"]: m for m in json.loads(shell("models", "--json").stdout)["models"]}
    assert (listed["mine"]["planes"], listed["mine"]["dim"]) == (3, 4)
    assert listed["mine"]["data_sets"] == [{"name": "squares", "licence": "CC0"}]
    assert "problem" in listed["broken"]
    text = shell("models").stdout
    assert listed["mine"]["kind"] is None
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert lines["name"].split()[:6] == ["name", "kind", "planes", "dim", "size", "sha256"]
    size = f"{listed['mine']['bytes'] / 1e6:.1f}"
    short = listed["mine"]["sha256"][:12]
    assert lines["mine"].split()[2:] == ["own", "3", "4", size, "MB", short, "squares"]
    assert lines["microscopy"].split()[1] == listed["microscopy"]["kind"] == "microscopy"
    assert "cannot be used" in lines["broken"]
    done = shell("segment", "in.png", "-o", "a.tif", "--model", "mine", "--n-segments", 8)
    assert done.returncode == 0, done.stderr
    short = ("--steps", 1, "--batch", 1, "--crop", 32)
    done = shell("train", "in.png", "-o", "n.safetensors", "--start", "mine", *short)
    assert done.returncode == 0, done.stderr
    assert "name: squares, licence: CC0" in (shell.folder / "n.md").read_text()


def test_train_by_regions(training_shell):
    pytest.importorskip("matplotlib")  # draws the log
    shell = training_shell
    options = ("--recipe", "regions", "--regions-counts", 3, "--contrast-sampled", 50)
    drawn = ("--checkpoint", "state", "--plot", "curve.png")
    done = shell(*train_arguments("--steps", 2, "--json", *options, *drawn))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == ["m.safetensors", "curve.png"]
    assert iio.imread(shell.folder / "curve.png").ndim == 3
    assert np.isfinite(json.loads(done.stdout)["loss"])
    assert "found" in done.stderr
    assert "mean_shift_trained: False" in (shell.folder / "m.md").read_text()
    done = shell("embed", "in.png", "-o", "e.npy", "--model", "m.safetensors", "--clustered")
    assert done.returncode == 0, done.stderr
    refused = shell(*train_arguments("--plot", "curve.png"))
    assert refused.returncode == 2
    assert "give --checkpoint too" in refused.stderr


@posix_only
def test_interrupted_training_says_how_to_go_on_and_does(training_shell):
    shell = training_shell
    long = train_arguments("--steps", 1_000_000, "--checkpoint", "state")
    running = shell.start(*long)
    said = []
    for line in running.stderr:  # ends when the process does
        said.append(line)
        if line.startswith("step 2/"):
            running.send_signal(signal.SIGINT)
            break
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130, "".join(said) + err
    assert out == ""
    assert err.splitlines()[-1].startswith("napari-sen: interrupted: the state is kept in state")
    assert "--resume" in err
    assert "m.safetensors" not in shell.names()
    again = shell.start(*long, "--resume")
    first = next(line for line in again.stderr if line.startswith("step "))
    assert int(first.split("/")[0].split()[1]) > 2
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=120)
    assert again.returncode == 130


@posix_only
def test_interrupted_segment_leaves_nothing(shell, rng):
    np.save(shell.folder / "big.npy", rng.integers(0, 256, (2000, 2000), dtype=np.uint8))
    running = shell.start("segment", "big.npy", "-o", "a.tif", *COLOUR)
    for line in running.stderr:
        if line.startswith("colour: "):
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert shell.names() == {"in.png", "big.npy"}


def test_version_and_help(shell):
    assert shell("--version").stdout.startswith("napari-sen 0.")
    assert "superpixels" in shell("--help").stdout


def test_demo_writes_labels_overlay_and_embedding(training_shell):
    shell = training_shell
    # A model of this name among the user's own stands before the bundled one: seconds are saved.
    arguments = list(train_arguments("--steps", 1, "--name", "natural"))
    at = arguments.index("-o")
    made = shell(*arguments[:at], *arguments[at + 2 :])
    assert made.returncode == 0, made.stderr
    done = shell("demo", "-o", "demo", "--json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    folder = shell.folder / "demo"
    labels = to_array(folder / "coffee_superpixels.tif")
    assert labels.shape == (400, 600)
    assert about["superpixels"] == labels.max() == len(np.unique(labels)) > 100
    assert {"colour", "embedding", "superpixels", "writing"} <= set(about["seconds"])
    np.testing.assert_array_equal(
        to_array(folder / "coffee_superpixels.zarr" / "labels" / "superpixels"), labels
    )
    for name in ("coffee_overlay.png", "coffee_embedding.png"):
        assert iio.imread(folder / name).shape == (400, 600, 3)
    assert sorted(about["outputs"]) == sorted(f"demo/{path.name}" for path in folder.iterdir())
    assert "exists" in error_of(shell("demo", "-o", "demo"))


def test_in_tiles(shell):
    """Labels inside the image, an unfinished run refused and then gone on with."""
    image = np.random.default_rng(0).integers(0, 256, (100, 150), np.uint8)
    write_labels(shell.folder / "a.zarr", image, image=image)
    out = "a.zarr/labels/fine"
    options = ("segment", "a.zarr", "-o", out, "--size", 10, "--tile", 64, *COLOUR)
    done = shell(*options, "--json", "--scheduler", 1)
    assert done.returncode == 0, done.stderr
    labels = to_array(shell.folder / out)
    summary = json.loads(done.stdout)
    assert summary["superpixels"] == labels.max() == 150
    assert {"superpixels", "seams"} <= set(summary["seconds"])
    assert np.mean(labels == segment(image, size=10, model=None)) > 0.999
    again = shell(*options)
    assert again.returncode == 2
    assert "exists" in again.stderr
    assert shell(*options, "--resume").returncode == 0
    make_folder(shell.folder / "b.zarr.partial")
    options = ("segment", "a.zarr", "-o", "b.zarr", "--tile", 64, "--n-segments", 90, *COLOUR)
    refused = shell(*options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--resume" in refused.stderr
    assert shell(*options, "--resume").returncode == 0
    assert shell.names() == {"in.png", "a.zarr", "b.zarr"}


@pytest.fixture
def run(shell, monkeypatch, capsys):
    """Run in this process, which spares the imports; return the code and standard error."""
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(shell.folder / "home"))

    def call(*arguments):
        code = main([*map(str, arguments)])
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize("command", ["segment", "embed", "contours", "hierarchy"])
def test_the_kind_can_be_said(run, command):
    out = "a.npz" if command == "hierarchy" else "a.npy"
    for kind in ("natural", "microscopy"):
        code, err = run(command, "in.png", "-o", out, "--kind", kind, "--overwrite")
        assert code == 0, err
        assert f"model: {kind}" in err


def test_the_kind_is_that_of_the_api(shell, run):
    """Said, or told by the file: a pixel size of 1 um is one, too."""
    image = iio.imread(shell.folder / "in.png")
    code, err = run("segment", "in.png", "-o", "a.npy", "--kind", "microscopy", *COLOUR)
    assert code == 0, err
    expected = segment(image, model=None, kind="microscopy")
    np.testing.assert_array_equal(np.load(shell.folder / "a.npy"), expected)
    assert (segment(image, model=None) != expected).any()
    size = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0}
    tifffile.imwrite(
        shell.folder / "s.tif", image, ome=True, photometric="rgb", metadata={"axes": "YXS", **size}
    )
    code, err = run("segment", "s.tif", "-o", "s.npy", *COLOUR)
    assert code == 0, err
    np.testing.assert_array_equal(np.load(shell.folder / "s.npy"), expected)
    np.testing.assert_array_equal(segment(shell.folder / "s.tif", model=None), expected)


def test_one_pixel_size_for_all_axes_in_memory_and_in_tiles(shell, run):
    options = ("--spacing", 0.5, "--size", 4, *COLOUR)
    assert run("segment", "in.png", "-o", "a.npy", *options)[0] == 0
    assert run("segment", "in.png", "-o", "b.zarr", "--tile", 64, *options)[0] == 0
    whole = np.load(shell.folder / "a.npy")
    assert whole.max() == 48 * 64 / 8**2
    np.testing.assert_array_equal(to_array(shell.folder / "b.zarr"), whole)


def test_labels_inside_an_image_need_no_option(shell, run, rng):
    image = rng.integers(0, 256, (50, 60), np.uint8)
    write_labels(shell.folder / "a.zarr", image, image=image)
    code, err = run("segment", "a.zarr", "-o", "a.zarr/labels/fine", "--size", 10, *COLOUR)
    assert code == 0, err
    labels = to_array(shell.folder / "a.zarr/labels/fine")
    np.testing.assert_array_equal(labels, segment(image, size=10, model=None))
    np.testing.assert_array_equal(to_array(shell.folder / "a.zarr"), image)


@pytest.mark.parametrize("command", ["segment", "embed", "contours", "hierarchy"])
def test_an_image_larger_than_the_memory_is_told_of_tiles(shell, run, command):
    """It takes no space on the disk, for no chunk is written."""
    side = 1 << 25
    zarr.create_array(shell.folder / "huge.zarr", shape=(side, side), chunks=(512, 512), dtype="u1")
    out = "a.npz" if command == "hierarchy" else "a.npy"
    code, err = run(command, "huge.zarr", "-o", out, "--quiet")
    assert code == 2
    (line,) = err.splitlines()
    assert "-o NAME.zarr --tile 768" in line
    assert shell.names() - {"home"} == {"in.png", "huge.zarr"}


def test_embedding_in_tiles(shell):
    options = ("embed", "in.png", "-o", "e.zarr", "--model", "natural", "--tile", 32)
    done = shell(*options, "--pca", "p.zarr", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dimensions"] == 16
    assert to_array(shell.folder / "e.zarr").shape == (16, 48, 64)
    assert to_array(shell.folder / "p.zarr").shape == (48, 64, 3)
    assert "has to end in .zarr" in shell(*options, "--pca", "p.png", "--overwrite").stderr
    assert shell.names() == {"in.png", "e.zarr", "p.zarr"}


def test_contours_in_tiles(shell):
    options = ("contours", "in.png", "-o", "c.zarr", "--model", "none", "--tile", 32)
    done = shell(*options, "--json")
    assert done.returncode == 0, done.stderr
    assert {"superpixels", "graph", "merging", "contours"} <= set(
        json.loads(done.stdout)["seconds"]
    )
    edges = to_array(shell.folder / "c.zarr")
    assert (edges.shape, edges.dtype) == ((48, 64), np.float32)
    assert edges.any()
    assert "--picture" in shell(*options, "--overwrite", "--picture", "c.png").stderr
    assert "method='trees'" in shell(*options, "--overwrite", "--method", "sizes").stderr
    assert shell.names() == {"in.png", "c.zarr"}


def test_options_of_adaptive_superpixels_count_in_tiles(shell, rng):
    image = ndimage.gaussian_filter(rng.random((120, 120)), 2)
    image = (255 * image / image.max()).astype(np.uint8)
    np.save(shell.folder / "even.npy", image)
    options = ("--method", "tree", "--n-segments", 30, "--evenness", 1.5, "--smoothing", 2)
    shell("segment", "even.npy", "-o", "tiles.zarr", "--tile", 128, *options, *COLOUR)
    shell("segment", "even.npy", "-o", "whole.npy", *options, *COLOUR)
    whole = np.load(shell.folder / "whole.npy")
    tiles = zarr.open_group(shell.folder / "tiles.zarr", mode="r")["0"][...]
    np.testing.assert_array_equal(tiles, whole)
    other = segment(image, 30, method="tree", model=None)
    assert (other != whole).any()


@posix_only
def test_interrupted_tiles_are_kept(shell, rng):
    np.save(shell.folder / "big.npy", rng.integers(0, 256, (1200, 1200), dtype=np.uint8))
    options = ("segment", "big.npy", "-o", "a.zarr", "--size", 24, "--tile", 96)
    options += ("--method", "snic", *COLOUR)
    running = shell.start(*options)
    for line in running.stderr:
        if line.startswith("histograms: "):
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert shell.names() == {"in.png", "big.npy", "a.zarr.partial"}
    done = shell(*options, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["superpixels"] == 2500
    assert shell.names() == {"in.png", "big.npy", "a.zarr"}


def test_a_curve_without_matplotlib_says_how_to_do_without(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    monkeypatch.chdir(tmp_path)
    options = ["--name", "mine", "--checkpoint", "state", "--plot", "curve.png"]
    assert main(["train", "in.png", *options]) == 2
    assert "napari-sen[bench]" in (said := capsys.readouterr().err)
    assert said.rstrip().endswith("or leave out --plot")
