"""Time, memory and quality of the superpixel hierarchy, one thread, as Markdown.

    python benchmarks/tree.py speed [--repeats 5]
    python benchmarks/tree.py quality ../shared/data/bsds500 --split val --images 40

Speed: a photograph (mirrored to fill large sizes), fine superpixels of the default size, colour
alone. Every stage is the best of the repeats; memory is what a process that holds the superpixels
gains at its peak (Linux).
Quality: exactly K superpixels cut from one tree an image, mean over evenly spaced images.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

from napari_sen.core.features import colour_features, statistics
from napari_sen.core.graph import region_graph
from napari_sen.core.hierarchy import Hierarchy, merge_regions
from napari_sen.core.metrics import achievable_accuracy, boundary_scores
from napari_sen.core.snic import snic
from napari_sen.core.strength import gradient_magnitude, half_disc_difference
from napari_sen.core.walk import walk_costs
from napari_sen.params import HierarchyParams

SIZES = ((321, 481), (2048, 2048))
CUTS = (50, 100, 200)
WALKS = (8, 64)
PARAMS = HierarchyParams()
MERGING = HierarchyParams(walk_weight=0.0).tree("natural").merging


def photograph(height: int, width: int) -> np.ndarray:
    """Return a uint8 RGB photograph, mirrored until it fills the size."""
    from skimage.data import astronaut

    picture = astronaut()
    missing = [
        max(0, want - have) for want, have in zip((height, width), picture.shape, strict=False)
    ]
    filled = np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")
    return np.ascontiguousarray(filled[:height, :width])


def lab(image: np.ndarray, smoothing: float) -> np.ndarray:
    return colour_features(image, True, statistics(image, rgb=True), smoothing)


def best(repeats: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shortest time in seconds and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def stages(height: int, width: int, repeats: int) -> dict[str, float]:
    """Return the seconds of every stage, and how many fine superpixels there are."""
    image = photograph(height, width)
    count = round(height * width / PARAMS.fine_size**2)
    times: dict[str, float] = {"fine superpixels": count}
    times["colour"], colour = best(repeats, lambda: lab(image, PARAMS.smoothing))
    times["SNIC"], labels = best(repeats, lambda: snic(colour, count))
    smooth = lab(image, PARAMS.boundary_smoothing)
    times["gradient"], strength = best(repeats, lambda: gradient_magnitude(smooth))
    sharp = lab(image, 0.0)
    times["half-discs (optional)"], _ = best(1, lambda: half_disc_difference(sharp))
    times["graph"], graph = best(repeats, lambda: region_graph(labels, colour, strength))
    for steps in WALKS:
        walk = HierarchyParams(walk_weight=1.0, walk_steps=steps).tree("natural").merging
        name = f"walk of {steps} steps (optional)"
        times[name], _ = best(repeats, lambda walk=walk: walk_costs(graph, walk))
    times["merge"], linkage = best(repeats, lambda: merge_regions(graph, MERGING))
    times["check"], tree = best(repeats, lambda: Hierarchy(labels, linkage))
    times["cut"], _ = best(3 * repeats, lambda: tree.cut(count // 5))
    times["ultrametric"], _ = best(repeats, tree.ultrametric)
    return times


def memory_line(name: str) -> int:
    """Return one figure of this process's status in KiB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")


def memory(height: int, width: int) -> None:
    """Print what a tree adds, at its peak, to a process that holds what it is made of."""
    colour = lab(photograph(height, width), PARAMS.smoothing)
    labels = snic(colour, round(height * width / PARAMS.fine_size**2))
    strength = gradient_magnitude(colour)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory_line("VmRSS")
    Hierarchy(labels, merge_regions(region_graph(labels, colour, strength), MERGING))
    print(f"{(memory_line('VmHWM') - before) / 1024:.1f}")


