"""A griffe extension: what Sphinx writes in docstrings, as the site's Markdown.

Roles become links whose targets are checked, and formulas become ``$...$``. Parameters that share
one entry get an entry each, with its own type, in the order of the signature. "As for segment."
becomes what segment says. Defaults that are constants are shown by their values.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from dataclasses import fields

import griffe
from parameters import default as default_of

from napari_sen import errors, params

__all__ = ["Docstrings", "markdown"]

# A warning of this logger ends ``mkdocs build --strict``.
LOG = logging.getLogger("mkdocs.plugins.docstrings")

ROLE = re.compile(r":(?:func|class|meth|attr|mod|data|exc|obj):`(?P<short>~?)(?P<target>[\w.]+)`")
INLINE_FORMULA = re.compile(r":math:`([^`]+)`")
# The rest of the line, and the lines below that are indented or blank.
FORMULA = re.compile(
    r"^(?P<indent> *)\.\. math::(?P<body>.*(?:\n(?:(?P=indent) +\S.*| *$))*)", re.M
)
ENTRY = re.compile(
    r"^(?P<names>\w+(?:, \w+)*)(?: : (?P<type>.*))?\n(?P<text>(?:(?: +.*)?\n)+)", re.M
)
# What docstrings say of a parameter that another function describes.
AS_THERE = re.compile(r" +As for :func:`~?(?P<path>\w+\.[\w.]+)`\.")
# What docstrings say of a parameter that is described in napari_sen.params.
ELSEWHERE = re.compile(
    r"See (?P<role>:class:`napari_sen\.params\.(?P<owner>\w+)`), whose defaults None stands for\.\n"
)
NAMED = re.compile(r"\w+: ")
# Those that the page of building blocks shows; the others are public names.
ERRORS = "napari_sen.errors"
SHOWN_ERRORS = {*errors.__all__} - {"SenError", "Cancelled"}
SECTION = re.compile(
    r"^(?:Parameters|Other Parameters)\n-+\n(?P<body>(?:.*\n)*?)(?=\n\S.*\n-+\n|\Z)", re.M
)


class Docstrings(griffe.Extension):
    """Rewrite every docstring of the package before it is shown."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Go through a package that was just read."""
        for thing in everything_in(pkg):
            if thing.docstring:
                thing.docstring.value = markdown(thing.docstring.value, thing)
                mend_types(thing)


def everything_in(thing: griffe.Object) -> Iterator[griffe.Object]:
    """Yield an object and all that is defined in it."""
    yield thing
    for member in thing.members.values():
        if not member.is_alias:
            yield from everything_in(member)


def markdown(text: str, owner: griffe.Object) -> str:
    """Return a docstring's text with links, formulas and parameters in the site's Markdown."""
    if isinstance(owner, griffe.Function | griffe.Class):
        text = SECTION.sub(lambda found: _separated(found, owner), f"{text}\n")
    text = FORMULA.sub(_formula, text)
    text = INLINE_FORMULA.sub(r"$\1$", text)
    return ROLE.sub(lambda found: _link(found, owner), text)


def mend_types(thing: griffe.Object) -> None:
    """Show types as the docstring words them, and defaults as the signature has them.

    griffe reads "array, path or list" as a tuple, takes the first of some choices for the default,
    and finds only those errors that a module imports.
    """
    signature = {}
    if isinstance(thing, griffe.Function | griffe.Class):
        signature = {parameter.name: parameter for parameter in thing.parameters}
    for parameter in signature.values():
        parameter.default = _literal(parameter.default)
    order = list(signature)
    for section in thing.docstring.parsed if thing.docstring else ():
        entries = section.value if isinstance(section.value, list) else []
        if isinstance(section, griffe.DocstringSectionParameters):
            entries.sort(key=lambda each: order.index(each.name) if each.name in order else -1)
        for entry in entries:
            if not isinstance(entry, griffe.DocstringElement):  # an example
                continue
            if isinstance(entry.annotation, griffe.ExprTuple):
                entry.annotation = _worded(entry.annotation)
            elif isinstance(entry.annotation, str):
                entry.annotation = entry.annotation.replace("`", "")
            if isinstance(entry, griffe.DocstringParameter) and entry.name in signature:
                entry.value = signature[entry.name].default
            if isinstance(entry, griffe.DocstringRaise) and str(entry.annotation) in SHOWN_ERRORS:
                entry.annotation = griffe.ExprName(str(entry.annotation), parent=ERRORS)


