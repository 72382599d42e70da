"""The words of the command line. Nothing here loads torch, dask or zarr."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from ..evaluation.detector_settings import DETECTORS
from ..evaluation.settings import CHOSEN, SIZES
from ..params import (
    KINDS,
    ContourParams,
    ContrastParams,
    EmbedParams,
    HierarchyParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    RegionParams,
    SegmentParams,
    TrainParams,
)
from .options import add_params

__all__ = ["build_parser"]

LEVELS = ("debug", "info", "warning", "error")

_INPUTS = "TIFF (also of slide scanners), PNG, JPEG, BMP, .npy, zarr or OME-Zarr"


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose help begins with what it is for, and whose errors are one line.

    Parameters
    ----------
    sentence : str
        What the command does.
    examples : sequence of str
        Command lines, as they can be typed.
    options
        See ``argparse.ArgumentParser``.
    """

    def __init__(self, *, sentence: str, examples: Sequence[str], **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)  # a typing slip must not become an option
        self.sentence, self.examples = sentence, examples

    def format_help(self) -> str:
        """Return the help: a sentence, examples, then usage and options."""
        width = shutil.get_terminal_size().columns - 2
        sentence = textwrap.fill(self.sentence, width, break_on_hyphens=False)
        examples = textwrap.indent("\n".join(self.examples), "  ")
        return f"{sentence}\n\n{examples}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        print(f"napari-sen: error: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


class _ShowVersion(argparse.Action):
    """Print the version when asked; reading it costs time that other calls need not spend."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"napari-sen {version('napari-sen')}")
        parser.exit()


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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="napari-sen",
        usage="napari-sen COMMAND [options]",
        sentence="Superpixels, embeddings and contours learnt without labels. "
        "Each command has its own help: napari-sen segment --help.",
        examples=("napari-sen demo", "napari-sen segment image.tif -o superpixels.tif"),
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version")
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND",
        required=True,
        title="commands",
        parser_class=_Parser,
        prog="napari-sen",
    )
    for add in _COMMANDS:
        _general(add(commands))
    return parser


def _command(
    commands: Any, name: str, run: str, text: str, *examples: str, usage: str
) -> argparse.ArgumentParser:
    """Add a command; ``examples`` are what may follow its name."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        sentence=f"{text[0].upper()}{text[1:]}.",
        examples=[f"napari-sen {name} {example}".rstrip() for example in examples],
        usage=f"napari-sen {name} {usage}",
    )
    parser.set_defaults(run=run)
    return parser


def _general(parser: argparse.ArgumentParser) -> None:
    """Add what every command has; last, since it is what is looked for least."""
    general = parser.add_argument_group("general")
    general.add_argument(
        "--json", action="store_true", help="print the summary as one JSON object on stdout"
    )
    general.add_argument("--quiet", action="store_true", help="show no progress and no summary")
    level = general.add_mutually_exclusive_group()
    level.add_argument(
        "--log-level",
        choices=LEVELS,
        default="info",
        metavar="LEVEL",
        help=f"show messages from this level on: {', '.join(LEVELS)} (default info)",
    )
    level.add_argument(
        "-v",
        "--verbose",
        action="store_const",
        dest="log_level",
        const="debug",
        help="the same as --log-level debug",
    )
    general.add_argument("--debug", action="store_true", help="show tracebacks")


def _image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help=f"an image: {_INPUTS}")


def _image_reading(
    parser: argparse.ArgumentParser, *, slices: str, is_measured: bool = False
) -> None:
    """Add how the one image is read; ``is_measured``: with a pixel size and a mask."""
    group = _reading(parser, slices=slices)
    group.add_argument(
        "--series", type=int, metavar="N", help="which image of a file with several (from 0)"
    )
    if is_measured:
        _spacing(group)
        _mask(group)


def _kind(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--kind",
        choices=KINDS,
        help="what the image shows, which decides the model and the parameters that suit it "
        "(default: natural for a colour image without a pixel size, microscopy for all others)",
    )


def _reading(parser: argparse.ArgumentParser, *, slices: str) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("how the image is read")
    group.add_argument(
        "--rgb",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the last axis holds red, green and blue (default: as the file says)",
    )
    group.add_argument(
        "--channel-axis", type=int, metavar="N", help="the axis of channels (from 0)"
    )
    group.add_argument(
        "--slices",
        choices=("each", "volume"),
        help=f"a stack: slice by slice, or as one volume ({slices})",
    )
    return group


