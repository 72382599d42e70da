"""Bad input, entry by entry: a SenError before any work; on the command line exit 2 and one line.

And what looks odd but is legal, through every function that takes an image.
"""

import json
import struct

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr

import napari_sen
from napari_sen.cli import main
from napari_sen.disk import make_folder
from napari_sen.errors import (
    DataError,
    DeviceError,
    ImageError,
    ModelError,
    OutputError,
    ParameterError,
    SenError,
)
from napari_sen.params import MeanShiftParams, NetworkParams, PseudoLabelParams, TrainParams
from tests.core.test_snic import assert_is_labelling
from tests.learn.examples import tiny_model
from tests.systems import linux_only

GREY = np.random.default_rng(0).random((24, 33))
COLOUR = (np.random.default_rng(1).random((24, 33, 3)) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def never(done, total, stage):
    raise AssertionError(f"work began: {stage}")


def train(image, *, model, **options):
    """Train as little as can be; a model is the result, none is needed."""
    small = {
        "network": NetworkParams(dim=4, base_width=4, width_cap=8, levels=2),
        "mean_shift": MeanShiftParams(iterations=1),
        "pseudo_labels": PseudoLabelParams(spacings=(8.0,), compactnesses=(10.0,)),
        "schedule": TrainParams(steps=1, batch=1, crop=32, landmarks=16, validation=0),
    }
    return napari_sen.train(image, **small | options)


def pseudo_labels(image, *, model, **options):
    small = {"spacings": [8], "compactnesses": [10]}
    return napari_sen.pseudo_labels(image, **small | options)


def segment(image, **options):
    sized = {} if "size" in options else {"n_segments": 2}
    return napari_sen.segment(image, **sized | options)


def adaptive(image, **options):
    return segment(image, **{"method": "tree"} | options)


def contours(image, **options):
    return napari_sen.contours(image, **{"n_sizes": 2} | options)


FUNCTIONS = {
    "segment": segment,
    "adaptive": adaptive,
    "embed": napari_sen.embed,
    "contours": contours,
    "pseudo_labels": pseudo_labels,
    "hierarchy": napari_sen.hierarchy,
    "train": train,
}
MASKED = ("segment", "adaptive", "embed", "hierarchy")


def refused(call, kind, words=""):
    """Return nothing, having seen that ``call`` raises this error, one sentence on one line."""
    with pytest.raises(SenError) as caught:
        call()
    assert type(caught.value) is kind, repr(caught.value)
    message = str(caught.value)
    assert "\n" not in message
    assert words in message


IMAGES = {
    "no rows": (np.zeros((0, 5)), "empty"),
    "no slices": (np.zeros((3, 0, 5)), "empty"),
    "0 axes": (np.array(3.0), "2 to 5 axes"),
    "1 axis": (np.zeros(5), "2 to 5 axes"),
    "6 axes": (np.zeros((2,) * 6), "2 to 5 axes"),
    "complex": (GREY + 1j, "complex128"),
    "object": (np.full((8, 9), None), "object"),
    "string": (np.full((8, 9), "a"), "<U1"),
    "datetime": (np.zeros((8, 9), "datetime64[s]"), "datetime64"),
    "structured": (np.zeros((8, 9), "i4,i4"), "f0"),
    "nan": (np.where(GREY > 0.99, np.nan, GREY), "NaN or infinite values at"),
    "inf": (np.where(GREY > 0.99, -np.inf, GREY), "the first at ("),
    "ambiguous colour": (COLOUR.astype(np.uint16), "may be colour or not"),
    "none": (None, "NoneType"),
    "dictionary": ({}, "dict"),
    "no path": ("no/such/file.tif", "there is no file"),
    "no image file": (__file__, "images are read from files ending in"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", IMAGES)
def test_images(case, function, model):
    image, words = IMAGES[case]
    refused(lambda: FUNCTIONS[function](image, model=model, progress=never), ImageError, words)


@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - {"train"}))
@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([GREY, GREY[:9, :30], GREY[:9]], "not levels of one image"),
        ([GREY, GREY], "channel_axis=0 for channels"),
        (["a.png", "b.png"], "list of 2 paths"),
    ],
)
def test_a_list_of_images_is_no_image(function, images, words, model):
    call = FUNCTIONS[function]
    refused(lambda: call(images, model=model, progress=never), ImageError, words)


