"""The session without a display, and without Qt."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels

import napari_sen
from napari_sen.errors import ImageError, ParameterError
from napari_sen.params import LossParams, Params, PseudoLabelParams, SegmentParams
from napari_sen.plugin.layers.made import made_of
from napari_sen.plugin.layers.results import Loss, Preview
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.steps.losses import Losses
from napari_sen.plugin.steps.session import Session
from napari_sen.plugin.steps.steps import STEPS
from napari_sen.plugin.steps.training import _Preview


@pytest.fixture
def session(photo):
    session = Session()
    session.model = None
    session.choose(Image(photo, scale=(0.5, 0.5), translate=(3, 4), units="um", name="photo"))
    return session


def test_it_needs_no_qt():
    code = """if True:
        import sys
        import napari_sen.plugin.steps.session, napari_sen.plugin.steps.steps
        heavy = ("qtpy", "PyQt", "PySide", "torch", "napari.")
        print([name for name in sys.modules if name.startswith(heavy)])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_flat_superpixels_by_number(session):
    session.set(SegmentParams(compactness=9))
    session.ask(40)
    heard = []
    session.finished.connect(lambda step, finished: heard.append(step))
    (result,) = session.run("flat")
    assert heard == ["flat"]
    assert session.last["flat"] == [result]
    layer = result.to_layer()
    assert isinstance(layer, Labels)
    assert layer.data.dtype == np.uint16
    assert np.unique(layer.data).tolist() == list(range(1, 41))
    table = made_of(layer).table
    assert list(table["index"]) == list(range(1, 41))
    assert table["area (px)"].sum() == 96 * 128
    np.testing.assert_array_equal(layer.translate, (3, 4))
    assert layer.units == session.layer.units


def test_the_table_tells_other_plugins_what_each_superpixel_is(session, monkeypatch):
    session.model = "natural"
    session.ask(30)
    (result,) = session.run("flat")
    table = pd.DataFrame(made_of(result.to_layer()).table)
    assert list(table.columns[:7]) == [
        "index", "area (px)", "area (µm²)", "centroid-0", "centroid-1", "mean red", "mean green",
    ]  # fmt: skip
    assert [name for name in table if name.startswith("embedding-")] == [
        f"embedding-{k}" for k in range(16)
    ]
    image = session.layer.data
    third = result.data == 3
    row = table[table["index"] == 3].iloc[0]
    assert row["mean green"] == pytest.approx(image[third][:, 1].mean())
    from napari_sen import embed

    expected = embed(image, spacing=(0.5, 0.5), model="natural")[third].mean(axis=0)
    np.testing.assert_allclose(row[[f"embedding-{k}" for k in range(16)]], expected, atol=1e-5)


def test_the_network_runs_once_for_one_image(session, monkeypatch):
    from napari_sen.learn.model import Model

    runs = []
    embed = Model.embed
    monkeypatch.setattr(Model, "embed", lambda *a, **k: runs.append(1) or embed(*a, **k))
    session.model = "auto"
    session.run("superpixels")
    session.ask(77)
    session.run("superpixels")
    session.granularity.even(0.9)
    session.run("flat")
    session.run("embed")
    assert len(runs) == 1


def test_flat_superpixels_by_diameter(session):
    session.ask(diameter=8.0)
    (result,) = session.run("flat")
    # 8 um are 16 px
    assert result.data.max() == pytest.approx(96 * 128 / 16**2, abs=8)


def test_pseudo_labels_are_one_layer_with_an_axis(session):
    session.set(PseudoLabelParams(spacings=(9.0, 13.0), compactnesses=(10.0, 40.0)))
    (result,) = session.run("pseudo_labels")
    layer = result.to_layer()
    assert layer.name == "photo pseudo-labels"
    assert layer.data.shape == (4, 96, 128)
    assert layer.axis_labels[0] == "scale"
    assert made_of(layer).extra["scales"][3] == "13 px, compactness 40"
    expected = napari_sen.pseudo_labels(
        session.layer.data, spacings=(9.0, 13.0), compactnesses=(10.0, 40.0)
    )
    np.testing.assert_array_equal(layer.data, np.stack(list(expected.values())))


def test_contours(session):
    (result,) = session.run("contours")
    layer = result.to_layer()
    assert isinstance(layer, Image)
    assert layer.data.shape == (96, 128)
    assert layer.data.min() >= 0
    assert 0 < layer.data.max() <= 1


@pytest.mark.parametrize("stack", [False, True])
def test_the_embedding_itself_on_request(session, stack):
    from napari_sen import embed

    if stack:
        planes = np.random.default_rng(0).integers(0, 255, (3, 32, 40), np.uint16)
        place = {"scale": (2, 0.5, 0.5), "translate": (1, 3, 4)}
        session.choose(Image(planes, name="photo", units=("um",) * 3, **place))
    session.model, session.all_channels = "natural", True
    picture, channels = (result.to_layer() for result in session.run("embed", point=(3, 0, 0)))
    assert picture.rgb
    image = session.layer.data[1] if stack else session.layer.data
    expected = np.moveaxis(embed(image, model="natural", spacing=(0.5, 0.5)), -1, 0)
    np.testing.assert_allclose(channels.data.reshape(expected.shape), expected, atol=1e-6)
    assert channels.ndim == session.layer.ndim + 1
    assert channels.axis_labels[0] == "channel"
    pixel = (5,) * session.layer.ndim
    world = picture.data_to_world(pixel)
    np.testing.assert_allclose(channels.data_to_world((7, *pixel)), (7, *world))
    session.all_channels = False
    assert len(session.run("embed")) == 1


