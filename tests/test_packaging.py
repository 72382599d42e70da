"""What a release says of itself, in several files, is the same everywhere."""

import importlib
import re
import tomllib
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_sen

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def text_of(name):
    """Return a file of the repository, or skip where the sdist leaves it out."""
    if not (ROOT / name).is_file():
        pytest.skip(f"{name} is not part of the sdist")
    return (ROOT / name).read_text("utf-8")


def test_one_version():
    assert napari_sen.__version__ == PROJECT["version"]
    assert f"\nversion: {PROJECT['version']}\n" in text_of("CITATION.cff")
    assert f'version: "{PROJECT["version"]}"' in text_of("packaging/recipe.yaml")


def test_the_changelog_is_kept_in_sections():
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.M)
    assert headings[0] == "Unreleased"
    kinds = re.findall(r"^### (.+)$", text_of("CHANGELOG.md"), re.M)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_conda_gets_the_same_dependencies():
    run = text_of("packaging/recipe.yaml").split("  run:\n")[1].split("\ntests:")[0]
    found = {re.sub(r"^ *- ", "", line) for line in run.splitlines() if line.strip()} - {"python"}
    wanted = {
        re.sub(r"^([\w-]+)(?:\[\w+\])?", r"\1 ", line).replace("torch ", "pytorch ")
        for line in PROJECT["dependencies"]
    }
    assert found == wanted


def test_conda_gets_the_terms_of_every_model():
    recipe = text_of("packaging/recipe.yaml")
    for card in (ROOT / "src" / "napari_sen" / "models").glob("*.md"):
        assert f"- {card.relative_to(ROOT).as_posix()}\n" in recipe


def test_the_plugin_shows_itself_to_napari():
    manifest = npe2_manifest()
    package, _, resource = manifest.icon.partition(":")
    icon = Path(importlib.import_module(package).__file__).with_name(resource)
    assert iio.improps(icon).shape[:2] == (128, 128)
    assert manifest.display_name == PROJECT["name"]
    assert manifest.categories
    assert len(PROJECT["description"]) < 100  # the hub cuts what is longer
    assert "Framework :: napari" in PROJECT["classifiers"]


def npe2_manifest():
    npe2 = pytest.importorskip("npe2")
    return npe2.PluginManifest.from_file(Path(napari_sen.__file__).with_name("napari.yaml"))


def test_the_core_of_the_package_names_no_gui():
    names = {re.match(r"[\w-]+", line)[0].lower() for line in PROJECT["dependencies"]}
    gui = {"napari", "magicgui", "npe2", "psygnal", "qtpy", "superqt", "pyqt6", "pyside6"}
    assert names.isdisjoint(gui)


def test_what_is_pinned_for_tests_lies_in_the_allowed_range():
    packaging = pytest.importorskip("packaging.requirements")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text_of("constraints.txt"), re.M))
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for line in PROJECT["dependencies"]:
        requirement = packaging.Requirement(line)
        assert pins[requirement.name.lower()] in requirement.specifier, line
