import numpy as np
import pytest

from napari_sen.errors import Cancelled, DataError
from napari_sen.learn.dataset import TrainingImage, prepare
from napari_sen.learn.pseudo_labels import pseudo_labels
from napari_sen.params import PseudoLabelParams

from .examples import LABELS, blobs, sources


def never():
    raise AssertionError("read again")


def test_crops_are_parts_of_image_and_labels_together():
    """Columns carry their own number, so that a crop tells where it was taken."""
    height, width = 48, 70
    planes = np.zeros((height, width, 3), np.float32)
    planes[..., 0] = np.arange(width) / 255
    planes[..., 1] = np.arange(height)[:, None] / 255
    features = 100 * planes
    dataset = prepare([TrainingImage("ramp", lambda: (planes, features))], LABELS)
    maps = list(pseudo_labels(features, LABELS).values())
    batch = dataset.draw(40, 32, np.random.default_rng(0))
    flipped, used = set(), set()
    for crop, labels, colours in zip(batch.planes, batch.labels, batch.colours, strict=True):
        columns = np.rint(crop[0] * 255).astype(int)
        rows = np.rint(crop[1] * 255).astype(int)
        flipped.add(bool(columns[0, 0] > columns[0, 1]))
        fits = [np.array_equal(labels, whole[rows, columns]) for whole in maps]
        assert sum(fits) == 1
        used.add(fits.index(True))
        for label in np.unique(labels):
            whole = maps[fits.index(True)] == label
            np.testing.assert_allclose(
                colours[:, labels == label].T,
                np.broadcast_to(features[whole].mean(0), ((labels == label).sum(), 3)),
                rtol=1e-5,
            )
    assert flipped == {False, True}
    assert used == {0, 1}


def test_a_draw_depends_on_its_generator_alone():
    dataset = prepare(sources(), LABELS)
    first = dataset.draw(3, 32, np.random.default_rng([0, 7]), noise=0.1)
    dataset.draw(3, 32, np.random.default_rng([0, 8]), noise=0.1)
    again = dataset.draw(3, 32, np.random.default_rng([0, 7]), noise=0.1)
    for name in ("planes", "labels", "colours"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    clean = dataset.draw(3, 32, np.random.default_rng([0, 7]))
    assert 0.09 < (first.planes - clean.planes).std() < 0.11
    np.testing.assert_array_equal(first.labels, clean.labels)


@pytest.mark.parametrize("shape", [(1, 1), (5, 90), (40, 7)])
def test_small_images_are_reflected(shape):
    planes, features = blobs(3, *shape)
    dataset = prepare([TrainingImage("small", lambda: (planes, features))], LABELS)
    batch = dataset.draw(4, 64, np.random.default_rng(1))
    assert batch.planes.shape == (4, 3, 64, 64)
    assert (batch.labels > 0).all()
    # Colour belongs to the label wherever reflection has put it.
    for labels, colours in zip(batch.labels, batch.colours, strict=True):
        for label in np.unique(labels):
            assert np.ptp(colours[:, labels == label], axis=1).max() == 0


def test_prepared_images_are_found_again(tmp_path):
    first = prepare(sources(), LABELS, tmp_path)
    again = prepare([TrainingImage(s.name, never, s.stamp) for s in sources()], LABELS, tmp_path)
    a, b = (d.draw(4, 32, np.random.default_rng(5)) for d in (first, again))
    np.testing.assert_array_equal(a.planes, b.planes)
    np.testing.assert_array_equal(a.labels, b.labels)


def test_a_changed_image_is_prepared_again(tmp_path):
    prepare(sources(1), LABELS, tmp_path)
    new = [TrainingImage("image 0", lambda: blobs(9), "another")]
    with pytest.raises(AssertionError, match="read again"):
        prepare([TrainingImage("image 0", never, "another")], LABELS, tmp_path)
    mean, _ = prepare(new, LABELS, tmp_path).statistics()
    np.testing.assert_allclose(mean, blobs(9)[0].mean((0, 1)), rtol=1e-5)


def test_a_folder_of_other_parameters_is_refused(tmp_path):
    prepare(sources(1), LABELS, tmp_path)
    other = PseudoLabelParams(spacings=(6.0,), compactnesses=(10.0,))
    with pytest.raises(DataError, match=r"spacings = \[6.0, 12.0\].*choose another folder"):
        prepare(sources(1), other, tmp_path)


def test_an_interrupted_preparation_goes_on(tmp_path):
    def stop(done, total, stage):
        if stage == "preparing images" and done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(sources(), LABELS, tmp_path, stop)
    done = [TrainingImage(s.name, never, s.stamp) for s in sources()[:2]]
    assert len(prepare([*done, *sources()[2:]], LABELS, tmp_path)) == 4
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("phase", ["pseudo-labels", "storing"])
def test_a_preparation_can_be_stopped_anywhere(tmp_path, phase):
    """It asks often, while it computes maps and while it writes; no half file stays."""
    asked = []
    prepare(sources(1), LABELS, tmp_path / "whole", lambda *told: asked.append(told[2]))
    in_phase = [stage for stage in asked if stage.startswith(phase)]
    assert len(in_phase) >= 5
    left = [len(in_phase)]

    def stop(done, total, stage):
        left[0] -= stage.startswith(phase)
        if left[0] == 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(sources(1), LABELS, tmp_path / "stopped", stop)
    names = {path.suffix for path in (tmp_path / "stopped").iterdir()}
    assert ".part" not in names
    assert len(list((tmp_path / "stopped").glob("*.json"))) == 1  # no image is said to be there
    found = prepare(sources(1), LABELS, tmp_path / "stopped")
    assert found.planes == 3


def test_statistics_are_those_of_all_pixels():
    many = [
        TrainingImage("a", lambda: blobs(0, 30, 20)),
        TrainingImage("b", lambda: blobs(1, 17, 40)),
    ]
    mean, std = prepare(many, LABELS).statistics()
    pixels = np.concatenate([s.load()[0].reshape(-1, 3) for s in many])
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-4)
    np.testing.assert_allclose(std, pixels.std(0), rtol=1e-4)
    flat = [TrainingImage("flat", lambda: (np.full((8, 8, 1), 0.5, np.float32),) * 2)]
    assert prepare(flat, LABELS).statistics()[1] == 1


