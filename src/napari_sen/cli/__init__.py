"""The command line ``napari-sen``; see :mod:`napari_sen.cli.app`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``napari-sen`` with these arguments and return its exit code."""
    try:
        from .app import run  # Ctrl-C while this is imported ends in one line, too

        return run(argv)
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("napari-sen: interrupted", file=sys.stderr)
        return 130
