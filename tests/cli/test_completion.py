"""Completion, asked as bash asks for it."""

import json
import shutil
import subprocess

import pytest

from napari_sen import needs
from napari_sen.cli import main
from tests.systems import posix_only


@pytest.fixture
def script(capsys):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    return capsys.readouterr().out


def completed(script, folder, *words):
    """Return what bash offers for the last of these words."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    ask = [
        script,
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}",
        "compopt() { :; }",  # means something only while bash itself asks
        "_shtab_napari_sen",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    bash_of = [bash, "-c", "\n".join(ask)]
    done = subprocess.run(bash_of, capture_output=True, text=True, cwd=folder, timeout=60)
    return set(done.stdout.split())


@posix_only
def test_commands_options_and_files(script, tmp_path):
    (tmp_path / "image.tif").touch()
    (tmp_path / "images").mkdir()
    assert completed(script, tmp_path, "napari-sen", "se") == {"segment"}
    assert completed(script, tmp_path, "napari-sen", "segment", "--over") == {
        "--overwrite", "--overlay"
    }  # fmt: skip
    assert "image.tif" in completed(script, tmp_path, "napari-sen", "segment", "im")
    found = completed(script, tmp_path, "napari-sen", "segment", "image.tif", "--kind", "mi")
    assert found == {"microscopy"}
    folders = completed(script, tmp_path, "napari-sen", "evaluate", "im")
    assert {name.rstrip("/") for name in folders} == {"images"}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell, "--json"]) == 0
    assert "napari-sen" in json.loads(capsys.readouterr().out)["script"]


def test_without_shtab_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "napari-sen: error: completion needs shtab, which is not installed: pip install shtab\n"
    )
