import threading

import pytest
import torch

from napari_sen.learn.device import full_float32

CUDA = torch.device("cuda")


def switches():
    cudnn = torch.backends.cudnn
    return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32


@pytest.fixture
def before():
    found = switches()
    assert found[0]
    assert found[3]
    yield found
    assert switches() == found


def test_all_bits_and_cudnn_stays_on(before):
    with full_float32(CUDA):
        assert switches() == (*before[:3], False)


def test_the_last_of_several_threads_turns_the_switch_back(before):
    first, second = threading.Event(), threading.Event()
    seen = []

    def longer():
        with full_float32(CUDA):
            first.set()
            second.wait(30)
            seen.append(switches())

    thread = threading.Thread(target=longer)
    with full_float32(CUDA):
        thread.start()
        assert first.wait(30)
    second.set()
    thread.join()
    assert seen == [(*before[:3], False)]


def test_left_by_an_error(before):
    with pytest.raises(ValueError, match="stop"), full_float32(CUDA):
        raise ValueError("stop")


def test_nothing_to_switch_on_the_cpu(before):
    with full_float32(torch.device("cpu")):
        assert switches() == before
