"""The words of what takes one image: segment, hierarchy, embed, pseudo-labels, contours."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from ...params import (
    ContourParams,
    EmbedParams,
    HierarchyParams,
    Params,
    PseudoLabelParams,
    SegmentParams,
)
from ..options import GRANULARITIES, add_params
from .base import command
from .shared import add_image, add_image_reading, add_large, add_model, add_output, add_overwrite

__all__ = ["contours", "embed", "hierarchy", "pseudo_labels", "segment"]


def segment(commands: Any) -> argparse.ArgumentParser:
    """Add ``segment``."""
    parser = command(
        commands,
        "segment",
        "commands:segment",
        "divide an image into superpixels",
        "image.tif -o superpixels.tif",
        "image.tif -o superpixels.tif --n-segments 1000 --overlay overlay.png",
        "slide.svs -o slide.zarr --size 30 --tile 768",
        usage="IMAGE -o OUT [options]",
    )
    add_image(parser)
    add_output(parser, "label map: .tif, .png, .npy or .zarr (OME-Zarr)")
    parser.add_argument(
        "--overlay",
        metavar="PNG",
        help="also draw the boundaries on the image (of a stack, the middle slice)",
    )
    _add_making(
        parser, SegmentParams, "superpixels", slices="needed for a stack", is_measured=True,
        is_masked=True, several=GRANULARITIES,
    )  # fmt: skip
    return parser


def hierarchy(commands: Any) -> argparse.ArgumentParser:
    """Add ``hierarchy``."""
    parser = command(
        commands,
        "hierarchy",
        "hierarchy:hierarchy",
        "make superpixels of every granularity at once: their merge tree, and cuts of it",
        "image.tif -o tree.npz",
        "image.tif --cut 100 coarse.tif --cut 1000 fine.tif",
        usage="IMAGE [-o OUT] [--cut N OUT] [--ultrametric OUT] [options]",
    )
    add_image(parser)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="OUT",
        help="the tree: .npz, which napari_sen.Hierarchy.load reads; in tiles .zarr, which holds "
        "the finest superpixels with the tree beside them",
    )
    parser.add_argument(
        "--cut",
        nargs=2,
        action=_Cut,
        default=[],
        metavar=("N", "OUT"),
        help="write exactly N superpixels: .tif, .png, .npy or .zarr (OME-Zarr); "
        "may be given several times",
    )
    parser.add_argument(
        "--ultrametric",
        metavar="OUT",
        help="write the height at which each border disappears: .tif, .npy or .zarr (OME-Zarr)",
    )
    add_overwrite(parser)
    parser.add_argument(
        "--n-fine",
        type=int,
        metavar="N",
        help="number of finest superpixels, instead of --fine-size",
    )
    _add_making(
        parser, HierarchyParams, "tree", slices="needed for a stack", stacks=("volume",),
        is_measured=True, is_masked=True,
    )  # fmt: skip
    return parser


def embed(commands: Any) -> argparse.ArgumentParser:
    """Add ``embed``."""
    parser = command(
        commands,
        "embed",
        "commands:embed",
        "compute a vector for every pixel, similar where pixels belong together",
        "image.tif -o embedding.npy --pca embedding.png",
        usage="IMAGE -o OUT [options]",
    )
    add_image(parser)
    add_output(parser, "embedding: .tif, .npy or .zarr (OME-Zarr)")
    parser.add_argument(
        "--pca",
        metavar="PNG",
        help="also write the three main directions as colours (of a stack, the middle slice; in "
        "tiles all of it, as .zarr)",
    )
    add_params(parser, EmbedParams, title="embedding")
    add_model(parser, required=True)
    add_image_reading(parser, slices="needed for a stack", is_measured=True, is_masked=True)
    add_large(parser)
    return parser


def pseudo_labels(commands: Any) -> argparse.ArgumentParser:
    """Add ``pseudo-labels``."""
    parser = command(
        commands,
        "pseudo-labels",
        "commands:pseudo_labels",
        "divide an image into colour superpixels at many scales, one file each",
        "image.tif -o labels --spacings 8 16",
        usage="IMAGE -o DIR [options]",
    )
    add_image(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        help="folder for the label maps; it is created if it does not exist",
    )
    parser.add_argument(
        "--suffix",
        choices=(".tif", ".png", ".npy"),
        default=".tif",
        help="format of the label maps (default .tif)",
    )
    add_overwrite(parser)
    add_params(parser, PseudoLabelParams, title="pseudo-labels")
    add_image_reading(parser, slices="default each")
    return parser


def contours(commands: Any) -> argparse.ArgumentParser:
    """Add ``contours``."""
    parser = command(
        commands,
        "contours",
        "commands:contours",
        "find the contours in an image: their strength, from 0 to 1",
        "image.tif -o contours.tif --picture contours.png",
        usage="IMAGE -o OUT [options]",
    )
    add_image(parser)
    add_output(parser, "contours: .tif, .npy or .zarr (OME-Zarr)")
    parser.add_argument("--picture", metavar="PNG", help="also write them as an 8-bit picture")
    _add_making(
        parser, ContourParams, "contours", slices="default each", stacks=("each",), is_measured=True
    )
    return parser


def _add_making(
    parser: argparse.ArgumentParser,
    kind: type[Params],
    title: str,
    *,
    several: Collection[str] = (),
    **reading: Any,
) -> None:
    """Add parameters, the essential ones first, and before the others what any image needs.

    ``reading`` is how the image is read.
    """
    add_params(parser, kind, title=title, several=several, advanced=False)
    add_model(parser)
    add_image_reading(parser, **reading)
    add_large(parser)
    add_params(parser, kind, title=title, several=several, advanced=True)


class _Cut(argparse.Action):
    """Collect pairs of a number and a path."""

    def __call__(
        self, parser: argparse.ArgumentParser, args: argparse.Namespace, values: Any, *_: Any
    ) -> None:
        number, path = values
        try:
            pair = (int(number), path)
        except ValueError:
            raise argparse.ArgumentError(
                self, f"expected a whole number and a file, got {number!r} and {path!r}"
            ) from None
        args.cut = [*args.cut, pair]
