"""Forms follow the parameter classes: every field, its limits, its help."""

from dataclasses import fields

import pytest

from napari_sen.errors import ParameterError
from napari_sen.params import PseudoLabelParams, SegmentParams, TrainParams
from napari_sen.plugin.steps.steps import kinds

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot):
    from napari_sen.plugin.qt.forms import ParamsForm

    kept = []

    def make(kind, **options):
        made = ParamsForm(kind, **options)
        for editor in made.editors.values():
            qtbot.addWidget(editor)
        kept.append(made)
        return made

    return make


@pytest.mark.parametrize("kind", kinds())
def test_defaults_survive_the_form(form, kind):
    without = ("size",) if kind is SegmentParams else ()
    assert form(kind, without=without).value() == kind()


@pytest.mark.parametrize("kind", kinds())
def test_every_editor_says_what_it_is_for(form, kind):
    made = form(kind, without=("size",))
    for item in fields(kind):
        if item.name != "size":
            assert item.metadata["help"][1:] in made.editors[item.name].toolTip()
            assert made.editors[item.name].accessibleName()


def test_limits_hold_in_the_editor(form):
    editors = form(TrainParams).editors
    editors["noise"].setValue(7)
    assert editors["noise"].value() == 1
    editors["steps"].setValue(0)
    assert editors["steps"].value() == 1


def test_small_and_large_numbers_are_shown_as_they_are(form, qtbot):
    box = form(TrainParams).editors["learning_rate"]
    assert box.text() == "0.002"
    box.lineEdit().setText("3e-4")
    box.interpretText()
    assert box.value() == pytest.approx(3e-4)
    assert box.text() == "0.0003"


def test_lists(form):
    made = form(PseudoLabelParams)
    made.editors["spacings"].setText("6; 9,5")
    assert made.value().spacings == (6, 9, 5)
    made.editors["spacings"].setText("6, many")
    with pytest.raises(ParameterError, match="'6, many'"):
        made.value()
    made.editors["spacings"].setText("")
    with pytest.raises(ParameterError, match="list of numbers"):
        made.value()


def test_what_no_editor_can_know_is_checked_by_the_class(form):
    made = form(TrainParams)
    made.editors["crop"].setValue(100)
    with pytest.raises(ParameterError, match="multiple of 32"):
        made.value()


def test_the_curve_follows_the_losses(qtbot):
    from napari_sen.plugin.layers.results import Loss
    from napari_sen.plugin.qt.curve import LossCurve
    from napari_sen.plugin.steps.losses import Losses

    losses = Losses()
    curve = LossCurve(losses)
    qtbot.addWidget(curve)
    assert curve.isHidden()
    losses.append(Loss(1, 1.0))
    empty = curve.grab().toImage()
    losses.append(Loss(2, 0.5))
    assert not curve.isHidden()
    assert curve.grab().toImage() != empty
