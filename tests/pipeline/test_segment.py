"""segment() on images as they come: invariants, legal oddities, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

import napari_sen
from napari_sen.errors import Cancelled
from napari_sen.io.read import read_image
from napari_sen.learn.model import load_model
from napari_sen.options import Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.features import Scene
from napari_sen.pipeline.plan import scenes
from tests.core.test_snic import assert_is_labelling

# How the images of each set of the data pack are to be read.
READING = {
    "codex_tissue": {"channel_axis": 0},
    "deepliif_if": {"channel_axis": -1},
    "ovule_3d": {"slices": "volume"},
    "embryo_nuclei_3d": {"slices": "volume"},
    "stardist_demo_3d": {"slices": "volume"},
}


def photograph() -> np.ndarray:
    rng = np.random.default_rng(1)
    image = np.full((72, 96, 3), (30, 90, 160), np.uint8)
    image[20:50, 30:70] = (200, 60, 40)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def test_superpixels_follow_the_object():
    labels = napari_sen.segment(photograph(), 40, model=None, smoothing=0.5)
    inside = np.zeros(labels.shape, bool)
    inside[20:50, 30:70] = True
    for label in np.unique(labels):
        share = inside[labels == label].mean()
        assert share < 0.02 or share > 0.98
    assert_is_labelling(labels)


def test_adaptive_superpixels_differ_in_size():
    """As many as asked, connected, and larger where the image is even."""
    image = photograph()
    flat, adaptive = (napari_sen.segment(image, 20, method=m, model=None) for m in ("snic", "tree"))
    assert_is_labelling(adaptive)
    assert adaptive.max() == 20
    assert np.bincount(adaptive.ravel())[1:].std() > 1.5 * np.bincount(flat.ravel())[1:].std()


def test_the_evenness_says_how_even_adaptive_superpixels_are():
    how = {"n_segments": 20, "method": "tree", "model": None}
    image = photograph()
    spread = [
        np.bincount(napari_sen.segment(image, **how, evenness=p).ravel())[1:].std()
        for p in (0.25, 0.7, 1.5)
    ]
    assert spread[0] > 1.3 * spread[1] > 1.3**2 * spread[2]
    np.testing.assert_array_equal(
        napari_sen.segment(image, **how),
        napari_sen.hierarchy(image, 100, model=None, evenness=0.4).cut(20),
    )


def test_adaptive_with_many_islands():
    """Islands cannot be merged: there are at least as many superpixels."""
    mask = np.zeros((30, 30), np.uint8)
    mask[::6, ::6] = 1
    labels = napari_sen.segment(np.zeros((30, 30)), 3, mask=mask, method="tree", model=None)
    assert_is_labelling(labels, mask)
    assert labels.max() == 25


def test_size_stands_for_a_number():
    labels = napari_sen.segment(photograph(), size=6, spacing=(0.5, 0.5), model=None)
    assert labels.max() == 72 * 96 / 12**2


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3), (5, 200), (64, 64)], ids=str)
@pytest.mark.parametrize("value", ["constant", "noise"])
def test_small_thin_and_constant_images(shape, value, rng):
    image = np.zeros(shape) if value == "constant" else rng.random(shape)
    pixels = int(np.prod(shape))
    for number in {1, max(1, pixels // 7), pixels}:
        labels = napari_sen.segment(image, number, model=None)
        assert labels.max() == number
        assert_is_labelling(labels)


def test_slices_have_labels_of_their_own(rng):
    stack = rng.random((3, 30, 40))
    labels = napari_sen.segment(stack, 10, slices="each", model=None)
    for z in range(3):
        np.testing.assert_array_equal(np.unique(labels[z]), np.arange(1, 11) + 10 * z)
        assert_is_labelling(labels[z] - 10 * z)


def test_mask_with_an_empty_slice(rng):
    mask = np.ones((3, 20, 20), bool)
    mask[1] = False
    mask[0, :, 5] = False
    labels = napari_sen.segment(rng.random((3, 20, 20)), 4, slices="each", mask=mask, model=None)
    assert ((labels > 0) == mask).all()
    np.testing.assert_array_equal(np.unique(labels[labels > 0]), np.arange(1, labels.max() + 1))


def test_masked_nan_is_legal(rng):
    image = rng.random((30, 30))
    image[:5] = np.nan
    mask = np.ones((30, 30), bool)
    mask[:5] = False
    assert_is_labelling(napari_sen.segment(image, 9, mask=mask, model=None), mask)


def test_lists_of_levels_and_lazy_arrays(rng):
    import dask.array as da
    import zarr

    image = rng.random((40, 40))
    expected = napari_sen.segment(image, 9, model=None)
    for other in ([image, image[::2, ::2]], da.from_array(image), zarr.array(image)):
        np.testing.assert_array_equal(napari_sen.segment(other, 9, model=None), expected)


def test_the_embedding_takes_part():
    """Colour alone and colour beside the embedding differ; both keep the invariants."""
    image = photograph()
    labels = napari_sen.segment(image, 40)
    assert_is_labelling(labels)
    assert (labels != napari_sen.segment(image, 40, model=None)).any()
    np.testing.assert_array_equal(labels, napari_sen.segment(image, 40))


def test_the_model_suits_the_kind_of_image(caplog):
    """Which one is logged: colour without a pixel size is a photograph, all else microscopy."""
    caplog.set_level("INFO", "napari_sen")
    image = photograph()
    cases = [(image, {}, "natural"), (image, {"spacing": (2, 2)}, "microscopy")]
    for picture, more, expected in [*cases, (image[..., 0], {}, "microscopy")]:
        caplog.clear()
        rows = napari_sen.embed(picture, **more)
        assert f"model: {expected}" in caplog.text
        np.testing.assert_array_equal(rows, napari_sen.embed(picture, model=expected))


def test_flat_superpixels_suit_the_kind_of_image():
    """The weight of the boundary is that of photographs or of microscopy."""
    image = photograph()
    for picture, kind in [(image, "natural"), (image[..., 0], "microscopy")]:
        labels = napari_sen.segment(picture, 12, method="snic", model=None)
        suited = SegmentParams.suited[kind]
        same = napari_sen.segment(picture, 12, method="snic", model=None, **suited)
        np.testing.assert_array_equal(labels, same)
        assert (
            labels != napari_sen.segment(picture, 12, method="snic", model=None, boundary_weight=0)
        ).any()


def test_growth_ends_where_texture_ends():
    """Left flat, right stripes of the same mean: only the boundary term knows where they begin."""
    image = np.full((64, 96), 128, np.uint8)
    image[:, 40::4], image[:, 41::4] = 98, 98
    image[:, 42::4], image[:, 43::4] = 158, 158
    striped = np.repeat(np.arange(96)[None] >= 40, 64, axis=0)

    def mixed(weight):
        """Return the share of pixels in superpixels of which they are the smaller part."""
        labels = napari_sen.segment(
            image, 6, method="snic", model=None, smoothing=5, compactness=1, boundary_weight=weight
        )
        inside = np.bincount(labels.ravel(), striped.ravel())
        return np.minimum(inside, np.bincount(labels.ravel()) - inside).sum() / labels.size

    assert mixed(3000.0) < 0.02
    assert mixed(0.0) > 0.05


def test_embedding_rows_have_length_one():
    image = photograph()
    for clustered in (False, True):
        rows = napari_sen.embed(image, clustered=clustered)
        assert rows.shape == (72, 96, rows.shape[-1])
        np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1, atol=1e-5)


def test_a_mean_shift_that_was_not_trained_is_told(caplog):
    model = load_model("natural")
    napari_sen.embed(photograph(), model=model, clustered=True)
    assert "was not trained" not in caplog.text
    model.metadata["training"]["mean_shift_trained"] = False
    napari_sen.embed(photograph(), model=model)
    assert "was not trained" not in caplog.text
    napari_sen.embed(photograph(), model=model, clustered=True)
    assert "was not trained" in caplog.text


def test_embedding_of_a_volume_is_that_of_its_planes(rng):
    """Statistics are the volume's, so its planes are compared within one volume."""
    stack = rng.random((2, 40, 33))
    each = napari_sen.embed(stack, slices="each")
    volume = napari_sen.embed(stack, slices="volume")
    np.testing.assert_array_equal(each, volume)


