"""The compared methods: ours run the pipeline, those of others are asked as they want it."""

import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from napari_sen import hierarchy
from napari_sen.core.metrics import count_components
from napari_sen.errors import DataError, ParameterError
from napari_sen.evaluation import peers
from napari_sen.evaluation.datasets import Item, open_folder
from napari_sen.evaluation.methods import LEARNT, METHODS, make_method, scene_of
from napari_sen.evaluation.peers import PEERS, absorb_fragments
from napari_sen.evaluation.reach import MAX_TRIES, reach
from napari_sen.evaluation.settings import CHOSEN, GRIDS, contender, grid
from napari_sen.params import HierarchyParams
from napari_sen.pipeline.segment import segment
from tests.evaluation.conftest import save_model

OPENCV = [name for name, peer in PEERS.items() if peer.needs == peers.OPENCV]


def is_missing(name):
    """Return whether a method needs a package of the extra bench that is not there."""
    needs = PEERS[name].needs if name in PEERS else None
    return needs in (peers.OPENCV, peers.HIGRA) and peers.find_spec(needs[0]) is None


CLASSICAL = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            is_missing(name), reason="a package of the extra bench is not installed"
        ),
    )
    for name in METHODS
    if name not in LEARNT and name != "fast-slic"
]


@pytest.fixture
def data(folder):
    return open_folder(folder)


def scene(rng, shape=(60, 80, 3)):
    """Return an item: a noisy ramp with a square, big enough for every method."""
    ramp = np.linspace(0, 120, shape[1])[:, None] * np.ones(shape)
    ramp[20:40, 30:60] += 90
    image = np.clip(ramp + rng.normal(0, 5, shape), 0, 255).astype(np.uint8)
    return Item("scene", image, [np.ones(shape[:2], int)], -1)


def test_sen_methods_run_the_pipeline(data, tmp_path):
    model, item = save_model(tmp_path / "small.safetensors", 0), data[0]
    found = {name: make_method(name, model)(item)(12) for name in LEARNT}
    run = partial(segment, item.image, 12, model=model, device="cpu")
    np.testing.assert_array_equal(found["sen"], run(method="snic"))
    paper = {"colour_weight": 0, "embedding_weight": 1000, "boundary_weight": 0}
    alone = run(method="snic", compactness=10, **paper)
    np.testing.assert_array_equal(found["sen-paper-raw"], alone)
    assert (found["sen-paper"] != alone).any()
    on_colour = make_method("snic-boundary")(item)(12)
    np.testing.assert_array_equal(on_colour, segment(item.image, 12, model=None, method="snic"))
    np.testing.assert_array_equal(found["sen-tree"], run())
    np.testing.assert_array_equal(found["sen-even"], run(evenness=1))
    np.testing.assert_array_equal(
        make_method("tree")(item)(12), segment(item.image, 12, model=None)
    )


def test_the_tree_is_that_of_the_pipeline_and_made_finer_where_it_must_be(data, rng):
    item = scene(rng)
    cut = make_method("tree")(item)
    np.testing.assert_array_equal(cut(8), hierarchy(item.image, model=None).cut(8))
    np.testing.assert_array_equal(cut(200), hierarchy(item.image, 1000, model=None).cut(200))
    assert count_components(cut(3)) == 3


def test_a_bundled_model_brings_its_kind_of_tree_on_colour_too(rng):
    item = scene(rng)
    plain = hierarchy(item.image, model=None, **HierarchyParams.suited["microscopy"])
    np.testing.assert_array_equal(make_method("tree", "microscopy")(item)(8), plain.cut(8))
    assert (plain.cut(8) != make_method("tree")(item)(8)).any()


@pytest.mark.parametrize("name", CLASSICAL)
def test_methods_cover_the_image_with_connected_superpixels(name, rng):
    cut = make_method(name)(scene(rng))
    counts = []
    for wanted in (8, 60):
        labels = cut(wanted)
        assert labels.shape == (60, 80)
        assert labels.min() >= 1
        counts.append(count_components(labels))
    assert counts[0] < counts[1]


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize(
    ("shape", "axis", "spatial", "expected"),
    [
        ((40, 36, 3), -1, (40, 36), (True, 3)),
        ((40, 36, 4), -1, (40, 36), (True, 3)),
        ((40, 36, 2), -1, (40, 36), (False, 2)),
        ((3, 40, 36), 0, (40, 36), (False, 3)),
        ((40, 36), None, (40, 36), (False, 1)),
        ((5, 20, 18), None, (5, 20, 18), (False, 1)),
    ],
)
def test_annotations_settle_the_axes(name, shape, axis, spatial, expected, rng):
    image = rng.integers(0, 255, shape).astype(np.uint8)
    item = Item("x", image, [np.ones(spatial, int)], axis)
    raster = scene_of(item).image.raster
    assert (raster.rgb, raster.channels) == expected
    if name in PEERS and PEERS[name].planar and len(spatial) == 3:
        with pytest.raises(DataError, match="'x' is a volume"):
            make_method(name)(item)
    else:
        assert make_method(name)(item)(4).shape == spatial


