import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_sen.errors import Cancelled, DeviceError, ImageError, ModelError, OutputError
from napari_sen.learn import registry
from napari_sen.learn.mean_shift import landmark_indices
from napari_sen.learn.model import load_model, models, resolve_device
from napari_sen.learn.remember import RememberingModel

from .examples import blobs, tiny_model


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setattr(registry, "user_folder", lambda: folder)
    monkeypatch.setattr(registry, "bundled_models_folder", lambda: tmp_path / "bundled")
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tiny_model().save(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def test_round_trip(saved):
    model, again = tiny_model(), load_model(saved)
    planes = blobs(0)[0]
    for clustered in (False, True):
        a, b = (m.embed(planes, clustered=clustered) for m in (model, again))
        np.testing.assert_array_equal(a, b)
    assert again.metadata.items() >= model.metadata.items()
    assert (again.name, again.planes, again.dim) == ("tiny", 3, 4)
    assert again.kappa == pytest.approx(10)
    assert "'tiny'" in repr(again)
    assert sorted(p.name for p in saved.parent.iterdir()) == ["tiny.md", "tiny.safetensors"]
    card = saved.with_suffix(".md").read_text()
    for part in ("# tiny", "licence: CC0", "not measured", again.metadata["sha256"]):
        assert part in card


def test_a_file_says_which_design_it_holds(saved, tmp_path):
    lean = tiny_model(design="lean", growth=1.5, base_width=16, width_cap=32)
    again = load_model(lean.save(tmp_path / "lean.safetensors"))
    assert again.network.params == lean.network.params
    planes = blobs(0)[0]
    np.testing.assert_array_equal(again.embed(planes), lean.embed(planes))

    def forget(metadata, _):  # as files were before there were two designs
        del metadata["network"]["design"], metadata["network"]["growth"]

    old = load_model(rewrite(saved, tmp_path / "old.safetensors", forget))
    np.testing.assert_array_equal(old.embed(planes), tiny_model().embed(planes))


def test_half_precision_halves_the_file_and_keeps_the_embedding(saved, tmp_path):
    model = tiny_model(base_width=16, width_cap=32)
    full = model.save(tmp_path / "full.safetensors")
    half = model.save(tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    planes = blobs(1)[0]
    a, b = (load_model(path).embed(planes) for path in (full, half))
    assert a.dtype == b.dtype == np.float32
    psi = (1 - (a * b).sum(-1)) / 2
    assert 0 < psi.max() < 1e-4
    assert load_model(half).metadata["precision"] == "float16"


def test_saving_replaces_only_when_asked(saved, tmp_path):
    with pytest.raises(OutputError, match="exists"):
        tiny_model().save(saved)
    tiny_model().save(saved, overwrite=True)
    with pytest.raises(OutputError, match="make it first"):
        tiny_model().save(tmp_path / "absent" / "x.safetensors")
    with pytest.raises(OutputError, match=r"named NAME\.safetensors"):
        tiny_model().save(tmp_path / "x.pt")
    broken = tiny_model()
    broken.network.head.bias.data[0] = 1e6
    with pytest.raises(OutputError, match=r"network\.head\.bias"):
        broken.save(tmp_path / "x.safetensors", half=True)
    assert list(tmp_path.iterdir()) == []


def rewrite(source, target, change):
    """Write a model file whose metadata and tensors went through ``change``."""
    with safe_open(source, framework="pt") as file:
        metadata = json.loads(file.metadata()["napari-sen"])
    tensors = load_file(source)
    change(metadata, tensors)
    save_file(tensors, target, metadata={"napari-sen": json.dumps(metadata)})
    return target


def edit(key, value):
    return lambda m, _: m.__setitem__(key, value)


HEAD = "network.head.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("format", 2), "format is 2, this version reads 1"),
        (edit("format", None), "format is None"),
        (edit("network", []), "network is missing"),
        (edit("network", {"dim": 10**9}), "network: dim must be at most 256"),
        (edit("network", {"layers": 3}), "no parameter 'layers'"),
        (edit("network", {"levels": "5"}), "levels must be a whole number"),
        (edit("mean_shift", {"iterations": -1}), "iterations must be at least 0"),
        (edit("normalisation", None), "normalisation mean"),
        (edit("normalisation", {"mean": [0, 0, 0], "std": [1, 0, 1]}), "normalisation std"),
        (edit("normalisation", {"mean": [0], "std": [1, 1, 1]}), "normalisation mean"),
        (edit("precision", "int8"), "precision is 'int8'"),
        (edit("precision", "float16"), "is torch.float32, not torch.float16"),
        (edit("name", 3), "name is missing"),
        (edit("sha256", "0" * 64), "sha256 is not that of the weights"),
        (edit("data_sets", {}), "data_sets is missing"),
        (lambda m, _: m["network"].update(base_width=8), "has shape"),
        (lambda _, t: t.pop(HEAD), f"weight {HEAD} is missing"),
        (lambda _, t: t.update(extra=torch.ones(1)), "weight extra does not belong"),
        (lambda _, t: t.update({HEAD: t[HEAD] + 1}), "sha256"),
    ],
)
def test_files_that_are_refused(saved, tmp_path, change, message):
    path = rewrite(saved, tmp_path / "bad.safetensors", change)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [(HEAD, float("nan"), "not finite"), ("network.stem.0.norm.running_var", -1.0, "negative")],
)
def test_weights_that_make_no_sense(tmp_path, name, value, message):
    from napari_sen.learn.model_file import checksum

    source = tiny_model().save(tmp_path / "a.safetensors")

    def change(metadata, tensors):
        tensors[name].view(-1)[0] = value
        metadata["sha256"] = checksum(tensors)

    with pytest.raises(ModelError, match=message):
        load_model(rewrite(source, tmp_path / "b.safetensors", change))


