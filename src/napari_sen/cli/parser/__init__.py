"""The words of the command line: a module for each family of commands.

Nothing here loads torch, dask or zarr: ``--help`` must not wait for them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from . import about, evaluation, images, objects, training
from .base import Parser, add_general

__all__ = ["build_parser"]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="napari-sen",
        usage="napari-sen COMMAND [options]",
        sentence="Superpixels, embeddings and contours learnt without labels. "
        "Each command has its own help: napari-sen segment --help.",
        examples=("napari-sen demo", "napari-sen segment image.tif -o superpixels.tif"),
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version")
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND",
        required=True,
        title="commands",
        parser_class=Parser,
        prog="napari-sen",
    )
    for add in _COMMANDS:
        add_general(add(commands))
    return parser


class _ShowVersion(argparse.Action):
    """Print the version when asked; reading it costs time that other calls need not spend."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"napari-sen {version('napari-sen')}")
        parser.exit()


_COMMANDS: tuple[Callable[[Any], argparse.ArgumentParser], ...] = (
    about.demo,
    images.segment,
    images.hierarchy,
    images.embed,
    images.pseudo_labels,
    images.contours,
    objects.export,
    objects.recipe,
    objects.apply,
    training.train,
    training.models,
    evaluation.evaluate,
    about.info,
    about.completion,
)
