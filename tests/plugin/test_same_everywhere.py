"""The dock, Python and the shell give the same arrays, step by step.

Each step is compared with and without a mask where it takes one. Two things have no counterpart in
the shell: the embedding under a mask, and the table of superpixels. Classes are predicted in the
shell by what the dock has saved as a recipe.
"""

import csv

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels

import napari_sen
from napari_sen.cli import main
from napari_sen.core.regions import region_table
from napari_sen.params import (
    ContourParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    SegmentParams,
    TrainParams,
)
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.session import Session

MODEL = "natural"
NUMBER = 40

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Three:
    """One photograph, and a mask of it, for all three."""

    def __init__(self, photo, folder, masked):
        self.photo, self.folder = photo, folder
        self.inside = np.ones(photo.shape[:2], bool)
        if masked:
            self.inside[:30, :40] = False
        self.masked = masked
        iio.imwrite(folder / "in.png", photo)
        iio.imwrite(folder / "mask.png", self.inside.astype(np.uint8) * 255)
        session = self.session = Session()
        session.show_in([])
        session.choose(Image(photo, name="photo"))
        session.model = MODEL
        session.ask(NUMBER)
        if masked:
            session.mask = Labels(self.inside.astype(np.uint8))

    @property
    def arguments(self):
        """How Python is asked."""
        return {"model": MODEL, **({"mask": self.inside} if self.masked else {})}

    def shell(self, command, *arguments, out="out.tif", model=True):
        """Run a command; return the array that it has written."""
        path = self.folder / out
        options = ["--model", MODEL] if model else []
        if self.masked:
            options += ["--mask", self.folder / "mask.png"]
        given = [command, self.folder / "in.png", "--quiet", *options, *arguments]
        if command != "hierarchy":
            given += ["-o", path]
        assert main([str(each) for each in given]) == 0
        return path

    def dock(self, step):
        """Run a step; return the data of its first layer."""
        return self.session.run(step)[0].data


@pytest.fixture(params=[False, True], ids=["whole", "masked"])
def three(request, photo, tmp_path):
    return Three(photo, tmp_path, request.param)


@pytest.fixture
def whole(photo, tmp_path):
    return Three(photo, tmp_path, False)


def test_superpixels_of_the_tree(three):
    three.session.run("superpixels")
    dock = three.session.granularity.layer.data
    python = napari_sen.segment(three.photo, NUMBER, **three.arguments)
    shell = tifffile.imread(three.shell("segment", "--n-segments", NUMBER))
    np.testing.assert_array_equal(dock, python)
    np.testing.assert_array_equal(dock, shell)
    np.testing.assert_array_equal(dock > 0, three.inside)


def test_more_even_superpixels_of_the_tree(whole):
    whole.session.run("superpixels")
    whole.session.granularity.even(0.9)
    dock = whole.session.granularity.layer.data
    python = napari_sen.segment(whole.photo, NUMBER, evenness=0.9, **whole.arguments)
    shell = tifffile.imread(whole.shell("segment", "--n-segments", NUMBER, "--evenness", 0.9))
    np.testing.assert_array_equal(dock, python)
    np.testing.assert_array_equal(dock, shell)


def test_flat_superpixels(three):
    three.session.set(SegmentParams(compactness=8.0))
    dock = three.dock("flat")
    python = napari_sen.segment(
        three.photo, NUMBER, method="snic", compactness=8.0, **three.arguments
    )
    shell = three.shell("segment", "--n-segments", NUMBER, "--method", "snic", "--compactness", 8)
    np.testing.assert_array_equal(dock, python)
    np.testing.assert_array_equal(dock, tifffile.imread(shell))


def test_embedding(three):
    three.session.all_channels = True
    _, channels = three.session.run("embed")
    dock = np.moveaxis(channels.data, 0, -1)
    python = napari_sen.embed(three.photo, **three.arguments)
    np.testing.assert_array_equal(dock, np.where(three.inside[..., None], python, 0))
    if not three.masked:
        shell = np.load(three.shell("embed", out="out.npy"))
        np.testing.assert_array_equal(dock, shell)


def test_contours(whole):
    dock = whole.dock("contours")
    python = napari_sen.contours(whole.photo, model=MODEL)
    shell = tifffile.imread(whole.shell("contours"))
    np.testing.assert_array_equal(dock, python)
    np.testing.assert_array_equal(dock, shell)


def test_contours_by_sizes(whole):
    whole.session.set(ContourParams(method="sizes", n_sizes=3))
    dock = whole.dock("contours")
    python = napari_sen.contours(whole.photo, method="sizes", n_sizes=3, model=MODEL)
    shell = whole.shell("contours", "--method", "sizes", "--n-sizes", 3)
    np.testing.assert_array_equal(dock, python)
    np.testing.assert_array_equal(dock, tifffile.imread(shell))


