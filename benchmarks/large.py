"""Time, memory, agreement and seams of tiled superpixels, as Markdown.

    python benchmarks/large.py [--quick] [--sizes 2048 4096 8192 16384] [--threads 2]
    python benchmarks/large.py --first 64 --sizes 65536         # only so many tiles
    python benchmarks/large.py --model microscopy --first 4 --sizes 16384
    python benchmarks/large.py --method snic                    # flat superpixels
    python benchmarks/large.py --reach 250 --sizes 2048         # merged around each tile
    python benchmarks/large.py --contours --sizes 4096          # contours instead
    python benchmarks/large.py --size 24 --sizes 4096           # larger superpixels
    python benchmarks/large.py --ndim 3 --sizes 384             # a volume
    python benchmarks/large.py --ndim 3 --sizes 192 --halo 4    # with another halo

The image is a photograph's green channel (uint16), mirrored without end, with noise that does not
repeat, made where it is read: nothing is measured of a disk's reading. Every size runs in a
process of its own; memory is the peak of its resident set beyond what it holds after importing
all libraries.
Agreement: share of pixels with the label that the whole image, in memory, gives them, and share of
those whose superpixel is the same set of pixels there (up to 4096, volumes up to 192). Trees of up
to a million leaves are merged as a whole; with ``--reach`` they are merged around
blocks of tiles, as larger ones are; ``--single`` makes each tile such a block.
Seams: how often labels change on tile borders, over how often they do on lines at the same place
of the picture, which repeats, and of the seed lattice: other lines differ by nature; with the
standard error that the choice of lines brings. Up to 4096 also over how often the labels of the
whole change on the very same borders.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

PERIOD = 970  # px: after which the picture repeats
COMPARED = {2: 4096, 3: 192}  # px: largest side that is also segmented as a whole


class Endless:
    """A uint16 image or volume without an end: a lazy array that is computed on reading."""

    dtype = np.dtype(np.uint16)

    def __init__(self, side: int, ndim: int = 2) -> None:
        from skimage.data import astronaut

        green = astronaut()[: PERIOD // 2, : PERIOD // 2, 1].astype(np.uint16) * 200
        rows = np.concatenate([green, green[::-1]])
        self._pattern = np.concatenate([rows, rows[:, ::-1]], axis=1)
        self.shape, self.ndim = (side,) * ndim, ndim

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        axes = [np.arange(part.start, part.stop) for part in key]
        if self.ndim == 3:
            return np.stack([self._plane(axes[1], axes[2], z) for z in axes[0].tolist()])
        return self._plane(axes[0], axes[1], 0)

    def _plane(self, rows: np.ndarray, columns: np.ndarray, z: int) -> np.ndarray:
        """Return a part of one plane; the picture moves a little from plane to plane."""
        values = self._pattern[np.ix_((rows + z) % PERIOD, (columns + 2 * z) % PERIOD)]
        # A hash of the place: noise that is the same whenever it is asked for.
        place = rows[:, None] * 0x9E3779B1 ^ columns * 0x85EBCA77 ^ z * 0xC2B2AE3D
        place = place.astype(np.uint32)
        place ^= place >> np.uint32(15)
        place *= np.uint32(0x2C1B3C6D)
        return values + (place >> np.uint32(21)).astype(np.uint16)


def resident(key: str) -> float:
    """Return VmRSS or VmHWM of this process in MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