def test_damaged_files(saved, tmp_path):
    data, path = saved.read_bytes(), tmp_path / "x.safetensors"
    huge = (1 << 62).to_bytes(8, "little") + data[8:]
    for content in (b"", b"abc", data[:4000], data[:-1], b"\x80\x04pickle" * 50, huge):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"x\.safetensors"):
            load_model(path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ModelError, match="not a model of napari-sen"):
        load_model(path)
    for text in ("{", "[]", "[" * 100_000):
        save_file({"a": torch.ones(1)}, path, metadata={"napari-sen": text})
        with pytest.raises(ModelError, match="JSON"):
            load_model(path)
    with pytest.raises(ModelError, match="no model file"):
        load_model(tmp_path / "absent.safetensors")


def test_names(user_folder, tmp_path):
    (tmp_path / "bundled").mkdir()
    tiny_model("cells").save(user_folder / "cells.safetensors")
    tiny_model("natural").save(tmp_path / "bundled" / "natural.safetensors")
    (user_folder / "broken.safetensors").write_bytes(b"nothing")
    assert load_model("cells").name == "cells"
    assert [(m.name, m.bundled, m.dim, bool(m.problem)) for m in models()] == [
        ("broken", False, 0, True),
        ("cells", False, 4, False),
        ("natural", True, 4, False),
    ]
    with pytest.raises(ModelError, match=r"did you mean 'natural'.*known are broken, cells, nat"):
        load_model("naturl")
    tiny_model("mine").save(user_folder / "natural.safetensors")
    assert load_model("natural").name == "mine"  # the user's own comes first


def test_no_models_at_all(user_folder):
    assert models() == []
    with pytest.raises(ModelError, match="known are none"):
        load_model("natural")


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (37, 41)])
@pytest.mark.parametrize("clustered", [False, True])
def test_embedding_of_any_size(shape, clustered):
    found = tiny_model().embed(blobs(0, *shape)[0], clustered=clustered)
    assert found.shape == (*shape, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)