def _literal(default: str | griffe.Expr | None) -> str | griffe.Expr | None:
    """Return the value of a constant that stands as a default, where it is a plain one."""
    if not (isinstance(default, griffe.ExprName) and default.name.isupper()):
        return default
    try:
        value = default.resolved.value
        ast.literal_eval(str(value))
    except (AttributeError, KeyError, TypeError, ValueError, griffe.GriffeError):
        return default
    return value


def _worded(items: griffe.ExprTuple) -> str:
    """Return what griffe took for a tuple as it was written: choices, or types with commas."""
    words = [str(item) for item in items.elements]
    return (" or " if all(word[0] in "\"'" for word in words) else ", ").join(words)


def _separated(section: re.Match[str], owner: griffe.Function | griffe.Class) -> str:
    """Return a section in which every parameter that the signature knows has its own entry."""
    known = {parameter.name for parameter in owner.parameters}

    def each(group: re.Match[str]) -> str:
        names = group["names"].split(", ")
        if not known.issuperset(names):
            return group[0]
        return "".join(_entry(name, group["type"], group["text"], owner) for name in names)

    start = section.start("body") - section.start()
    return section[0][:start] + ENTRY.sub(each, section["body"])


def _entry(name: str, kind: str | None, text: str, owner: griffe.Object) -> str:
    """Return the entry of one parameter, with what another function says of it put in."""
    if reference := AS_THERE.match(text):
        there = owner.modules_collection[reference["path"]].docstring.value
        found = next(entry for entry in ENTRY.finditer(there) if name in entry["names"].split(", "))
        kind = kind or found["type"]
        rest = text[reference.end() :].strip()
        text = "".join(f"{part}\n" for part in (found["text"].rstrip(), rest and f"    {rest}"))
    return f"{name}{f' : {kind}' if kind else ''}\n{_described(name, text)}"


def _described(name: str, text: str) -> str:
    """Return the text of a parameter: its own, where it is described in ``napari_sen.params``."""

    def own(elsewhere: re.Match[str]) -> str:
        owner = getattr(params, elsewhere["owner"])
        item = next(each for each in fields(owner) if each.name == name)
        meaning, unit = item.metadata["help"], item.metadata["unit"]
        # "trees: ..." and "p: ..." name a value or a letter of a formula.
        if not NAMED.match(meaning):
            meaning = meaning[0].upper() + meaning[1:]
        if "by default" not in meaning:
            meaning += f". By default {default_of(owner, item)}{unit and f' {unit}'}"
        return f"{meaning}. See {elsewhere['role']}.\n"

    return ELSEWHERE.sub(own, text)


def _formula(found: re.Match[str]) -> str:
    """Return a displayed formula on one line, with blank lines around it."""
    body = " ".join(found["body"].split())
    return f"\n{found['indent']}$$ {body} $$\n"


def _link(found: re.Match[str], owner: griffe.Object) -> str:
    """Return the link for one role; where the site does not show the target, plain code."""
    target = found["target"]
    shown = target.rsplit(".", 1)[-1] if found["short"] else target
    package = owner.package.path
    try:
        path = target if target.startswith(f"{package}.") else owner.resolve(target)
        owner.modules_collection[path]
    except (KeyError, griffe.NameResolutionError, griffe.AliasResolutionError):
        if target.split(".")[0] == package or "." not in target:
            LOG.warning("%s refers to %s, which is not there", owner.path, target)
        return f"`{shown}`"
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'
