"""The words of what concerns the package itself: demo, info, completion."""

from __future__ import annotations

import argparse
from typing import Any

from ...data import DEMO, sample_names
from .base import command
from .shared import add_device, add_overwrite

__all__ = ["completion", "demo", "info"]


def demo(commands: Any) -> argparse.ArgumentParser:
    """Add ``demo``."""
    parser = command(
        commands,
        "demo",
        "demo:demo",
        "segment a sample image, and write labels and pictures",
        "",
        "--sample tissue -o tissue_demo",
        usage="[options]",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="demo_output",
        metavar="DIR",
        help="folder for labels and pictures (default demo_output)",
    )
    parser.add_argument(
        "--sample", metavar="NAME", help=f"{', '.join(sample_names())} (default {DEMO})"
    )
    add_overwrite(parser)
    add_device(parser)
    return parser


def info(commands: Any) -> argparse.ArgumentParser:
    """Add ``info``."""
    return command(
        commands,
        "info",
        "info:info",
        "print versions, devices, cores and folders, for a bug report",
        "",
        usage="[options]",
    )


def completion(commands: Any) -> argparse.ArgumentParser:
    """Add ``completion``."""
    parser = command(
        commands,
        "completion",
        "completion:completion",
        "print the script that completes commands, options and files in your shell",
        "bash > ~/.local/share/bash-completion/completions/napari-sen",
        usage="SHELL [options]",
    )
    parser.add_argument(
        "shell", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help="bash, zsh or tcsh"
    )
    return parser
