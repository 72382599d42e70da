"""The words of evaluate."""

from __future__ import annotations

import argparse
from typing import Any

from ...evaluation.detector_settings import DETECTORS
from ...evaluation.settings import CHOSEN, SIZES
from .base import command
from .shared import comma_names

__all__ = ["evaluate"]


def evaluate(commands: Any) -> argparse.ArgumentParser:
    """Add ``evaluate``."""
    parser = command(
        commands,
        "evaluate",
        "evaluation:evaluate",
        "compare methods on annotated images",
        "BSDS500 -o scores --methods sen-tree,slic --images 20",
        "BSDS500 -o contours --contours",
        usage="DATASET -o DIR [options]",
    )
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help="folder in the BSDS layout, or with folders images and labels of the same stems",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        help="folder for tables and plots; a stopped run continues there",
    )
    parser.add_argument(
        "--methods",
        type=comma_names,
        metavar="A,B",
        help=f"any of {', '.join(CHOSEN)}; with --contours, of {', '.join(DETECTORS)}",
    )
    parser.add_argument(
        "--external",
        action="append",
        default=[],
        metavar="COMMAND",
        help="also compare an external program, for example "
        "'./RunSICLE --img {image} --nf {n_segments} --out {labels.pgm}'; may be given several "
        "times",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="the longest time for one label map of --external (default 300)",
    )
    parser.add_argument(
        "--contours",
        action="store_true",
        help="measure boundary detectors instead, by the benchmark of BSDS500 (ODS, OIS, AP)",
    )
    parser.add_argument(
        "--n-segments",
        type=_numbers,
        metavar="N,N",
        help=f"numbers of superpixels (default {','.join(map(str, SIZES))}; for --tune 50,200)",
    )
    parser.add_argument(
        "--split", help="part of a data set in the BSDS layout (default test; for --tune val)"
    )
    parser.add_argument(
        "--half",
        choices=("tune", "report"),
        help="which half of a plain folder (default: all images)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        default=["labels"],
        metavar="DIR",
        help="label folders of a plain folder, one per annotator (default labels)",
    )
    parser.add_argument("--images", type=int, metavar="N", help="only N images, evenly spaced")
    parser.add_argument(
        "--baseline",
        metavar="METHOD",
        help="the method to take differences from (default snic-smooth)",
    )
    parser.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH",
        help="model of the sen methods (default auto: the bundled natural)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument(
        "--plots",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="draw F1, ASA and CUSE over the number of superpixels (needs matplotlib)",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="try a small grid of settings of each method instead (on validation images)",
    )
    return parser


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected whole numbers with commas between them, got {text!r}"
        ) from None
