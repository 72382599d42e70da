"""Run one command; turn every outcome into an exit code and at most one line.

0 done, 1 failure while working, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import platform
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from ..errors import Cancelled, SenError, WorkError
from .console import Reporter, table
from .parser import build_parser
from .streams import listening
from .wildcards import expanded

__all__ = ["run"]

log = logging.getLogger("napari_sen")

IS_WINDOWS = os.name == "nt"
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(argv: Sequence[str] | None = None) -> int:
    """Run ``napari-sen`` with these arguments and return its exit code.

    What cannot be said because nobody listens is not said; a summary that is wanted and cannot be
    written is a failure.
    """
    with listening() as (out, err):
        code = _run(argv)
        out.flush()
        if out.is_full and code == DONE:
            reason = out.error.strerror if out.error is not None else ""
            print(
                f"napari-sen: failed: the summary cannot be written ({reason}); the results are",
                file=err,
            )
            code = FAILED
    return code


def _run(argv: Sequence[str] | None) -> int:
    given = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(expanded(given) if IS_WINDOWS else given)
    try:
        level = logging.getLevelNamesMapping()[args.log_level.upper()]
        with Reporter(quiet=args.quiet, level=level) as reporter:
            log.debug(
                "napari-sen %s, Python %s, %s; %s",
                version("napari-sen"), platform.python_version(), platform.platform(), vars(args),
            )  # fmt: skip
            summary = _command(args)(args, reporter)
    except (Cancelled, KeyboardInterrupt) as stop:
        return _stopped(args, INTERRUPTED, "interrupted", str(stop))
    except WorkError as error:
        return _stopped(args, FAILED, "failed", str(error))
    except SenError as error:
        return _stopped(args, BAD_INPUT, "error", str(error))
    except Exception as error:  # noqa: BLE001  (the last door: anything else is a failure)
        hint = "" if args.debug else " (--debug shows where)"
        return _stopped(args, FAILED, "failed", f"{type(error).__name__}: {error}{hint}")
    if args.json:
        print(json.dumps({"command": args.command, **summary}))
    elif not args.quiet:
        print(summary if isinstance(summary, str) else table(summary))
    return DONE


def _command(args: Namespace) -> Any:
    """Import the command's module only now: ``--help`` must not wait for it."""
    module, _, function = args.run.partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), function)


def _stopped(args: Namespace, code: int, outcome: str, message: str) -> int:
    """Say in one line on standard error how it ended; under ``--json`` also on standard output."""
    if args.debug:
        traceback.print_exc()
    message = " ".join(message.split())
    print(f"napari-sen: {outcome}{': ' if message else ''}{message}", file=sys.stderr)
    if args.json:
        print(json.dumps({"command": args.command, "exit": code, outcome: message}))
    return code
