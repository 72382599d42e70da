"""Damaged files of our own formats: what is read is right, or it is refused in one sentence."""

import json
import os
import struct
from dataclasses import asdict

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_sen import Recipe, objects, read_classes, segment
from napari_sen.core.metrics import ImageScores
from napari_sen.errors import Cancelled
from napari_sen.evaluation.boundary_benchmark import ContourRow
from napari_sen.evaluation.journal import Row, RowLog
from napari_sen.io.annotation_file import Annotation, load_annotation, save_annotation
from napari_sen.io.hierarchy_file import Hierarchy
from napari_sen.learn.classes import Examples
from napari_sen.learn.model import load_model, models
from napari_sen.learn.registry import user_folder
from napari_sen.params import (
    MeanShiftParams,
    NetworkParams,
    PseudoLabelParams,
    SegmentParams,
    TrainParams,
)
from napari_sen.pipeline.hierarchy import hierarchy
from napari_sen.pipeline.train import train
from tests.learn.examples import tiny_model
from tests.systems import linux_only

from .conftest import fuzzed, guarded, outcome
from .damage import (
    bytes_damage,
    changed_document,
    changes,
    fresh,
    json_damage,
    kind_damage,
    one_of_files,
)

pytestmark = [pytest.mark.timeout(0), linux_only]
IMAGE = np.random.default_rng(0).integers(0, 255, (40, 48), np.uint8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


# Models


@pytest.fixture(scope="module")
def model(whole):
    return tiny_model().save(whole / "model.safetensors")


def used_model(path):
    """Load a model and use all that is known of it."""
    found = load_model(path)
    assert found.embed(np.zeros((8, 8, found.planes), np.float32)).shape == (8, 8, found.dim)
    assert found.mean_shift_trained in (True, False)
    assert repr(found)
    return found


@fuzzed(200)
@given(damage=bytes_damage() | kind_damage())
def test_models(model, tmp_path, capfd, damage):
    path = fresh(model, tmp_path / "model.safetensors")
    damage(path)
    found = outcome(lambda: used_model(path), capfd)
    if found is not None:
        assert found.sha256 == load_model(model).sha256


def with_header(path, header):
    """Write another JSON header before the tensors of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def header_of(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])


def change_header(path, wanted, inner):
    """Change values of a safetensors header, or of the metadata that are text in it."""
    header = header_of(path)
    if not inner:
        with_header(path, changed_document(header, wanted))
        return
    about = changed_document(json.loads(header["__metadata__"]["napari-sen"]), wanted)
    header["__metadata__"]["napari-sen"] = json.dumps(about)
    with_header(path, header)


@fuzzed(300)
@given(wanted=changes(), inner=st.booleans())
def test_headers_of_models(model, tmp_path, capfd, wanted, inner):
    path = fresh(model, tmp_path / "model.safetensors")
    change_header(path, wanted, inner)
    outcome(lambda: used_model(path), capfd)


@fuzzed(6)
@given(wanted=changes(), damage=bytes_damage() | kind_damage())
def test_a_bad_model_leaves_the_others_in_the_list(
    model, tmp_path, monkeypatch, capfd, wanted, damage
):
    from napari_sen.cli import main

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    user_folder().mkdir(parents=True, exist_ok=True)
    damage(fresh(model, user_folder() / "bad.safetensors"))
    change_header(fresh(model, user_folder() / "odd.safetensors"), wanted, True)
    fresh(model, user_folder() / "good.safetensors")
    with guarded():
        assert main(["models", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capfd.readouterr().out)["models"]}
    assert "problem" not in found["good"]
    assert "problem" not in found["natural"]
    with guarded():
        assert main(["models"]) == 0
        assert {"good", "natural"} <= {info.name for info in models()}
    capfd.readouterr()


# Trainings

SMALL = {
    "network": NetworkParams(dim=4, base_width=4, width_cap=8, levels=1),
    "mean_shift": MeanShiftParams(iterations=1),
    "pseudo_labels": PseudoLabelParams(spacings=(8.0,), compactnesses=(10.0,)),
    "schedule": TrainParams(steps=3, batch=1, crop=32, landmarks=8, validation=0,
                            checkpoint_every=1),
    "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def training(whole):
    """A training that was stopped after a step, and the weights that it is to end with."""
    folder = whole / "training"

    def stop(done, total, stage):
        if stage == "training" and done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(IMAGE, checkpoint=folder, progress=stop, **SMALL)
    return folder, train(IMAGE, **SMALL).sha256


@fuzzed(100)
@given(damage=bytes_damage() | kind_damage(), place=st.floats(0, 1))
def test_trainings(training, tmp_path, capfd, damage, place):
    """The state, the log, and the prepared images with their parameters."""
    source, expected = training
    folder = fresh(source, tmp_path / "training")
    damaged = one_of_files(folder, place)
    damage(damaged)
    found = outcome(lambda: train(IMAGE, checkpoint=folder, resume=True, **SMALL), capfd)
    if found is not None and damaged.suffix != ".npy":
        assert found.sha256 == expected


@fuzzed(100)
@given(wanted=changes(), inner=st.booleans())
def test_headers_of_checkpoints(training, tmp_path, capfd, wanted, inner):
    folder = fresh(training[0], tmp_path / "training")
    change_header(folder / "state.safetensors", wanted, inner)
    found = outcome(lambda: train(IMAGE, checkpoint=folder, resume=True, **SMALL), capfd)
    assert found is None or found.sha256 == training[1]


# Hierarchies and annotations


@pytest.fixture(scope="module")
def tree(whole):
    found = hierarchy(IMAGE, 12, model=None)
    found.save(whole / "tree.npz")
    return whole / "tree.npz", found


@fuzzed(300)
@given(damage=bytes_damage() | kind_damage())
def test_hierarchies(tree, tmp_path, capfd, damage):
    path = fresh(tree[0], tmp_path / "tree.npz")
    damage(path)
    found = outcome(lambda: Hierarchy.load(path), capfd)
    if found is not None:
        np.testing.assert_array_equal(found.cut(3), tree[1].cut(3))


@fuzzed(300)
@given(
    labels=st.sampled_from(["uint8", "int64", "float32", "U3", "bool", "c16", "M8[s]"]),
    shape=st.lists(st.integers(0, 5), max_size=4),
    rows=st.integers(0, 5),
    columns=st.integers(0, 5),
    value=st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf, 1e300]),
)
def test_hierarchies_of_other_arrays(tmp_path, capfd, labels, shape, rows, columns, value):
    path = tmp_path / "tree.npz"
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(labels)
    linkage = np.full((rows, columns), value)
    np.savez(path, format=np.array("napari-sen hierarchy 1"), labels=values, linkage=linkage)
    found = outcome(lambda: Hierarchy.load(path), capfd)
    if found is not None:
        assert found.cut(found.n_leaves).max() >= 1


@pytest.fixture(scope="module")
def annotation(whole):
    examples = Examples(np.array([[0.5, 1.0], [2.0, 3.0]]), np.array([1, 2]), ("mean", "size"))
    path = whole / "a.sen.json"
    save_annotation(
        path,
        Annotation(
            ("one", "two"), "0" * 64, np.array([1, 1, 2]), np.array([0, 1, 2]), examples,
            Examples.none(),
        ),
    )  # fmt: skip
    return path


@fuzzed(300)
@given(damage=bytes_damage() | json_damage() | kind_damage())
def test_annotations(annotation, tmp_path, capfd, damage):
    path = fresh(annotation, tmp_path / "a.sen.json")
    damage(path)
    found = outcome(lambda: load_annotation(path), capfd)
    if found is not None:
        assert len(found.pieces) == len(found.classes)
        assert all(isinstance(name, str) for name in found.class_names)
        for part in (found.examples, found.others):
            assert len(part.features) == len(part.classes)
            assert np.isfinite(part.features).all()


# Outlines and recipes


@pytest.fixture(scope="module")
def outlines(whole):
    labels = np.kron(np.arange(6).reshape(2, 3), np.ones((4, 4), int))
    found = objects(labels, [0, 1, 2, 1, 2, 2], class_names=["one", "two"])
    found.save(whole / "a.geojson")
    return whole / "a.geojson", labels


@fuzzed(300)
@given(damage=bytes_damage() | json_damage() | kind_damage())
def test_outlines(outlines, tmp_path, capfd, damage):
    path = fresh(outlines[0], tmp_path / "a.geojson")
    damage(path)
    found = outcome(lambda: read_classes(outlines[1], path), capfd)
    if found is not None:
        classes, names = found
        assert classes.shape == (6,)
        assert 0 <= classes.min() <= classes.max() <= len(names)


@pytest.fixture(scope="module")
def recipe(whole):
    examples = Examples(np.array([[0.5, 1.0], [2.0, 3.0]]), np.array([1, 2]), ("mean", "size"))
    made = Recipe(SegmentParams(size=7), class_names=("one", "two"), examples=examples)
    made.save(whole / "recipe.json")
    return whole / "recipe.json"


@fuzzed(300)
@given(damage=bytes_damage() | json_damage() | kind_damage())
def test_recipes(recipe, tmp_path, capfd, damage):
    path = fresh(recipe, tmp_path / "recipe.json")
    damage(path)
    found = outcome(lambda: Recipe.load(path), capfd)
    if found is not None:
        assert np.isfinite(found.examples.features).all()
        assert found.examples.classes.max(initial=0) <= len(found.class_names)
        found.save(tmp_path / "again.json", overwrite=True)
        assert Recipe.load(tmp_path / "again.json").to_dict() == found.to_dict()


# Journals


HEAD = {"dataset": "d", "protocol": "p"}
SETTINGS = {"slic": "1", "snic": "2"}


def rows():
    scores = ImageScores(*[0.5] * (len(ImageScores.__dataclass_fields__) - 5), 7, *[0.25] * 4)
    return [Row(name, f"{k}", 10, 9.5, 2, 0.1, 0.2, scores) for name in SETTINGS for k in range(3)]


def contour_rows():
    return [ContourRow("slic", f"{k}", 0.5, [1, 2], [3, 4], [5, 6], [7, 8]) for k in range(3)]


@pytest.fixture(scope="module", params=[(Row, rows), (ContourRow, contour_rows)])
def row_log(request, whole):
    kind, make = request.param
    path = whole / f"{kind.__name__}.jsonl"
    with RowLog(path, HEAD, SETTINGS, kind) as log:
        for row in make():
            log.add(row)
    return path, kind, {row.key: row for row in make()}


@fuzzed(300)
@given(
    damage=bytes_damage() | kind_damage(),
    wanted=st.none() | changes(),
    place=st.integers(0, 3),
)
def test_journals_of_evaluations(row_log, tmp_path, capfd, damage, wanted, place):
    source, kind, expected = row_log
    path = fresh(source, tmp_path / "journal.jsonl")
    if wanted is None:
        damage(path)
    else:
        lines = path.read_text().splitlines()
        lines[place] = json.dumps(changed_document(json.loads(lines[place]), wanted))
        path.write_text("".join(f"{line}\n" for line in lines))
    found = outcome(lambda: RowLog(path, HEAD, SETTINGS, kind).rows, capfd)
    if found is not None and wanted is None:
        assert found.items() <= expected.items()
    for row in (found or {}).values():
        assert json.loads(json.dumps(asdict(row)))


@pytest.fixture(scope="module")
def begun(whole):
    """A tiled run that was stopped in the middle, and the labels that it is to end with."""
    folder = whole / "run"
    folder.mkdir()

    def stop(done, total, stage):
        if stage == "superpixels" and done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        labels_of(folder / "a.zarr", progress=stop)
    labels_of(whole / "expected.zarr")
    return folder, zarr.open_group(whole / "expected.zarr")["0"][...]


def labels_of(out, **options):
    segment(IMAGE, size=9, model=None, tile=32, scheduler=1, out=out, **options)


@fuzzed()
@given(
    damage=bytes_damage() | kind_damage(),
    change=st.none() | json_damage(),
    place=st.floats(0, 1),
)
def test_unfinished_runs(begun, tmp_path, capfd, damage, change, place):
    folder = fresh(begun[0], tmp_path / "run")
    damaged = one_of_files(folder, place)
    if change is not None and damaged.suffix == ".json":
        change(damaged)
    else:
        damage(damaged)

    def resumed():
        labels_of(folder / "a.zarr", resume=True)
        return zarr.open_group(folder / "a.zarr")["0"][...]

    found = outcome(resumed, capfd)
    if found is not None:
        np.testing.assert_array_equal(found, begun[1])


def test_nobody_waits_for_a_pipe_in_an_unfinished_run(begun, tmp_path, capfd):
    """Whichever file it stands for: its piece is made again, or the run is refused."""
    names = [path.relative_to(begun[0]) for path in begun[0].rglob("*") if path.is_file()]
    for name in names:
        folder = fresh(begun[0], tmp_path / "run")
        (folder / name).unlink()
        os.mkfifo(folder / name)
        outcome(lambda folder=folder: labels_of(folder / "a.zarr", resume=True), capfd)
