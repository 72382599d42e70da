"""A user's own files lie where the system keeps such, or where a variable says."""

from __future__ import annotations

import pytest

from napari_sen import folders
from napari_sen.folders import user_config, user_data


@pytest.mark.parametrize(
    ("variable", "place"), [("XDG_DATA_HOME", user_data), ("XDG_CONFIG_HOME", user_config)]
)
def test_a_variable_names_another_place_on_every_system(variable, place, tmp_path, monkeypatch):
    for name in ("user_data_path", "user_config_path"):
        monkeypatch.setattr(folders, name, lambda *_, **__: tmp_path / "of the system")
    monkeypatch.delenv(variable, raising=False)
    assert place() == tmp_path / "of the system"
    for given, found in (
        ("", "of the system"),
        ("not/full", "of the system"),
        (str(tmp_path / "own"), "own/napari-sen"),
    ):
        monkeypatch.setenv(variable, given)
        assert place() == tmp_path / found