def measure(side: int, options: argparse.Namespace) -> dict[str, Any]:
    """Segment one size; return its row of the table."""
    threads, first, model = options.threads, options.first, options.model
    import dask.array  # noqa: F401

    from napari_sen.options import Execution, Reading
    from napari_sen.params import ContourParams, SegmentParams
    from napari_sen.pipeline import around_tiles
    from napari_sen.pipeline.plan import contour_run, superpixel_run
    from napari_sen.pipeline.stored import open_result

    if model is not None:
        from napari_sen.learn.model import load_model

        load_model(model)
    held = resident("VmRSS")
    if options.single:
        around_tiles.IN_BLOCK = 0
    image = Endless(side, options.ndim)
    params = SegmentParams(size=options.size, method=options.method)
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(scheduler=threads, out=Path(folder, "result.zarr"))
        reading = Reading(slices="volume" if options.ndim == 3 else None)
        how = {"model": model, "reading": reading, "execution": execution, "halo": options.halo}
        if options.contours:
            run = contour_run(image, ContourParams(), **how)
        else:
            run = superpixel_run(image, params, reach=options.reach, **how)
        start = last = time.perf_counter()
        stages: dict[str, float] = {}
        tiles, total = 0, 0
        steps = run.steps()
        for step in steps:
            now = time.perf_counter()
            stage = step.stage.partition(" of ")[0]
            stages[stage] = stages.get(stage, 0.0) + now - last
            last = now
            if step.stage == "superpixels":
                tiles, total = step.done, step.total
                if first is not None and tiles >= first:
                    steps.close()
                    break
        row: dict[str, Any] = {
            "side": side,
            "tiles": tiles,
            "of": total,
            "seconds": time.perf_counter() - start,
            "stages": stages,
            "peak": resident("VmHWM") - held,
        }
        if first is None and not options.contours:
            labels = open_result(run.path)[0]
            row["labels"] = int(labels.max().compute())
            ratio = seam_ratio(labels, options.size) if labels.ndim == 2 else None
            row |= {} if ratio is None else {"seams": ratio}
            if side <= COMPARED[labels.ndim] and model is None:
                row |= compare(image, labels, options)
    return row


def compare(image: Endless, labels: Any, options: argparse.Namespace) -> dict[str, float]:
    """Return the share of equal pixels, and the seconds that the whole takes in memory."""
    import dask.array as da

    from napari_sen import segment

    whole = image[tuple(slice(0, n) for n in image.shape)]
    how = {"slices": "volume"} if whole.ndim == 3 else {}
    start = time.perf_counter()
    size = options.size
    expected = segment(whole, size=size, method=options.method, model=None, **how)
    seconds = time.perf_counter() - start
    equal = sum(
        int((labels[k : k + 512].compute() == expected[k : k + 512]).sum())
        for k in range(0, len(whole), 512)
    )
    found = {"whole": seconds, "agreement": equal / expected.size}
    found["equal sets"] = in_equal_sets(labels.compute(), expected)
    if whole.ndim == 2:
        borders, _ = border_lines(len(whole), labels.chunks[0][0], size)
        ours, theirs = (changes(these, borders) for these in (labels, da.from_array(expected)))
        found["same borders"] = float(ours.sum() / theirs.sum())
    return found


