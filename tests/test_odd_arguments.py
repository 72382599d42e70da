"""What people pass by mistake: taken where it can be, else one sentence before any work."""

import io
import os
from collections.abc import Hashable

import dask.array as da
import numpy as np
import pytest
import scipy.sparse
import torch
import zarr

import napari_sen
from napari_sen.errors import ParameterError, SenError
from napari_sen.io.write import write_labels
from napari_sen.learn.model import load_model
from tests.systems import needs_wide_floats

GREY = np.random.default_rng(0).integers(0, 255, (24, 33), np.uint8)
COLOUR = np.stack([GREY] * 3, -1)
STACK = np.stack([GREY] * 3)


def segment(image=GREY, **options):
    sized = {} if "size" in options else {"n_segments": 4}
    return napari_sen.segment(image, **sized | {"model": None} | options)


ODD = {
    "beyond a float": 10**400,
    "beyond what is printed": 10**5000,
    "far below": -(10**400),
    "text": "a",
    "nothing": "",
    "NUL": "a\0",
    "long": "a" * 5000,
    "object": object(),
    "NaN": float("nan"),
    "list": [1, [2]],
    "texts": ["natural"],
    "dictionary": {},
    "tensor": torch.tensor([3, 4]),
}

ARGUMENTS = {
    **{name: (lambda value, name=name: segment(**{name: value}))
       for name in ("n_segments", "size", "compactness", "connectivity", "smoothing",
                    "colour_weight", "embedding_weight", "boundary_weight", "spacing",
                    "channel_axis", "kind", "nodata", "series")},
    **{name: (lambda value, name=name: segment(out="a.zarr", overwrite=True, **{name: value}))
       for name in ("tile", "scheduler")},
    "slices": lambda value: segment(STACK, slices=value),
    "model": lambda value: segment(model=value),
    "device": lambda value: napari_sen.embed(GREY, device=value),
    "clustered": lambda value: napari_sen.embed(GREY, clustered=value),
    "mask": lambda value: segment(mask=value),
    "image": lambda value: segment(value),
    "method": lambda value: napari_sen.contours(GREY, method=value, model=None),
    "n_fine": lambda value: napari_sen.hierarchy(GREY, n_fine=value, model=None),
    "cut": lambda value: napari_sen.hierarchy(GREY, model=None).cut(value),
    "level": lambda value: napari_sen.hierarchy(GREY, model=None).cut(level=value),
    "spacings": lambda value: napari_sen.pseudo_labels(GREY, spacings=value),
    "steps": lambda value: napari_sen.train(GREY, steps=value),
    "start": lambda value: napari_sen.train(GREY, start=value, steps=1),
    "load_model": load_model,
    **{name: (lambda value, name=name: napari_sen.objects(GREY + 1, **{name: value}))
       for name in ("classes", "class_names", "image", "channel_names", "slices", "unit",
                    "offset")},
    "labels": lambda value: napari_sen.objects(value),
    "a class": lambda value: napari_sen.objects(GREY + 1, {1: value}),
    "a label": lambda value: napari_sen.objects(
        GREY + 1, {value: 1} if isinstance(value, Hashable) else {}
    ),
    "saved objects": lambda value: napari_sen.objects(GREY + 1).save(value),
    "annotation": lambda value: napari_sen.read_classes(GREY + 1, value),
    "share": lambda value: napari_sen.read_classes(GREY + 1, GREY, share=value),
    "recipe": lambda value: napari_sen.apply_to(value, GREY),
    "recipe file": napari_sen.Recipe.load,
    "saved recipe": lambda value: napari_sen.Recipe().save(value),
    **{f"{name} of a recipe": (lambda value, name=name: napari_sen.Recipe(**{name: value}))
       for name in ("superpixels", "model", "sha256", "reading", "class_names", "examples")},
    "taught": lambda value: napari_sen.teach(napari_sen.Recipe(model=None), value, GREY),
    "images": lambda value: napari_sen.apply(napari_sen.Recipe(model="none"), value, "out"),
    "out": lambda value: napari_sen.apply(napari_sen.Recipe(model="none"), ["a.png"], value),
    "formats": lambda value: napari_sen.apply(
        napari_sen.Recipe(model="none"), ["a.png"], "out", formats=value
    ),
}  # fmt: skip


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_odd_values(argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in ODD.items():
        try:
            ARGUMENTS[argument](value)
        except SenError as error:
            said = str(error)
            assert "\n" not in said, name
            assert len(said) < 6000, name
    assert not any("partial" in name for name in os.listdir())


@pytest.mark.parametrize("value", [3, object(), ["a.zarr"], {}, 10**400, "", "a\0", "a" * 5000])
def test_odd_outputs(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SenError):
        segment(out=value)
    assert os.listdir() == []


def test_what_can_be_taken(tmp_path):
    expected = segment()
    write_labels(tmp_path / "a.zarr", GREY.astype(np.int32), image=GREY)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(GREY)
    for image in (torch.tensor(GREY), matrix, memoryview(GREY), group):
        np.testing.assert_array_equal(np.asarray(segment(image)), expected)
    number = torch.rand(24, 33, requires_grad=True)
    np.testing.assert_array_equal(segment(number), segment(number.detach().numpy()))
    assert segment(number.bfloat16()).shape == GREY.shape
    np.testing.assert_array_equal(segment(n_segments=np.int64(4), size=None), expected)


def test_what_cannot_be_taken_names_the_remedy(tmp_path):
    layers = pytest.importorskip("napari.layers")
    unknown = da.from_array(GREY, chunks=8)
    unknown = unknown[unknown[:, 0] > 10]
    for image, words in (
        (unknown, "compute_chunk_sizes"),
        (scipy.sparse.csr_matrix(GREY), "toarray"),
        (layers.Points(GREY[:, :2]), "give one of an image or of labels"),
        (["a.png", "b.png"], "one at a time"),
        (io.BytesIO(b"a"), "give an array, a path"),  # whose detach() is not a tensor's
        ("a" * 5000 + ".png", "no file"),
        ({1, 2}, "give an array"),
    ):
        with pytest.raises(SenError, match=words):
            segment(image)
        with pytest.raises(SenError):
            segment(mask=image)


@needs_wide_floats
def test_floats_of_more_than_64_bits_are_not_taken():
    with pytest.raises(SenError, match="64 bits"):
        segment(GREY.astype(np.longdouble))


def broken(done, total, stage):
    raise KeyError(stage)


@pytest.mark.parametrize(
    "progress",
    [3, "x", lambda: None, lambda done: None],
    ids=["number", "text", "no argument", "one argument"],
)
def test_a_progress_that_cannot_be_called_begins_nothing(progress, tmp_path):
    calls = [
        lambda: segment(progress=progress),
        lambda: segment(progress=progress, out=tmp_path / "a.zarr", tile=32),
        lambda: napari_sen.embed(GREY, progress=progress),
        lambda: napari_sen.contours(GREY, model=None, progress=progress),
        lambda: napari_sen.hierarchy(GREY, model=None, progress=progress),
        lambda: napari_sen.pseudo_labels(GREY, progress=progress),
        lambda: napari_sen.train(GREY, steps=1, progress=progress),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="progress must be a callable"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_progress_that_raises_is_heard_and_the_run_goes_on_later(tmp_path):
    out = tmp_path / "a.zarr"
    with pytest.raises(KeyError):
        segment(progress=broken, out=out, tile=32)
    assert not out.exists()
    found = segment(out=out, tile=32, resume=True)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(segment(tile=32)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    with pytest.raises(KeyError):
        segment(progress=broken)