@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - {*MASKED}))
def test_a_masked_array_where_no_mask_is_taken(function, model):
    image = np.ma.masked_less(GREY, 0.1)
    call = FUNCTIONS[function]
    refused(lambda: call(image, model=model, progress=never), ImageError, "masked array")


@pytest.mark.parametrize("function", MASKED)
def test_a_stack_is_read_as_the_caller_says(function, model):
    """The other functions take stacks slice by slice."""
    stack = np.zeros((2, 2, 9, 9))
    words = "slices='volume'" if function == "hierarchy" else "slices='each'"
    refused(lambda: FUNCTIONS[function](stack, model=model), ImageError, words)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"channel_axis": 2}, ParameterError, "out of range"),
        ({"channel_axis": -3}, ParameterError, "out of range"),
        ({"channel_axis": 0.5}, ParameterError, "whole number"),
        ({"channel_axis": "c"}, ParameterError, "whole number"),
        ({"channel_axis": 0}, ImageError, "beside its channels"),
        ({"rgb": True}, ImageError, "last axis of 3 or 4"),
        ({"rgb": "yes"}, ParameterError, "True or False"),
        ({"rgb": True, "channel_axis": 0}, ParameterError, "not both"),
        ({"slices": "both"}, ParameterError, "'each' or 'volume'"),
    ],
    ids=str,
)
def test_how_it_is_read(function, options, kind, words, model):
    arguments = {"model": model, "progress": never} | options
    refused(lambda: FUNCTIONS[function](GREY, **arguments), kind, words)


@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - {"pseudo_labels"}))
@pytest.mark.parametrize(
    ("device", "words"),
    [("quantum", "not a device"), ("cuda:99", "not there"), (None, "not a device")],
)
def test_where_it_runs(function, device, words, model):
    call = FUNCTIONS[function]
    refused(lambda: call(GREY, model=model, progress=never, device=device), DeviceError, words)


