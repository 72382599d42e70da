"""What is set in napari's Preferences changes what the dock does."""

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def settings(opened):
    from napari.settings import get_plugin_settings

    now = get_plugin_settings("napari-sen").dock
    before = {name: getattr(now, name) for name in ("remember", "memory")}
    yield now
    for name, value in before.items():
        setattr(now, name, value)


def test_the_memory_for_embeddings(opened, photo, settings, monkeypatch):
    """With none of it every step runs the network again."""
    from napari_sen.learn.model import Model

    runs, embed = [], Model.embed
    monkeypatch.setattr(Model, "embed", lambda *a, **k: runs.append(1) or embed(*a, **k))
    opened.viewer.add_image(photo, name="photo", rgb=True)
    for megabytes, expected in ((1000, 1), (0, 2)):
        settings.memory = megabytes
        opened.dock.session.models.forget()
        runs.clear()
        for _ in range(2):
            assert opened.click("embed").startswith("Done")
        assert len(runs) == expected, megabytes


def test_forms_are_not_remembered_if_not_wanted(opened, photo, settings, tmp_path):
    opened.dock.session.model = None
    opened.viewer.add_image(photo, name="photo", rgb=True)
    settings.remember = False
    opened.click("superpixels")
    from napari_sen.plugin.steps.remembered import _path

    assert not _path().exists()
    settings.remember = True
    opened.click("superpixels")
    assert _path().exists()
