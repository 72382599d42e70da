"""Write docs/explanation/performance.md: every table of it, measured on this machine.

    python benchmarks/performance.py [--only NAME ...] [--quick] [--page FILE]

Runs the benchmarks one after the other and puts what they print between the markers of their
sections; sections that are not run keep what is there. Takes about an hour on two idle cores,
``--quick`` about five minutes with less to show. Ratios are taken of runs that alternate, so they
mean something on a busy machine too; seconds do not. The page says on what machine, when, and how
busy it was.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "explanation" / "performance.md"
END = "<!-- end -->"
NOTHING = "\nNot measured yet.\n\n"
HURRY = "; a quick run, of fewer sizes and repetitions"
HEAD = """# Time and memory

Every table here, with the line above it about the machine, is written by one command:

<!-- not run: it takes hours -->
```sh
python benchmarks/performance.py
```

Seconds depend on the machine; ratios far less, since both sides of a ratio run in turns. What the
results are worth is on [another page](results.md). Where the line about the
machine says *a quick run*, the section is from `--quick`, which takes minutes instead of an hour
and leaves out the largest sizes.
"""


@dataclass(frozen=True)
class Section:
    """One part of the page: commands whose output follows a text."""

    name: str
    title: str
    text: str
    commands: tuple[str, ...]
    quick: tuple[str, ...]


SECTIONS = (
    Section(
        "methods",
        "Superpixels of a photograph, method by method",
        "From the image to one map of 200 superpixels, 481 x 321 px, one thread, beside "
        "scikit-image's SLIC. The methods are those of\n[`napari-sen evaluate`]"
        "(../how-to/evaluate.md#methods), with their frozen settings; `sen-tree` is the default of "
        "`segment`.",
        ("methods.py",),
        ("methods.py --quick",),
    ),
    Section(
        "memory-time",
        "Images in memory, stage by stage",
        "Superpixels of 20 px by the tree and by SNIC, the whole tree, contours and the embedding, "
        "on colour alone (none) and\nwith the bundled models; one thread, then two; beside SLIC "
        "with as many superpixels.",
        (
            "speed.py --models none natural natural-full",
            "speed.py --models natural --products tree contours --threads 2",
        ),
        (
            "speed.py --quick",
            "speed.py --quick --models natural --products tree contours --threads 2",
        ),
    ),
    Section(
        "kernel",
        "The kernel alone",
        "SNIC on the same features as its peers, superpixels of 300 px, one thread. "
        "`python benchmarks/kernel.py --reference\nlibsnic.so` adds the C code of SNIC's authors, "
        "built elsewhere.",
        ("kernel.py",),
        ("kernel.py --quick --repeats 1",),
    ),
    Section(
        "memory",
        "Memory",
        "What a process gains at its peak while it works on a photograph in memory; the image is "
        "not counted, the result is.",
        ("memory.py --models",),
        ("memory.py --sides 512",),
    ),
    Section(
        "tiles",
        "Images larger than memory",
        "In tiles, on two threads, from an image that is made where it is read: superpixels of "
        "10 px by the tree, by SNIC, in a\nvolume, with a model, and contours. Memory is what is "
        "beyond the libraries; *agreement* is the share of pixels with the\nlabel that the whole "
        "image gives them.",
        (
            "large.py --sizes 2048 4096 8192",
            "large.py --method snic --sizes 2048 4096 8192",
            "large.py --method snic --ndim 3 --sizes 192 320",
            "large.py --model microscopy --first 8 --sizes 16384",
            "large.py --contours --sizes 4096",
        ),
        ("large.py --quick --sizes 1024",),
    ),
    Section(
        "training",
        "A step of training",
        "The recipe `pairs`, one thread, float32, crops of 128 px: processor seconds and the share "
        "of each part.",
        ("training.py",),
        ("training.py --quick",),
    ),
)


def main() -> None:
    """Measure, and write the page after each section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [section.name for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME",
                        help=f"of {', '.join(names)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    measured = parts(options.page.read_text("utf-8")) if options.page.exists() else {}
    for section in SECTIONS:
        if section.name in options.only:
            measured[section.name] = measure(section, options.quick)
            options.page.write_text(page(measured), encoding="utf-8")
            print(f"{section.name}: written to {options.page}", file=sys.stderr)


def parts(text: str) -> dict[str, str]:
    """Return what stands between the markers of each section."""
    found = re.finditer(rf"<!-- measured: (\S+) -->\n(.*?){END}", text, re.S)
    return {each[1]: each[2] for each in found}


def page(measured: dict[str, str]) -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(shown(one, measured) for one in SECTIONS)])


def shown(section: Section, measured: dict[str, str]) -> str:
    """Return one section, with markers around what was measured."""
    return (
        f"## {section.title}\n\n{section.text}\n\n"
        f"<!-- measured: {section.name} -->\n{measured.get(section.name, NOTHING)}{END}\n"
    )


def measure(section: Section, quick: bool) -> str:
    """Run a section's benchmarks and return what they print, each under its command."""
    found = [f"\n*{machine()}{HURRY if quick else ''}*\n"]
    for command in section.quick if quick else section.commands:
        script, *arguments = shlex.split(command)
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments],
            cwd=HERE, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found.append(f"`python benchmarks/{command}`\n\n{tidy(done.stdout)}\n")
    return "\n".join([*found, ""])


def tidy(text: str) -> str:
    """Return printed Markdown with a blank line before each table, so that it is one."""
    lines = text.strip().splitlines()
    for place in range(len(lines) - 1, 0, -1):
        if lines[place].startswith("|") and lines[place - 1] and lines[place - 1][0] != "|":
            lines.insert(place, "")
    return "\n".join(lines)


def machine() -> str:
    """Return on what machine, with what, when and how busy it is."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, NumPy {version('numpy')}, torch {version('torch')}; commit "
        f"{commit()}, {datetime.date.today()}; {busy:.1f} other processes at work at the start"
    )


def processor() -> str:
    """Return the processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.machine()


def commit() -> str:
    """Return the short name of the checkout's commit."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