@pytest.mark.parametrize("function", MASKED)
@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"mask": np.ones((3, 3), bool)}, ImageError, "shape"),
        ({"mask": np.zeros(GREY.shape, bool)}, ImageError, "empty"),
        ({"mask": GREY}, ImageError, "float64"),
        ({"mask": []}, ImageError, "the mask"),
        ({"mask": "no.png"}, ImageError, "there is no file"),
        ({"spacing": 3}, ParameterError, "2 numbers"),
        ({"spacing": (1, 1, 1)}, ParameterError, "2 numbers"),
        ({"spacing": (1, 0)}, ParameterError, "greater than 0"),
        ({"spacing": (1, -1)}, ParameterError, "greater than 0"),
        ({"spacing": (1, np.nan)}, ParameterError, "finite"),
        ({"spacing": (1, np.inf)}, ParameterError, "finite"),
        ({"spacing": (1, "a")}, ParameterError, "finite"),
        ({"spacing": (1e-300, 1)}, ParameterError, "at least"),
        ({"spacing": (1e300, 1e300)}, ParameterError, "at most"),
        ({"spacing": (1, 1e9)}, ParameterError, "in one unit"),
        ({"model": "nobody"}, ModelError, "no model 'nobody'"),
        ({"model": "no/file.safetensors"}, ModelError, "no model file"),
        ({"model": 3}, ModelError, "got 3"),
        ({"model": "planes"}, ImageError, "5 planes"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_mask_spacing_model(function, options, kind, words, model):
    if options.get("model") == "planes":
        options = {"model": tiny_model(planes=5)}
    arguments = {"model": model, "progress": never} | options
    refused(lambda: FUNCTIONS[function](GREY, **arguments), kind, words)


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        *[("segment", {"n_segments": bad}, "n_segments")
          for bad in (0, -1, 2.5, "3", True, np.nan, np.inf)],
        *[("segment", {"size": bad}, "size") for bad in (0, -1, np.nan, np.inf, "3", 1e300)],
        *[("segment", {"compactness": bad}, "compactness") for bad in (0, -1, np.nan, np.inf)],
        ("segment", {"n_segments": 2, "size": 3}, "only one of"),
        ("segment", {"method": "fractal"}, "method"),
        ("segment", {"connectivity": 3}, "connectivity"),
        ("segment", {"smoothing": -1}, "smoothing"),
        ("segment", {"colour_weight": 0, "model": None}, "both 0"),
        ("adaptive", {"connectivity": 2}, "connectivity"),
        ("adaptive", {"evenness": 3}, "evenness"),
        ("segment", {"method": "snic", "evenness": 1}, "evenness is for method 'tree'"),
        ("adaptive", {"boundary_weight": 10.0}, "boundary_weight is for method 'snic'"),
        ("embed", {"clustered": "yes"}, "clustered"),
        ("contours", {"n_sizes": 0}, "n_sizes"),
        ("contours", {"smallest": 9, "largest": 3}, "exceed"),
        ("contours", {"threshold": 2}, "threshold"),
        ("contours", {"compactness": 0}, "compactness"),
        ("pseudo_labels", {"spacings": []}, "spacings"),
        ("pseudo_labels", {"spacings": [1]}, "spacings"),
        ("pseudo_labels", {"compactnesses": [np.nan]}, "compactnesses"),
        *[("hierarchy", {"n_fine": bad}, "n_fine") for bad in (0, 2.5, "3", 10**9)],
        ("hierarchy", {"fine_size": 0}, "fine_size"),
        ("hierarchy", {"n_fine": 3, "fine_size": 5}, "not both"),
        ("hierarchy", {"colour_weight": 0, "model": None}, "both 0"),
        ("train", {"steps": 0}, "steps"),
        ("train", {"steps": 1.5}, "steps"),
        ("train", {"resume": True}, "checkpoint"),
    ],
    ids=str,
)  # fmt: skip
def test_parameters(function, options, words, model):
    arguments = {"model": model, "progress": never} | options
    refused(lambda: FUNCTIONS[function](GREY, **arguments), ParameterError, words)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        *[({"tile": bad}, ParameterError, "tile")
          for bad in (0, -32, 33, 1.5, "64", True, [], (64, 33), (64, 64, 64), np.nan, (64, None))],
        ({"out": "a.tif"}, OutputError, "has to end in .zarr"),
        ({"out": "no/a.zarr"}, OutputError, "no folder"),
        ({"out": "taken.zarr"}, OutputError, "exists"),
        ({"out": "begun.zarr"}, OutputError, "unfinished run"),
        ({"out": "some.zarr", "overwrite": True}, OutputError, "nothing that napari-sen made"),
        pytest.param({"out": "/proc/a.zarr"}, OutputError, "takes no files", marks=linux_only),
        ({"out": "old.zarr/labels/a"}, OutputError, "0.4"),
        ({"resume": True}, ParameterError, "out="),
        ({"overwrite": True}, ParameterError, "out="),
        ({"scheduler": 0}, ParameterError, "at least 1"),
        ({"scheduler": 2.5}, ParameterError, "an address or a Client"),
        ({"tile": 64, "size": 9, "n_segments": None, "mask": np.zeros(GREY.shape, complex)},
         ImageError, "complex128"),
        ({"tile": 64, "mask": np.ones((3, 3), bool)}, ImageError, "shape"),
        ({"tile": 64, "n_segments": 793}, ImageError, "792 pixels"),
        ({"tile": 64, "spacing": (1, 0)}, ParameterError, "greater than 0"),
        ({"tile": 64, "size": np.inf}, ParameterError, "size"),
    ],
    ids=str,
)  # fmt: skip
def test_tiles_and_their_outputs(options, kind, words, tmp_path, monkeypatch):
    """Nothing is begun and nothing written."""
    monkeypatch.chdir(tmp_path)
    zarr.create_array("taken.zarr", shape=(3, 3), dtype="u1")
    old = zarr.create_group("old.zarr", zarr_format=2)
    old.attrs["multiscales"] = [{"version": "0.4", "datasets": [{"path": "0"}]}]
    make_folder(tmp_path / "begun.zarr.partial")
    (tmp_path / "some.zarr").mkdir()
    (tmp_path / "some.zarr" / "precious.txt").write_text("precious")
    before = contents(tmp_path)
    arguments = {"model": None, "progress": never} | options
    refused(lambda: segment(GREY, **arguments), kind, words)
    assert contents(tmp_path) == before


