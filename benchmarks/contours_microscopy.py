"""Half-discs in contours of microscopy: python benchmarks/contours_microscopy.py FOLDER SET ...

FOLDER holds the sets, each with folders images and labels. Every other image ('tune' half), at most
five of a set; ODS, OIS and AP of the BSDS boundary benchmark at 33 thresholds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from napari_sen.core.boundary_matching import THRESHOLDS, boundary_counts, boundary_map
from napari_sen.evaluation.contour_scores import contour_scores
from napari_sen.evaluation.datasets import open_folder
from napari_sen.evaluation.detector_settings import SIZES, TREES
from napari_sen.evaluation.methods import reading_of
from napari_sen.learn.model import load_model
from napari_sen.options import Execution
from napari_sen.pipeline.plan import contour_run

WAYS = {
    "trees, texture 0": replace(TREES, texture=0.0),
    "trees, texture 10": replace(TREES, texture=10.0),
    "trees, texture 30": replace(TREES, texture=30.0),
    "sizes": SIZES,
}
COARSE = THRESHOLDS[::3]


def main() -> None:
    """Print one line a set and way."""
    model = load_model("microscopy")
    for name in sys.argv[2:]:
        data = open_folder(Path(sys.argv[1]) / name, half="tune")
        items = [data[k] for k in range(0, len(data), max(1, len(data) // 4))]
        for way, params in WAYS.items():
            counts = []
            for item in items:
                human = [boundary_map(labels) for labels in item.ground_truths]
                reading = replace(reading_of(item), kind="microscopy")
                run = contour_run(
                    item.image, params, model=model, reading=reading, execution=Execution("cpu")
                )
                run.run()
                counts.append(boundary_counts(run.result(), human, COARSE))
            found = contour_scores(counts, COARSE)
            figures = f"ODS {found.ods:.3f}  OIS {found.ois:.3f}  AP {found.ap:.3f}"
            print(
                f"{name:22} {len(items)}  {way:18} {figures}  at {found.threshold:.2f}", flush=True
            )


if __name__ == "__main__":
    main()