@pytest.mark.parametrize(
    ("arguments", "threshold"),
    [
        ({"method": "sizes", "n_sizes": 5, "smallest": 4, "largest": 40}, 0.7),
        ({"method": "trees"}, 0.2),
    ],
)
def test_contours_of_a_square(arguments, threshold):
    edges = napari_sen.contours(photograph(), threshold=threshold, model=None, **arguments)
    assert edges.dtype == np.float32
    assert 0 <= edges.min() <= edges.max() <= 1
    border = np.zeros(edges.shape, bool)
    border[18:52, 28:72] = True
    border[22:48, 32:68] = False
    assert not edges[~border].any()
    assert (edges[border] > 0).sum() > 0.4 * 2 * (30 + 40)  # of its perimeter
    thick = napari_sen.contours(photograph(), thin=False, model=None, **arguments)
    assert (thick > 0).sum() > (edges > 0).sum()


def test_contours_can_be_stopped():
    stages = []

    def stop(done, total, stage):
        stages.append(stage)
        if stage == "contours":
            raise Cancelled

    for method in ("trees", "sizes"):
        with pytest.raises(Cancelled):
            napari_sen.contours(photograph(), method=method, model=None, progress=stop)
        assert stages[-1] == "contours"


def test_contours_are_those_of_the_kind_of_image(caplog):
    """A pixel size makes a colour image microscopy, with the model for it."""
    caplog.set_level("INFO", "napari_sen")
    image = photograph()
    for more, kind in (({}, "natural"), ({"spacing": (0.5, 0.5)}, "microscopy")):
        caplog.clear()
        edges = napari_sen.contours(image, **more)
        assert f"model: {kind}" in caplog.text
        np.testing.assert_array_equal(edges, napari_sen.contours(image, model=kind))