@pytest.mark.parametrize("scale", [1.0, 1.4, 0.9173])
def test_planes_survive_storage(scale):
    planes, features = blobs(0, 32, 32)
    dataset = prepare([TrainingImage("x", lambda: (planes * np.float32(scale), features))], LABELS)
    found = dataset.draw(1, 32, np.random.default_rng(0)).planes[0].transpose(1, 2, 0)
    both = [planes * scale, planes[:, ::-1] * scale]
    assert min(np.abs(found - whole).max() for whole in both) < (1e-6 if scale == 1 else 1e-3)


def test_damaged_files_are_named(tmp_path):
    dataset = prepare(sources(1), LABELS, tmp_path)
    for path in tmp_path.glob("*.planes.npy"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"planes\.npy cannot be read"):
        dataset.draw(1, 32, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "no images"),
        ([TrainingImage("a", lambda: blobs(0))] * 2, "two images are named 'a'"),
        ([TrainingImage("a", lambda: (blobs(0)[0], blobs(0)[1][:9]))], "of one size"),
        ([TrainingImage("a", lambda: (blobs(0)[0] * np.float32("nan"), blobs(0)[1]))], "NaN"),
        (
            [
                TrainingImage("a", lambda: blobs(0)),
                TrainingImage("b", lambda: tuple(x[..., :2] for x in blobs(1))),
            ],
            "'b' has 2 planes but 'a' has 3",
        ),
    ],
)
def test_images_that_cannot_be_used(images, message):
    with pytest.raises(DataError, match=message):
        prepare(images, LABELS)


def test_grey_and_colour_features_mix():
    grey = TrainingImage("grey", lambda: (blobs(0)[0], blobs(0)[1][..., :1]))
    dataset = prepare([grey, *sources(1)], LABELS)
    batch = dataset.draw(8, 32, np.random.default_rng(0))
    assert batch.colours.shape == (8, 3, 32, 32)
    assert {bool((c[1:] == 0).all()) for c in batch.colours} == {True, False}
