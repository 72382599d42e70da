"""The device that torch works on."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import torch

from ..errors import DeviceError
from ..params import shown

__all__ = ["full_float32", "resolve_device"]


def _hold_to_one_thread() -> None:
    """Keep torch from waiting for threads that a forked process does not have."""
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_hold_to_one_thread)


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of this name; "auto" is CUDA where there is a GPU, else the CPU.

    Raises
    ------
    DeviceError
        The name is unknown, or the device is not in this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise DeviceError(
            f"{shown(name)} is not a device: use 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'"
        ) from error
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if (device.index or 0) >= counts.get(device.type, 0):
        present = ", ".join(
            f"{kind}:{i}" if kind == "cuda" else kind
            for kind, count in counts.items()
            for i in range(count)
        )
        raise DeviceError(f"device {name!r} is not there: this machine has {present}")
    return device


class _Cudnn:
    """cuDNN's switch for TensorFloat-32, off as long as anyone wants it off.

    The switch is one for the whole process: of threads whose times overlap, the first turns it
    off and the last turns it back.
    """

    def __init__(self) -> None:
        self._lock, self._users, self._held = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                cudnn = torch.backends.cudnn
                # What is left out would be switched off, cuDNN itself included.
                as_it_is = {
                    name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic")
                }
                self._held.enter_context(cudnn.flags(**as_it_is, allow_tf32=False))
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._held.close()


_CUDNN = _Cudnn()


def full_float32(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which CUDA's convolutions keep all bits of float32.

    By default they drop 13 of 23, and superpixels would differ from those of the CPU.
    """
    return _CUDNN if device.type == "cuda" else nullcontext()
