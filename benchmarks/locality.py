"""How far superpixels in tiles are those in memory, by kind of image and size, as Markdown.

    python benchmarks/locality.py FOLDER [--kinds photographs phase electron "H&E" volume]
    python benchmarks/locality.py FOLDER --kinds photographs --halo 12 --leaves 13   # narrower

Mosaics of real images, and a mirrored volume, with the model, at default parameters. Of
every size: the share of pixels whose superpixel is the same set of pixels as in memory, and the
number made over the number in memory, once where the tree is merged as a whole (up to a million
leaves) and once where it is merged around each tile, as beyond that (there around blocks of tiles,
which see no less).
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import imageio.v3 as iio
import numpy as np
import tifffile
from large import in_equal_sets

import napari_sen
from napari_sen.options import Execution, Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline import around_tiles, cuts
from napari_sen.pipeline.plan import superpixel_run

Array = np.ndarray


def mosaic(pictures: Sequence[Array], rows: int, columns: int) -> Array:
    """Return pictures side by side, each as large as the smallest."""
    height, width = np.min([p.shape[:2] for p in pictures], axis=0)
    fitting = [p[:height, :width] for p in pictures[: rows * columns]]
    return np.concatenate(
        [np.concatenate(fitting[r * columns : (r + 1) * columns], 1) for r in range(rows)]
    )


def mirrored(image: Array, axes: Sequence[int]) -> Array:
    """Return an image twice as long along axes."""
    for axis in axes:
        image = np.concatenate([image, np.flip(image, axis)], axis)
    return image


def read(pictures: str, data: Path, count: int) -> list[Array]:
    """Return the first images that are named so, turned to lie down."""
    found = [iio.imread(path) for path in sorted(data.glob(pictures))[:count]]
    return [np.rot90(p) if p.shape[0] > p.shape[1] else p for p in found]


@dataclass(frozen=True)
class Kind:
    """Images side by side: which, how many rows and columns, and the side of the tiles."""

    pictures: str
    rows: int
    columns: int
    tile: int
    sizes: tuple[int, ...] = (10, 20, 40, 60)
    reading = Reading()

    def image(self, data: Path) -> Array:
        """Return the mosaic."""
        return mosaic(read(self.pictures, data, self.rows * self.columns), self.rows, self.columns)


class Volume:
    """A volume, mirrored along each axis."""

    tile, sizes, reading = (64, 128, 128), (10, 15, 20), Reading(slices="volume")

    def image(self, data: Path) -> Array:
        """Return the volume."""
        path = data / "microscopy/embryo_nuclei_3d/images/16_cell_stage.tif"
        return mirrored(tifffile.imread(path), (0, 1, 2))


KINDS: dict[str, Kind | Volume] = {
    "photographs": Kind("bsds500/images/val/*.jpg", 6, 4, 512),
    "H&E": Kind("microscopy/tcga_he/images/*", 2, 3, 384),
    "phase": Kind("microscopy/usiigaci_phase/images/*", 2, 2, 384),
    "electron": Kind("microscopy/vnc_em/images/*", 2, 2, 384),
    "volume": Volume(),
}


def compared(
    image: Array, size: float, kind: Kind | Volume, whole: Array, halo: float | None
) -> tuple[float, float]:
    """Return the share of equal sets and the number made over that in memory."""
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(tile=kind.tile, out=Path(folder, "result.zarr"))
        run = superpixel_run(
            image, SegmentParams(size=size), reading=kind.reading, execution=execution, halo=halo
        )
        for _ in run.steps():
            pass
        found = np.asarray(run.result())
    return in_equal_sets(found, whole), len(np.unique(found)) / len(np.unique(whole))


def main() -> None:
    """Measure every kind and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds bsds500 and microscopy")
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--sizes", type=float, nargs="+", help="px; by default each kind's own")
    parser.add_argument("--halo", type=float, help="spacings of leaves around a tile")
    parser.add_argument("--leaves", type=float, help="merged around a tile, for the walk")
    args = parser.parse_args()
    leaves = {} if args.leaves is None else dict.fromkeys(cuts.LEAVES, args.leaves)
    print("| image | pixels | size, px | sets, whole tree | number | sets, around tiles | number |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in args.kinds:
        kind = KINDS[name]
        image = kind.image(args.data)
        for size in args.sizes or kind.sizes:
            whole = napari_sen.segment(image, size=size, slices=kind.reading.slices)
            row = [*compared(image, size, kind, whole, args.halo)]
            with (
                patch.object(cuts, "WHOLE", 0),
                patch.object(around_tiles, "IN_BLOCK", 0),
                patch.dict(cuts.LEAVES, leaves),
            ):
                row += compared(image, size, kind, whole, args.halo)
            extent = " x ".join(map(str, whole.shape))
            told = " | ".join(f"{value:.5f}" for value in row)
            print(f"| {name} | {extent} | {size:g} | {told} |", flush=True)


if __name__ == "__main__":
    main()
