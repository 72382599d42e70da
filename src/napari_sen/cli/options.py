"""Command-line options made from the parameter classes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from dataclasses import Field, fields
from functools import partial
from typing import Any, TypeVar

from ..errors import ParameterError
from ..params import Params

__all__ = ["GRANULARITIES", "add_params", "chosen", "given_params", "granularity_asked"]

GRANULARITIES = ("n_segments", "size", "level")  # one of them is asked for

_P = TypeVar("_P", bound=Params)


def add_params(
    parser: argparse.ArgumentParser,
    kind: type[Params],
    *,
    title: str,
    prefix: str = "",
    skip: Collection[str] = (),
    advanced: bool | None = None,
    several: Collection[str] = (),
) -> None:
    """Add one option per parameter, with its help, unit, range and default; essentials first.

    ``advanced`` asks for the essentials alone (False) or for all others (True).

    An option that is not given leaves no attribute, so that the parameter class (and the
    pipeline, where a default depends on the model) stays the only source of defaults. A
    ``prefix`` keeps the options of several classes of one command apart. Options in ``several``
    take a list, with commas, as well.
    """
    wanted = [item for item in fields(kind) if item.name not in skip]
    for heading, part in ((title, False), (f"{title}, advanced", True)):
        items = [item for item in wanted if item.metadata["advanced"] == part]
        if items and advanced in (None, part):
            group = parser.add_argument_group(heading)
            for item in items:
                _add_option(group, item, prefix, takes_list=item.name in several)


def chosen(args: argparse.Namespace, kind: type[Params], prefix: str = "") -> dict[str, Any]:
    """Return the parameters that were given on the command line, validated together."""
    given = {key.removeprefix(prefix): v for key, v in vars(args).items() if key.startswith(prefix)}
    values = {item.name: given[item.name] for item in fields(kind) if item.name in given}
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    kind(**values)
    return values


def granularity_asked(args: argparse.Namespace) -> dict[str, Any]:
    """Return how many superpixels, how large ones, or which level is asked for, if any is.

    Raises
    ------
    ParameterError
        If more than one is.
    """
    asked = {name: getattr(args, name) for name in GRANULARITIES if hasattr(args, name)}
    if len(asked) > 1:
        raise ParameterError("give only one of --n-segments, --size and --level")
    return asked


def given_params(args: argparse.Namespace, kind: type[_P], prefix: str = "") -> _P:
    """Return the parameter set made from the command line, with defaults for the rest."""
    return kind(**chosen(args, kind, prefix))


def _add_option(group: Any, item: Field[Any], prefix: str, *, takes_list: bool) -> None:
    option = "--" + (prefix + item.name).replace("_", "-")
    about = item.metadata
    settings: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(item)}
    if isinstance(item.default, bool):
        group.add_argument(option, action=argparse.BooleanOptionalAction, **settings)
        return
    if about["choices"]:
        group.add_argument(option, choices=about["choices"], **settings)
        return
    if isinstance(item.default, tuple):
        settings |= {"nargs": "+", "type": type(item.default[0])}
    else:
        settings["type"] = int if item.type in ("int", "int | None") else float
    metavar = "N" if settings["type"] is int else "X"
    if takes_list:
        settings["type"] = partial(_one_or_several, settings["type"])
        metavar = f"{metavar}[,{metavar}...]"
    group.add_argument(option, metavar=metavar, **settings)


def _one_or_several(kind: Callable[[str], Any], text: str) -> Any:
    """Return what stands between commas, or the one value alone."""
    parts = text.split(",")
    try:
        values = [kind(part) for part in parts]
    except ValueError:
        wanted = "whole numbers" if kind is int else "numbers"
        raise argparse.ArgumentTypeError(f"{text!r}: give {wanted}, with commas between") from None
    return values if len(parts) > 1 else values[0]


def _help(item: Field[Any]) -> str:
    about = item.metadata
    notes = [about["unit"]] if about["unit"] else []
    low, high, above = about["low"], about["high"], about["above"]
    if low is not None and high is not None:
        notes.append(f"{_figure(low)} to {_figure(high)}")
    else:
        notes += [
            f"{words} {_figure(limit)}"
            for words, limit in (("at least", low), ("above", above), ("at most", high))
            if limit is not None
        ]
    if isinstance(item.default, tuple):
        notes.append("default " + " ".join(f"{entry:g}" for entry in item.default))
    elif item.default is not None and not isinstance(item.default, bool):
        notes.append(f"default {_figure(item.default)}")
    elif item.default is not None:
        notes.append("default " + ("yes" if item.default else "no"))
    text = str(about["help"]) + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _figure(value: Any) -> str:
    """Return a number as people write it; anything else as it is."""
    if not isinstance(value, int | float):
        return str(value)
    if abs(value) < 10_000:
        return f"{value:g}"
    return f"{value:,.0f}" if abs(value) < 1e10 else f"{value:.0e}".replace("e+", "e")