def test_a_stack_gives_a_stack(session):
    stack = np.random.default_rng(0).integers(0, 255, (3, 32, 40), np.uint16)
    session.choose(Image(stack, name="stack"))
    session.ask(10)
    session.channel_axis, session.stack = None, "each"
    (result,) = session.run("flat")
    assert result.data.shape == stack.shape
    assert result.data.max() == 30
    session.stack = "slice"
    (result,) = session.run("flat", point=(2, 0, 0))
    assert result.name == "stack flat superpixels, slice 2"
    assert result.data.shape == (1, 32, 40)
    assert result.placement.transform["translate"].tolist() == [2, 0, 0]


def test_without_an_image_nothing_starts():
    with pytest.raises(ImageError, match="open one"):
        Session().job("superpixels")


def test_unknown_steps_and_parameters_are_refused(session):
    with pytest.raises(ParameterError, match="there are superpixels, classes"):
        session.job("superpixel")
    with pytest.raises(ParameterError, match="no use for Params"):
        session.set(Params())


@pytest.mark.parametrize("name", ["", "a/b", "auto", "..", "-x"])
def test_names_that_models_cannot_have(session, name):
    session.new_model = name
    with pytest.raises(ParameterError, match="name"):
        session.job("train")


def test_a_training_that_waited_enough_has_nothing_to_resume(session, monkeypatch, tmp_path):
    from napari_sen.learn.training import _Trainer
    from napari_sen.params import MeanShiftParams, NetworkParams, TrainParams
    from napari_sen.plugin.state.control import Control
    from napari_sen.plugin.steps.training import unfinished

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    losses = iter(range(1, 9))  # rising
    monkeypatch.setattr(_Trainer, "_validate", lambda self, check: float(next(losses)))
    session.new_model = "early"
    session.set(
        TrainParams(steps=9, batch=1, crop=32, validate_every=1, patience=2),
        NetworkParams(dim=4, base_width=4, width_cap=8),
        MeanShiftParams(iterations=1, landmarks=16),
        PseudoLabelParams(spacings=(9.0,), compactnesses=(10.0,)),
    )
    message = session.job("train")(Control()).message
    assert "no longer fell, so it ended after 3 of 9 steps" in message
    assert "Resume" not in message
    assert not unfinished("early")


def test_a_job_keeps_the_settings_it_began_with(session):
    session.ask(12)
    from napari_sen.plugin.state.control import Control

    job = session.job("flat")
    session.ask(99)
    session.set(LossParams())
    assert job(Control()).results[0].data.max() == 12


def test_every_essential_parameter_exists():
    for step in STEPS.values():
        names = {name for kind in step.params for name in kind.__dataclass_fields__}
        assert set(step.essential) | set(step.hidden) <= names


def test_the_losses_thin_themselves_out_and_begin_anew():
    losses = Losses(capacity=10)
    for step in range(1000):
        losses.append(Loss(step, 1 / (1 + step)))
    losses.append(Loss(1024, float("nan")))
    assert len(losses.points) <= 10
    assert losses.points[0] == (0, 1.0)
    steps = [step for step, _ in losses.points]
    assert len(set(np.diff(steps))) == 1
    losses.append(Loss(steps[-1], 7.0))  # resumed from an earlier checkpoint
    assert losses.points[-1] == (steps[-1], 7.0)
    assert [step for step, _ in losses.points] == steps
    losses.append(Loss(0, 3.0))  # another training
    losses.append(Loss(1, 2.0))
    assert losses.points == ((0, 3.0), (1, 2.0))


def test_a_training_goes_on_without_pictures_of_an_image_with_gaps(session, photo):
    """It may learn from a folder, while the image that is chosen is none to learn from."""
    holes = photo[..., 0].astype(np.float32)
    holes[40:50] = np.nan
    session.choose(Image(holes, name="holes"))
    told, control = [], Control()
    control.tell = told.append
    show = _Preview(session.source(), "cpu", control)
    model = napari_sen.load_model("natural")
    show(model, 1)
    assert not any(isinstance(item, Preview) for item in told)
    assert not show.is_due(None)
    show(model, 2)


def test_pictures_of_a_training_keep_their_colours(session, photo, monkeypatch, rng):
    """Main directions come in any order and sign, and change both while a model learns."""
    planes = rng.normal(size=(*photo.shape[:2], 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    seen = iter([planes * (3, 2, 1), -planes * (1, 2, 3), planes * (2, -3, 1) @ turn])
    monkeypatch.setattr(napari_sen, "embed", lambda *_, **__: next(seen))
    pictures, control = [], Control()
    control.tell = lambda item: pictures.append(item.result.data)
    show = _Preview(session.source(), "cpu", control)
    for step in range(3):
        show(None, step)
    first, *later = (picture.reshape(-1, 3).T for picture in pictures)
    for picture in later:
        for channel in range(3):
            assert np.corrcoef(first[channel], picture[channel])[0, 1] > 0.99
