"""The words of what turns superpixels into objects: export, recipe, apply."""

from __future__ import annotations

import argparse
from typing import Any

from ...params import SegmentParams
from ..options import add_params
from .base import command
from .shared import (
    add_device,
    add_model,
    add_output,
    add_overwrite,
    add_reading,
    add_spacing,
    comma_names,
)

__all__ = ["apply", "export", "recipe"]


def export(commands: Any) -> argparse.ArgumentParser:
    """Add ``export``."""
    parser = command(
        commands,
        "export",
        "objects:export",
        "write superpixels, or objects of a class, for other programs",
        "superpixels.tif -o objects.csv -o objects.geojson --image image.tif",
        "superpixels.tif -o rois.zip --classes painted.geojson",
        usage="LABELS -o OUT [options]",
    )
    parser.add_argument("labels", metavar="LABELS", help="a label map of superpixels")
    add_output(
        parser, "table: .csv; outlines: .geojson (QuPath), .zip (ImageJ ROIs); label map: .tif, "
        ".png, .npy or .zarr"
    )  # fmt: skip
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help="the classes of superpixels: .geojson, a label image of classes, or .sen.json; "
        "superpixels of one class that touch are one object (default: each is one)",
    )
    parser.add_argument(
        "--class-names",
        type=comma_names,
        default=[],
        metavar="A,B",
        help="names of the classes 1, 2, ...",
    )
    _share(parser)
    parser.add_argument("--image", metavar="IMAGE", help="measure the objects on this image")
    parser.add_argument(
        "--channel-names",
        type=comma_names,
        default=[],
        metavar="A,B",
        help="names of the channels of that image",
    )
    group = add_reading(parser, slices="needed for a stack")
    add_spacing(group)
    group.add_argument("--unit", metavar="UNIT", help="unit of --spacing, such as micrometer")
    return parser


def recipe(commands: Any) -> argparse.ArgumentParser:
    """Add ``recipe``."""
    parser = command(
        commands,
        "recipe",
        "objects:recipe",
        "write a file that says how images become objects",
        "-o recipe.json --size 20 --teach image.tif painted.geojson",
        usage="-o JSON [--teach IMAGE ANNOTATION ...] [options]",
    )
    parser.add_argument("-o", "--output", required=True, metavar="JSON", help="the recipe")
    parser.add_argument(
        "--teach",
        nargs=2,
        action="append",
        default=[],
        metavar=("IMAGE", "ANNOTATION"),
        help="an image and its classes, .geojson or a label image; may be given several times",
    )
    _share(parser)
    add_overwrite(parser)
    add_params(parser, SegmentParams, title="superpixels", advanced=False)
    add_model(parser)
    add_spacing(add_reading(parser, slices="needed for stacks"))
    add_params(parser, SegmentParams, title="superpixels", advanced=True)
    return parser


def apply(commands: Any) -> argparse.ArgumentParser:
    """Add ``apply``."""
    parser = command(
        commands,
        "apply",
        "objects:apply",
        "apply a recipe to all images of a folder, with a summary",
        "recipe.json images/ -o results",
        usage="RECIPE IMAGES [IMAGES ...] -o DIR [options]",
    )
    parser.add_argument(
        "recipe", metavar="RECIPE", help="a recipe, made by napari-sen recipe or in the dock"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="a folder, or image files")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR",
        help="folder for the results; a stopped run continues there",
    )  # fmt: skip
    parser.add_argument(
        "--formats",
        type=comma_names,
        default=["csv", "geojson", "tif"],
        metavar="A,B",
        help="any of csv, geojson, zip (ImageJ), tif, png, npy, zarr (default csv,geojson,tif)",
    )
    parser.add_argument("--overwrite", action="store_true", help="process all images again")
    add_device(parser)
    return parser


def _share(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--share",
        type=float,
        default=0.5,
        metavar="X",
        help="a superpixel has a class if more than this share of it is annotated (default 0.5)",
    )
