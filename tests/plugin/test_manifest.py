"""The manifest: valid, everything in it importable, samples and menus where napari looks."""

from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

import napari_sen
from napari_sen.data import load_sample, sample_names


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(Path(napari_sen.__file__).parent / "napari.yaml")


def test_npe2_finds_it_installed(manifest):
    assert PluginManifest.from_distribution("napari-sen").contributions == manifest.contributions


def test_everything_can_be_imported(manifest):
    manifest.validate_imports()


def test_every_sample_is_contributed_and_loads(manifest):
    from npe2.manifest.utils import import_python_name

    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    samples = {sample.key: sample for sample in manifest.contributions.sample_data}
    assert list(samples) == sample_names()
    for name, sample in samples.items():
        image, about = load_sample(name)
        assert sample.display_name == about["title"]
        ((data, options, kind),) = import_python_name(commands[sample.command])()
        np.testing.assert_array_equal(data, image)
        assert (kind, options["rgb"]) == ("image", about["rgb"])


@pytest.mark.gui
def test_menus_samples_and_single_steps_in_a_viewer(make_napari_viewer, found):
    from app_model.types import SubmenuItem
    from napari._app_model import get_app_model

    viewer = make_napari_viewer()
    menus = get_app_model().menus
    for menu, command in [
        ("napari/layers/segment", "napari-sen.dock"),
        ("napari/layers/segment", "napari-sen.superpixels"),
        ("napari/layers/filter", "napari-sen.embed"),
        ("napari/layers/filter", "napari-sen.contours"),
        ("napari/layers/annotate", "napari-sen.pseudo_labels"),
        ("napari/layers/annotate", "napari-sen.pick"),
        ("napari/layers/segment", "napari-sen.train"),
    ]:
        items = [item for item in menus.get_menu(menu) if not isinstance(item, SubmenuItem)]
        assert command in [item.command.id for item in items]
    viewer.open_sample("napari-sen", "embryo")
    assert viewer.layers[0].scale[0] == pytest.approx(2.18)
    for title, step in [
        ("Pseudo-labels", "pseudo_labels"),
        ("Train a model", "train"),
        ("Embedding", "embed"),
        ("Superpixels", "superpixels"),
        ("Contours", "contours"),
        ("Refine and classify", "classes"),
    ]:
        _, dock = viewer.window.add_plugin_dock_widget("napari-sen", title)
        assert list(dock.panels) == [step]
        assert dock.session.layer is viewer.layers[0]