def speed(repeats: int) -> None:
    columns = {f"{h} x {w}": stages(h, w, repeats) for h, w in SIZES}
    print("| stage, seconds | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values())):
        form = "{:,.0f}" if name == "fine superpixels" else "{:.4f}"
        cells = [form.format(times[name]) for times in columns.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    # Without this glibc keeps freed blocks, and the tree would reuse them unseen.
    eager = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    cells = []
    for height, width in SIZES:
        command = [sys.executable, __file__, "memory", str(height), str(width)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=eager)
        cells.append(done.stdout.strip())
    print("| peak memory of graph, merging and tree, MiB | " + " | ".join(cells) + " |")


def scores(labels: np.ndarray, truths: list[np.ndarray]) -> list[float]:
    """Return headline F1 (thick, pooled over annotators) and mean ASA."""
    accuracy = np.mean([achievable_accuracy(labels, truth) for truth in truths])
    return [boundary_scores(labels, truths).f1, float(accuracy)]


def quality(
    root: Path,
    split: str,
    images: int,
    exponents: list[float],
    weights: list[float],
    textures: list[float],
) -> None:
    from napari_sen.evaluation.datasets import open_bsds

    data = open_bsds(root, split)
    chosen = np.unique(np.linspace(0, len(data) - 1, images).astype(int))
    rows: dict[str, list[list[float]]] = {"SNIC, smoothed colour": []}
    for index in chosen:
        item = data[int(index)]
        colour = lab(item.image, PARAMS.smoothing)
        count = round(colour[..., 0].size / PARAMS.fine_size**2)
        labels = snic(colour, count)
        gradient = gradient_magnitude(lab(item.image, PARAMS.boundary_smoothing))
        halves = half_disc_difference(lab(item.image, 0.0)) if any(textures) else gradient
        flat = [scores(snic(colour, k), item.ground_truths) for k in CUTS]
        rows["SNIC, smoothed colour"].append(np.ravel(flat).tolist())
        for texture in textures:
            graph = region_graph(labels, colour, gradient + np.float32(texture) * halves)
            for p, weight in product(exponents, weights):
                how = HierarchyParams(evenness=p, boundary_weight=weight, walk_weight=0.0)
                tree = Hierarchy(labels, merge_regions(graph, how.tree("natural").merging))
                cuts = [scores(tree.cut(k), item.ground_truths) for k in CUTS]
                name = f"tree, p = {p:g}, boundary {weight:g}, texture {texture:g}"
                rows.setdefault(name, []).append(np.ravel(cuts).tolist())
    print(f"BSDS {split}, {len(chosen)} images; F1 headline / ASA mean over annotators")
    print("| | " + " | ".join(f"K = {k}" for k in CUTS) + " |")
    print("|---|" + "---|" * len(CUTS))
    for name, values in rows.items():
        mean = np.mean(values, axis=0)
        cells = [f"{mean[i]:.4f} / {mean[i + 1]:.4f}" for i in range(0, len(mean), 2)]
        print(f"| {name} | " + " | ".join(cells) + " |")


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(dest="task", required=True)
    fast = tasks.add_parser("speed")
    fast.add_argument("--repeats", type=int, default=5)
    good = tasks.add_parser("quality")
    good.add_argument("root", type=Path, help="folder with images/ and groundTruth/")
    good.add_argument("--split", default="val")
    good.add_argument("--images", type=int, default=40)
    good.add_argument("--exponents", type=numbers, default=[1, 0.5, 0.25])
    good.add_argument("--weights", type=numbers, default=[PARAMS.boundary_weight])
    good.add_argument("--textures", type=numbers, default=[0, 30])
    one = tasks.add_parser("memory", help="what speed runs in a process of its own")
    one.add_argument("height", type=int)
    one.add_argument("width", type=int)
    options = parser.parse_args()
    if options.task == "speed":
        speed(options.repeats)
    elif options.task == "memory":
        memory(options.height, options.width)
    else:
        quality(
            options.root,
            options.split,
            options.images,
            options.exponents,
            options.weights,
            options.textures,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