def test_superpixels_too_large_for_tiles(tmp_path):
    huge = zarr.create_array(
        tmp_path / "h.zarr", shape=(65536, 65536), chunks=(512, 512), dtype="u2"
    )
    words = "ask for smaller ones (size=20"
    refused(lambda: napari_sen.segment(huge, model=None, progress=never), ParameterError, words)


def test_a_tree_too_large_for_the_memory(tmp_path):
    """The lazy image takes no space, but its tree would have 11 billion leaves."""
    side = 1 << 20
    huge = zarr.create_array(tmp_path / "h.zarr", shape=(side, side), chunks=(512, 512), dtype="u2")
    arguments = {"model": None, "progress": never}
    refused(lambda: adaptive(huge, size=20, **arguments), ParameterError, "method='snic'")
    refused(lambda: napari_sen.hierarchy(huge, **arguments), ParameterError, "larger fine_size")
    refused(lambda: napari_sen.contours(huge, **arguments), ParameterError, "larger fine_sizes")


def test_a_journal_of_other_parameters(tmp_path):
    from napari_sen.options import Execution
    from napari_sen.params import SegmentParams
    from napari_sen.pipeline.plan import superpixel_run

    out = tmp_path / "a.zarr"
    how = Execution(tile=32, out=out)
    steps = superpixel_run(GREY, SegmentParams(size=5), model=None, execution=how).steps()
    next(step for step in steps if step.stage == "superpixels")
    steps.close()
    again = {"out": out, "resume": True, "model": None, "progress": never}
    for options, words in (
        ({"size": 6, "tile": 32}, "size was 5, now 6"),
        ({"size": 5, "tile": 64}, "tile was [32], now [64]"),
    ):
        refused(
            lambda options=options: napari_sen.segment(GREY, **again, **options), OutputError, words
        )
    journal = tmp_path / "a.zarr.partial" / "journal" / "run.json"
    journal.write_text("no journal")
    refused(lambda: napari_sen.segment(GREY, **again, size=5, tile=32), OutputError, "damaged")


def test_more_superpixels_than_pixels():
    refused(lambda: segment(GREY, n_segments=10**12, model=None), ImageError, "792 pixels")


def test_nothing_to_train_on(tmp_path, model):
    for nothing in ([], tmp_path):
        refused(lambda bad=nothing: train(bad, model=model), DataError, "no images")
    refused(lambda: train([GREY, "no.png"], model=model), ImageError, "no file no.png")
    refused(
        lambda: train(GREY, model=model, resume=True, checkpoint=tmp_path / "c"), DataError, "start"
    )


def test_a_checkpoint_of_other_parameters(tmp_path, model):
    train(GREY, model=model, checkpoint=tmp_path / "c")
    again = {"model": model, "checkpoint": tmp_path / "c"}
    refused(lambda: train(GREY, **again), OutputError, "already")
    refused(
        lambda: train(GREY, **again, resume=True, network=NetworkParams(dim=5)), DataError, "made"
    )