def in_equal_sets(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the share of pixels whose superpixel is the same set of pixels in both."""
    key = found.ravel().astype(np.int64) << 32 | expected.ravel()
    pairs, counts = np.unique(key, return_counts=True)
    sizes = (
        np.bincount(found.ravel())[pairs >> 32],
        np.bincount(expected.ravel())[pairs & 0xFFFFFFFF],
    )
    return float(counts[(sizes[0] == counts) & (sizes[1] == counts)].sum() / found.size)


def border_lines(side: int, tile: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where tiles begin, and lines elsewhere that are like them."""
    borders = np.arange(tile, side, tile)
    pitch = side / round(side / size)
    # A period of the picture is very nearly a whole number of seed spacings.
    turns = np.array([*range(-4, 0), *range(1, 5)])
    shifts = np.rint(np.rint(PERIOD * turns / pitch) * pitch).astype(int)
    others = np.unique(borders[:, None] + shifts)
    return borders, np.setdiff1d(others[(others > 0) & (others < side)], borders)


def changes(labels: Any, lines: np.ndarray) -> np.ndarray:
    """Return, for every line along y and x, how often labels change from before it to on it."""
    found = np.zeros((2, len(lines)))
    step = labels.chunks[0][0]
    for start in range(0, len(labels), step):
        rows = labels[max(0, start - 1) : start + step].compute()
        here = (lines >= max(start, 1)) & (lines < start + step)
        at = lines[here] - max(0, start - 1)
        found[0, here] = np.count_nonzero(rows[at] != rows[at - 1], axis=1)
        own = rows[min(start, 1) :]
        found[1] += np.count_nonzero(own[:, lines] != own[:, lines - 1], axis=0)
    return found


def seam_ratio(labels: Any, size: float) -> tuple[float, float] | None:
    """Return how often labels change on tile borders over elsewhere, and its standard error.

    The error is that of 1,000 bootstrap resamples of the lines.
    """
    borders, others = border_lines(len(labels), labels.chunks[0][0], size)
    if not len(others):
        return None  # the image is smaller than the picture's period
    on, off = (changes(labels, lines).ravel() for lines in (borders, others))
    rng = np.random.default_rng(0)
    drawn = [rng.choice(on, len(on)).mean() / rng.choice(off, len(off)).mean() for _ in range(1000)]
    return float(on.mean() / off.mean()), float(np.std(drawn))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--first", type=int, help="stop after so many tiles")
    parser.add_argument("--model", help="compare the embedding of this model, too")
    parser.add_argument("--size", type=float, default=10.0, help="diameter of the superpixels, px")
    parser.add_argument("--method", choices=("tree", "snic"), default="tree")
    parser.add_argument("--reach", type=float, help="px around a tile in which leaves are merged")
    parser.add_argument("--single", action="store_true", help="merge around single tiles")
    parser.add_argument("--ndim", type=int, choices=(2, 3), default=2, help="3: a volume")
    parser.add_argument("--contours", action="store_true", help="contours, no superpixels")
    parser.add_argument("--halo", type=float, help="seed spacings around a tile")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.sizes, options)))
        return
    sizes = [1024, 2048] if options.quick else options.sizes
    rows = []
    columns = ["side, px", "tiles", "seconds", "of it superpixels, seams, walk, merging",
               "Mpx / s", "peak, MB", "agreement", "seams", "in equal sets",
               "over those of the whole", "seconds in memory"]  # fmt: skip
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for side in sizes:
        command = [sys.executable, __file__, "--one", "--sizes", str(side), "--threads",
                   str(options.threads), "--ndim", str(options.ndim),
                   "--size", str(options.size)]  # fmt: skip
        command += ["--first", str(options.first)] if options.first else []
        command += ["--model", options.model] if options.model else []
        command += ["--contours"] * options.contours + ["--single"] * options.single
        command += ["--halo", str(options.halo)] if options.halo else []
        command += ["--method", options.method]
        command += ["--reach", str(options.reach)] if options.reach else []
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = json.loads(output)
        rows.append(row)
        stages = row["stages"]
        pixels = side**options.ndim * row["tiles"] / row["of"] / 1e6
        shown = [
            f"{row[key]:.5f}" if key in row else ""
            for key in ("agreement", "equal sets", "same borders")
        ]
        if "seams" in row:
            shown.insert(1, "{:.3f} +- {:.3f}".format(*row["seams"]))
        else:
            shown.insert(1, "")
        whole = f"{row['whole']:.1f}" if "whole" in row else ""
        parts = ", ".join(
            f"{stages.get(key, 0.0):.1f}" for key in ("superpixels", "seams", "walk", "merging")
        )
        busy = row["seconds"] if options.first is None else stages["superpixels"]
        print(f"| {side} | {row['tiles']} of {row['of']} | {row['seconds']:.1f} | {parts} "
              f"| {pixels / busy:.2f} | {row['peak']:.0f} | {' | '.join(shown)} "
              f"| {whole} |", flush=True)  # fmt: skip
        if options.contours:
            shown = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in stages.items())
            print(f"\nSeconds: {shown}.\n")
    if options.contours:
        return  # the trees of a terabyte fit into no memory
    hours = 5e11 / (1e6 * pixels / busy / options.threads) / 3600
    print(f"\nA terabyte of uint16, 5e11 pixels, would take {hours:.0f} hours of one such core.")
    if len(rows) > 1 and options.first is None:
        sides, seconds = (np.log([row[key] for row in rows]) for key in ("side", "seconds"))
        slope = np.polyfit(2 * sides, seconds, 1)[0]
        print(f"\nTime grows with the number of pixels to the power {slope:.3f} "
              f"({options.threads} threads).")  # fmt: skip


if __name__ == "__main__":
    main()