def test_boundary_map(three):
    three.session.run("superpixels")
    dock = three.dock("boundary_map")
    leaves = three.session.granularity.limits[1]
    tree = napari_sen.hierarchy(three.photo, n_fine=leaves, **three.arguments)
    path = three.folder / "heights.tif"
    three.shell("hierarchy", "--n-fine", leaves, "--ultrametric", path)
    np.testing.assert_allclose(dock, tree.ultrametric(), rtol=1e-6)
    np.testing.assert_allclose(dock, tifffile.imread(path), rtol=1e-6)


def test_pseudo_labels(whole):
    params = PseudoLabelParams(spacings=(9.0, 19.0), compactnesses=(10.0,))
    whole.session.set(params)
    dock = whole.dock("pseudo_labels")
    python = napari_sen.pseudo_labels(whole.photo, spacings=(9, 19), compactnesses=(10,))
    folder = whole.shell(
        "pseudo-labels", "--spacings", 9, 19, "--compactnesses", 10, out="labels", model=False
    )
    shell = [tifffile.imread(path) for path in sorted(folder.glob("*.tif"))]
    assert len(dock) == len(python) == len(shell) == 2
    for plane, labels in zip(dock, python.values(), strict=True):
        np.testing.assert_array_equal(plane, labels)
        assert any(np.array_equal(plane, other) for other in shell)


def test_the_table(three):
    three.session.run("superpixels")
    labels = three.session.granularity.layer.data
    embedding = napari_sen.embed(three.photo, **three.arguments)
    colours = {name: three.photo[..., k] for k, name in enumerate(("red", "green", "blue"))}
    expected = region_table(labels, intensity=colours, embedding=embedding)
    found = made_of(three.session.granularity.layer).extra["shown"]
    assert list(found) == list(expected)
    for name, column in expected.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-5, atol=1e-6, err_msg=name)


def test_classes(whole):
    session, folder = whole.session, whole.folder
    session.run("superpixels")
    session.pick(session.granularity.layer)
    session.picking.paint(session.picking.along((5, 5), (5, 40)), 1)
    session.picking.paint(session.picking.along((50, 60), (60, 70)), 2)
    session.run("classes")
    (dock,) = (each.data for each in session.picking.layers if each.name.endswith("predicted"))
    session.saving_recipe(folder / "recipe.json")(Control())
    images = folder / "images"
    images.mkdir()
    iio.imwrite(images / "in.png", whole.photo)
    python, shell = folder / "python", folder / "shell"
    napari_sen.apply(folder / "recipe.json", images, python)
    given = ["apply", folder / "recipe.json", images, "-o", shell, "--quiet"]
    assert main([str(each) for each in given]) == 0
    names = np.array(["", *session.picking.class_names])
    for out in (python, shell):
        with (out / "in.objects.csv").open(encoding="utf-8", newline="") as file:
            class_of = {int(row["index"]): row["class"] for row in csv.DictReader(file)}
        objects = tifffile.imread(out / "in.objects.tif")
        found = np.array(["", *(class_of[k + 1] for k in range(len(class_of)))])[objects]
        np.testing.assert_array_equal(found, names[dock])


def test_a_training(whole, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    schedule = TrainParams(steps=3, batch=1, crop=32)
    network = NetworkParams(dim=4, base_width=4, width_cap=8)
    mean_shift = MeanShiftParams(iterations=1, landmarks=16)
    pseudo_labels = PseudoLabelParams(spacings=(9.0,), compactnesses=(10.0,))
    session = whole.session
    session.set(schedule, network, mean_shift, pseudo_labels)
    session.new_model = "same"
    session.run("train")
    python = napari_sen.train(
        [whole.photo], network=network, mean_shift=mean_shift, pseudo_labels=pseudo_labels,
        schedule=schedule,
    )  # fmt: skip
    shell = whole.shell(
        "train", "--steps", 3, "--batch", 1, "--crop", 32, "--network-dim", 4,
        "--network-base-width", 4, "--network-width-cap", 8, "--mean-shift-iterations", 1,
        "--mean-shift-landmarks", 16, "--labels-spacings", 9, "--labels-compactnesses", 10,
        out="same.safetensors", model=False,
    )  # fmt: skip
    python.save(tmp_path / "python.safetensors")
    found = [
        napari_sen.load_model(each) for each in ("same", shell, tmp_path / "python.safetensors")
    ]
    weights = [each.network.state_dict() for each in found]
    for other in weights[:2]:
        assert other.keys() == weights[2].keys()
        for name, values in weights[2].items():
            np.testing.assert_array_equal(other[name], values, err_msg=name)
    settings = [{**each.metadata["training"], **each.metadata["network"]} for each in found]
    assert settings[0] == settings[1] == settings[2]
