"""The words of what concerns models: train, models."""

from __future__ import annotations

import argparse
from typing import Any

from ...params import (
    ContrastParams,
    LossParams,
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    RegionParams,
    TrainParams,
)
from ..options import add_params
from .base import command
from .shared import INPUTS, add_device, add_overwrite, add_reading

__all__ = ["models", "train"]


def train(commands: Any) -> argparse.ArgumentParser:
    """Add ``train``."""
    parser = command(
        commands,
        "train",
        "training:train",
        "train a model on images, without labels",
        "images/ --name mine --steps 200",
        "images/ -o mine.safetensors --start microscopy --checkpoint state",
        usage="IMAGE|DIR [IMAGE|DIR ...] (-o OUT | --name NAME) [options]",
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE|DIR", help=f"images, or folders of them: {INPUTS}"
    )
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("-o", "--output", metavar="OUT", help="model file, .safetensors")
    goal.add_argument("--name", help="name in your own folder of models, for --model NAME")
    add_overwrite(parser)
    parser.add_argument("--half", action="store_true", help="store 16-bit weights, half the size")
    parser.add_argument(
        "--data-set",
        action="append",
        default=[],
        metavar="NAME=LICENCE",
        help="what the images are, for the model card; may be given several times",
    )
    parser.add_argument(
        "--start",
        metavar="MODEL",
        help="continue from a model (a name or a file) instead of starting anew",
    )
    parser.add_argument(
        "--checkpoint", metavar="DIR", help="folder that keeps the state and the log of training"
    )
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint")
    parser.add_argument(
        "--plot",
        metavar="PNG",
        help="draw the log there, anew with every checkpoint (needs --checkpoint and matplotlib)",
    )
    parser.add_argument(
        "--every", type=int, default=20, metavar="N", help="print every Nth step (default 20)"
    )
    add_device(parser)
    add_params(parser, TrainParams, title="training")
    add_reading(parser, slices="default each", stacks=("each",))
    # Two of these classes have parameters of the same name.
    add_params(parser, NetworkParams, title="network", prefix="network_", skip=("planes",))
    add_params(parser, MeanShiftParams, title="mean shift", prefix="mean_shift_")
    add_params(parser, LossParams, title='loss of the recipe "pairs"', prefix="loss_")
    add_params(
        parser, PseudoLabelParams, title='pseudo-labels of the recipe "pairs"', prefix="labels_"
    )
    add_params(parser, ContrastParams, title='loss of the recipe "regions"', prefix="contrast_")
    add_params(parser, RegionParams, title='regions of the recipe "regions"', prefix="regions_")
    return parser


def models(commands: Any) -> argparse.ArgumentParser:
    """Add ``models``."""
    return command(
        commands,
        "models",
        "training:models",
        "list the models, yours and those that come with the package",
        "",
        usage="[options]",
    )
