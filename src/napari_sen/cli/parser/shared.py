"""Options that several commands have, each said once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ...params import KINDS

__all__ = [
    "INPUTS",
    "add_device",
    "add_image",
    "add_image_reading",
    "add_kind",
    "add_large",
    "add_mask",
    "add_model",
    "add_output",
    "add_overwrite",
    "add_reading",
    "add_spacing",
    "comma_names",
]

_STACKS = {"each": "slice by slice", "volume": "as one volume"}
INPUTS = "TIFF (slide scanners' included), PNG, JPEG, BMP, .npy, zarr or OME-Zarr"


def add_image(parser: argparse.ArgumentParser) -> None:
    """Add the one image that the command takes."""
    parser.add_argument("image", metavar="IMAGE", help=f"an image: {INPUTS}")


def add_image_reading(
    parser: argparse.ArgumentParser,
    *,
    slices: str,
    stacks: Sequence[str] = tuple(_STACKS),
    is_measured: bool = False,
    is_masked: bool = False,
) -> None:
    """Add how the one image is read; ``is_measured``: with a pixel size; ``is_masked``: a mask."""
    group = add_reading(parser, slices=slices, stacks=stacks)
    group.add_argument(
        "--series",
        type=int,
        metavar="N",
        help="which image of a file that holds several, counted from 0",
    )
    if is_measured:
        add_spacing(group)
    if is_masked:
        add_mask(group)


def add_reading(
    parser: argparse.ArgumentParser, *, slices: str, stacks: Sequence[str] = tuple(_STACKS)
) -> argparse._ArgumentGroup:
    """Add how an image is read; ``slices`` says what a stack needs, ``stacks`` what it can be."""
    group = parser.add_argument_group("how the image is read")
    group.add_argument(
        "--rgb",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the last axis holds red, green and blue (default: as the file says)",
    )
    group.add_argument(
        "--channel-axis", type=int, metavar="N", help="the axis of channels, counted from 0"
    )
    group.add_argument(
        "--slices",
        choices=tuple(stacks),
        help=f"how to treat a stack: {', or '.join(_STACKS[each] for each in stacks)} ({slices})",
    )
    return group


def add_spacing(group: argparse._ArgumentGroup) -> None:
    """Add the pixel size."""
    group.add_argument(
        "--spacing",
        type=float,
        nargs="+",
        metavar="X",
        help="pixel size along (z) y x, or one for all (default: as the file says, else 1)",
    )


def add_mask(group: argparse._ArgumentGroup) -> None:
    """Add where there is nothing to work on."""
    group.add_argument(
        "--mask",
        metavar="FILE|nan",
        help="leave out pixels where this image is 0; nan: those that are NaN or infinite",
    )
    group.add_argument(
        "--nodata",
        type=float,
        metavar="X",
        help="the value of pixels without data, which are left out (default: as a GeoTIFF says)",
    )


def add_model(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add what decides the model, and where it runs; ``required``: colour alone is not enough."""
    group = parser.add_argument_group("model")
    add_kind(group)
    group.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH" if required else "NAME|PATH|none",
        help="name (see 'napari-sen models') or file of a model"
        + ("" if required else "; none: colour alone")
        + " (default auto: the one that suits the kind of image)",
    )
    add_device(group)


def add_kind(group: argparse._ArgumentGroup) -> None:
    """Add what the image shows."""
    group.add_argument(
        "--kind",
        choices=KINDS,
        help="what the image shows; this decides the model and the parameters that suit it "
        "(default: natural for a colour image without a pixel size, microscopy for all others)",
    )


def add_device(group: argparse._ActionsContainer) -> None:
    """Add where a model runs."""
    group.add_argument(
        "--device",
        default="auto",
        help="where the model runs: cpu, cuda, cuda:1, mps, or auto, which is cuda where there is "
        "one (default auto)",
    )


def add_large(parser: argparse.ArgumentParser) -> None:
    """Add how an image is worked on in tiles."""
    group = parser.add_argument_group(
        "large images",
        "With any of these options the image is processed in tiles and need not fit in memory. "
        "The output is then a single OME-Zarr: OUT.zarr or, for labels, IMAGE.zarr/labels/NAME, "
        "which is made in tiles even without these options.",
    )
    group.add_argument(
        "--tile",
        type=int,
        nargs="+",
        metavar="N",
        help="side of a tile, a multiple of 32 px, or one per axis (default 768; for volumes 64 "
        "256 256)",
    )
    group.add_argument(
        "--resume", action="store_true", help="continue an unfinished run of this output"
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS|N",
        help="address of a dask cluster, or a number of threads (default: one per core)",
    )


def add_output(parser: argparse.ArgumentParser, kinds: str) -> None:
    """Add outputs of these ``kinds``."""
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        metavar="OUT",
        help=f"{kinds}; may be given several times",
    )
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add whether an output may replace a file."""
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")


def comma_names(text: str) -> list[str]:
    """Return the names between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
