"""What only some systems have: marks for the tests that need it, and what stands in elsewhere."""

import multiprocessing
import os
import sys
import tempfile
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import pytest

IS_POSIX = hasattr(os, "fork")
IS_LINUX = IS_POSIX and sys.platform.startswith("linux")


def _may_link() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, "link").symlink_to(folder, target_is_directory=True)
        except OSError:
            return False
    return True


MAY_LINK = _may_link()

posix_only = pytest.mark.skipif(
    not IS_POSIX, reason="needs POSIX: its shell, pipes, limits, or Ctrl-C sent to one process"
)
linux_only = pytest.mark.skipif(
    not IS_LINUX, reason="needs Linux: /proc, /dev/full, or names of any bytes"
)
needs_links = pytest.mark.skipif(not MAY_LINK, reason="this user may make no links")

needs_wide_floats = pytest.mark.skipif(
    np.dtype(np.longdouble).itemsize == 8, reason="no float here is wider than 64 bits"
)


def quick_processes(*modules: str) -> BaseContext:
    """Return a context whose processes start in a moment: a server has loaded these modules.

    Windows has no such server; there each process loads them for itself.
    """
    if not IS_POSIX:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    return context