def damage(path, how):
    """Damage a good model file in one way."""
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "tampered":
        path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    elif how == "text":
        path.write_text("weights")
    else:
        length = struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8 : 8 + length])
        about = json.loads(header["__metadata__"]["napari-sen"])
        header["__metadata__"]["napari-sen"] = json.dumps(about | {"format": 99})
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "no model file"),
        ("empty", "damaged"),
        ("cut", "damaged"),
        ("text", "damaged"),
        ("tampered", "sha256"),
        ("version", "format is 99"),
    ],
)
def test_model_files(tmp_path, model, how, words):
    path = model.save(tmp_path / "m.safetensors")
    damage(path, how)
    refused(lambda: napari_sen.load_model(path), ModelError, words)
    refused(lambda: segment(GREY, model=path, progress=never), ModelError, words)


def test_where_a_model_cannot_be_saved(tmp_path, model):
    path = model.save(tmp_path / "m.safetensors")
    before = path.read_bytes()
    refused(lambda: model.save(path), OutputError, "exists")
    refused(lambda: model.save(tmp_path / "no" / "m.safetensors"), OutputError, "folder")
    refused(lambda: model.save(tmp_path / "m.pt"), OutputError, "safetensors")
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o077 == (tmp_path / "m.md").stat().st_mode & 0o077


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """A folder with good and bad files, in which commands are run."""
    iio.imwrite(tmp_path / "in.png", COLOUR)
    whole = (tmp_path / "in.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:200])
    (tmp_path / "text.tif").write_text("no image")
    np.save(tmp_path / "nan.npy", IMAGES["nan"][0])
    np.save(tmp_path / "complex.npy", IMAGES["complex"][0])
    np.save(tmp_path / "pickled.npy", IMAGES["object"][0], allow_pickle=True)
    np.save(tmp_path / "line.npy", IMAGES["1 axis"][0])
    np.save(tmp_path / "stack.npy", np.zeros((2, 9, 9), np.uint8))
    np.save(tmp_path / "colours.npy", COLOUR.astype(np.uint16))
    tifffile.imwrite(tmp_path / "empty_mask.tif", np.zeros(GREY.shape, np.uint8))
    tifffile.imwrite(tmp_path / "small_mask.tif", np.ones((3, 3), np.uint8))
    tifffile.imwrite(tmp_path / "float_mask.tif", np.full(GREY.shape, 0.5, np.float32))
    zarr.create_group(tmp_path / "hollow.zarr")
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "precious.txt").write_text("precious")
    (tmp_path / "taken.tif").write_bytes(b"precious")
    (tmp_path / "folder.tif").mkdir()
    for how in ("cut", "tampered", "version"):
        damage(model.save(tmp_path / f"{how}.safetensors"), how)
    model.save(tmp_path / "good.safetensors")
    tiny_model(planes=5).save(tmp_path / "planes.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "home" not in path.relative_to(folder).parts
    }


