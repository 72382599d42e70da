"""Independent pieces of work of one image on several threads: the kernels let go of the GIL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from ..errors import Cancelled
from ..processors import cores
from ..progress import Progress, part, report

__all__ = ["in_threads"]

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")
POLL = 0.1  # seconds between two looks at whether the work is still wanted


def in_threads(
    work: Callable[[_Piece, Progress | None], _Result],
    pieces: Sequence[_Piece],
    progress: Progress | None,
    stage: str,
    threads: int | None = None,
    *,
    alike: bool = True,
) -> list[_Result]:
    """Return ``work(piece, poll)`` of every piece, in order.

    ``progress`` is called in this thread only. Once it raises, ``poll``, which the pieces pass
    on to the kernels, raises Cancelled in theirs. With one thread the pieces follow each other
    in this one, each as an equal part of the whole, or as a work of its own if they are not
    ``alike``.
    """
    count = min(len(pieces), cores() if threads is None else threads)
    if count < 2:
        share = len(pieces) if alike else 1
        return [work(each, part(progress, k, share)) for k, each in enumerate(pieces)]
    stop = Event()

    def poll(*_: object) -> None:
        if stop.is_set():
            raise Cancelled

    with ThreadPoolExecutor(count) as pool:
        waiting = [pool.submit(work, piece, poll) for piece in pieces]
        open_ones = set(waiting)
        try:
            while open_ones:
                report(progress, len(pieces) - len(open_ones), len(pieces), stage)
                done, open_ones = wait(open_ones, POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in waiting]
