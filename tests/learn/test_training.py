import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_sen.errors import (
    Cancelled,
    DataError,
    DeviceError,
    OutputError,
    ParameterError,
    WorkError,
)
from napari_sen.learn import training
from napari_sen.learn.ahead import Ahead
from napari_sen.learn.dataset import TrainingImage
from napari_sen.learn.model import Model
from napari_sen.learn.training import TrainingStep, run
from napari_sen.params import ContrastParams, LossParams, RegionParams

from .examples import SETTINGS, changed, sources, tiny_model

PAIRS = {}
REGIONS = {
    "train": changed(SETTINGS["train"], recipe="regions"),
    "contrast": ContrastParams(sampled=64, shift=8, smallest=5),
    "regions": RegionParams(counts=(3, 6), exponents=(0.5, 1.0)),
}
PAIRS_OF_REGIONS = {
    "train": changed(SETTINGS["train"], teacher="regions"),
    "regions": REGIONS["regions"],
}
RECIPES = pytest.mark.parametrize(
    "uninterrupted", [PAIRS, REGIONS, PAIRS_OF_REGIONS], indirect=True
)


def train(count=6, **options):
    """Return (records, model) of a training, on the CPU."""
    found = list(run(sources(count), **(SETTINGS | {"device": "cpu"} | options)))
    assert isinstance(found[-1], Model)
    assert all(isinstance(item, TrainingStep) for item in found[:-1])
    return found[:-1], found[-1]


def weights(model):
    return {**model.network.state_dict(), "theta": model.mean_shift.theta}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.fixture(scope="module")
def uninterrupted(request, tmp_path_factory):
    """Return records, model, folder and recipe of a training; "pairs" unless told otherwise."""
    folder = tmp_path_factory.mktemp("whole")
    recipe = getattr(request, "param", PAIRS)
    return *train(checkpoint=folder, **recipe), folder, recipe


def test_records_tell_all_parts(uninterrupted):
    records, model, _, _ = uninterrupted
    assert [r.step for r in records] == [1, 2, 3, 4, 5, 6]
    for record in records:
        assert len(record.outputs) == 3  # raw and two iterates
        parts = sum(o.pull + o.push for o in record.outputs)
        assert record.loss == pytest.approx(parts, rel=1e-5)
        assert all(0 <= o.pull_violated <= 1 and 0 <= o.push_violated <= 1 for o in record.outputs)
        assert 0 <= record.beta_below_alpha <= 1
        assert record.gradient_norm > 0
        assert record.seconds > 0
    assert [r.validation is not None for r in records] == [False, False, False, True, False, True]
    assert records[0].kappa == pytest.approx(10)
    assert model.kappa != pytest.approx(10, abs=1e-6)
    assert model.metadata["training"]["train"]["seed"] == 0


@pytest.mark.parametrize("uninterrupted", [REGIONS], indirect=True)
def test_records_of_regions(uninterrupted):
    records, model, folder, _ = uninterrupted
    for record in records:
        assert record.outputs == ()
        assert record.loss > 0
        assert 0 <= record.found <= 1
        assert 0 < record.used <= 1
        assert record.kappa == pytest.approx(10)  # the mean shift is left alone
    assert records[-1].validation is not None
    training = model.metadata["training"]
    assert training["mean_shift_trained"] is False
    assert training["contrast"]["sampled"] == 64
    assert "loss" not in training
    found = model.embed(sources(1)[0].load()[0], clustered=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    with pytest.raises(DataError, match=r"made with temperature = 0\.1, now it is 0\.2"):
        train(checkpoint=folder, resume=True,
              **REGIONS | {"contrast": changed(REGIONS["contrast"], temperature=0.2)})  # fmt: skip


@RECIPES
def test_same_seed_same_weights_other_seed_others(uninterrupted):
    _, model, _, recipe = uninterrupted
    torch.manual_seed(99)  # the caller's random numbers play no part, and are left alone
    before = torch.random.get_rng_state()
    assert_same(weights(model), weights(train(**recipe)[1]))
    assert torch.equal(before, torch.random.get_rng_state())
    schedule = recipe.get("train", SETTINGS["train"])
    other = train(**recipe | {"train": changed(schedule, seed=1)})[1]
    assert not torch.equal(model.network.head.weight, other.network.head.weight)


@RECIPES
def test_batches_drawn_ahead_are_the_same(uninterrupted, monkeypatch):
    _, model, _, recipe = uninterrupted
    monkeypatch.setattr(training, "Ahead", lambda draw, last, _: Ahead(draw, last, threads=3))
    assert_same(weights(model), weights(train(**recipe)[1]))


@RECIPES
@pytest.mark.parametrize(
    ("how", "stop_after"),
    [("close", 1), ("close", 4), ("cancel", 2), ("cancel", 3), ("killed", 3), ("killed", 4)],
)
def test_resumed_equals_uninterrupted(uninterrupted, tmp_path, stop_after, how):
    records, model, whole, recipe = uninterrupted
    options = SETTINGS | recipe | {"device": "cpu", "checkpoint": tmp_path}

    def cancel(done, total, stage):
        if stage == "training" and done == stop_after:
            raise Cancelled

    if how == "cancel":
        with pytest.raises(Cancelled):
            list(run(sources(6), **options, progress=cancel))
    else:
        training = run(sources(6), **options)
        for _ in range(stop_after):
            next(training)
        if how == "close":
            training.close()
        else:
            # What a killed process leaves: the state after step 3, perhaps a longer log.
            state = (tmp_path / "state.safetensors").read_bytes()
            training.close()
            (tmp_path / "state.safetensors").write_bytes(state)
    resumed, again = train(checkpoint=tmp_path, resume=True, **recipe)
    assert_same(weights(model), weights(again))
    assert_same(load_file(whole / "state.safetensors"), load_file(tmp_path / "state.safetensors"))
    assert resumed[-1].loss == records[-1].loss
    assert resumed[-1].validation == records[-1].validation
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["loss"] for line in lines] == [r.loss for r in records]


