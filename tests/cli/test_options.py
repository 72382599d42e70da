"""Options are the parameters: same names, types, ranges, and no defaults of their own."""

import argparse
import shlex
from dataclasses import fields
from inspect import signature

import pytest

import napari_sen
from napari_sen import params
from napari_sen.cli.options import add_params, chosen, given_params
from napari_sen.cli.parser import build_parser
from napari_sen.errors import ParameterError

KINDS = [getattr(params, name) for name in params.__all__ if name.endswith("Params")]
KINDS.remove(params.Params)


def parse(kind, *arguments, prefix=""):
    parser = argparse.ArgumentParser()
    add_params(parser, kind, title="x", prefix=prefix)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_without_options_nothing_is_chosen(kind):
    args = parse(kind)
    assert chosen(args, kind) == {}
    assert given_params(args, kind) == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_an_option_that_takes_its_own_default(kind):
    for item in fields(kind):
        option = "--" + item.name.replace("_", "-")
        if item.default is None:
            continue
        if isinstance(item.default, bool):
            arguments = [option if item.default else option.replace("--", "--no-", 1)]
        elif isinstance(item.default, tuple):
            arguments = [option, *map(str, item.default)]
        else:
            arguments = [option, str(item.default)]
        assert chosen(parse(kind, *arguments), kind) == {item.name: item.default}


def test_a_value_out_of_range_is_a_parameter_error():
    with pytest.raises(ParameterError, match="compactness"):
        chosen(parse(params.SegmentParams, "--compactness", "-1"), params.SegmentParams)


def test_prefixes_keep_classes_apart():
    args = parse(params.MeanShiftParams, "--shift-landmarks", "7", prefix="shift_")
    assert given_params(args, params.MeanShiftParams, "shift_").landmarks == 7
    assert chosen(args, params.TrainParams) == {}


def test_help_names_unit_range_and_default():
    parser = argparse.ArgumentParser()
    add_params(parser, params.PseudoLabelParams, title="x")
    text = " ".join(parser.format_help().split())
    assert "px; 2 to 4096; default 6 9 13 19 28 40" in text


def test_help_shows_the_essentials_first():
    parser = argparse.ArgumentParser()
    add_params(parser, params.SegmentParams, title="superpixels")
    essential, advanced = parser.format_help().split("superpixels, advanced:")
    for item in fields(params.SegmentParams):
        shown = advanced if item.metadata["advanced"] else essential
        assert "  --" + item.name.replace("_", "-") in shown


COMMANDS = [
    "demo", "segment", "hierarchy", "embed", "pseudo-labels", "contours", "export", "recipe",
    "apply", "train", "models", "evaluate", "info", "completion",
]  # fmt: skip


def help_of(capsys, *command):
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args([*command, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_begins_with_a_sentence_and_examples_that_can_be_typed(command, capsys):
    sentence, examples, usage = help_of(capsys, *command).split("\n\n")[:3]
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert usage.startswith(" ".join(["usage: napari-sen", *command]))
    for line in examples.splitlines():
        name, *arguments = shlex.split(line.split(">")[0])
        assert name == "napari-sen"
        assert build_parser().parse_args(arguments).run


def test_essentials_stand_above_what_few_need(capsys):
    places = [
        help_of(capsys, "segment").index(heading)
        for heading in (
            "--output", "superpixels:", "model:", "how the image is read:", "large images:",
            "superpixels, advanced:", "general:",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_one_switch_for_the_log():
    def level(*arguments):
        return build_parser().parse_args(["models", *arguments]).log_level

    assert level() == "info"
    assert level("-v") == level("--verbose") == level("--log-level", "debug") == "debug"
    assert level("--log-level", "error") == "error"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert len(help_of(capsys, command)) > 200


def test_the_commands_are_listed_in_this_order(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = help_of(capsys).splitlines()
    words = [line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "]
    assert words == COMMANDS


@pytest.mark.parametrize(
    ("command", "function"),
    [("segment", "segment"), ("hierarchy", "hierarchy"), ("embed", "embed"),
     ("contours", "contours")],
)  # fmt: skip
def test_images_are_read_in_the_shell_as_in_python(command, function):
    given = vars(build_parser().parse_args([command, "in.tif", "-o", "out.npz"]))
    taken = signature(getattr(napari_sen, function)).parameters
    for name in ("rgb", "channel_axis", "slices", "spacing", "kind", "mask", "nodata", "series"):
        assert (name in given) == (name in taken), name


@pytest.mark.parametrize(
    ("command", "taken", "refused"),
    [("contours", "each", "volume"), ("train", "each", "volume"), ("hierarchy", "volume", "each")],
)
def test_a_stack_is_read_as_the_command_takes_it_alone(command, taken, refused, capsys):
    words = [command, "in.tif", "-o", "out.zarr", "--slices"]
    assert build_parser().parse_args([*words, taken]).slices == taken
    with pytest.raises(SystemExit):
        build_parser().parse_args([*words, refused])
    assert f"invalid choice: '{refused}'" in capsys.readouterr().err
