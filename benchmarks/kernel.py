"""Time and memory of the SNIC kernel beside its peers, one thread each, as a Markdown table.

    python benchmarks/kernel.py [--quick] [--reference libsnic.so] [--repeats 7]

Every method clusters the same photograph (mirrored to fill large sizes) into superpixels of
about 300 pixels, compactness 10. SNIC and scikit-image get CIELAB as float32 (the reference:
float64, which is what it takes); fast-slic converts 8-bit RGB itself, and its time includes
that. Runs alternate between ours and one other method; the ratio is the median over the pairs,
so that a busy machine slows both alike. Memory is what one call adds at its peak to a fresh
process that already holds the input.

The reference is a shared library of the SNIC authors' C code with the function SNIC_main,
built by hand elsewhere and named by --reference or NAPARI_SEN_REFERENCE_SNIC.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from skimage.color import rgb2lab
from skimage.data import astronaut
from skimage.segmentation import slic

from napari_sen.core.snic import snic

AREA = 300
COMPACTNESS = 10.0
SIZES = ((321, 481), (2048, 2048), (4096, 4096))
REFERENCE_VARIABLE = "NAPARI_SEN_REFERENCE_SNIC"
OURS = "napari-sen SNIC"


def photograph(height: int, width: int) -> np.ndarray:
    """Return a uint8 RGB photograph, mirrored until it fills the size."""
    picture = astronaut()
    missing = [
        max(0, want - have) for want, have in zip((height, width), picture.shape, strict=False)
    ]
    filled = np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")
    return np.ascontiguousarray(filled[:height, :width])


def lab(height: int, width: int) -> np.ndarray:
    """Return the photograph as CIELAB, converted by strips to keep the memory small."""
    picture = photograph(height, width)
    return np.concatenate(
        [rgb2lab(part.astype(np.float32) / 255) for part in np.array_split(picture, 8)]
    )


def ours(height: int, width: int, k: int) -> Callable[[], np.ndarray]:
    return partial(snic, lab(height, width), k, compactness=COMPACTNESS)


def skimage_slic(height: int, width: int, k: int) -> Callable[[], np.ndarray]:
    values = lab(height, width)
    # It rescales its input to 0...1, so the compactness must shrink alike.
    compactness = COMPACTNESS / float(np.ptp(values))
    return partial(slic, values, k, compactness=compactness, convert2lab=False, start_label=1)


def reference_snic(height: int, width: int, k: int) -> Callable[[], np.ndarray]:
    """Return the reference on planes of float64; raises OSError where the library is absent."""
    path = os.environ.get(REFERENCE_VARIABLE)
    if not path:
        raise OSError(f"set {REFERENCE_VARIABLE} or --reference to its shared library")
    function = ctypes.CDLL(str(Path(path).resolve())).SNIC_main
    planes = np.ascontiguousarray(np.moveaxis(lab(height, width), -1, 0), np.float64)
    doubles = planes.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    integers = ctypes.POINTER(ctypes.c_int)

    def run() -> np.ndarray:
        labels, made = np.empty((height, width), np.int32), ctypes.c_int()
        function(
            doubles, width, height, len(planes), k, ctypes.c_double(COMPACTNESS), 0,
            labels.ctypes.data_as(integers), ctypes.byref(made),
        )  # fmt: skip
        return labels + 1

    run.planes = planes  # keeps the memory behind the pointer alive
    return run


def fast_slic(height: int, width: int, k: int) -> Callable[[], np.ndarray]:
    """Return fast-slic's quickest build on 8-bit RGB; raises ImportError where it is absent."""
    import fast_slic
    from fast_slic.avx2 import SlicAvx2

    picture = photograph(height, width)
    assert fast_slic  # the plain module must import as well

    def run() -> np.ndarray:
        return SlicAvx2(num_components=k, compactness=COMPACTNESS, num_threads=1).iterate(picture)

    return run


# What prepares a run, and the bytes per pixel of the input that it holds.
METHODS = {
    OURS: (ours, 12),
    "SNIC reference (C)": (reference_snic, 24),
    "scikit-image slic": (skimage_slic, 12),
    "fast-slic (AVX2)": (fast_slic, 3),
}


def seconds(run: Callable[[], np.ndarray]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def added_memory(method: str, height: int, width: int, k: int) -> float | None:
    """Return the bytes per pixel that one call adds at its peak, measured in a fresh process."""
    command = [sys.executable, __file__, "--memory-of", method, str(height), str(width), str(k)]
    # Without this glibc keeps freed blocks, and the call would reuse them unseen.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout) / (height * width) if done.stdout.strip() else None


def print_added_memory(method: str, height: int, width: int, k: int) -> None:
    """Print the bytes that the second process's only call adds; nothing where it is not Linux."""
    prepare, _ = METHODS[method]
    run = prepare(height, width, k)
    prepare(64, 64, 16)()  # code is loaded before memory is counted
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return
    before = memory_line("VmRSS")
    reset.write_text("5")  # the high-water mark starts anew
    run()
    print(memory_line("VmHWM") - before)


def memory_line(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def compare(height: int, width: int, repeats: int) -> list[str]:
    """Return the table's rows for one size."""
    k = round(height * width / AREA)
    rows, mine = [], ours(height, width, k)
    mine()
    for method, (prepare, held) in METHODS.items():
        try:
            run = mine if method == OURS else prepare(height, width, k)
        except (ImportError, OSError) as error:
            print(f"skipped: {method}: {error}", file=sys.stderr)
            continue
        run()
        pairs = [(seconds(mine), seconds(run)) for _ in range(repeats)]
        took = statistics.median(theirs for _, theirs in pairs)
        ratio = statistics.median(theirs / own for own, theirs in pairs)
        memory = added_memory(method, height, width, k)
        made = len(np.unique(run()))
        speed = took / (height * width) * 1e9
        rows.append(
            f"| {width} x {height} | {method} | {made} | {took:.4f} | {speed:.0f} | {ratio:.2f} "
            f"| {held} | {'n/a' if memory is None else f'{memory:.0f}'} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out 4096 x 4096, fewer runs")
    parser.add_argument("--repeats", type=int, default=0, help="pairs of runs (7; 3 when quick)")
    parser.add_argument("--reference", help="shared library of the SNIC reference")
    parser.add_argument("--memory-of", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reference:
        os.environ[REFERENCE_VARIABLE] = options.reference
    if options.memory_of:
        method, *numbers = options.memory_of
        print_added_memory(method, *map(int, numbers))
        return
    repeats = options.repeats or (3 if options.quick else 7)
    heads = (
        "size",
        "method",
        "labels",
        "seconds",
        "ns/px",
        "time / ours",
        "input B/px",
        "added B/px",
    )
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for height, width in SIZES[:2] if options.quick else SIZES:
        print("\n".join(compare(height, width, repeats)), flush=True)


if __name__ == "__main__":
    main()