def test_faint_nuclei_have_whole_contours():
    """A dark object gives as strong a line as a bright one, for histograms know no contrast."""
    rows, columns = np.mgrid[:80, :160]
    image = 10 + np.random.default_rng(0).normal(0, 1, rows.shape)
    for centre, height in ((40, 20), (120, 200)):
        image += height * (np.hypot(rows - 40, columns - centre) < 20)
    edges = napari_sen.contours(image, model=None)
    for centre in (40, 120):
        ring = abs(np.hypot(rows - 40, columns - centre) - 20) < 2
        assert (edges[ring] > 0).sum() > 0.8 * 2 * np.pi * 20 * 0.9
    assert (napari_sen.contours(image, model=None, texture=0.0) > 0).sum() < (edges > 0).sum()


def test_pseudo_labels_have_their_scales():
    maps = napari_sen.pseudo_labels(photograph(), spacings=[6, 12], compactnesses=[10, 40])
    assert set(maps) == {(6, 10), (6, 40), (12, 10), (12, 40)}
    for (spacing, _), labels in maps.items():
        assert_is_labelling(labels)
        assert labels.max() == 72 * 96 / spacing**2


def test_progress_counts_up_and_can_cancel(rng):
    seen = []
    stack = rng.random((3, 30, 30))
    napari_sen.segment(
        stack, 5, slices="each", model=None, progress=lambda *report: seen.append(report)
    )
    done = [now / total for now, total, stage in seen if stage == "superpixels"]
    assert done == sorted(done)
    assert done[-1] == 1

    def stop(done, total, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        napari_sen.segment(stack, 5, slices="each", model=None, progress=stop)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


SETS = [
    "codex_tissue",
    "deepliif_if",
    "deepliif_ihc",
    "dsb2018_brightfield",
    "dsb2018_fluo",
    "dsb2018_stained",
    "embryo_nuclei_3d",
    "glas_he",
    "he_patches",
    "omnipose_bacteria",
    "ovule_3d",
    "plant_chloroplast_em",
    "stardist_demo_3d",
    "tcga_he",
    "usiigaci_phase",
    "vnc_em",
    "wbc_stained",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_microscopy_set(name, shared_data):
    """All sets, all their dtypes and channel layouts: first and last image of each."""
    images = _images(shared_data / "microscopy" / name / "images")
    for path in dict.fromkeys((images[0], images[-1])):
        labels = napari_sen.segment(path, 150, **READING.get(name, {}))
        assert labels.max() == 150, path
        assert_is_labelling(labels)
        spatial = [n for n in read_image(path).data.shape if n in labels.shape]
        assert list(labels.shape) == spatial[: labels.ndim], path


def test_no_microscopy_set_is_left_out(shared_data):
    assert sorted(p.name for p in (shared_data / "microscopy").iterdir() if p.is_dir()) == SETS


@pytest.mark.slow
def test_formats_without_labels(shared_data):
    folder = shared_data / "formats_unlabelled"
    volume = napari_sen.segment(folder / "brain_nuclei_float32_zyx.tif", 300, slices="volume")
    assert volume.max() == 300
    channels = napari_sen.segment(folder / "cells_uint16_cyx.tif", 100, channel_axis=0)
    assert channels.shape == (395, 695)
    assert_is_labelling(channels)


def grey(shape=(80, 120)):
    """Texture beside an even half, as a microscope gives it."""
    values = np.random.default_rng(3).integers(60, 200, shape).astype(np.uint16)
    values[:, : shape[1] // 2] //= 8
    return values


@pytest.mark.parametrize(
    ("count", "expected"),
    [(12, {"compactness": 5, "boundary_weight": 200}), (60, {"compactness": 10})],
)
def test_what_suits_microscopy_depends_on_the_size_of_the_superpixels(count, expected):
    """28 px and 13 px; in colour without a pixel size it does not."""
    image = grey()
    labels = napari_sen.segment(image, count, method="snic", model=None)
    explicit = napari_sen.segment(
        image, count, method="snic", model=None, **{"boundary_weight": 0, **expected}
    )
    np.testing.assert_array_equal(labels, explicit)
    other = {"compactness": 15 - expected["compactness"], "boundary_weight": 200}
    assert (napari_sen.segment(image, count, method="snic", model=None, **other) != labels).any()
    # By the size in px of the finest axis, however it is asked for.
    size = (80 * 120 * 0.25 / count) ** 0.5
    scaled = napari_sen.segment(image, size=size, spacing=(0.5, 0.5), method="snic", model=None)
    np.testing.assert_array_equal(scaled, labels)
    photo = photograph()
    suited = {"compactness": 5, "boundary_weight": 3000}
    np.testing.assert_array_equal(
        napari_sen.segment(photo, count, method="snic", model=None),
        napari_sen.segment(photo, count, method="snic", model=None, **suited),
    )


def test_the_size_is_that_inside_the_mask():
    image, mask = grey(), np.zeros((80, 120), bool)
    mask[20:60, 30:90] = True
    labels = napari_sen.segment(
        image, 12, method="snic", model=None, mask=mask
    )  # 14 px, but 28 px of the whole image
    np.testing.assert_array_equal(
        labels,
        napari_sen.segment(
            image, 12, method="snic", model=None, mask=mask, compactness=10, boundary_weight=0
        ),
    )
    tiled = napari_sen.segment(image, 12, method="snic", model=None, mask=mask, tile=64)
    np.testing.assert_array_equal(np.asarray(tiled), labels)


@pytest.mark.parametrize("spatial", [(700, 90), (3, 530, 40)])
@pytest.mark.parametrize("masked", [False, True])
def test_half_discs_in_strips_are_those_of_the_whole(spatial, masked, rng):
    """On as many threads as there are; 700 rows make strips whose ends are no multiple of 3."""
    image = rng.integers(0, 4000, spatial).astype(np.uint16)
    mask = rng.random(spatial) < 0.9 if masked else None
    slices = "volume" if len(spatial) == 3 else None
    found = {}
    for threads in (1, 2, 8):
        scene = only_scene(image, threads, mask=mask, slices=slices)
        found[threads] = scene.half_discs(scene.whole)
    np.testing.assert_array_equal(found[2], found[1])
    np.testing.assert_array_equal(found[8], found[1])


def only_scene(image, threads, **reading):
    """Return the one scene of an image, worked on by so many threads."""
    opened, (scene,), _ = scenes(image, Reading(**reading))
    return Scene(opened, 0, scene.stats, threads=threads)


def test_half_discs_in_strips_can_be_stopped():
    scene = only_scene(np.zeros((600, 300), np.uint16), threads=2)
    calls = []

    def progress(done, total, stage):
        calls.append(stage)
        if stage == "boundaries":
            raise Cancelled

    with pytest.raises(Cancelled):
        scene.half_discs(scene.whole, progress)
    assert calls[-1] == "boundaries"
