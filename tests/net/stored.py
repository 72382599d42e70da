"""How results are kept, and how new ones are compared with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .cases import CASES, Results

__all__ = ["Stored", "differences"]

HERE = Path(__file__).parent
SUMS, ARRAYS = HERE / "recorded.json", HERE / "recorded.npz"

SAMPLED = 20_000  # values kept of an array of floats
TOLERANCE = 1e-5  # of a float, absolute and relative
AGREEING = 0.999  # the share of pixels that must agree where another CPU may round otherwise


class Stored:
    """What was recorded: ``sums[case][result]`` and, under "case/result", ``arrays``."""

    def __init__(
        self, sums: dict[str, dict[str, Any]] | None = None, arrays: Results | None = None
    ) -> None:
        self.sums, self.arrays = sums or {}, arrays or {}

    @classmethod
    def load(cls) -> Stored:
        with np.load(ARRAYS) as arrays:
            return cls(json.loads(SUMS.read_text()), dict(arrays))

    def save(self) -> None:
        sums = {case: self.sums[case] for case in CASES if case in self.sums}
        SUMS.write_text(json.dumps(sums, indent=1) + "\n")
        np.savez_compressed(ARRAYS, allow_pickle=False, **self.arrays)

    def put(self, case: str, results: Results) -> None:
        """Keep the results of a case in the place of older ones."""
        self.drop(case)
        self.sums[case] = {}
        for name, array in results.items():
            self.sums[case][name] = {
                "shape": list(array.shape),
                "dtype": array.dtype.str,
                "checksum": checksum(array),
            }
            self.arrays[f"{case}/{name}"] = kept(array)

    def drop(self, case: str) -> None:
        for name in self.sums.pop(case, {}):
            del self.arrays[f"{case}/{name}"]


def checksum(array: NDArray[Any]) -> str:
    """Return a checksum of shape, dtype and every byte."""
    about = f"{array.shape} {array.dtype.str} ".encode()
    return hashlib.sha256(about + np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def kept(array: NDArray[Any]) -> NDArray[Any]:
    """Return what is kept of a result: labels as they are, of floats some spread evenly."""
    if array.dtype.kind == "i":
        return array.astype(np.min_scalar_type(array.max(initial=0)))
    places = np.linspace(0, array.size - 1, min(array.size, SAMPLED)).astype(int)
    return array.ravel()[places].astype(np.float32)


def differences(
    case: str, results: Results, stored: Stored, *, has_model: bool, exact: bool
) -> list[str]:
    """Return in what the results of a case differ from those recorded, one sentence each.

    Integers are compared exactly, floats within a tolerance. Where a network takes part, its
    kernels round by the CPU: a few pixels may then have another label. ``exact`` allows none
    of this.
    """
    sums = stored.sums[case]
    if results.keys() != sums.keys():
        return [f"gives {sorted(results)}, recorded are {sorted(sums)}"]
    found = []
    for name, array in results.items():
        about = sums[name]
        expected = (tuple(about["shape"]), about["dtype"])
        if (array.shape, array.dtype.str) != expected:
            found.append(f"{name}: {array.shape} {array.dtype.str}, recorded {expected}")
        elif checksum(array) != about["checksum"]:
            old = stored.arrays[f"{case}/{name}"]
            share, sentence = _compare(name, array, old)
            has_to_be_equal = exact or (array.dtype.kind == "i" and not has_model)
            if has_to_be_equal or share < AGREEING:
                found.append(f"{name}: {sentence}")
    return found


def _compare(name: str, array: NDArray[Any], old: NDArray[Any]) -> tuple[float, str]:
    """Return which share of two results agrees, and what differs."""
    if array.dtype.kind != "i":
        new = kept(array)
        near = np.isclose(new, old, rtol=TOLERANCE, atol=TOLERANCE)
        largest = np.nanmax(np.abs(new - old), where=np.isfinite(old), initial=0)
        return float(near.mean()), (
            f"{np.sum(~near)} of {near.size} sampled values differ by more than {TOLERANCE}, "
            f"the largest difference is {largest:.3g}"
        )
    wrong = int(np.sum(array != old))
    if name == "merges":  # numbers of nodes: one swap renumbers all that follow
        return 1.0, f"{wrong} of {array.size} entries differ"
    other = array.size - _renamed(array, old)
    return 1 - other / array.size, (
        f"{wrong} of {array.size} pixels differ, {other} of them up to the numbers; "
        f"{int(array.max())} labels, recorded {int(old.max())}"
    )


def _renamed(array: NDArray[Any], old: NDArray[Any]) -> int:
    """Return how many pixels agree once the labels are renamed, one to one; 0 stays 0."""
    shared = np.zeros((int(array.max()) + 1, int(old.max()) + 1), np.int64)
    np.add.at(shared, (array.ravel(), old.ravel()), 1)
    inside = shared[1:, 1:]
    rows, columns = linear_sum_assignment(inside, maximize=True)
    return int(shared[0, 0] + inside[rows, columns].sum())
