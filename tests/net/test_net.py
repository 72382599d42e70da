"""The net: results on small images stay those recorded, whatever is rebuilt inside.

On one machine, before and after a change, ``NAPARI_SEN_EXACT=1`` asks for every bit; record on
that machine first. Without it floats, and labels that a network takes part in, may differ as much
as CPUs round otherwise (see :func:`tests.net.stored.differences`). Labels without a network are
the same on all x86-64 CPUs with FMA; without, NumPy's matrix product, colour to CIELAB, rounds
otherwise, and a pixel may change hands. A change that is wanted is recorded by
``python -m tests.net.record CASE ...``.
"""

import os
import platform
import sys

import numpy as np
import pytest

from .cases import CASES, segment
from .images import grey
from .stored import Stored, differences

# Elsewhere logarithms and matrix products come from other libraries.
IS_RECORDED = sys.platform.startswith("linux") and platform.machine() == "x86_64"
EXACT = os.environ.get("NAPARI_SEN_EXACT", "0") == "1"


@pytest.fixture(scope="module")
def stored():
    return Stored.load()


def test_every_case_is_recorded(stored):
    assert list(stored.sums) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_results_are_those_recorded(case, stored, tmp_path):
    results = CASES[case].run(tmp_path)
    rounds = CASES[case].has_model or not IS_RECORDED
    found = differences(case, results, stored, has_model=rounds, exact=EXACT)
    assert not found, f"case {case!r}: " + "; ".join(found)


@pytest.fixture
def small():
    """Return labels, and a store that holds them and some floats."""
    labels = np.kron(np.arange(1, 13, dtype=np.int32).reshape(3, 4), np.ones((20, 30), np.int32))
    results = {"labels": labels, "heights": np.linspace(0, 3, 700)}
    kept = Stored()
    kept.put("small", results)
    return results, kept


@pytest.mark.parametrize(
    ("pixels", "has_model", "exact", "is_seen"),
    [(1, False, False, True), (1, True, True, True), (1, True, False, False),
     (20, True, False, True)],
)  # fmt: skip
def test_changed_pixels_are_seen(small, pixels, has_model, exact, is_seen):
    results, kept = small
    results["labels"].ravel()[:pixels] = 2
    found = differences("small", results, kept, has_model=has_model, exact=exact)
    assert bool(found) is is_seen
    assert not is_seen or f"{pixels} of 7200 pixels" in found[0]


def test_other_numbers_are_allowed_with_a_model_alone(small):
    results, kept = small
    results["labels"] = 13 - results["labels"]
    assert not differences("small", results, kept, has_model=True, exact=False)
    assert differences("small", results, kept, has_model=False, exact=False)
    assert differences("small", results, kept, has_model=True, exact=True)


@pytest.mark.parametrize(
    ("change", "exact", "is_seen"),
    [(1e-8, False, False), (1e-8, True, True), (1e-3, False, True)],
)
def test_changed_floats_are_seen(small, change, exact, is_seen):
    results, kept = small
    results["heights"] = results["heights"] + change
    found = differences("small", results, kept, has_model=True, exact=exact)
    assert bool(found) is is_seen


def test_another_dtype_shape_or_result_is_seen(small):
    results, kept = small
    for changed in (
        results | {"labels": results["labels"].astype(np.int64)},
        results | {"labels": results["labels"][:-1]},
        {"labels": results["labels"]},
    ):
        assert differences("small", changed, kept, has_model=True, exact=False)


def test_a_parameter_that_changes_a_little_is_seen(stored):
    results = segment(grey(), n_segments=90, model=None, compactness=5.1)
    found = differences("dtype uint8", results, stored, has_model=False, exact=False)
    assert "pixels differ" in found[0]
