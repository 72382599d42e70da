"""Look whether anything is left behind by random products of random inputs in one process.

    python benchmarks/soak.py --minutes 15

After every product memory, open files, threads and temporary folders are counted. At the end the
script prints how they went, and compares some of the results with those of fresh processes. It
ends with code 1 where something grew or differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import napari_sen
from napari_sen.errors import Cancelled, SenError

WARM = 40  # products until everything is loaded and caches are full
GROWTH = 64  # MB that memory may grow by afterwards: the allocator's, not ours


def an_image(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    """Return an image of a random shape, kind and dtype, with what has to be said of it."""
    sides = rng.integers(20, 220, 2)
    kind = rng.choice(["grey", "colour", "deep", "float", "channels", "stack"])
    smooth = np.kron(rng.random(sides // 8 + 1), np.ones((8, 8)))[: sides[0], : sides[1]]
    grey = (smooth * 200 + rng.random(sides) * 55).astype(np.uint8)
    if kind == "grey":
        return grey, {}
    if kind == "colour":
        return np.stack([grey, grey[::-1], grey[:, ::-1]], -1), {}
    if kind == "deep":
        return grey.astype(np.uint16) * 200, {}
    if kind == "float":
        return grey / np.float32(255), {}
    if kind == "channels":
        return np.stack([grey, grey[::-1]]), {"channel_axis": 0}
    return np.stack([grey, grey[::-1]]), {"slices": "each"}


def stopped(done: int, total: int, stage: str) -> None:
    """Stop the work."""
    raise Cancelled


def segment(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    method = str(rng.choice(["snic", "tree"]))
    number = int(rng.integers(2, 60))
    return napari_sen.segment(image, number, method=method, model=a_model(rng), **options)


def masked(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    shape = np.delete(image.shape, options["channel_axis"]) if "channel_axis" in options else None
    whole = image.shape if shape is None else tuple(shape)
    inside = np.zeros(whole[:2] if image.shape[-1] == 3 else whole, bool)
    inside[..., 3:-3, 3:-3] = True
    return napari_sen.segment(image, size=12, mask=inside, model=None, **options)


def tiled(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    out = folder / "a.zarr"
    how = {"size": 9, "model": a_model(rng), "tile": 64, "out": out, **options}
    if rng.random() < 0.3:
        try:
            napari_sen.segment(image, overwrite=True, progress=stopped, **how)
        except Cancelled:
            return np.asarray(napari_sen.segment(image, resume=True, overwrite=True, **how))
    return np.asarray(napari_sen.segment(image, overwrite=True, **how))


def temporary(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    import dask.array as da

    lazy = da.from_array(image, chunks=64)
    return np.asarray(napari_sen.segment(lazy, size=11, model=None, **options))


def embed(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    return napari_sen.embed(image, clustered=bool(rng.random() < 0.3), **options).round(2)


def contours(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    return napari_sen.contours(image, model=a_model(rng), **options).round(3)


def hierarchy(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    if "slices" in options:
        image, options = image[0], {}
    tree = napari_sen.hierarchy(image, model=a_model(rng), **options)
    tree.save(folder / "tree.npz", overwrite=True)
    tree = napari_sen.Hierarchy.load(folder / "tree.npz")
    return tree.cut((tree.n_parts + tree.n_leaves) // 2)


def pseudo_labels(rng: np.random.Generator, image: Any, options: Any, folder: Path) -> Any:
    found = napari_sen.pseudo_labels(image, spacings=[7, 20], compactnesses=[10], **options)
    return np.stack([*found.values()])


def refused(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    """Ask for what is refused, or stop in the middle."""
    try:
        if rng.random() < 0.5:
            napari_sen.segment(image, 10**9, model=None, **options)
        napari_sen.segment(image, 9, model=None, progress=stopped, **options)
    except (SenError, Cancelled) as error:
        return np.array([len(type(error).__name__)])
    raise AssertionError("it was not refused")


def train(rng: np.random.Generator, image: Any, options: dict[str, Any], folder: Path) -> Any:
    from napari_sen.params import MeanShiftParams, NetworkParams, TrainParams

    model = napari_sen.train(
        image,
        network=NetworkParams(planes=2 if "channel_axis" in options else 3, base_width=4, levels=1),
        mean_shift=MeanShiftParams(iterations=1),
        schedule=TrainParams(steps=2, batch=1, crop=32, landmarks=8, validation=0),
        **options,
    )
    return np.frombuffer(bytes.fromhex(model.sha256), np.uint8)


def a_model(rng: np.random.Generator) -> str | None:
    return "auto" if rng.random() < 0.3 else None


PRODUCTS: list[Callable[..., Any]] = [
    segment, segment, masked, tiled, tiled, temporary, embed, contours, hierarchy, pseudo_labels,
    refused, train,
]  # fmt: skip


def product(seed: int, folder: Path) -> tuple[str, str]:
    """Make one product; return its name and a checksum of the result."""
    rng = np.random.default_rng(seed)
    make = PRODUCTS[int(rng.integers(len(PRODUCTS)))]
    image, options = an_image(rng)
    found = np.ascontiguousarray(make(rng, image, options, folder))
    about = f"{found.shape} {found.dtype}".encode() + found.tobytes()
    return make.__name__, hashlib.sha256(about).hexdigest()[:16]


def counts(folder: Path) -> dict[str, int]:
    """Return what may not grow."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    temporary = Path(tempfile.gettempdir())
    return {
        "MB": pages * resource.getpagesize() >> 20,
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "temporary folders": sum(1 for _ in temporary.iterdir()),
        "files beside outputs": sum("partial" in path.name for path in folder.iterdir()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of the first product")
    parser.add_argument("--compare", type=int, default=12, help="results of fresh processes")
    parser.add_argument("--one", type=int, help="make one product and print its checksum")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as own:
        # What this process makes in passing is counted where nobody else does.
        tempfile.tempdir = own
        if args.one is not None:
            print(json.dumps(product(args.one, Path(place))))
            return 0
        return soak(args, Path(place))


def soak(args: argparse.Namespace, folder: Path) -> int:
    end = time.monotonic() + 60 * args.minutes
    results: list[tuple[str, str]] = []
    trail: list[dict[str, int]] = []
    while time.monotonic() < end or len(results) < WARM + 10:
        results.append(product(args.seed + len(results), folder))
        trail.append(counts(folder))
        if len(results) % 50 == 0:
            print(len(results), trail[-1], flush=True)
    made = Counter(name for name, _ in results)
    print(f"{len(results)} products: " + ", ".join(f"{n} {name}" for name, n in made.items()))
    bad = 0
    for key in trail[0]:
        settled = trail[WARM:]
        half = len(settled) // 2
        before, after = (max(each[key] for each in p) for p in (settled[:half], settled[half:]))
        # A store without `out` is kept until Python ends.
        allowed = GROWTH if key == "MB" else made["temporary"] if key == "temporary folders" else 0
        grown = after - before
        print(f"{key}: at most {before} in the first half, {after} in the second")
        bad += grown > allowed
    for number in np.linspace(0, len(results) - 1, args.compare).astype(int):
        command = [sys.executable, __file__, "--one", str(args.seed + number)]
        fresh = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        if tuple(fresh) != results[number]:
            print(f"product {args.seed + number} ({fresh[0]}) differs from a fresh process")
            bad += 1
    print(f"{args.compare} results compared with fresh processes; {bad} findings")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