def _mask(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--mask",
        metavar="FILE|nan",
        help="work only where this image is not 0; nan: where the image itself is finite",
    )
    group.add_argument(
        "--nodata",
        type=float,
        metavar="X",
        help="the value of pixels without data, which are outside (default: as a GeoTIFF says)",
    )


def _spacing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--spacing",
        type=float,
        nargs="+",
        metavar="X",
        help="pixel size along (z) y x, or one for all (default: as the file says, else 1)",
    )


def _model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    _kind(group)
    group.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH|none",
        help="a model's name (see 'napari-sen models') or file; none: colour alone (default auto)",
    )
    _device(group)


def _device(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default auto)"
    )


def _large(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "large images",
        "With one of these options the image is processed in tiles and need not fit in memory; "
        "the output is then one OME-Zarr: OUT.zarr, or for labels IMAGE.zarr/labels/NAME, which "
        "is always made in tiles.",
    )
    group.add_argument(
        "--tile",
        type=int,
        nargs="+",
        metavar="N",
        help="side of a tile, a multiple of 32 px, or one per axis (default 768; of volumes 64 "
        "256 256)",
    )
    group.add_argument(
        "--resume", action="store_true", help="continue an unfinished run of this output"
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS|N",
        help="work on a dask cluster, or on N threads (default: one a core)",
    )


def _output(parser: argparse.ArgumentParser, kinds: str) -> None:
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        metavar="OUT",
        help=f"{kinds}; may be given several times",
    )
    _overwrite(parser)


def _overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")


def _demo(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "demo",
        "demo:demo",
        "segment a sample image, and write labels and pictures",
        "",
        "--sample tissue -o tissue_demo",
        usage="[options]",
    )
    parser.add_argument(
        "-o", "--output", default="demo_output", metavar="DIR", help="folder (default demo_output)"
    )
    parser.add_argument("--sample", metavar="NAME", help="another sample image than the default")
    _overwrite(parser)
    _device(parser)
    return parser


def _segment(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "segment",
        "commands:segment",
        "divide an image into superpixels",
        "image.tif -o superpixels.tif",
        "image.tif -o superpixels.tif --n-segments 1000 --overlay overlay.png",
        "slide.svs -o slide.zarr --size 30 --tile 768",
        usage="IMAGE -o OUT [options]",
    )
    _image(parser)
    _output(parser, "label map: .tif, .png, .npy or .zarr (OME-Zarr)")
    parser.add_argument(
        "--overlay",
        metavar="PNG",
        help="also draw the boundaries on the image (the middle slice of a stack)",
    )
    add_params(
        parser,
        SegmentParams,
        title="superpixels",
        several=("n_segments", "size", "level"),
        advanced=False,
    )
    _model(parser)
    _image_reading(parser, slices="needed for a stack", is_measured=True)
    _large(parser)
    add_params(
        parser,
        SegmentParams,
        title="superpixels",
        several=("n_segments", "size", "level"),
        advanced=True,
    )
    return parser


def _hierarchy(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "hierarchy",
        "hierarchy:hierarchy",
        "make superpixels of every granularity at once: their merge tree, and cuts of it",
        "image.tif -o tree.npz",
        "image.tif --cut 100 coarse.tif --cut 1000 fine.tif",
        usage="IMAGE [-o OUT] [--cut N OUT] [--ultrametric OUT] [options]",
    )
    _image(parser)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="OUT",
        help="the tree: .npz, for napari_sen.Hierarchy; in tiles .zarr, the finest superpixels "
        "with the tree beside them",
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
        help="write at which height each border disappears: .tif, .npy or .zarr (OME-Zarr)",
    )
    _overwrite(parser)
    parser.add_argument(
        "--n-fine", type=int, metavar="N", help="number of finest superpixels, not their size"
    )
    add_params(parser, HierarchyParams, title="tree", advanced=False)
    _model(parser)
    _image_reading(parser, slices="for a tree only volume", is_measured=True)
    _large(parser)
    add_params(parser, HierarchyParams, title="tree", advanced=True)
    return parser


