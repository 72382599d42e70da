"""Whatever the streams are, the result is written, no traceback is seen, and exit codes hold."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

SEGMENT = ("segment", "in.png", "-o", "a.npy", "--model", "none", "--n-segments", "6")


def in_a_shell(shell, line, **environment):
    """Run a line of the shell in which ``{}`` stands for the command; return code, out, err."""
    command = f"{sys.executable} -m napari_sen.cli"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.format(command)}"],
        cwd=shell.folder,
        env=shell.environment | environment,
        capture_output=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


LINE = " ".join(SEGMENT)


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


@pytest.mark.parametrize("arguments", ["--help", "segment --help", "--version", "models"])
@pytest.mark.parametrize("streams", ["| true", ">&-", ">/dev/full"])
def test_help_that_nobody_reads(shell, arguments, streams):
    _, out, err = in_a_shell(shell, f"{{}} {arguments} {streams}")
    assert b"Traceback" not in out + err
    assert b"Exception ignored" not in err


def test_errors_that_nobody_reads(shell):
    for streams in ("2>&-", "2>/dev/full", "2>&1 | true", ">&- 2>&-"):
        code, out, err = in_a_shell(shell, f"{{}} segment no.png -o a.npy {streams}")
        assert (code, out, err) == (2, b"", b"")


def test_a_small_alphabet(shell):
    (shell.folder / "in.png").rename(shell.folder / "grün µ.png")
    line = LINE.replace("in.png", "'grün µ.png'")
    for encoding in ("ascii", "latin-1", "utf-8"):
        code, out, err = in_a_shell(shell, f"{{}} {line} --overwrite", PYTHONIOENCODING=encoding)
        assert code == 0, err
        assert b"Traceback" not in err
        assert out.decode(encoding)
    code, out, _ = in_a_shell(shell, f"{{}} {line} --overwrite --json", PYTHONIOENCODING="ascii")
    assert json.loads(out)["image"] == "grün µ.png"
    code, _, err = in_a_shell(shell, "{} segment 'µ no.png' -o a.npy", PYTHONIOENCODING="ascii")
    assert code == 2
    assert err.decode("ascii").startswith("napari-sen: error:")


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


def test_names_that_are_no_utf8_in_tiles(shell):
    folder = os.fsencode(shell.folder)
    os.rename(os.path.join(folder, b"in.png"), os.path.join(folder, b"k\xe4se.png"))
    line = r"{} segment $'k\xe4se.png' -o $'\xfc.zarr' --model none --n-segments 6 --tile 32"
    code, _, err = in_a_shell(shell, line)
    assert code == 0, err
    assert {os.fsencode(path) for path in shell.names()} == {b"k\xe4se.png", b"\xfc.zarr"}


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