READ = {
    "no.png": "there is no file",
    "cut.png": "cannot read",
    "text.tif": "cannot read",
    "some": "zarr finds no array",
    "hollow.zarr": "zarr finds no array",
    "nan.npy": "NaN",
    "complex.npy": "complex128",
    "pickled.npy": "cannot read",
    "line.npy": "2 to 5 axes",
    "colours.npy": "may be colour",
}
WRITTEN = {
    "segment": ("-o", "a.tif", "--model", "none"),
    "embed": ("-o", "a.npy", "--model", "good.safetensors"),
    "contours": ("-o", "a.tif", "--model", "none"),
    "pseudo-labels": ("-o", "maps"),
    "train": ("-o", "m.safetensors"),
}
SEGMENT = ("segment", "in.png", "-o", "a.tif")
COMMANDS = [
    *[((name, image, *rest), words) for name, rest in WRITTEN.items()
      for image, words in READ.items() if (name, image) != ("train", "some")],
    (("train", "some", "-o", "m.safetensors"), "no images"),
    ((*SEGMENT[:1], "stack.npy", *SEGMENT[2:], "--model", "none"), "slices"),
    *[((*SEGMENT, "--model", "none", "--mask", mask), words) for mask, words in (
        ("empty_mask.tif", "empty"), ("small_mask.tif", "shape"), ("float_mask.tif", "float32"),
        ("no.tif", "no file"))],
    *[((*SEGMENT, "--model", model), words) for model, words in (
        ("nobody", "no model"), ("no.safetensors", "no model file"), ("cut.safetensors", "damaged"),
        ("tampered.safetensors", "sha256"), ("version.safetensors", "format is 99"),
        ("planes.safetensors", "5 planes"))],
    *[((*SEGMENT, "--model", "none", *more), words) for more, words in (
        (("--n-segments", "0"), "n_segments"), (("--n-segments", "2.5"), "--n-segments"),
        (("--n-segments", "793"), "792 pixels"), (("--size", "0"), "size"),
        (("--size", "nan"), "size"), (("--size", "3", "--n-segments", "2"), "only one of"),
        (("--compactness", "-1"), "compactness"), (("--compactness", "inf"), "compactness"),
        (("--spacing", "0", "1"), "spacing"), (("--spacing", "1", "2", "3"), "spacing"),
        (("--channel-axis", "5"), "out of range"), (("--device", "quantum"), "not a device"))],
    *[(("segment", "in.png", "-o", "a.zarr", "--model", "none", *more), words) for more, words in (
        (("--tile", "33"), "multiple of 32"), (("--tile", "0"), "tile"),
        (("--tile", "64", "--overlay", "o.png"), "--overlay"),
        (("--tile", "64", "-o", "b.zarr"), "-o once"),
        (("--scheduler", "nowhere"), "no dask scheduler"), (("--scheduler", "0"), "at least 1"))],
    ((*SEGMENT, "--model", "none", "--tile", "64"), "has to end in .zarr"),
    *[(("segment", "in.png", "-o", out, "--model", "none"), words) for out, words in (
        ("taken.tif", "exists"), ("no/a.tif", "no folder"), ("in.png", "input"),
        ("folder.tif", "exists"), ("a.jpg", "has to end in"))],
    pytest.param(("segment", "in.png", "-o", "/proc/a.tif", "--model", "none"), "takes no files",
                 marks=linux_only),
    (("segment", "in.png", "-o", "folder.tif", "--model", "none", "--overwrite"), "folder"),
    (("segment", "in.png", "-o", "in.png", "--model", "none", "--overwrite"), "input"),
    ((*SEGMENT, "--model", "none", "--overlay", "no/o.png"), "no folder"),
    (("pseudo-labels", "in.png", "-o", "taken.tif"), "a file of this name"),
    (("pseudo-labels", "in.png", "-o", "no/maps"), "no folder"),
    pytest.param(("pseudo-labels", "in.png", "-o", "/proc/maps"), "takes no files",
                 marks=linux_only),
    (("demo", "-o", "taken.tif"), "a file of this name"),
    (("demo", "-o", "new", "--device", "quantum"), "not a device"),
    (("train", "in.png", "-o", "taken.tif"), "has to end in"),
    (("train", "in.png", "-o", "cut.safetensors"), "exists"),
    (("train", "in.png", "-o", "m.safetensors", "--steps", "0"), "steps"),
    (("train", "in.png", "-o", "m.safetensors", "--device", "quantum"), "not a device"),
    (("train", "in.png", "-o", "m.safetensors", "--resume"), "--checkpoint"),
    *[(("train", "in.png", "--name", name), "cannot name a model")
      for name in ("a/b", "", "auto", "my model")],
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=lambda value: str(value)[:70])
def test_commands(folder, capsys, arguments, words):
    """Exit 2, one line, no traceback, nothing new and nothing changed on the disk."""
    before = contents(folder)
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    (line,) = err.splitlines()
    assert line.startswith("napari-sen: error: ")
    assert words in line
    assert contents(folder) == before