def _embed(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "embed",
        "commands:embed",
        "compute a vector for every pixel, alike where pixels belong together",
        "image.tif -o embedding.npy --pca embedding.png",
        usage="IMAGE -o OUT [options]",
    )
    _image(parser)
    _output(parser, "embedding: .tif, .npy or .zarr (OME-Zarr)")
    parser.add_argument(
        "--pca",
        metavar="PNG",
        help="also show the three main directions as colours (the middle slice of a stack; in "
        "tiles all of it, as .zarr)",
    )
    add_params(parser, EmbedParams, title="embedding")
    _model(parser)
    _image_reading(parser, slices="needed for a stack")
    _large(parser)
    return parser


def _pseudo_labels(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "pseudo-labels",
        "commands:pseudo_labels",
        "divide an image into colour superpixels at many scales, one file each",
        "image.tif -o labels --spacings 8 16",
        usage="IMAGE -o DIR [options]",
    )
    _image(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder for the label maps; made new"
    )
    parser.add_argument(
        "--suffix", choices=(".tif", ".png", ".npy"), default=".tif", help="format (default .tif)"
    )
    _overwrite(parser)
    add_params(parser, PseudoLabelParams, title="pseudo-labels")
    _image_reading(parser, slices="default each")
    return parser


def _contours(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "contours",
        "commands:contours",
        "find the contours in an image: 0 where there is none, up to 1",
        "image.tif -o contours.tif --picture contours.png",
        usage="IMAGE -o OUT [options]",
    )
    _image(parser)
    _output(parser, "contours: .tif, .npy or .zarr (OME-Zarr)")
    parser.add_argument("--picture", metavar="PNG", help="also write them as an 8-bit picture")
    add_params(parser, ContourParams, title="contours", advanced=False)
    _model(parser)
    _image_reading(parser, slices="default each")
    _large(parser)
    add_params(parser, ContourParams, title="contours", advanced=True)
    return parser


def _export(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "export",
        "objects:export",
        "write superpixels, or objects of a class, for other programs",
        "superpixels.tif -o objects.csv -o objects.geojson --image image.tif",
        "superpixels.tif -o rois.zip --classes painted.geojson",
        usage="LABELS -o OUT [options]",
    )
    parser.add_argument("labels", metavar="LABELS", help="a label map of superpixels")
    _output(
        parser, "table: .csv; outlines: .geojson (QuPath), .zip (ImageJ ROIs); label map: .tif, "
        ".png, .npy or .zarr"
    )  # fmt: skip
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help="which classes superpixels have: .geojson, a label image of classes, or .sen.json; "
        "those of one class that touch are one object (default: each is one)",
    )
    parser.add_argument(
        "--class-names", type=_names, default=[], metavar="A,B", help="of the classes 1, 2, ..."
    )
    _share(parser)
    parser.add_argument("--image", metavar="IMAGE", help="measure the objects on this image")
    parser.add_argument(
        "--channel-names", type=_names, default=[], metavar="A,B", help="of that image"
    )
    group = _reading(parser, slices="needed for a stack")
    _spacing(group)
    group.add_argument("--unit", metavar="UNIT", help="of --spacing, such as micrometer")
    return parser


def _recipe(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
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
    _overwrite(parser)
    add_params(parser, SegmentParams, title="superpixels", advanced=False)
    _model(parser)
    _spacing(_reading(parser, slices="needed for stacks"))
    add_params(parser, SegmentParams, title="superpixels", advanced=True)
    return parser


def _apply(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "apply",
        "objects:apply",
        "follow a recipe on all images of a folder, with a summary",
        "recipe.json images/ -o results",
        usage="RECIPE IMAGES [IMAGES ...] -o DIR [options]",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="of napari-sen recipe, or of the dock")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="a folder, or image files")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR",
        help="folder for the results; a run that was stopped goes on there",
    )  # fmt: skip
    parser.add_argument(
        "--formats",
        type=_names,
        default=["csv", "geojson", "tif"],
        metavar="A,B",
        help="of csv, geojson, zip (ImageJ ROIs), tif, png, npy, zarr (default csv,geojson,tif)",
    )
    parser.add_argument("--overwrite", action="store_true", help="do all images again")
    _device(parser)
    return parser


def _share(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--share",
        type=float,
        default=0.5,
        metavar="X",
        help="a superpixel has a class if more than this share of it is annotated (default 0.5)",
    )


