"""Every code block of README, tutorial and how-to runs as it stands, each page in a fresh folder.

The blocks of a page run in order, as a reader copies them: Python blocks share one interpreter's
names, shell blocks one folder. What a line prints is compared with the comment behind it. A block
after ``<!-- not run: REASON -->`` is left out; the reasons are few and are listed below.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.systems import posix_only

ROOT = Path(__file__).resolve().parents[2]
# Those of the dock need a viewer: tests/plugin follows what they say.
IN_THE_DOCK = {"napari.md"}
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "install.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *(
        page
        for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
        if page.name not in IN_THE_DOCK
    ),
]
REASONS = {
    "it installs",
    "it writes into the home folder",
    "it needs a cluster",
    "it needs a server",
    "it needs BSDS500",
    "it takes hours",
    "it needs a graphics card",
}
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```",
    re.M | re.S,
)
EXPECTED = re.compile(r"^ *print\(.*\)  # (?P<text>.+)$", re.M)


def blocks(page):
    """Yield (language, code, reason for not running it) of every block, in order."""
    for found in BLOCK.finditer(page.read_text("utf-8")):
        yield found["language"], found["code"], found["reason"]


def command_line(folder):
    """Return the environment in which `napari-sen` is the package under test."""
    script = folder / "napari-sen"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m napari_sen.cli "$@"\n')
    script.chmod(0o755)
    interpreter = Path(sys.executable).parent
    return os.environ | {"PATH": f"{folder}:{interpreter}:{os.environ['PATH']}"}


def run_python(code, names, page):
    """Run one block and compare what it prints with what it says."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(page), "exec"), names)
    expected = EXPECTED.findall(code)
    if expected:
        assert printed.getvalue().splitlines() == expected


def run_shell(code, environment):
    """Run one block; every line of it must succeed."""
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", code],
        env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(page, tmp_path, monkeypatch):
    folder, programs = tmp_path / "reader", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # models are kept there
    environment = command_line(programs)
    names = {"__name__": "__main__"}
    for language, code, reason in blocks(page):
        if reason is not None:
            continue
        if language == "python":
            run_python(code, names, page)
        elif language == "sh":
            run_shell(code, environment)


def test_blocks_are_found():
    found = [block for page in PAGES for block in blocks(page)]
    assert sum(language == "python" for language, _, _ in found) > 15
    assert sum(language == "sh" for language, _, _ in found) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_overlooked(page):
    fences = re.findall(r"^ *[`~]{3,}.*$", page.read_text("utf-8"), re.M)
    found = list(blocks(page))
    assert len(fences) == 2 * len(found)
    for language, _, reason in found:
        assert language in ("python", "sh", "text")  # text is shown, and is nothing to run
        assert reason is None or reason in REASONS


def test_a_wrong_comment_is_noticed():
    with pytest.raises(AssertionError):
        run_python("print(1 + 1)  # 3\n", {}, "page")


@posix_only
def test_a_line_that_fails_is_noticed(tmp_path):
    with pytest.raises(AssertionError):
        run_shell("false\ntrue", command_line(tmp_path))