def test_a_finished_training_resumes_to_its_model(uninterrupted):
    _, model, folder, _ = uninterrupted
    records, again = train(checkpoint=folder, resume=True)
    assert records == []
    assert_same(weights(model), weights(again))


@RECIPES
def test_a_step_stopped_half_way_is_undone(uninterrupted, tmp_path):
    """Stopped in the forward and in the backward pass, again and again: the same weights."""
    records, model, whole, recipe = uninterrupted
    options = SETTINGS | recipe | {"device": "cpu"}
    calls = []
    first = run(sources(6), **options, progress=lambda *told: calls.append(told[2]))
    next(first)
    first.close()
    in_a_step = calls.count("training")
    assert in_a_step > 20
    places = (2, in_a_step // 3, in_a_step // 2 + 2, in_a_step - 1, in_a_step)
    for number, place in enumerate(places):
        left = [place + in_a_step]  # one whole step, then a part of the next

        def stop(done, total, stage, left=left):
            left[0] -= stage == "training"
            if left[0] == 0:
                raise Cancelled

        again = run(sources(6), **options, checkpoint=tmp_path, resume=number > 0, progress=stop)
        with pytest.raises(Cancelled):
            list(again)
        assert len((tmp_path / "log.jsonl").read_text().splitlines()) == number + 1
    resumed, last = train(checkpoint=tmp_path, resume=True, **recipe)
    assert_same(weights(model), weights(last))
    assert_same(load_file(whole / "state.safetensors"), load_file(tmp_path / "state.safetensors"))
    assert resumed[-1].loss == records[-1].loss


@pytest.mark.parametrize("steps", [1, 2])
def test_a_step_stopped_in_its_validation_is_undone(tmp_path, steps):
    """The optimiser has moved by then: weights, moments and averages go back as well."""
    options = {"train": changed(SETTINGS["train"], validate_every=1)}
    records, model = train(checkpoint=tmp_path / "whole", **options)
    calls = []
    told = train(progress=lambda done, total, stage: calls.append((done, stage)), **options)[0]
    assert told[0].validation == records[0].validation
    last_of_the_step = calls.count((steps - 1, "training"))
    left = [last_of_the_step]

    def stop(done, total, stage):
        left[0] -= (done, stage) == (steps - 1, "training")
        if left[0] == 0:
            raise Cancelled

    folder = tmp_path / "stopped"
    with pytest.raises(Cancelled):
        train(checkpoint=folder, progress=stop, **options)
    assert len((folder / "log.jsonl").read_text().splitlines()) == steps - 1
    resumed, again = train(checkpoint=folder, resume=True, **options)
    assert_same(weights(model), weights(again))
    whole = load_file(tmp_path / "whole" / "state.safetensors")
    assert_same(whole, load_file(folder / "state.safetensors"))
    assert [r.validation for r in resumed] == [r.validation for r in records[steps - 1 :]]


def test_a_training_is_not_overwritten_nor_mixed(uninterrupted, tmp_path):
    folder = uninterrupted[2]
    with pytest.raises(OutputError, match="holds a training already"):
        train(checkpoint=folder)
    with pytest.raises(DataError, match=r"made with alpha = 0\.02, now it is 0\.1"):
        train(checkpoint=folder, resume=True, loss=LossParams(alpha=0.1))
    with pytest.raises(DataError, match="made with images"):
        train(5, checkpoint=folder, resume=True)
    with pytest.raises(DataError, match="does not exist: start the training without resume"):
        train(checkpoint=tmp_path, resume=True)
    with pytest.raises(ParameterError, match="resume needs"):
        train(resume=True)


def test_a_damaged_checkpoint_is_named(uninterrupted, tmp_path):
    state = (uninterrupted[2] / "state.safetensors").read_bytes()
    for damaged in (state[: len(state) // 2], b"", b"x" * 100):
        (tmp_path / "state.safetensors").write_bytes(damaged)
        with pytest.raises(DataError, match=r"state\.safetensors is damaged"):
            train(checkpoint=tmp_path, resume=True)


def test_regions_are_learnt():
    """Blocks larger than the fine superpixels, unchanged colours: they are soon told apart."""
    recipe = {
        "train": changed(REGIONS["train"], steps=40, learning_rate=1e-2, noise=0.0, crop=64),
        "contrast": ContrastParams(gamma=0, gain=0, offset=0, grey=0, blurred=0, sampled=256),
        "regions": RegionParams(counts=(50,), exponents=(1.0,)),
    }
    images = sources(4, height=160, width=160)
    records = list(run(images, **SETTINGS | recipe, device="cpu"))[:-1]
    first, last = records[:5], records[-10:]
    assert np.mean([r.loss for r in last]) < 0.8 * np.mean([r.loss for r in first])
    assert np.mean([r.found for r in last]) > 1.5 * np.mean([r.found for r in first])


def test_the_loss_of_pairs_joins_the_contrast_and_trains_the_mean_shift():
    """The first step's loss is the contrast's own plus the weighted loss of every output."""
    both = REGIONS | {"contrast": changed(REGIONS["contrast"], pair_weight=3.0)}
    records, model = train(**both)
    alone, _ = train(**REGIONS)
    pairs = sum(output.pull + output.push for output in records[0].outputs)
    assert len(records[0].outputs) == 3  # raw and two iterates
    assert records[0].loss == pytest.approx(alone[0].loss + 3 * pairs, rel=1e-5)
    assert model.metadata["training"]["mean_shift_trained"] is True
    assert model.metadata["training"]["loss"] == SETTINGS["loss"].to_dict()
    assert model.kappa != pytest.approx(10, abs=1e-6)


def test_a_second_round_learns_from_the_models_own_regions():
    """Its regions are those of colour and the model's embedding; without a model it is refused."""
    regions = changed(REGIONS["regions"], embedding_weight=1e5)
    with pytest.raises(ParameterError, match="give the model to start from"):
        train(**REGIONS | {"regions": regions})
    own = {k: v for k, v in SETTINGS.items() if k not in ("network", "mean_shift")}
    found = [
        next(run(sources(6), start=tiny_model(), **own | REGIONS | {"regions": which},
                 device="cpu")).loss
        for which in (REGIONS["regions"], regions)
    ]  # fmt: skip
    assert found[0] != found[1]


def test_pairs_can_learn_from_regions():
    """The paper's loss, every output and kappa included, under another teacher's labels."""
    records, model = train(**PAIRS_OF_REGIONS)
    assert len(records[0].outputs) == 3  # raw and two iterates
    assert records[0].loss != train()[0][0].loss
    assert model.metadata["training"]["regions"] == REGIONS["regions"].to_dict()
    assert "pseudo_labels" not in model.metadata["training"]
    assert model.kappa != pytest.approx(10, abs=1e-6)
    with pytest.raises(ParameterError, match="leave teacher on 'auto'"):
        changed(REGIONS["train"], teacher="superpixels")


def test_training_ends_when_the_validation_loss_no_longer_falls(tmp_path):
    """Also across a stop: checks before it count."""
    endless = changed(SETTINGS["train"], steps=60, validate_every=2, learning_rate=0.05, noise=0.0)
    found = train(train=endless)[0]
    end = first_wait([(record.step, record.validation) for record in found], patience=2)
    assert 4 < end < 60  # it falls first, and then does not
    schedule = changed(endless, patience=2)
    training = run(sources(6), **SETTINGS | {"train": schedule}, device="cpu", checkpoint=tmp_path)
    for _ in range(end - 1):  # one of the two checks is before the stop
        next(training)
    training.close()
    records, _ = train(train=schedule, checkpoint=tmp_path, resume=True)
    assert [record.step for record in records] == [end]
    assert train(train=schedule, checkpoint=tmp_path, resume=True)[0] == []


def first_wait(checks, patience):
    """Return the step at which the loss has not fallen below its lowest for so many checks."""
    lowest, since = np.inf, 0
    for step, loss in checks:
        if loss is not None:
            since = 0 if loss < lowest else since + 1
            lowest = min(lowest, loss)
            if since == patience:
                return step
    return np.inf


def test_bfloat16_is_close_to_float32():
    losses = [
        train(train=changed(REGIONS["train"], precision=precision, steps=1),
              **{k: v for k, v in REGIONS.items() if k != "train"})[0][0].loss
        for precision in ("auto", "float32", "bfloat16")
    ]  # fmt: skip
    assert losses[0] == losses[1]
    assert losses[2] != losses[1]
    assert losses[2] == pytest.approx(losses[1], rel=0.05)


def test_it_learns():
    """Trained long enough to see it: the loss of the raw embedding falls by a good part."""
    schedule = changed(SETTINGS["train"], steps=80, learning_rate=1e-2, noise=0.0)
    records, model = train(train=schedule)
    losses = [r.outputs[0].pull + r.outputs[0].push for r in records]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    found = model.embed(sources(1)[0].load()[0])
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)


def test_one_image_smaller_than_a_crop_is_enough():
    tiny = [TrainingImage("one", lambda: tuple(x[:9, :7] for x in sources(1)[0].load()))]
    records = list(run(tiny, **SETTINGS, device="cpu"))
    assert len(records) == 7
    assert records[-2].validation is None  # nothing can be held out


def test_a_training_goes_on_from_a_model():
    first = tiny_model()
    before = {name: value.clone() for name, value in weights(first).items()}
    slow = changed(SETTINGS["train"], steps=1, learning_rate=1e-9, ema=0.0)
    _, near = train(start=first, network=None, mean_shift=None, train=slow)
    for name, value in weights(near).items():
        if "running" not in name and "num_batches" not in name:
            assert torch.allclose(value, before[name], atol=1e-6), name
    assert_same(before, weights(first))  # the model itself is left alone
    assert near.metadata["training"]["start"] == {"name": "tiny", "sha256": first.sha256}
    assert near.metadata["data_sets"] == first.metadata["data_sets"]
    assert near.metadata["normalisation"] == first.metadata["normalisation"]
    with pytest.raises(ParameterError, match="leave the network's parameters out"):
        train(start=first, network=changed(SETTINGS["network"], dim=6))


def test_what_cannot_be_trained():
    with pytest.raises(DataError, match="no images"):
        list(run([], **SETTINGS, device="cpu"))
    network = changed(SETTINGS["network"], planes=1)
    with pytest.raises(DataError, match="set planes to 3"):
        train(network=network)
    with pytest.raises(DeviceError, match="'tpu' is not a device"):
        train(device="tpu")


def test_a_diverging_training_stops_with_advice():
    """As from a model whose weights grew beyond all measure."""
    schedule = changed(SETTINGS["train"], learning_rate=1.0)
    grown = tiny_model()
    with torch.no_grad():
        for weight in grown.network.parameters():
            weight *= 1e38
    with pytest.raises(WorkError, match="learning_rate below 1"):
        train(start=grown, network=None, mean_shift=None, train=schedule)


def test_snapshots_on_the_way_change_nothing(uninterrupted):
    asked = []

    def third(step):
        asked.append(step.step)
        return step.step == 3

    found = list(run(sources(6), **(SETTINGS | {"device": "cpu"}), snapshot=third))
    assert asked == [1, 2, 3, 4, 5, 6]
    kinds = [type(item).__name__ for item in found]
    assert kinds == ["TrainingStep"] * 3 + ["Model"] + ["TrainingStep"] * 3 + ["Model"]
    assert_same(weights(found[-1]), weights(uninterrupted[1]))
    early, last = weights(found[3]), weights(found[-1])
    assert not all(torch.equal(early[name], last[name]) for name in early)
