"""Record the net anew: ``python -m tests.net.record [CASE ...]``; all cases by default."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .cases import CASES
from .stored import ARRAYS, SUMS, Stored


def main(names: list[str]) -> None:
    unknown = sorted(set(names) - set(CASES))
    if unknown:
        sys.exit(f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}")
    stored = Stored.load() if names else Stored()
    for case in sorted(set(stored.sums) - set(CASES)):
        stored.drop(case)
    for case in names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            stored.put(case, CASES[case].run(Path(folder)))
    stored.save()
    size = SUMS.stat().st_size + ARRAYS.stat().st_size
    print(f"{len(names or CASES)} cases recorded; {len(stored.sums)} in {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
