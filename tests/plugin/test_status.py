"""The status line: what is going on in words of the window, and how long it will take."""

import time

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def status(qtbot):
    from napari_sen.plugin.qt.status import StatusPanel

    panel = StatusPanel()
    qtbot.addWidget(panel)
    panel.begin("Make superpixels")
    return panel


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_time_left_is_told_from_what_is_done(status, clock):
    status.progress(0, 4000, "superpixels")
    assert status.text.text() == "Growing superpixels ..."
    clock[0] += 10
    status.progress(500, 4000, "superpixels")
    assert status.text.text() == "Growing superpixels ... about 70 s left"
    clock[0] += 110
    status.progress(1000, 4000, "superpixels")
    assert status.text.text() == "Growing superpixels ... about 6 min left"


def test_what_was_done_on_another_day_took_no_time_now(status, clock):
    status.progress(3000, 4000, "superpixels")
    clock[0] += 10
    status.progress(3000, 4000, "superpixels")
    assert status.text.text() == "Growing superpixels ..."
    status.progress(3500, 4000, "superpixels")
    assert status.text.text() == "Growing superpixels ... about 10 s left"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("Starting", "Getting ready ..."),
        ("pyramid of level 3", "Writing overviews ..."),
        ("graph", "Measuring borders ..."),
        ("training", "Training, step 3 of 9 ..."),
        ("something new", "Something new ..."),
    ],
)
def test_stages_have_words(status, clock, stage, words):
    status.progress(3, 9, stage)
    assert status.text.text() == words


def test_stopping_is_not_written_over(status, clock):
    status.stopping()
    clock[0] += 5
    status.progress(3, 9, "training")
    assert status.text.text() == "Stopping ..."
    assert not status.button.isEnabled()
