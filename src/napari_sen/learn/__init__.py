"""The network, its loss and its training (torch)."""

import os


def _load_torch_elsewhere() -> None:
    """Load torch in another folder than the one that is gone, where its MKL ends the process."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.sep)
        import torch  # noqa: F401

        os.fchdir(here)
    finally:
        os.close(here)


try:
    os.getcwd()
except FileNotFoundError:  # where the system lets a folder go that someone works in
    _load_torch_elsewhere()
