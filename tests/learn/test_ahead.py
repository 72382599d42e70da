import threading

import pytest

from napari_sen.learn.ahead import Ahead


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_every_step_is_drawn_once(threads):
    drawn, lock = [], threading.Lock()

    def draw(step):
        with lock:
            drawn.append(step)
        return -step

    ahead = Ahead(draw, last=10, threads=threads)
    assert [ahead(step) for step in range(10)] == [-step for step in range(10)]
    assert sorted(drawn) == list(range(10))


def test_the_next_steps_are_drawn_before_they_are_asked_for():
    second = threading.Event()

    def draw(step):
        if step == 1:
            second.set()
        return step

    ahead = Ahead(draw, last=2, threads=1)
    assert ahead(0) == 0
    assert second.wait(30)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_step_can_be_taken_again_and_another_begun_with(threads):
    ahead = Ahead(lambda step: step, last=20, threads=threads)
    assert [ahead(step) for step in (3, 4, 4, 12, 13, 0)] == [3, 4, 4, 12, 13, 0]


def test_what_a_draw_raises_arrives():
    def draw(step):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        Ahead(draw, last=3, threads=2)(0)
