"""The command ``hierarchy``: the tree, its cuts, the map; what is refused before the work."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

import napari_sen
from napari_sen.cli import main
from napari_sen.io.read import read_image, to_array
from napari_sen.pipeline.stored import open_tree

COLOUR = ("--model", "none")


def test_it_writes_what_the_api_gives(shell):
    done = shell(
        "hierarchy", "in.png", "-o", "tree.npz", "--cut", 20, "fine.tif", "--cut", 4, "coarse.png",
        "--ultrametric", "map.tif", "--fine-size", 6, "--evenness", 0.25, "--json", *COLOUR,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    image = iio.imread(shell.folder / "in.png")
    tree = napari_sen.hierarchy(image, model=None, fine_size=6, evenness=0.25)
    saved = napari_sen.Hierarchy.load(shell.folder / "tree.npz")
    np.testing.assert_array_equal(saved.labels, tree.labels)
    np.testing.assert_array_equal(saved.linkage, tree.linkage)
    np.testing.assert_array_equal(to_array(shell.folder / "fine.tif"), tree.cut(20))
    np.testing.assert_array_equal(to_array(shell.folder / "coarse.png"), tree.cut(4))
    np.testing.assert_array_equal(to_array(shell.folder / "map.tif"), tree.ultrametric())
    about = json.loads(done.stdout)
    assert about["command"] == "hierarchy"
    assert (about["finest"], about["coarsest"]) == (tree.n_leaves, 1)
    assert about["cuts"] == {"fine.tif": 20, "coarse.png": 4}
    assert about["outputs"] == ["tree.npz", "fine.tif", "coarse.png", "map.tif"]
    assert about["seconds"]["merging"] >= 0
    assert shell.names() == {"in.png", *about["outputs"]}


def test_in_tiles_the_tree_lies_beside_its_leaves(shell, run):
    options = ("in.png", "-o", "t.zarr", "--tile", 32, "--fine-size", 6, *COLOUR)
    code, out, err = run(*options, "--json")
    assert code == 0, err
    tree = open_tree(shell.folder / "t.zarr")
    image = iio.imread(shell.folder / "in.png")
    expected = napari_sen.hierarchy(image, model=None, fine_size=6, tile=32)
    np.testing.assert_array_equal(tree.linkage, expected.linkage)
    np.testing.assert_array_equal(np.asarray(tree.labels), np.asarray(expected.labels))
    assert len(np.unique(np.asarray(tree.cut(4)))) == 4
    about = json.loads(out)
    assert (about["finest"], about["coarsest"]) == (tree.n_leaves, 1)
    assert about["outputs"] == ["t.zarr"]
    assert "exists" in run(*options)[2]
    assert run(*options, "--resume")[0] == 0
    for more in (("--cut", 4, "c.tif"), ("--ultrametric", "u.tif")):
        code, _, err = run(*options, "--overwrite", *more)
        assert code == 2
        assert f"{more[0]} is not made in tiles" in err
    code, _, err = run("in.png", "--cut", 4, "c.tif", "--tile", 32)
    assert code == 2
    assert "give -o once" in err
    assert shell.names() - {"home"} == {"in.png", "t.zarr"}


@pytest.fixture
def run(shell, monkeypatch, capsys):
    """Run in this process, which spares the imports; return the code and both outputs."""
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(shell.folder / "home"))

    def call(*arguments):
        try:
            code = main(["hierarchy", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return call


def test_a_volume_with_spacing_and_a_mask_in_two_parts(shell, run, rng):
    volume = rng.integers(0, 4000, (6, 20, 24), dtype=np.uint16)
    size = {f"PhysicalSize{axis}": value for axis, value in zip("ZYX", (2, 0.5, 0.5), strict=True)}
    tifffile.imwrite(shell.folder / "v.tif", volume, ome=True, metadata={"axes": "ZYX", **size})
    mask = np.zeros(volume.shape, np.uint8)
    mask[:, :8] = mask[:, 12:] = 255
    tifffile.imwrite(shell.folder / "m.tif", mask, metadata={"axes": "ZYX"})
    options = ("v.tif", "--slices", "volume", "--mask", "m.tif", "--n-fine", 50, *COLOUR)
    code, out, err = run(*options, "--cut", 2, "two.tif")
    assert code == 0, err
    assert "finest" in out
    labels = read_image(shell.folder / "two.tif")
    assert (labels.spacing, labels.axes) == ((2.0, 0.5, 0.5), "zyx")
    np.testing.assert_array_equal(labels.data > 0, mask > 0)
    assert (labels.data[:, :8] == 1).all()
    assert (labels.data[:, 12:] == 2).all()
    code, _, err = run(*options, "--cut", 1, "one.tif", "-o", "tree.npz")
    assert code == 2
    assert "2 parts of the mask do not touch" in err
    assert not (shell.folder / "tree.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in.png",), "there is nothing to write"),
        (("in.png", "-o", "tree.tif"), "has to end in .npz"),
        (("in.png", "--cut", "9", "a.npz"), "has to end in .tif"),
        (("in.png", "--cut", "many", "a.tif"), "expected a whole number and a file, got 'many'"),
        (("in.png", "--cut", "9"), "--cut"),
        (("in.png", "--cut", "0", "a.tif"), "--cut must be at least 1"),
        (("in.png", "--cut", "9", "a.tif", "--cut", "5", "a.tif"), "twice"),
        (("in.png", "--ultrametric", "a.png"), "has to end in .tif"),
        (("in.png", "--cut", "30", "a.tif", "--n-fine", "20"), "more than the 20 of --n-fine"),
        (("in.png", "--cut", "9", "a.tif", "--n-fine", "0"), "n_fine must be at least 1"),
        (("in.png", "--cut", "3", "a.tif", "--n-fine", "9", "--fine-size", "9"), "not both"),
        (("in.png", "--cut", "999", "a.tif", "-o", "t.npz", *COLOUR), "with --n-fine"),
        (("in.png", "--cut", "9", "a.tif", "--evenness", "3"), "at most 2"),
        (("no.png", "-o", "t.npz"), "there is no file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(shell, run, arguments, message):
    code, out, err = run("--quiet", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("napari-sen: error: ")
    assert message in line
    assert shell.names() - {"home"} == {"in.png"}


def test_a_stack_has_to_be_a_volume(shell, run, rng):
    stack = rng.integers(0, 4000, (3, 20, 24), dtype=np.uint16)
    tifffile.imwrite(
        shell.folder / "s.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    code, _, err = run("s.tif", "-o", "t.npz", "--quiet", *COLOUR)
    assert code == 2
    assert "slices='volume'" in err
    assert "slices='each'" not in err
