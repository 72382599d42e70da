"""How many threads torch takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..processors import cores

__all__ = ["few_threads"]


@contextmanager
def few_threads(most: int | None = None) -> Iterator[None]:
    """Let torch take no more threads than there are cores for this process, and than ``most``.

    Threads that share a core wait for each other: two on one are three times as slow as one.
    """
    before = torch.get_num_threads()
    count = min(before, cores(), before if most is None else most)
    if count < before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count < before:
            torch.set_num_threads(before)
