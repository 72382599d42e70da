"""What the site's extension makes of docstrings."""

import logging
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from napari_sen.params import SegmentParams

griffe = pytest.importorskip("griffe", reason="tox run -e docs reads docstrings with griffe")

TOOLS = Path(__file__).resolve().parents[2] / "docs" / "tools"

SOURCE = '''from __future__ import annotations

def helper():
    """Help."""

def work(low: int, high: float = 2.0, *, mode: str = "b", how=None):
    """Work with :func:`helper`; see :mod:`elsewhere.far`.

    .. math:: a =
        b + c

    with :math:`a` and ``code``.

    Parameters
    ----------
    low, high
        Limits.
    mode : {"a", "b"}
        How.
    how : array, path or list
        What.
    """

def play(low: int, mode: str = "b", *, how=None):
    """Play.

    Parameters
    ----------
    low, mode
        As for :func:`sample.work`.
    how
        As for :func:`sample.work`. Lists are
        slow.
    """
'''


@pytest.fixture
def sample(monkeypatch):
    """Return a package as the site's extension leaves it."""
    monkeypatch.syspath_prepend(TOOLS)
    sys.modules.pop("docstrings", None)
    import docstrings

    with griffe.temporary_visited_package(
        "sample", {"__init__.py": SOURCE}, docstring_parser="numpy",
        extensions=griffe.load_extensions(docstrings.Docstrings),
    ) as package:  # fmt: skip
        yield package


@pytest.fixture
def work(sample):
    return sample["work"]


def test_roles_and_formulas_become_markdown(work):
    text = work.docstring.value
    assert '<autoref identifier="sample.helper" optional><code>helper</code></autoref>' in text
    assert "see `elsewhere.far`" in text
    assert "\n$$ a = b + c $$\n" in text
    assert "with $a$ and ``code``" in text


def test_parameters_show_their_own_types_and_defaults(work):
    [section] = [one for one in work.docstring.parsed if one.kind.value == "parameters"]
    shown = {entry.name: (str(entry.annotation), entry.default) for entry in section.value}
    assert shown == {
        "low": ("int", None),
        "high": ("float", "2.0"),
        "mode": ("'a' or 'b'", "'b'"),
        "how": ("array, path or list", "None"),
    }


def test_parameters_described_by_another_function_say_what_it_says(sample):
    [section] = [one for one in sample["play"].docstring.parsed if one.kind.value == "parameters"]
    assert [(entry.name, str(entry.annotation), entry.description) for entry in section.value] == [
        ("low", "int", "Limits."),
        ("mode", "'a' or 'b'", "How."),
        ("how", "array, path or list", "What.\nLists are\nslow."),
    ]


def test_parameters_described_elsewhere_say_what_they_mean(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import docstrings

    source = """def work(smoothing=None, connectivity=None):
    '''Work.

    Parameters
    ----------
    smoothing, connectivity
        See :class:`napari_sen.params.SegmentParams`, whose defaults None stands for.
    '''
"""
    with griffe.temporary_visited_package(
        "sample", {"__init__.py": source}, docstring_parser="numpy",
        extensions=griffe.load_extensions(docstrings.Docstrings),
    ) as package:  # fmt: skip
        [section] = [
            one for one in package["work"].docstring.parsed if one.kind.value == "parameters"
        ]
        told = {entry.name: entry.description for entry in section.value}
    for item in fields(SegmentParams):
        if item.name in told:
            unit = item.metadata["unit"]
            default = f"By default `{item.default:g}`{unit and f' {unit}'}"
            assert told[item.name][1:].startswith(f"{item.metadata['help'][1:]}. {default}. See")
    assert set(told) == {"smoothing", "connectivity"}


def test_parameters_stand_in_the_order_of_the_signature(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import docstrings

    source = """SIZES = (50, 200)

def work(a, b=SIZES, c=None):
    '''Work.

    Parameters
    ----------
    a, c
        Outer.
    b
        Inner.

    Raises
    ------
    OutputError
        If it cannot.
    '''
"""
    with griffe.temporary_visited_package(
        "sample", {"__init__.py": source}, docstring_parser="numpy",
        extensions=griffe.load_extensions(docstrings.Docstrings),
    ) as package:  # fmt: skip
        sections = {one.kind.value: one.value for one in package["work"].docstring.parsed}
    shown = [(entry.name, str(entry.default)) for entry in sections["parameters"]]
    assert shown == [("a", "None"), ("b", "(50, 200)"), ("c", "None")]
    [error] = sections["raises"]
    assert error.annotation.canonical_path == "napari_sen.errors.OutputError"


def test_a_role_without_a_target_is_a_warning(monkeypatch, caplog):
    monkeypatch.syspath_prepend(TOOLS)
    import docstrings

    source = 'def work():\n    """See :func:`nobody`."""\n'
    with (
        caplog.at_level(logging.WARNING, "mkdocs.plugins.docstrings"),
        griffe.temporary_visited_package(
            "sample", {"__init__.py": source},
            extensions=griffe.load_extensions(docstrings.Docstrings),
        ),
    ):  # fmt: skip
        pass
    assert "sample.work refers to nobody, which is not there" in caplog.text
