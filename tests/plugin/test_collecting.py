"""Garbage collections while work runs leave older objects alone, and none for good."""

import gc
import threading
import weakref

from napari_sen.plugin.state.collecting import short_collections


class Ring:
    """Garbage that only a collection finds."""

    def __init__(self):
        self.self = self


def test_what_is_older_is_collected_afterwards():
    gc.collect()
    old, frozen = weakref.ref(Ring()), gc.get_freeze_count()
    with short_collections():
        assert gc.get_freeze_count() > frozen + 1000
        new = weakref.ref(Ring())
        gc.collect()
        assert new() is None
        assert old() is not None
    gc.collect()
    assert old() is None


def test_the_last_of_several_threads_ends_it():
    begun, go_on = threading.Event(), threading.Event()

    def work():
        with short_collections():
            begun.set()
            go_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    with short_collections():
        pass
    assert gc.get_freeze_count() > 0
    go_on.set()
    thread.join()
    assert gc.get_freeze_count() == 0
