"""The dock, Python and the shell give the same arrays, step by step.

Each step is compared with and without a mask where it takes one. Two things have no counterpart in
the shell: the embedding under a mask, and the table of superpixels.
"""

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels

import napari_sen
from napari_sen.cli import main
from napari_sen.core.regions import region_table
from napari_sen.params import ContourParams, PseudoLabelParams, SegmentParams
from napari_sen.plugin.layers.made import made_of
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
    dock = three.session.granularity.boundary_map().data
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
