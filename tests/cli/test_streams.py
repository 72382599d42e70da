"""Whatever the streams are, the result is written, no traceback is seen, and exit codes hold."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.systems import linux_only, posix_only

SEGMENT = ("segment", "in.png", "-o", "a.npy", "--model", "none", "--n-segments", "6")


def in_a_shell(shell, line):
    """Run a line of the shell in which ``{}`` stands for the command; return code, out, err."""
    command = f"{sys.executable} -m napari_sen.cli"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.format(command)}"],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


LINE = " ".join(SEGMENT)


@linux_only
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{{}} {LINE} >&-", 0),
        (f"{{}} {LINE} 2>&-", 0),
        (f"{{}} {LINE} >&- 2>&-", 0),
        (f"{{}} {LINE} <&- >&- 2>&-", 0),
        (f"{{}} {LINE} 2>/dev/full", 0),
        (f"{{}} {LINE} >/dev/full", 1),
        (f"{{}} {LINE} --json >/dev/full", 1),
        (f"{{}} {LINE} >/dev/full 2>/dev/full", 1),
        (f"{{}} {LINE} | true", 0),
        (f"{{}} {LINE} 2>&1 | true", 0),
        (f"{{}} {LINE} --json | head -c 1 >/dev/null", 0),
    ],
)
def test_nobody_listens(shell, line, code):
    found, out, err = in_a_shell(shell, line)
    assert found == code, err
    assert b"Traceback" not in out + err
    assert b"Exception ignored" not in err
    assert np.load(shell.folder / "a.npy").max() == 6
    assert shell.names() == {"in.png", "a.npy"}
    if code:
        assert b"2>" in line.encode() or b"the summary cannot be written (No space" in err


@linux_only
@pytest.mark.parametrize("arguments", ["--help", "segment --help", "--version", "models"])
@pytest.mark.parametrize("streams", ["| true", ">&-", ">/dev/full"])
def test_help_that_nobody_reads(shell, arguments, streams):
    _, out, err = in_a_shell(shell, f"{{}} {arguments} {streams}")
    assert b"Traceback" not in out + err
    assert b"Exception ignored" not in err


@linux_only
def test_errors_that_nobody_reads(shell):
    for streams in ("2>&-", "2>/dev/full", "2>&1 | true", ">&- 2>&-"):
        code, out, err = in_a_shell(shell, f"{{}} segment no.png -o a.npy {streams}")
        assert (code, out, err) == (2, b"", b"")


def test_a_small_alphabet(shell):
    (shell.folder / "in.png").rename(shell.folder / "grün µ.png")

    def run(encoding, *arguments):
        environment = shell.environment | {"PYTHONIOENCODING": encoding}
        command = shell.command(*arguments)
        return subprocess.run(
            command, cwd=shell.folder, env=environment, capture_output=True, check=False
        )

    line = ("segment", "grün µ.png", *SEGMENT[2:], "--overwrite")
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        done = run(encoding, *line)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert done.stdout.decode(encoding)
    assert json.loads(run("ascii", *line, "--json").stdout)["image"] == "grün µ.png"
    done = run("ascii", "segment", "µ no.png", "-o", "a.npy")
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith("napari-sen: error:")


@linux_only
@pytest.mark.parametrize("suffix", ["npy", "tif", "png", "zarr"])
def test_names_that_are_no_utf8(shell, suffix):
    folder = os.fsencode(shell.folder)
    os.rename(os.path.join(folder, b"in.png"), os.path.join(folder, b"k\xe4se.png"))
    line = rf"{{}} segment $'k\xe4se.png' -o $'\xfc.{suffix}' --model none --n-segments 6"
    code, out, err = in_a_shell(shell, line)
    assert code == 0, err
    assert b"Traceback" not in out + err
    assert os.path.exists(os.path.join(folder, b"\xfc." + suffix.encode()))
    code, out, err = in_a_shell(shell, f"{line} --overwrite --json")
    assert code == 0, err
    assert os.fsencode(json.loads(out)["outputs"][0]) == b"\xfc." + suffix.encode()


@linux_only
def test_names_that_are_no_utf8_in_tiles(shell):
    folder = os.fsencode(shell.folder)
    os.rename(os.path.join(folder, b"in.png"), os.path.join(folder, b"k\xe4se.png"))
    line = r"{} segment $'k\xe4se.png' -o $'\xfc.zarr' --model none --n-segments 6 --tile 32"
    code, _, err = in_a_shell(shell, line)
    assert code == 0, err
    assert {os.fsencode(path) for path in shell.names()} == {b"k\xe4se.png", b"\xfc.zarr"}


@posix_only
@pytest.mark.parametrize("model", ["none", "natural"])
def test_a_working_folder_that_is_gone(shell, model):
    """Also with a model, though MKL ends the process where torch is loaded there."""
    image, out = shell.folder / "in.png", shell.folder / "a.npy"
    gone = 'mkdir gone; cd gone; rmdir "$PWD"; '
    rest = f"--model {model} --n-segments 6"
    code, _, err = in_a_shell(shell, f"{gone}{{}} segment {image} -o {out} {rest}")
    assert code == 0, err
    assert np.load(out).max() == 6
    code, out, err = in_a_shell(shell, f"{gone}{{}} segment {image} -o a.npy {rest}")
    assert (code, out) == (2, b"")
    assert b"the folder that you work in is gone" in err
    assert len(err.splitlines()) == 1


@posix_only
def test_interrupted_while_it_starts(shell):
    """Ctrl-C at any time: one line at most and 130, unless the command has not yet begun."""
    begins = time.monotonic()
    shell("--version")
    lasts = time.monotonic() - begins
    codes = []
    for moment in np.linspace(0.3, 1.5, 10) * lasts:
        process = shell.start(*SEGMENT, "--overwrite")
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        codes.append(process.returncode)
        if process.returncode == 130:
            assert "Traceback" not in out + err
            assert err.splitlines()[-1].startswith("napari-sen: interrupted")
        elif process.returncode != 0:  # while the package was imported, or Python began
            assert ", in main" not in err
    assert 130 in codes
