"""Stopping a training step half way, as if it had not begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["interruptible"]


@contextmanager
def interruptible(module: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` around every layer of ``module``, forward and backward.

    What ``check`` raises leaves the forward or backward pass at once. The buffers (the batch
    norms' running statistics), which a forward pass moves, are put back then; weights move only
    in the optimiser's step, which belongs outside of this context.
    """
    before = [buffer.clone() for buffer in module.buffers()]

    def watch(layer: nn.Module, inputs: Any, output: Any) -> None:
        check()
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(lambda gradient: check())

    layers = [part for part in module.modules() if next(part.children(), None) is None]
    handles = [layer.register_forward_hook(watch) for layer in layers]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for buffer, old in zip(module.buffers(), before, strict=True):
                buffer.copy_(old)
        raise
    finally:
        for handle in handles:
            handle.remove()
