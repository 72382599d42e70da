"""The words of evaluate."""

from __future__ import annotations

import argparse
from typing import Any

from ...evaluation.detector_settings import DETECTORS
from ...evaluation.settings import BASELINE, CHOSEN, DEFAULT_METHODS, SIZES
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
        help="a folder in the BSDS layout, or one with the folders images and labels, whose files "
        "have the same names but for the suffix",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        help="folder for tables and plots; a run that was stopped continues there",
    )
    parser.add_argument(
        "--methods",
        type=comma_names,
        metavar="A,B",
        help=f"methods to compare, any of {', '.join(CHOSEN)} (default "
        f"{','.join(DEFAULT_METHODS)}); with --contours, any of {', '.join(DETECTORS)} (default "
        "all)",
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
        help="the longest time that --external may take for one label map (default 300)",
    )
    parser.add_argument(
        "--contours",
        action="store_true",
        help="compare boundary detectors instead, by the benchmark of BSDS500 (ODS, OIS, AP)",
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
        help="only one half of a plain folder: every other image (default: all images)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        default=["labels"],
        metavar="DIR",
        help="folders of label maps in a plain folder, one per annotator (default labels)",
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="only N images, evenly spaced over the sorted names"
    )
    parser.add_argument(
        "--baseline",
        metavar="METHOD",
        help=f"the method to compare the others with (default {BASELINE})",
    )
    parser.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH",
        help="model of the sen methods (default auto: the bundled model natural)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="number of processes (default 1)"
    )
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
