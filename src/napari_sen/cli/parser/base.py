"""A command's parser: what every command has, and how its help looks."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

__all__ = ["Parser", "add_general", "command"]

LEVELS = ("debug", "info", "warning", "error")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose help begins with what it is for, and whose errors are one line.

    Parameters
    ----------
    sentence : str
        What the command does.
    examples : sequence of str
        Command lines, as they can be typed.
    options
        See ``argparse.ArgumentParser``.
    """

    def __init__(self, *, sentence: str, examples: Sequence[str], **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)  # a typing slip must not become an option
        self.sentence, self.examples = sentence, examples

    def format_help(self) -> str:
        """Return the help: a sentence, examples, then usage and options."""
        width = shutil.get_terminal_size().columns - 2
        sentence = textwrap.fill(self.sentence, width, break_on_hyphens=False)
        examples = textwrap.indent("\n".join(self.examples), "  ")
        return f"{sentence}\n\n{examples}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        print(f"napari-sen: error: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def command(
    commands: Any, name: str, run: str, text: str, *examples: str, usage: str
) -> argparse.ArgumentParser:
    """Add a command; ``examples`` are what may follow its name."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        sentence=f"{text[0].upper()}{text[1:]}.",
        examples=[f"napari-sen {name} {example}".rstrip() for example in examples],
        usage=f"napari-sen {name} {usage}",
    )
    parser.set_defaults(run=run)
    return parser


def add_general(parser: argparse.ArgumentParser) -> None:
    """Add what every command has; last, since it is what is looked for least."""
    general = parser.add_argument_group("general")
    general.add_argument(
        "--json", action="store_true", help="print the summary as one JSON object on stdout"
    )
    general.add_argument("--quiet", action="store_true", help="show no progress and no summary")
    level = general.add_mutually_exclusive_group()
    level.add_argument(
        "--log-level",
        choices=LEVELS,
        default="info",
        metavar="LEVEL",
        help=f"show messages of this level and above: {', '.join(LEVELS)} (default info)",
    )
    level.add_argument(
        "-v",
        "--verbose",
        action="store_const",
        dest="log_level",
        const="debug",
        help="the same as --log-level debug",
    )
    general.add_argument("--debug", action="store_true", help="show tracebacks")
