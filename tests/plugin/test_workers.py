"""Jobs in threads: every way to end frees the runner, and nothing is swallowed."""

import gc
import threading

import pytest

from napari_sen.errors import ImageError, SenError
from napari_sen.plugin.state.control import Control

pytestmark = pytest.mark.gui


@pytest.fixture
def runner(qtbot):
    from napari_sen.plugin.qt.workers import JobRunner

    runner = JobRunner()
    yield runner
    runner.cancel()
    qtbot.waitUntil(lambda: not runner.is_busy)


def raising(error):
    def job(control: Control):
        raise error

    return job


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImageError("the image is empty"), "the image is empty"),
        (RuntimeError("CUDA went away"), "unexpected RuntimeError: CUDA went away"),
        (MemoryError("Unable to allocate"), "not enough memory (Unable to allocate): take a"),
        (type("OutOfMemoryError", (RuntimeError,), {})("40 GiB\nmore"), "choose the CPU"),
    ],
)
def test_failures_are_told_and_free_the_runner(qtbot, runner, error, message):
    with (
        qtbot.waitSignal(runner.failed) as failed,
        qtbot.assertNotEmitted(runner.succeeded),
    ):
        runner.start(raising(error))
    assert message in failed.args[0]
    assert not runner.is_busy


def test_the_result_and_messages_arrive_on_the_gui_thread(qtbot, runner):
    seen = []

    def job(control):
        seen.append(threading.current_thread() is threading.main_thread())
        control.progress(1, 2, "halfway")
        control.live("picture")
        return 42

    runner.progressed.connect(
        lambda *message: seen.append((threading.current_thread().name, message))
    )
    with (
        qtbot.waitSignal(runner.succeeded) as done,
        qtbot.waitSignal(runner.live) as live,
    ):
        runner.start(job)
    assert done.args == [42]
    assert live.args == ["picture"]
    assert False in seen  # the job itself, in another thread; the messages may come first
    assert True not in seen
    assert ("MainThread", (1, 2, "halfway")) in seen


def test_no_long_collection_of_garbage_keeps_a_result_waiting(qtbot, runner):
    frozen = []
    runner.succeeded.connect(lambda _: frozen.append(gc.get_freeze_count()))
    with qtbot.waitSignal(runner.succeeded):
        runner.start(lambda control: 1)
    assert frozen[0] > 1000
    assert gc.get_freeze_count() == 0


def test_cancel_runs_finally_and_keeps_no_result(qtbot, runner):
    begun, cleaned = threading.Event(), threading.Event()

    def job(control):
        try:
            while True:
                control.progress(0, 1, "for ever")
                begun.set()
        finally:
            cleaned.set()

    runner.start(job)
    qtbot.waitUntil(begun.is_set)
    with (
        qtbot.assertNotEmitted(runner.succeeded),
        qtbot.waitSignal(runner.cancelled, timeout=1000),
    ):
        runner.cancel()
    assert cleaned.is_set()
    assert not runner.is_busy


def test_a_job_that_ends_after_cancel_is_ignored(qtbot, runner):
    begun, go_on = threading.Event(), threading.Event()

    def job(control):
        begun.set()
        go_on.wait(10)
        return "too late"

    runner.start(job)
    qtbot.waitUntil(begun.is_set)
    with qtbot.waitSignal(runner.cancelled), qtbot.assertNotEmitted(runner.succeeded):
        runner.cancel()
        go_on.set()


def test_one_job_at_a_time(qtbot, runner):
    go_on = threading.Event()
    with qtbot.waitSignal(runner.succeeded):
        runner.start(lambda control: go_on.wait(10))
        with pytest.raises(SenError, match="running already"):
            runner.start(lambda control: None)
        go_on.set()


def test_the_next_job_may_start_from_the_end_of_the_last(qtbot, runner):
    results = []

    def take(value):
        results.append(value)
        if value < 20:
            runner.start(lambda control: value + 1)

    runner.succeeded.connect(take)
    with qtbot.assertNotEmitted(runner.cancelled):
        runner.start(lambda control: 1)
        qtbot.waitUntil(lambda: len(results) == 20)
    assert results == list(range(1, 21))


def test_messages_are_throttled_but_stages_and_ends_get_through():
    told = []
    control = Control()
    control.tell = told.append
    for done in range(1001):
        control.progress(done, 1000, "first")
    control.progress(0, 10, "second")
    assert told[0] == (0, 1000, "first")
    assert told[-2:] == [(1000, 1000, "first"), (0, 10, "second")]
    assert len(told) < 500


def test_the_end_of_the_application_stops_the_job(qtbot, runner, qapp):
    begun = threading.Event()

    def job(control):
        while True:
            control.progress(0, 1, "for ever")
            begun.set()

    runner.start(job)
    qtbot.waitUntil(begun.is_set)
    with qtbot.waitSignal(runner.cancelled, timeout=1000):
        qapp.aboutToQuit.emit()


def test_napari_does_not_wait_for_the_job_at_its_end(qtbot, runner):
    from napari._qt.qthreading import wait_for_workers_to_quit

    begun = threading.Event()

    def job(control):
        while True:
            control.progress(0, 1, "for ever")
            begun.set()

    runner.start(job)
    qtbot.waitUntil(begun.is_set)
    with qtbot.waitSignal(runner.cancelled, timeout=1000):
        wait_for_workers_to_quit(2000)  # RuntimeError if it has to wait longer


def test_a_deleted_runner_stops_its_job(qtbot):
    from qtpy.QtCore import QThreadPool

    from napari_sen.plugin.qt.workers import JobRunner

    begun, ended = threading.Event(), threading.Event()

    def job(control):
        try:
            while True:
                control.progress(0, 1, "for ever")
                begun.set()
        finally:
            ended.set()

    runner = JobRunner()
    runner.start(job)
    qtbot.waitUntil(begun.is_set)
    runner.deleteLater()
    qtbot.waitUntil(ended.is_set, timeout=1000)
    assert QThreadPool.globalInstance().waitForDone(1000)
