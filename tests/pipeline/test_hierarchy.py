"""hierarchy() on images as they come: what is in the tree, and what is refused."""

import numpy as np
import pytest

import napari_sen
from napari_sen.data import load_sample
from napari_sen.errors import Cancelled, ImageError, ParameterError, SenError
from napari_sen.learn.model import Model
from napari_sen.params import HierarchyParams
from tests.core.test_hierarchy import assert_connected
from tests.learn.examples import tiny_model


def photograph() -> np.ndarray:
    rng = np.random.default_rng(1)
    image = np.full((72, 96, 3), (30, 90, 160), np.uint8)
    image[20:50, 30:70] = (200, 60, 40)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def test_the_last_two_superpixels_are_object_and_ground():
    tree = napari_sen.hierarchy(photograph(), 200, model=None, smoothing=0.5)
    assert tree.n_leaves == 200
    cut = tree.cut(2)
    inside = np.zeros(cut.shape, bool)
    inside[20:50, 30:70] = True
    assert (inside == (cut == cut[30, 50])).mean() > 0.98


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3), (5, 200), (64, 64)], ids=str)
@pytest.mark.parametrize("value", ["constant", "noise"])
def test_small_thin_and_constant_images(shape, value, rng):
    image = np.zeros(shape) if value == "constant" else rng.random(shape)
    tree = napari_sen.hierarchy(image, model=None)
    for count in {1, max(1, tree.n_leaves // 3), tree.n_leaves}:
        cut = tree.cut(count)
        assert cut.shape == shape
        assert cut.max() == count
        assert_connected(cut)


def test_the_default_size_of_the_finest_superpixels():
    assert napari_sen.hierarchy(photograph(), model=None).n_leaves == round(72 * 96 / 10**2)
    tree = napari_sen.hierarchy(photograph(), model=None, fine_size=6, spacing=(2, 2))
    assert tree.n_leaves == 72 * 96 / 6**2
    thick = np.zeros((4, 30, 30))
    tree = napari_sen.hierarchy(thick, model=None, slices="volume", spacing=(5, 1, 1))
    assert tree.n_leaves == round(4 * 30 * 30 * 5 / 10**3)


def test_a_volume_with_a_mask():
    volume, about = load_sample("embryo")
    image = volume[:12, :60, :60]
    mask = np.ones(image.shape, bool)
    mask[:, :, 30] = False
    mask[:, :20] = False
    tree = napari_sen.hierarchy(
        image, 300, model=None, slices="volume", mask=mask, spacing=about["spacing"]
    )
    assert tree.n_parts == 2
    cut = tree.cut(20)
    assert ((cut > 0) == mask).all()
    assert cut.max() == 20
    assert_connected(cut)


def test_values_outside_the_mask_do_not_matter():
    image = photograph()
    mask = np.zeros(image.shape[:2], bool)
    mask[10:60, 10:80] = True
    other = image.copy()
    other[~mask] = 255
    first = napari_sen.hierarchy(image, 100, model=None, mask=mask)
    second = napari_sen.hierarchy(other, 100, model=None, mask=mask)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.linkage, second.linkage)


class TwoHalves(Model):
    """A model whose embedding knows one thing: left or right."""

    def __init__(self):
        model = tiny_model()
        super().__init__(model.network, model.mean_shift, model.metadata)

    def embed(self, planes, **_):
        rows = np.zeros((*planes.shape[:2], self.dim), np.float32)
        rows[:, :40, 0] = 1
        rows[:, 40:, 1] = 1
        return rows


def test_the_embedding_has_its_say():
    flat = np.full((60, 80, 3), 128, np.uint8)
    tree = napari_sen.hierarchy(flat, 80, model=TwoHalves())
    cut = tree.cut(2)
    assert len(np.unique(cut[:, :35])) == len(np.unique(cut[:, 45:])) == 1
    # Psi of orthogonal vectors is 1/2; the two halves hold 40 superpixels of 60 pixels each.
    means = napari_sen.hierarchy(flat, 2, model=TwoHalves(), embedding_weight=50.0, evenness=0.0)
    np.testing.assert_allclose(means.levels, [5.0], rtol=1e-6)


def test_the_tree_suits_the_kind_of_image():
    """Photographs: small exponent, texture. Microscopy (grey, or with a pixel size): neither."""
    image = photograph()
    photo, plain = HierarchyParams.suited["natural"], HierarchyParams.suited["microscopy"]
    cases = [
        (image, {}, photo),
        (image, {"spacing": (0.2, 0.2)}, plain),
        (image[..., 0], {}, plain),
    ]
    for picture, more, expected in cases:
        tree = napari_sen.hierarchy(picture, 60, model=None, **more)
        same = napari_sen.hierarchy(picture, 60, model=None, **more, **expected)
        np.testing.assert_array_equal(tree.linkage, same.linkage)
        other = napari_sen.hierarchy(picture, 60, model=None, **more, texture=90.0)
        assert (tree.linkage != other.linkage).any()


def test_a_bundled_model_brings_the_tree_of_its_kind():
    image = photograph()
    tree = napari_sen.hierarchy(image, 60, model="microscopy")
    same = napari_sen.hierarchy(
        image, 60, model="microscopy", **HierarchyParams.suited["microscopy"]
    )
    np.testing.assert_array_equal(tree.linkage, same.linkage)


def test_texture_keeps_a_pattern_whole():
    """Left flat, right a pattern of strong edges: one boundary, where the pattern begins."""
    image = np.full((64, 96), 128, np.uint8)
    image[:, 48:] = np.where((np.arange(48) // 3 + np.arange(64)[:, None] // 3) % 2, 40, 216)
    found = {}
    for texture in (0.0, 300.0):
        tree = napari_sen.hierarchy(image, 96, model=None, texture=texture, walk_weight=0)
        heights = tree.ultrametric()
        found[texture] = heights[:, 44:52].max(axis=1).mean() / heights[:, 60:].max()
    assert found[300.0] > 1 > found[0.0]


def test_progress_names_its_stages_and_can_cancel():
    stages = []
    napari_sen.hierarchy(photograph(), model=None, progress=lambda *step: stages.append(step[2]))
    # On two cores and more boundaries are measured while superpixels grow.
    told = [stage for stage in dict.fromkeys(stages) if stage != "boundaries"]
    assert told == ["colour", "superpixels", "merging"]

    def stop(done, total, stage):
        if stage == "merging":
            raise Cancelled

    with pytest.raises(Cancelled):
        napari_sen.hierarchy(photograph(), model=None, progress=stop)


IMAGE = np.zeros((8, 9), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_fine": 0}, "at least 1"),
        ({"n_fine": 73}, "number of pixels"),
        ({"n_fine": 2.5}, "whole number"),
        ({"n_fine": 5, "fine_size": 3}, "either"),
        ({"fine_size": 1}, "greater than 1"),
        ({"evenness": -0.5}, "at least 0"),
        ({"colour_weight": 0}, "both 0"),
        ({"mask": IMAGE}, "empty"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(SenError, match=words) as caught:
        napari_sen.hierarchy(IMAGE, model=None, **arguments)
    assert isinstance(caught.value, ImageError | ParameterError)


def test_a_stack_is_refused_with_its_remedy(rng):
    stack = rng.random((3, 20, 20))
    for slices in (None, "each"):
        with pytest.raises(ImageError, match=r"or slices='volume'.*or channel_axis=") as caught:
            napari_sen.hierarchy(stack, slices=slices, model=None)
        assert "'each'" not in str(caught.value)
    with pytest.raises(ImageError, match=r"in 3-D$"):
        napari_sen.hierarchy(rng.random((3, 2, 20, 20)), channel_axis=1, model=None)
