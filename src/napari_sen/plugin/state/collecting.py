"""Short garbage collections while work runs.

With napari and torch loaded, Python keeps about a million objects. A full collection looks at each
of them and holds every thread meanwhile, the window's as well: 0.3 s, at any time. Work that makes
many small objects, such as imports, brings it about. One is due soon after work as well, when what
was left alone counts again: results are shown before.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["short_collections"]

_lock = Lock()
_holders = 0


@contextmanager
def short_collections() -> Iterator[None]:
    """Collect only among the objects made in this context, in whatever thread.

    What is older is looked at again afterwards, so nothing is lost for good: not layers that are
    removed while the work runs either.
    """
    global _holders
    with _lock:
        _holders += 1
        if _holders == 1:
            gc.freeze()
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                gc.unfreeze()