MANY_ISLANDS = np.zeros((23, 31), bool)
MANY_ISLANDS[::3, ::3] = True
MANY_ISLANDS[10:20, 12:25] = True


def odd_images():
    rng = np.random.default_rng(2)
    plain = rng.random((23, 31))
    locked = plain.copy()
    locked.flags.writeable = False
    two = plain > 0.5

    def limits(dtype):
        about = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
        return np.where(two, about.min, about.max).astype(dtype)

    return {
        "1 x 1": (np.ones((1, 1)), {}),
        "1 x N": (rng.random((1, 37)), {}),
        "N x 1": (rng.random((37, 1)), {}),
        "constant": (np.full((20, 20), 7, np.uint16), {}),
        "read-only": (locked, {}),
        "non-contiguous": (rng.random((46, 62))[::2, ::2], {}),
        "Fortran order": (np.asfortranarray(plain), {}),
        "negative strides": (plain[::-1, ::-1], {}),
        "big-endian float": (plain.astype(">f8"), {}),
        "big-endian int": ((plain * 60000).astype(">u2"), {}),
        "bool": (two, {}),
        **{f"limits of {kind}": (limits(kind), {})
           for kind in ("int8", "uint8", "int64", "uint64", "float16", "float32", "float64")},
        "denormal": (plain * 1e-310, {}),
        "islands": (plain, {"mask": MANY_ISLANDS}),
        "NaN outside": (np.where(MANY_ISLANDS, plain, np.nan), {"mask": MANY_ISLANDS}),
        "one pixel inside": (plain, {"mask": np.arange(plain.size).reshape(plain.shape) == 99}),
        "1 x 1 colour": (np.zeros((1, 1, 3), np.uint8), {}),
        "strided colour": (COLOUR[::-1, :, ::-1], {}),
        "RGBA": (np.concatenate([COLOUR, COLOUR[..., :1] | 1], -1), {}),
        "big-endian colour": ((COLOUR * 257.0).astype(">u2"), {"rgb": True}),
        "half-float colour": ((COLOUR / 255).astype(np.float16), {"rgb": True}),
    }  # fmt: skip


ODD = odd_images()


@pytest.mark.parametrize("case", ODD)
def test_legal_images(case, model):
    image, options = ODD[case]
    before = image.copy()
    mask = options.get("mask")
    unmasked = {name: value for name, value in options.items() if name != "mask"}
    colour = unmasked.get("rgb") or case in ("1 x 1 colour", "strided colour", "RGBA")
    shape = image.shape[:-1] if colour else image.shape
    pixels = int(np.prod(shape)) if mask is None else int(mask.sum())
    for method in ("snic", "tree"):
        for number in {1, pixels}:
            labels = napari_sen.segment(image, number, method=method, model=model, **options)
            assert_is_labelling(labels, mask)
            assert labels.max() == number or mask is not None
    for clustered in (False, True):
        rows = napari_sen.embed(image, clustered=clustered, model=model, **options)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1, atol=1e-4)
    tree = napari_sen.hierarchy(image, model=model, **options)
    assert_is_labelling(tree.cut(tree.n_parts), mask)
    assert tree.cut(tree.n_leaves).max() == tree.n_leaves
    if case != "NaN outside":  # the functions below take no mask
        edges = napari_sen.contours(image, n_sizes=2, model=model, **unmasked)
        assert edges.shape == shape
        assert 0 <= edges.min() <= edges.max() <= 1
        maps = napari_sen.pseudo_labels(image, spacings=[6, 40], compactnesses=[10], **unmasked)
        for labels in maps.values():
            assert_is_labelling(labels)
    np.testing.assert_array_equal(image, before)
