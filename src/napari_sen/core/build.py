"""How the compiled kernel was built."""

from __future__ import annotations

from pathlib import Path

from . import _kernel

__all__ = ["kernel_build"]


def kernel_build() -> dict[str, str]:
    """Return compiler, vector extensions, and the name of the kernel's file."""
    return {**_kernel.build(), "file": Path(_kernel.__file__).name}