def _train(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "train",
        "training:train",
        "train a model on images, without labels",
        "images/ --name mine --steps 200",
        "images/ -o mine.safetensors --start microscopy --checkpoint state",
        usage="IMAGE|DIR [IMAGE|DIR ...] (-o OUT | --name NAME) [options]",
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE|DIR", help=f"images, or folders of them: {_INPUTS}"
    )
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("-o", "--output", metavar="OUT", help="model file, .safetensors")
    goal.add_argument("--name", help="name in your own folder of models, for --model NAME")
    _overwrite(parser)
    parser.add_argument("--half", action="store_true", help="store 16-bit weights, half the size")
    parser.add_argument(
        "--data-set",
        action="append",
        default=[],
        metavar="NAME=LICENCE",
        help="what the images are, for the model card; may be given several times",
    )
    parser.add_argument(
        "--start", metavar="MODEL", help="go on from a model, a name or a file, instead of anew"
    )
    parser.add_argument(
        "--checkpoint", metavar="DIR", help="folder that keeps the state and the log of training"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument(
        "--plot",
        metavar="PNG",
        help="draw the log there, again with every checkpoint (needs --checkpoint and matplotlib)",
    )
    parser.add_argument(
        "--every", type=int, default=20, metavar="N", help="print every Nth step (default 20)"
    )
    _device(parser)
    add_params(parser, TrainParams, title="training")
    _reading(parser, slices="default each")
    # Two of these classes have parameters of the same name.
    add_params(parser, NetworkParams, title="network", prefix="network_", skip=("planes",))
    add_params(parser, MeanShiftParams, title="mean shift", prefix="mean_shift_")
    add_params(parser, LossParams, title='loss of the recipe "pairs"', prefix="loss_")
    add_params(parser, PseudoLabelParams, title='pseudo-labels of "pairs"', prefix="labels_")
    add_params(parser, ContrastParams, title='loss of the recipe "regions"', prefix="contrast_")
    add_params(parser, RegionParams, title='regions of "regions"', prefix="regions_")
    return parser


def _models(commands: Any) -> argparse.ArgumentParser:
    return _command(
        commands,
        "models",
        "training:models",
        "list the models, yours and those that come with the package",
        "",
        usage="[options]",
    )


def _info(commands: Any) -> argparse.ArgumentParser:
    return _command(
        commands,
        "info",
        "info:info",
        "print versions, devices, cores and folders, for a bug report",
        "",
        usage="[options]",
    )


def _completion(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "completion",
        "completion:completion",
        "print the script that completes commands, options and files in your shell",
        "bash > ~/.local/share/bash-completion/completions/napari-sen",
        usage="SHELL [options]",
    )
    parser.add_argument(
        "shell", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help="bash, zsh or tcsh"
    )
    return parser


def _evaluate(commands: Any) -> argparse.ArgumentParser:
    parser = _command(
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
        help="folder in the BSDS layout, or with folders images and labels whose files have the "
        "same names",
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
        type=_names,
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
        help="instead: boundary detectors by the benchmark of BSDS500 (ODS, OIS, AP)",
    )
    parser.add_argument(
        "--n-segments",
        type=_numbers,
        metavar="N,N",
        help=f"numbers of superpixels (default {','.join(map(str, SIZES))}; for --tune 50,200)",
    )
    parser.add_argument("--split", help="for the BSDS layout (default test; for --tune val)")
    parser.add_argument(
        "--half", choices=("tune", "report"), help="for a plain folder (default: all images)"
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        default=["labels"],
        metavar="DIR",
        help="for a plain folder: its label folders, one for each annotator (default labels)",
    )
    parser.add_argument("--images", type=int, metavar="N", help="use only N images, evenly spaced")
    parser.add_argument(
        "--baseline", metavar="METHOD", help="take differences from it (default snic-smooth)"
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
        help="instead: try a small grid of settings of each method (on validation images)",
    )
    return parser


_COMMANDS: tuple[Callable[[Any], argparse.ArgumentParser], ...] = (
    _demo, _segment, _hierarchy, _embed, _pseudo_labels, _contours, _export, _recipe, _apply,
    _train, _models, _evaluate, _info, _completion,
)  # fmt: skip


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected whole numbers with commas between them, got {text!r}"
        ) from None
