"""The examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import napari_sen

PACKAGE = Path(napari_sen.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("napari_sen", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


def test_the_main_functions_have_examples():
    for name in ("segment", "hierarchy", "embed", "contours", "train", "objects"):
        assert ">>> " in getattr(napari_sen, name).__doc__, name


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