def test_clustered_embedding_is_the_shift_of_the_raw_one():
    model, planes = tiny_model(), blobs(0)[0]
    raw, clustered = model.embed(planes), model.embed(planes, clustered=True)
    lattice = landmark_indices(*planes.shape[:2], model.mean_shift.params.landmarks)
    series = model.landmark_series(raw.reshape(-1, 4)[lattice])
    assert series.shape == (2, len(lattice), 4)
    parts = [model.shift(raw[:13], series), model.shift(raw[13:], series)]
    np.testing.assert_allclose(np.concatenate(parts), clustered, atol=1e-6)


def test_arrays_as_they_come():
    model, planes = tiny_model(), blobs(0)[0]
    planes.flags.writeable = False
    expected = model.embed(planes)
    strided = np.repeat(planes, 2, axis=1)[:, ::2]
    for other in (planes.astype(">f8"), np.asfortranarray(planes), strided):
        np.testing.assert_array_equal(model.embed(other), expected)
    np.testing.assert_array_equal(model.embed(planes[::-1][::-1]), expected)


def test_progress_counts_up_and_may_cancel():
    calls = []
    tiny_model().embed(blobs(0)[0], clustered=True, progress=lambda *a: calls.append(a))
    done, totals, stages = zip(*calls, strict=True)
    assert list(done) == list(range(totals[0] + 1))
    assert set(stages) == {"embedding"}

    def stop(done, total, stage):
        if done == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny_model().embed(blobs(0)[0], progress=stop)


def test_images_that_do_not_fit():
    model, planes = tiny_model(), blobs(0)[0]
    with pytest.raises(ImageError, match=r"'tiny' takes \(H, W, 3\) planes, got \(40, 50, 1\)"):
        model.embed(planes[..., :1])
    with pytest.raises(ImageError, match="NaN"):
        model.embed(np.full_like(planes, np.inf))
    with pytest.raises(ImageError, match=r"got \(0, 50, 3\)"):
        model.embed(planes[:0])


def test_devices(monkeypatch):
    assert resolve_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    for name in ("cuda", "cuda:3", "mps", "meta", "cpu:1"):
        if name != "mps" or not torch.backends.mps.is_available():
            with pytest.raises(DeviceError, match=f"device '{name}' is not there"):
                resolve_device(name)
    with pytest.raises(DeviceError, match="'gpu' is not a device"):
        tiny_model().embed(blobs(0)[0], device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cuda:1").index == 1
    with pytest.raises(DeviceError, match="has cpu, cuda:0, cuda:1"):
        resolve_device("cuda:2")


def test_a_model_file_is_copied_among_the_users_own(saved, user_folder, tmp_path):
    from napari_sen.learn.registry import import_model

    source = tmp_path / "colleague.safetensors"
    source.write_bytes(saved.read_bytes())
    assert import_model(source) == "colleague"
    assert import_model(source) == "colleague"  # the same once more is no conflict
    assert load_model("colleague").dim == load_model(saved).dim
    source.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="colleague"):
        import_model(source)
    bad = tmp_path / "-x.safetensors"
    bad.write_bytes(saved.read_bytes())
    with pytest.raises(ModelError, match="rename the file"):
        import_model(bad)
    other = tmp_path / "other" / "colleague.safetensors"
    other.parent.mkdir()
    tiny_model("another", seed=3).save(other)
    with pytest.raises(OutputError, match="another model 'colleague' already"):
        import_model(other)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("build", [tiny_model, lambda: RememberingModel(tiny_model(), 10**9)])
def test_an_embedding_can_be_written_beside_other_features(build, clustered):
    model, planes = build(), blobs(0)[0]
    features = np.full((*planes.shape[:2], 2 + model.dim), np.nan, np.float32)
    out = features[..., 2:]
    assert model.embed(planes, clustered=clustered, out=out) is out
    np.testing.assert_array_equal(out, model.embed(planes, clustered=clustered))
    assert np.isnan(features[..., :2]).all()
