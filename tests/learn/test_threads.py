import pytest
import torch

from napari_sen.learn.threads import few_threads
from napari_sen.processors import cores


@pytest.fixture
def many_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(cores() + 3)
    yield cores() + 3
    torch.set_num_threads(before)


def test_torch_takes_no_more_threads_than_there_are_cores_and_gives_them_back(many_threads):
    for most, expected in ((None, cores()), (1, 1), (cores() + 1, cores())):
        with few_threads(most):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == many_threads


def test_threads_are_given_back_when_the_work_fails(many_threads):
    with pytest.raises(KeyError), few_threads(1):
        raise KeyError
    assert torch.get_num_threads() == many_threads


def test_what_is_few_already_stays():
    torch.set_num_threads(1)
    with few_threads(2):
        assert torch.get_num_threads() == 1