@pytest.mark.parametrize("name", OPENCV)
def test_opencv_is_kept_from_images_that_it_does_not_survive(name, rng):
    pytest.importorskip("cv2")
    tiny = Item(
        "x", rng.integers(0, 255, (40, 31, 3)).astype(np.uint8), [np.ones((40, 31), int)], -1
    )
    with pytest.raises(DataError, match="at least 32 pixels a side, got 40 x 31"):
        make_method(name)(tiny)


def test_fragments_are_flooded_and_the_rest_stays(rng):
    labels = np.repeat([[5, 9]], 20, axis=0).repeat(10, axis=1)
    clean = absorb_fragments(labels, 10)
    np.testing.assert_array_equal(clean, np.where(labels == 5, 1, 2))
    spotted = labels.copy()
    spotted[3, 3] = spotted[9, 12] = 0
    np.testing.assert_array_equal(absorb_fragments(spotted, 10), clean)
    assert count_components(absorb_fragments(spotted, 1)) == 4
    noise = rng.integers(0, 3, (20, 20))
    made = absorb_fragments(noise, 1e9)
    assert made.min() == made.max() == 1


@pytest.mark.parametrize("wanted", [7, 50, 200])
@pytest.mark.parametrize("rule", [lambda k: k / 2, lambda k: 3 * k**0.8, lambda k: k])
def test_methods_are_asked_again_until_near(wanted, rule):
    asked = []

    def cut(request):
        asked.append(request)
        return np.repeat(np.arange(max(round(rule(request)), 1)), 2)[None] + 1

    found = reach(cut, wanted, known := {})
    assert abs(found.made - wanted) <= max(0.03 * wanted, 0.5)
    assert (found.request, found.tries) == (asked[-1], len(asked))
    assert known[found.request] == found.made
    assert reach(cut, wanted, known).tries <= 1 + (found.tries == MAX_TRIES)


def test_what_cannot_be_reached_gives_the_nearest():
    def cut(request):
        return np.arange(40 if request < 60 else 80)[None] + 1

    found = reach(cut, 55, {})
    assert found.made == 40
    assert 1 < found.tries <= MAX_TRIES


def test_settings_and_grids_belong_to_the_methods():
    assert set(CHOSEN) == set(METHODS) == set(GRIDS)
    for name in CHOSEN:
        tried = grid(name)
        assert len({which.label for which in tried}) == len(tried) > 1
        assert {type(which.settings) for which in tried} == {type(CHOSEN[name])}
        assert contender(name).settings in [which.settings for which in tried]


def test_unknown_methods_and_missing_packages(monkeypatch):
    with pytest.raises(ParameterError, match=r"one of snic.*'snicc'"):
        make_method("snicc")
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    for name in [*OPENCV, "higra-area", "higra-volume", "fast-slic"]:
        with pytest.raises(ParameterError, match="not installed: pip install"):
            make_method(name)
    make_method("slic")


@pytest.mark.parametrize("name", ["higra-area", "higra-volume"])
def test_the_cuts_of_higra_are_nested_and_have_the_number_asked_but_for_ties(name, rng):
    pytest.importorskip("higra")
    cut = make_method(name)(scene(rng))
    coarse, fine = cut(7), cut(60)
    assert count_components(coarse) == 7
    assert 60 <= count_components(fine) <= 62
    pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
    assert pairs.shape[1] == fine.max()  # every fine superpixel lies in one coarse superpixel
    square = coarse[21:39, 31:59]
    assert (square == square[0, 0]).all()


def test_fast_slic_is_called_as_its_readme_says(monkeypatch, rng):
    # It has no wheel for current Pythons: this stands in for its one class.
    class Slic:
        def __init__(self, num_components, compactness):
            self.arguments = num_components, compactness

        def iterate(self, image):
            assert self.arguments == (6, CHOSEN["fast-slic"].compactness)
            assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)
            np.testing.assert_array_equal(image, item.image)
            return np.repeat([[0, 1]], 60, axis=0).repeat(40, axis=1).astype(np.int16)

    module = ModuleType("fast_slic")
    module.Slic = Slic
    monkeypatch.setitem(sys.modules, "fast_slic", module)
    monkeypatch.setattr(peers, "find_spec", lambda name: name)
    item = scene(rng)
    labels = make_method("fast-slic")(item)(6)
    np.testing.assert_array_equal(labels, np.where(np.arange(80) < 40, 1, 2) * np.ones((60, 1)))
    grey = Item("grey", item.image[..., 0], item.ground_truths, None)
    with pytest.raises(DataError, match="RGB images only"):
        make_method("fast-slic")(grey)
