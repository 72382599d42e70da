"""Print the script by which a shell completes commands, options and file names."""

from __future__ import annotations

import argparse
from typing import Any

from ..needs import need
from .console import Reporter
from .parser import build_parser

__all__ = ["completion"]

_FILES = {
    "IMAGE",
    "IMAGES",
    "LABELS",
    "ANNOTATION",
    "RECIPE",
    "JSON",
    "FILE",
    "IMAGE|DIR",
    "OUT",
    "PNG",
    "FILE|nan",
    "NAME|PATH",
    "NAME|PATH|none",
}
_FOLDERS = {"DIR", "DATASET"}


def completion(args: argparse.Namespace, reporter: Reporter) -> dict[str, Any] | str:
    """Return the script for a shell."""
    need("shtab", what="completion", install="shtab")
    import shtab

    parser = build_parser()
    for action in _actions(parser):
        names = set(action.metavar if isinstance(action.metavar, tuple) else [action.metavar])
        if names & _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif names & _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    script: str = shtab.complete(parser, shell=args.shell)
    return {"script": script} if args.json else script


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return all options and arguments of a parser and of its commands."""
    found = []
    for action in parser._actions:  # argparse has no public name for them
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found += _actions(inner)
    return found
