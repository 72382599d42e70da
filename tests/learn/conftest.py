import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    """Resume and seed tests compare bits, which torch promises for a fixed number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
