"""The page of parameters, written from the metadata of ``napari_sen.params``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from napari_sen import params

__all__ = ["default", "legal", "page", "parameter_sets", "typed"]

HEAD = """# Parameters

Every parameter of the package, with its default, range and unit. This page, the options of the
command line, the forms in napari and the model cards are all made from one place,
`napari_sen.params`. Where the default depends on the kind of image, both are given. A range
`[0, 2]` includes its ends; in `(0, 2]` the value must be above 0.

<div class="parameters" markdown>
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *map(section, parameter_sets()), "</div>\n"])


def parameter_sets() -> list[type[params.Params]]:
    """Return the classes that hold parameters, in the order of their module."""
    found = (getattr(params, name) for name in params.__all__)
    sets = [
        one
        for one in found
        if inspect.isclass(one) and issubclass(one, params.Params) and one is not params.Params
    ]
    return sorted(sets, key=lambda one: inspect.findsource(one)[1])


def section(one: type[params.Params]) -> str:
    """Return heading, meaning and table of one parameter set."""
    name = one.__name__
    lines = [
        f"## {name} {{ #napari_sen.params.{name} }}",
        "",
        inspect.getdoc(one) or "",
        "",
        "| name | meaning | default | range | unit | type |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows(one),
        "",
    ]
    return "\n".join(lines)


def rows(one: type[params.Params]) -> Iterator[str]:
    """Yield one line of the table for each parameter."""
    for item in fields(one):
        name = f'<span id="napari_sen.params.{one.__name__}.{item.name}">`{item.name}`</span>'
        cells = [
            name,
            _escaped(item.metadata["help"]),
            default(one, item),
            legal(item),
            item.metadata["unit"],
            typed(item),
        ]
        yield f"| {' | '.join(cells)} |"


def typed(item: Field[Any]) -> str:
    """Return the type of a parameter in words."""
    words = re.sub(r"tuple\[(\w+), \.\.\.\]", r"list of \1", str(item.type))
    return words.removesuffix(" | None")


def default(one: type[params.Params], item: Field[Any]) -> str:
    """Return the default, or the defaults by kind of image where there is more than one."""
    by_kind = {kind: _settled(one, item.name, kind) for kind in params.KINDS}
    values = list(by_kind.values())
    if all(value == values[0] for value in values):
        return f"`{_number(values[0])}`"
    return "<br>".join(f"{kind}: `{_number(value)}`" for kind, value in by_kind.items())


def _settled(one: type[params.Params], name: str, kind: params.Kind) -> Any:
    """Return what a parameter is by default; superpixels of the tree take the tree's evenness."""
    found = getattr(one().settled(kind), name)
    if found is None and one is params.SegmentParams:
        found = getattr(params.HierarchyParams().settled(kind), name, None)
    return found


def legal(item: Field[Any]) -> str:
    """Return the values that a parameter may take."""
    about = item.metadata
    if about["choices"]:
        return ", ".join(f"`{choice}`" for choice in about["choices"])
    low, high, above = (about[key] for key in ("low", "high", "above"))
    if low is None and high is None and above is None:
        return ""
    left = f"({_short(above)}" if low is None else f"[{_short(low)}"
    right = "∞)" if high is None else f"{_short(high)}]"
    return f"{left},\N{NO-BREAK SPACE}{right}"


def _short(limit: float | None) -> str:
    if limit is None:
        return "-∞"
    power = f"{limit:.0e}"
    if abs(limit) >= 1e6 and float(power) == limit:
        return re.sub(r"e\+0?", "e", power)
    return f"{limit:,.0f}" if abs(limit) >= 1e6 else f"{limit:,g}"


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
